"""Files that come in are hostile: whatever is in them ends as weights, or as an error that says why not."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras import layers

from fix_files import archive, network, parts_of
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.files import keras_file
from keras_seg.files.archive import opened
from keras_seg.files.hdf5 import FileProblem, arrays

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A .keras file as Keras writes it, of a model that was trained."""
    path = tmp_path_factory.mktemp("files") / "model.keras"
    model = network((4,), *(layers.Dense(3, "relu") for _ in range(20)), layers.BatchNormalization(), layers.Dropout(0.5))
    model.compile("adam", "mse", jit_compile=False)
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    model.save(path)
    return path.read_bytes()


def hdf5(fill: Callable[[Any], object], **options: Any) -> bytes:
    """An HDF5 file that the library has written."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as made:
        fill(made)
    return file.getvalue()


def with_config(saved: bytes, change: Callable[[Any], object]) -> bytes:
    """A .keras file whose config.json is another one."""
    parts = parts_of(saved)
    config = json.loads(parts[CONFIG])
    change(config)
    return archive({**parts, CONFIG: json.dumps(config).encode()})


# --- HDF5 ---------------------------------------------------------------------------------------------------------------


def test_arrays_are_those_that_the_library_reads(saved: bytes) -> None:
    found, weights = arrays(parts_of(saved)[WEIGHTS]), parts_of(saved)[WEIGHTS]
    expected: dict[str, np.ndarray] = {}
    with h5py.File(io.BytesIO(weights)) as file:
        file.visititems(lambda name, each: expected.update({name: each[()]}) if isinstance(each, h5py.Dataset) else None)
    assert len(expected) > 40
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) and found[name].dtype == expected[name].dtype for name in expected)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", "<i1", "<i8", "<u4"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_numbers_and_shapes(kind: str, shape: tuple[int, ...]) -> None:
    wanted = np.arange(np.prod(shape, dtype=int)).astype(kind).reshape(shape)
    found = arrays(hdf5(lambda file: file.create_dataset("a/vars/0", data=wanted)))["a/vars/0"]
    assert np.array_equal(found, wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, shape)


def soft(file: Any) -> None:
    file["a"], file["b"] = np.ones(3), h5py.SoftLink("/a")


def outside(file: Any) -> None:
    file["a"] = h5py.ExternalLink("/etc/passwd", "/")


def elsewhere(file: Any) -> None:
    file.create_dataset("a", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (2,))
    file.create_virtual_dataset("a", layout)


@pytest.mark.parametrize(
    "fill, said",
    [
        (soft, "has links, which are not followed"),
        (outside, "has links|does not write"),
        (elsewhere, 'has "a" in another file'),
        (virtual, "does not write"),
        (lambda file: file.create_dataset("a", data=np.zeros(10**6), compression="gzip"), 'has "a" compressed'),
        (lambda file: file.create_dataset("a", (2**40,), "f4", chunks=(2**20,)), 'has "a" in chunks'),
        (lambda file: file.create_dataset("a", (2**40,), "f4"), 'has "a" with other bytes than its shape says'),
        (lambda file: file.create_dataset("a", data=np.zeros(3, ">f4")), 'has "a" of a type that is no plain number'),
        (lambda file: file.create_dataset("a", data=["text"]), 'has "a" of a type that is no plain number'),
        (lambda file: file.create_dataset("a", data=np.zeros(3, "c8")), 'has "a" of a type that is no plain number'),
        (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), 'has "a" of no shape'),
    ],
)
def test_what_keras_does_not_write_is_refused(fill: Callable[[Any], object], said: str) -> None:
    with pytest.raises(FileProblem, match=said):
        arrays(hdf5(fill))


def test_other_forms_of_hdf5_are_refused() -> None:
    with pytest.raises(FileProblem, match="in a form of HDF5 that Keras does not write"):
        arrays(hdf5(lambda file: file.create_dataset("a", data=np.ones(3)), libver="latest"))
    with pytest.raises(FileProblem, match="has weights that are no HDF5"):
        arrays(pickle.dumps({"a": 1}))


def test_shapes_and_names_beyond_all_bounds_are_refused() -> None:
    file = hdf5(lambda file: file.create_dataset("a", data=np.zeros((0, 77_777_777_777), "f4")))
    assert arrays(file)["a"].shape == (0, 77_777_777_777)
    with pytest.raises(FileProblem, match='has "a" of no shape'):
        arrays(file.replace(struct.pack("<Q", 77_777_777_777), struct.pack("<Q", 2**64 - 1)))
    with pytest.raises(FileProblem, match="has a group with a name that does not end"):
        arrays(hdf5(lambda file: file.create_dataset("a" * 2000, data=np.zeros(1))))


def test_a_group_that_holds_itself_ends() -> None:
    def fill(file: Any) -> None:
        file["a/b"] = np.ones(3)
        file["a/c"] = file["a"]  # a hard link to the group around it

    with pytest.raises(FileProblem, match="groups that never end"):
        arrays(hdf5(fill))


@pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.soak)], ids=["a fifth", "all"])
def test_a_file_that_was_cut_off_or_damaged_is_an_error_and_nothing_else(saved: bytes, share: int) -> None:
    weights = parts_of(saved)[WEIGHTS]
    random, begin, refused = np.random.default_rng(0), time.monotonic(), 0
    damaged = [weights[: random.integers(len(weights))] for _ in range(300 // share)]
    for _ in range(1500 // share):
        other = bytearray(weights)
        for place in random.integers(0, len(weights), random.integers(1, 8)):
            other[place] = random.integers(256)
        damaged.append(bytes(other))
    for place in range(0, 2000, 8 * share):  # addresses and sizes that are as large as can be, or lead to the beginning
        damaged += [weights[:place] + struct.pack("<Q", number) + weights[place + 8 :] for number in (2**64 - 1, 0, 2**63)]
    for each in damaged:
        try:
            arrays(each)
        except FileProblem:
            refused += 1
    assert refused > 300 // share
    assert time.monotonic() - begin < 300


# --- the archive --------------------------------------------------------------------------------------------------------


def many(saved: bytes) -> bytes:
    return archive({f"assets/{number}": b"" for number in range(200)})


def told_many(saved: bytes) -> bytes:
    """An archive whose end says that it has one part, and has many."""
    file = bytearray(many(saved))
    at = file.rfind(b"PK\5\6")
    file[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    return bytes(file)


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda saved: b"", "is no .keras file, which is a zip archive; save the model with model.save"),
        (lambda saved: b"\x89HDF\r\n\x1a\n" + bytes(100), "is no .keras file, which is a zip archive"),
        (lambda saved: saved[:-100], "is no .keras file|is damaged"),
        (lambda saved: saved[: len(saved) // 2] + saved[len(saved) // 2 + 9 :], "is damaged"),
        (lambda saved: archive({CONFIG: b"{}"}), 'lacks the part "metadata.json" of a .keras file; save the model'),
        (lambda saved: archive({**parts_of(saved), "/etc/cron.d/x": b"x"}), 'has a part "/etc/cron.d/x", which'),
        (lambda saved: archive({**parts_of(saved), "../x": b"x"}), 'has a part "../x", which'),
        (lambda saved: archive({**parts_of(saved), "model.pkl": pickle.dumps(1)}), 'has a part "model.pkl", which'),
        (lambda saved: archive(parts_of(saved), zipfile.ZIP_LZMA), "compressed in a way that Keras does not use"),
        (many, "has more than 100 parts"),
        (told_many, "has more than 100 parts|has a part|is damaged|lacks the part"),
        (lambda saved: archive({**parts_of(saved), CONFIG: b"\xff"}), "is damaged"),
        (lambda saved: archive({**parts_of(saved), CONFIG: b" " * (2**24 + 1)}), "of 16777217 bytes, more than the 16777216"),
        (lambda saved: archive({**parts_of(saved), METADATA: b" " * (2**20 + 1)}), "of 1048577 bytes, more than the 1048576"),
    ],
)
def test_an_archive_that_is_none_of_keras_is_refused(saved: bytes, damage: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(FileProblem, match=said):
        opened(damage(saved))


def test_an_archive_that_unpacks_to_too_much_is_refused(saved: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    file = archive({**parts_of(saved), WEIGHTS: bytes(3 * 2**20)}, zipfile.ZIP_DEFLATED)
    assert len(file) < 2**17
    monkeypatch.setattr("keras_seg.files.archive.LARGEST", 2**20)
    with pytest.raises(FileProblem, match="unpacks to 3 MB, more than the 1 MB that are read, or than are free"):
        opened(file)
    monkeypatch.setattr("keras_seg.files.archive.LARGEST", 2**30)
    monkeypatch.setattr("keras_seg.files.archive._LITTLE", 2**20)
    monkeypatch.setattr("keras_seg.files.archive.free_with_swap", lambda: 2**21)
    with pytest.raises(FileProblem, match="or than are free"):
        opened(file)


def test_parts_that_are_packed_come_in(saved: bytes) -> None:
    packed = archive(parts_of(saved), zipfile.ZIP_DEFLATED)
    assert len(packed) < len(saved)
    assert keras_file.read(packed) == keras_file.read(saved)


# --- what the model is --------------------------------------------------------------------------------------------------


def test_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    network((4,), layers.Lambda(lambda x: x + 1, name="evil"), layers.Dense(3)).save(path)
    with pytest.raises(
        ArchitectureError, match=r'layer "evil" \(Lambda\) carries code, and code in an architecture is not run'
    ):
        keras_file.read(path.read_bytes())


def test_classes_of_others_are_refused(saved: bytes) -> None:
    def change(config: Any) -> None:
        config["config"]["layers"][1] |= {"module": "os", "class_name": "system", "registered_name": "system"}

    with pytest.raises(ArchitectureError, match="system"):
        keras_file.read(with_config(saved, change))


def test_what_it_was_compiled_with_is_not_looked_at(saved: bytes) -> None:
    evil = {"module": "builtins", "class_name": "function", "config": "os.system", "registered_name": "function"}
    file = with_config(saved, lambda config: config.update(compile_config=evil, build_config=evil))
    assert keras_file.read(file) == keras_file.read(saved)


@pytest.mark.parametrize("config", ["[]", "1", "{}", '"text"', "{", "[" * 100_000])
def test_a_config_that_is_no_model_is_refused(saved: bytes, config: str) -> None:
    with pytest.raises((FileProblem, ArchitectureError)):
        keras_file.read(archive({**parts_of(saved), CONFIG: config.encode()}))


@pytest.mark.parametrize("metadata", ["[]", "", "{"])
def test_metadata_that_are_none_are_refused(saved: bytes, metadata: str) -> None:
    with pytest.raises(FileProblem):
        keras_file.read(archive({**parts_of(saved), METADATA: metadata.encode()}))


def test_weights_of_another_model_are_refused(saved: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    network((4,), layers.Dense(2)).save(path)
    with pytest.raises(ArchitectureError, match='the weights of layer "dense'):
        keras_file.read(archive({**parts_of(saved), WEIGHTS: parts_of(path.read_bytes())[WEIGHTS]}))


def test_a_file_of_weights_alone_is_told_to_be_saved_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    network((4,), layers.Dense(2)).save_weights(path)
    with pytest.raises(FileProblem, match=r"is no \.keras file, which is a zip archive; save the model with model\.save"):
        keras_file.read(path.read_bytes())
