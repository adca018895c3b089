"""The .keras file: a trained model as plain Keras loads it, and what Keras has saved as an architecture with weights."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras.src.saving.saving_lib import H5IOStore, _load_state, _save_state, _serialize_model_as_json

from keras_seg.architectures.build import build_model, converted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import parts
from keras_seg.files.archive import CONFIG, METADATA, WEIGHTS, opened
from keras_seg.files.hdf5 import FileProblem, arrays
from keras_seg.protocol.architecture_files import unwrapped
from keras_seg.protocol.parts import Raw
from keras_seg.server.failure import message_of

_ARCHITECTURE = ("module", "class_name", "config", "registered_name")  # of what stands in config.json
_WITH_OPTIMIZER = 2**26  # bytes of weights; of more the optimizer's variables, which are zeros, are left out


def written(model: Any, notes: Mapping[str, Any]) -> bytes:
    """Return a model as the bytes of a .keras file.

    Args:
        model: compiled, or not.
        notes: what stands in the file's metadata beside what Keras writes there.
    """
    if model.compiled and 4 * model.count_params() <= _WITH_OPTIMIZER:
        model.optimizer.build(model.trainable_variables)  # else Keras warns, when it loads the file, that they are missing
    config, metadata = _serialize_model_as_json(model)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, json.dumps({**json.loads(metadata), **notes}))
        archive.writestr(CONFIG, config)
        store = H5IOStore(WEIGHTS, archive, "w")
        _save_state(model, store, None, "", visited_saveables=set())
        store.close()  # puts it into the archive
    return file.getvalue()


def read(file: bytes) -> tuple[str, list[Raw]]:
    """Return the architecture of a .keras file as JSON, and its weights as they stand beside it in a library, in pieces.

    Raises:
        FileProblem: it is none, or is damaged.
        ArchitectureError: its model is none that can be built here.
    """
    archive = opened(file)
    architecture = _architecture(archive.config, archive.metadata)
    model = build_model(architecture, 0)
    _load(model, arrays(archive.weights))
    return architecture, flat_weights(model, architecture)


def flat_weights(model: Any, architecture: str) -> list[Raw]:
    """Return the weights of a model as they stand beside its architecture: float32, in pieces."""
    values: dict[int, np.ndarray] = {}
    pieces: list[Raw] = []
    for part in parts(model, converted(architecture)):
        if id(part.variable) not in values:
            values[id(part.variable)] = np.ascontiguousarray(part.variable.numpy(), np.float32)
        pieces.append(np.ascontiguousarray(part.of(values[id(part.variable)])).reshape(-1).view(np.uint8).data)
    return pieces


def _architecture(config: str, metadata: str) -> str:
    """Return what config.json says of the model alone, with the version of Keras that stands in metadata.json."""
    try:
        tree, about = json.loads(config), json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise FileProblem(f"is damaged: {error}") from None
    if not isinstance(unwrapped(tree), dict) or not isinstance(about, dict):
        raise FileProblem(f"has no model in {CONFIG}")
    version = {"keras_version": about["keras_version"]} if isinstance(about.get("keras_version"), str) else {}
    return json.dumps({**{key: tree[key] for key in _ARCHITECTURE if key in tree}, **version})


class _Store(H5IOStore):  # type: ignore[misc]
    """Arrays in memory, as Keras looks for them in a file of weights.

    Args:
        found: by their paths.
    """

    def __init__(self, found: Mapping[str, np.ndarray]) -> None:
        self._found = found
        self._here: dict[str, np.ndarray] = {}

    def __bool__(self) -> bool:
        return True

    def get(self, path: str) -> _Store:
        """Look at the arrays of one object, which are those below its `vars`."""
        for begin in (path, path.replace("layers", "_layer_checkpoint_dependencies")):  # what TensorFlow 2.13 wrote
            place = f"{begin}/vars/" if begin else "vars/"
            self._here = {key[len(place) :]: value for key, value in self._found.items() if key.startswith(place)}
            if self._here:
                break
        return self

    def has_path(self, path: str) -> bool:
        return any(key.startswith(f"{path}/") for key in self._found)

    def __len__(self) -> int:
        return len(self._here)

    def keys(self) -> Any:
        return self._here.keys()

    def __contains__(self, key: object) -> bool:
        return key in self._here

    def __getitem__(self, key: str) -> np.ndarray:
        return self._here[key]


def _load(model: Any, found: Mapping[str, np.ndarray]) -> None:
    """Give a model the weights of a file, as Keras does."""
    failed: set[int] = set()
    said: dict[int, tuple[Any, Exception]] = {}
    _load_state(model, _Store(found), None, "", visited_saveables=set(), failed_saveables=failed, error_msgs=said)
    for layer, error in said.values():
        name = getattr(layer, "name", type(layer).__name__)
        raise ArchitectureError(f'the weights of layer "{name}" cannot be read: {message_of(error, lines=1)}')
