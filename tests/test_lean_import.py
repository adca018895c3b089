"""What an import of TensorFlow leaves out until somebody asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

# Every public module of TensorFlow is asked for a name, deepest last, in the order of the alphabet: none is broken by another.
SCRIPT = """
import json, sys
from keras_seg.server import lean_import
from keras_seg.server.runtime import Runtime
Runtime(1).wait(lambda: None)
import tensorflow as tf
first, left = len(sys.modules), [name for name in lean_import._LEFT_OUT if name in sys.modules]
deferred = sorted(name for name in sys.modules if name.startswith("tensorflow._api.v2.")
    and "_LazyModule" in str(type(sys.modules[name])))
import keras
network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])
seen = {name: len(dir(sys.modules[name])) for name in deferred}
print(json.dumps({
    "deferred": len(seen), "empty": [name for name, names in seen.items() if names < 9], "modules": [first, len(sys.modules)],
    "same": tf.keras.layers.Dense is keras.layers.Dense, "strategy": tf.distribute.has_strategy(),
    "names": [str(each.__name__) for each in (tf.compat.v1.Session, tf.feature_column.numeric_column, tf.lite.TFLiteConverter,
        tf.saved_model.save, tf.compat.v2.nn.crelu, tf.io.gfile.exists, tf.data.Dataset, tf.random.stateless_uniform)],
    "h5py": keras.src.saving.saving_lib.h5py.File.__module__, "sklearn": "sklearn" in sys.modules,
    "left": left,
}))
"""


def test_all_that_was_ever_there_is_found_when_somebody_asks_for_it() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    found = json.loads(said.stdout)
    assert found["deferred"] > 50
    assert found["empty"] == []
    assert found["modules"][0] < found["modules"][1]
    assert found["same"] is True
    assert found["strategy"] is False
    assert found["names"] == [
        *("Session", "numeric_column", "TFLiteConverterV2", "save", "crelu_v2", "file_exists_v2", "DatasetV2"),
        "stateless_random_uniform",
    ]
    assert found["h5py"] == "h5py._hl.files"
    assert found["left"] == []
    assert found["sklearn"] is False


ONE_ROW = "import automl.entry, json, keras_seg.transition, sys; print(json.dumps(list(sys.modules)))"


def test_who_asks_for_one_row_waits_for_nothing_else() -> None:
    said = subprocess.run([sys.executable, "-S", "-c", ONE_ROW], env=found_here(), capture_output=True, text=True, check=True)
    names = [name.split(".") for name in json.loads(said.stdout)]
    assert {name[0] for name in names} - sys.stdlib_module_names - {"__main__"} == {"automl", "keras_seg", "numpy"}
    ours = [".".join(name) for name in names if name[0] in ("automl", "keras_seg")]
    rooms = {tuple(name[:2]) for name in names if name[0] in ("automl", "keras_seg") and len(name) > 2}
    assert rooms == {
        *(("automl", room) for room in ("data", "database", "hosts", "prediction")),
        *(("keras_seg", room) for room in ("architectures", "inference", "protocol", "server", "session")),
    }
    assert len(ours) < 90
    assert "keras_seg.protocol.orders" not in ours
    unneeded = {"asyncio", "concurrent", "email", "logging", "socket", "subprocess", "tempfile", "unittest"}
    assert unneeded & {name[0] for name in names} == set()


def found_here() -> dict[str, str]:
    """Return an environment in which a Python without its site finds what this one finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
