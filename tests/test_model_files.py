"""Models as files: what is written is read by those whose format it is, and what is read is what they have written."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.numpy
from keras import layers

from automl.errors import OperatorError
from automl.files import export
from fix_files import ADAM, NOTES, definition, file_of, network, networks, parts_of, rows_of
from keras_seg.files import keras_file
from keras_seg.files.hdf5 import FileProblem
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder, FileFormat, FileReport
from keras_seg.protocol.orders import CompileOrder, Part, Problem
from keras_seg.session import files
from keras_seg.session.cache import Cache

NAMES = ("dense", "images", "sequences", "text", "sizes", "wrapped", "normalized", "attending")
FILES = Path(__file__).parent / "keras_files"
OLD = """{"class_name": "Sequential", "keras_version": "2.2.4", "backend": "tensorflow", "config": [
    {"class_name": "LSTM", "config": {"name": "gates", "units": 2, "batch_input_shape": [null, 3, 1]}}]}"""


@pytest.fixture(scope="module")
def made() -> Mapping[str, Any]:
    return networks()


def test_all_are_tried(made: Mapping[str, Any]) -> None:
    assert tuple(made) == NAMES


def loaded(file: bytes, folder: Path) -> Any:
    """What plain Keras loads, without a warning."""
    path = folder / "model.keras"
    path.write_bytes(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return keras.models.load_model(path)


# --- out ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_keras_loads_a_keras_file_with_the_very_weights(name: str, made: Mapping[str, Any], tmp_path: Path) -> None:
    model = made[name]
    again = loaded(file_of(definition(model), FileFormat.KERAS, ADAM), tmp_path)
    assert np.array_equal(again(rows_of(model)), model(rows_of(model)))
    metadata = json.loads(parts_of((tmp_path / "model.keras").read_bytes())["metadata.json"])
    assert metadata["keras_automl"] == NOTES["keras_automl"]


@pytest.mark.parametrize("name", NAMES)
def test_keras_builds_the_architecture_and_takes_the_weights_from_safetensors(name: str, made: Mapping[str, Any]) -> None:
    model = made[name]
    text = file_of(definition(model), FileFormat.JSON).decode()
    file = file_of(definition(model), FileFormat.SAFETENSORS)
    tensors = safetensors.numpy.load(file)
    header = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]
    for architecture in (text, header["architecture"]):
        again = keras.models.model_from_json(architecture)
        again.set_weights([tensors[name] for name in json.loads(header["order"])])
        for layer in (each for each in again.layers if hasattr(each, "finalize_state")):
            layer.finalize_state()
        assert np.array_equal(again(rows_of(model)), model(rows_of(model)))
    assert json.loads(header["keras_automl"]) == json.loads(text)["keras_automl"] == NOTES["keras_automl"]


@pytest.mark.parametrize("name", NAMES)
def test_onnxruntime_computes_what_the_network_does(name: str, made: Mapping[str, Any]) -> None:
    model = made[name]
    file = file_of(definition(model), FileFormat.ONNX)
    onnx.checker.check_model(onnx.load_from_string(file))
    session = onnxruntime.InferenceSession(file)
    (found,) = session.run(["output"], {"input": rows_of(model)})
    assert np.allclose(found, model(rows_of(model), training=False), rtol=1e-4, atol=1e-5)
    assert [each.name for each in session.get_inputs()] == ["input"]
    assert json.loads(session.get_modelmeta().custom_metadata_map["keras_automl"]) == NOTES["keras_automl"]


def test_weights_between_other_layers_of_a_library_come_out_right(tmp_path: Path) -> None:
    # The gates of Keras 1 stand one by one beside the architecture; a file of today has them as today's Keras has them.
    config = {"output_dim": 2, "inner_activation": "sigmoid", "batch_input_shape": [None, 3, 1]}
    text = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [{"class_name": "LSTM", "config": config}]}
    numbers = np.arange(4 * (2 + 4 + 2), dtype=np.float32)
    again = loaded(file_of(Definition("k", json.dumps(text), numbers.tobytes()), FileFormat.KERAS), tmp_path)
    kernel, recurrent, bias = again.get_weights()
    assert kernel.tolist() == [[0, 1, 16, 17, 8, 9, 24, 25]]  # of the gates i, f, c, o: Keras 1 had i, c, f, o
    assert recurrent[0].tolist() == [2, 3, 18, 19, 10, 11, 26, 27]
    assert bias.tolist() == [6, 7, 22, 23, 14, 15, 30, 31]


@pytest.mark.parametrize(
    "order, optimizer, rate, loss, metrics",
    [
        (CompileOrder("adam", {"lr": 0.01}, "mse", ("mae",)), "Adam", 0.01, "mse", ["MeanAbsoluteError"]),
        (CompileOrder("SGD", {"momentum": 0.9}, "mae", ("Accuracy",)), "SGD", 0.01, "mae", ["accuracy"]),
        (CompileOrder("RMSprop", {"learning_rate": 1}, "kullback_leibler_divergence"), "RMSprop", 1.0, "kl_divergence", []),
        (CompileOrder("AdamW", {}, "crossentropy", ("AUC(num_thresholds=50)",)), "AdamW", 0.001, "crossentropy", ["AUC"]),
    ],
)  # fmt: skip
def test_compile_parameters_are_in_the_file(
    order: CompileOrder, optimizer: str, rate: float, loss: str, metrics: list[str], tmp_path: Path
) -> None:
    model = network((4,), layers.Dense(3, "softmax"))
    again = loaded(file_of(definition(model), FileFormat.KERAS, order), tmp_path)
    assert type(again.optimizer).__name__ == optimizer
    assert float(again.optimizer.learning_rate.numpy()) == pytest.approx(rate)
    config = again.get_compile_config()
    assert config["loss"] == loss
    assert [each if isinstance(each, str) else each["class_name"] for each in config["metrics"] or []] == metrics
    again.jit_compile = False  # which takes long, and changes nothing
    again.fit(np.ones((8, 4)), np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], verbose=0)


def test_a_decaying_rate_is_the_schedule_of_keras_that_decays_alike(tmp_path: Path) -> None:
    order = CompileOrder("adam", {"lr": 0.1, "decay": 0.5}, "Huber(delta=2.0)", (), 3.0)
    again = loaded(file_of(definition(network((4,), layers.Dense(3))), FileFormat.KERAS, order), tmp_path)
    rates = [float(again.optimizer._learning_rate(step)) for step in (0, 2, 8)]
    assert rates == pytest.approx([0.1, 0.05, 0.02])
    assert again.loss(np.zeros((1, 1)), np.full((1, 1), 5.0)) == 2.0 * 5.0 - 0.5 * 2.0**2
    assert again.get_compile_config()["loss_weights"] == 3.0


def test_without_compile_parameters_the_file_has_none(tmp_path: Path) -> None:
    assert loaded(file_of(definition(network((4,), layers.Dense(3))), FileFormat.KERAS), tmp_path).compiled is False


@pytest.mark.parametrize("form", ["keras", "json", "safetensors"])
def test_a_function_of_former_keras_is_named_with_its_layer(form: str) -> None:
    given = Definition("k", OLD, np.zeros(32, np.float32).tobytes())
    said = f'cannot be written as {form}: layer "gates" has the function hard_sigmoid of Keras 1 and 2, which Keras 3 has not'
    with pytest.raises(FileProblem, match=f"^{said}$"):
        file_of(given, FileFormat(form))
    onnxruntime.InferenceSession(file_of(given, FileFormat.ONNX))


@pytest.mark.parametrize(
    "layer, shape, said",
    [
        (layers.Discretization([0.0, 1.0], name="bins"), (4,), r'layer "bins" \(Discretization\): ONNX has no Bucketize'),
        (layers.Resizing(5, 5, "bicubic", name="larger"), (4, 4, 1), r'layer "larger" \(Resizing\): bicubic is another'),
        (layers.Resizing(5, 5, "lanczos3", name="larger"), (4, 4, 1), r'layer "larger" \(Resizing\): ONNX has no Scale'),
    ],
)
def test_a_layer_that_onnx_has_not_is_named(layer: Any, shape: tuple[int, ...], said: str) -> None:
    model = network(shape, layer, layers.Flatten(), layers.Dense(1))
    with pytest.raises(FileProblem, match=f"cannot be written as onnx: {said}"):
        file_of(definition(model), FileFormat.ONNX)


def test_what_writes_onnx_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "tf2onnx" else object())
    with pytest.raises(OperatorError, match="format: onnx needs the Python package tf2onnx, which is not in ") as caught:
        export._format("ONNX")
    assert caught.value.sqlstate == "55000"
    assert caught.value.hint == "Run deploy/install --with-onnx on the host of the server, as root, and reconnect."
    assert export._format(" Keras ") is FileFormat.KERAS


class Plpy:
    """A server that nobody cancels anything on."""

    Error = SPIError = ConnectionError

    def execute(self, statement: str) -> None:
        pass


def test_a_file_that_no_bytea_holds_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache()
    cache.define(definition(network((512,), layers.Dense(1024))))
    assert files.to_file(Plpy(), cache, ExportOrder("k", FileFormat.SAFETENSORS))[0].size > 4 * 512 * 1024
    monkeypatch.setattr(files, "MOST_BYTES", 2**20)
    report, pieces = files.to_file(Plpy(), cache, ExportOrder("k", FileFormat.SAFETENSORS))
    said = "takes 2 MB as safetensors, and one value of PostgreSQL holds less than 1 GB"
    assert (report, pieces) == (FileReport(problem=Problem(Part.FILE, said)), [])


def test_a_server_that_goes_down_is_no_fault_of_the_model() -> None:
    class GoingDown(Plpy):
        class Error(Exception):
            pass

        def execute(self, statement: str) -> None:
            raise self.Error("the server is going down")

    cache, server = Cache(), GoingDown()
    cache.define(definition(network((4,), layers.Dense(3))))
    with pytest.raises(GoingDown.Error):
        files.to_file(server, cache, ExportOrder("k", FileFormat.SAFETENSORS))


# --- in -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_keras_saved_come_in_as_they_stand_in_a_library(
    name: str, made: Mapping[str, Any], tmp_path: Path
) -> None:
    model, path = made[name], tmp_path / "model.keras"
    model.save(path)
    architecture, weights = keras_file.read(path.read_bytes())
    assert b"".join(weights) == definition(model).weights
    assert json.loads(architecture)["keras_version"] == keras.__version__
    assert set(json.loads(architecture)) == {"module", "class_name", "config", "registered_name", "keras_version"}


def test_a_file_of_a_model_that_was_trained_has_its_optimizer_left_out(tmp_path: Path) -> None:
    model, path = network((4,), layers.Dense(3)), tmp_path / "model.keras"
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    model.save(path)
    architecture, weights = keras_file.read(path.read_bytes())
    assert b"".join(weights) == definition(model).weights
    assert "compile_config" not in json.loads(architecture)


def test_a_file_of_keras_2_comes_in(tmp_path: Path) -> None:
    expected = json.loads((FILES / "tf_keras-2.21.json").read_text())
    architecture, weights = keras_file.read((FILES / "tf_keras-2.21.keras").read_bytes())
    session = onnxruntime.InferenceSession(file_of(Definition("k", architecture, b"".join(weights)), FileFormat.ONNX))
    (found,) = session.run(None, {"input": np.array(expected["x"], np.float32)})
    assert np.allclose(found, expected["y"], atol=1e-6)


def test_what_went_out_comes_in_as_it_was(made: Mapping[str, Any]) -> None:
    for model in made.values():
        architecture, weights = keras_file.read(file_of(definition(model), FileFormat.KERAS, ADAM))
        assert b"".join(weights) == definition(model).weights
        again = Definition("k", architecture, b"".join(weights))
        assert b"".join(keras_file.read(file_of(again, FileFormat.KERAS))[1]) == again.weights


def test_the_formats_are_told_by_their_first_bytes() -> None:
    given = definition(network((4,), layers.Dense(3)))
    assert file_of(given, FileFormat.KERAS)[:4] == b"PK\3\4"
    assert json.load(io.BytesIO(file_of(given, FileFormat.JSON)))["class_name"] == "Sequential"
