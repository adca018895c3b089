"""The format safetensors: a header of JSON that says where each array lies, and the arrays.

Source: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np

from keras_seg.protocol.parts import Raw

_TYPES = {
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "bool": "BOOL",
    "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
}  # fmt: skip


def written(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> list[Raw]:
    """Return the bytes of a file in pieces: the header, and each array.

    Args:
        arrays: by their names.
        metadata: texts that stand in the header.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    pieces: list[Raw] = []
    at = 0
    for name, array in arrays.items():
        whole = np.ascontiguousarray(array)
        header[name] = {"dtype": _TYPES[whole.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + whole.nbytes]}
        pieces.append(whole.reshape(-1).view(np.uint8).data)
        at += whole.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)), text, *pieces]
