"""The zip archive that a .keras file is: its parts, each of a size that is known before it is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

from keras_seg.files.hdf5 import FileProblem
from keras_seg.server.memory import free_with_swap

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
LARGEST = 2**30  # bytes of all parts together: as much as comes in one value
_LARGEST_OF = {CONFIG: 2**24, METADATA: 2**20}  # likewise of the parts that are text
_LITTLE = 2**26  # bytes: for fewer there is room
_MOST_PARTS = 100
_MOST_DIRECTORY = 2**20  # bytes of what says which parts there are
_END = struct.Struct("<4s4H2LH")
_HINT = "save the model with model.save('model.keras')"


@dataclass(frozen=True)
class Archive:
    """What a .keras file holds.

    Attributes:
        config: JSON of the model.
        metadata: JSON of where it comes from.
        weights: HDF5.
    """

    config: str
    metadata: str
    weights: bytes


def opened(file: bytes) -> Archive:
    """Return the parts of a .keras file.

    Raises:
        FileProblem: it is none, has other parts, or parts that are too large.
    """
    _require_small_directory(file)
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            parts = _parts(archive)
            config, metadata = (archive.read(parts[name]).decode() for name in (CONFIG, METADATA))
            return Archive(config, metadata, archive.read(parts[WEIGHTS]))
    except FileProblem:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise FileProblem(f"is damaged: {error}") from None


def _require_small_directory(file: bytes) -> None:
    """Raise unless the end of the archive says that it has few parts: zipfile reads them all before anybody can look."""
    at = file.rfind(b"PK\5\6", max(0, len(file) - _END.size - 2**16))
    if file[:4] != b"PK\3\4" or at < 0 or at + _END.size > len(file):
        raise FileProblem(f"is no .keras file, which is a zip archive; {_HINT}")
    _, _, _, _, parts, size, _, _ = _END.unpack_from(file, at)
    if parts > _MOST_PARTS or size > _MOST_DIRECTORY or file[at - 20 : at - 16] == b"PK\6\7":
        raise FileProblem(f"has more than {_MOST_PARTS} parts, or is larger than a .keras file here may be")


def _parts(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the three parts that are read, if there are no others."""
    parts = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    for name in parts:
        if name not in (CONFIG, METADATA, WEIGHTS):
            raise FileProblem(f'has a part "{name[:60]}", which a .keras file of built-in layers does not have')
    for name in (CONFIG, METADATA, WEIGHTS):
        if name not in parts:
            raise FileProblem(f'lacks the part "{name}" of a .keras file; {_HINT}')
        if parts[name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileProblem(f'has "{name}" compressed in a way that Keras does not use')
    for name, most in _LARGEST_OF.items():
        if parts[name].file_size > most:
            raise FileProblem(f'has a part "{name}" of {parts[name].file_size} bytes, more than the {most} that are read')
    size = sum(info.file_size for info in parts.values())
    if size > LARGEST or (size > _LITTLE and size > free_with_swap()):
        raise FileProblem(f"unpacks to {size // 2**20} MB, more than the {LARGEST // 2**20} MB that are read, or than are free")
    return parts
