"""The state as bytes: there and back bit for bit; whatever else comes is refused with StateError and nothing worse."""

from __future__ import annotations

import json
import random
import struct

import numpy as np
import pytest

from keras_seg.protocol.state import MAGIC, Slice, State, StateError, Strided, decode, encode, weights, weights_size

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
NAN_PAYLOAD = np.array([0x7FC00000, 0x7FC12345, 0xFFC00001, 0x7F800001], np.uint32).view(np.float32)
SMALL = State(
    (np.arange(6, dtype=np.float32),),
    (np.array([1.5, 2.5], np.float32), np.array(7, np.int64)),
    (np.array(3, np.int64), np.zeros(6, np.float32)),
    (Slice(0, 0, 4), Slice(1, 0, 2), Slice(0, 4, 6)),
)


def forged(arrays: object, raw: bytes = b"", trainable: object = 0, other: object = 0, slices: object = ()) -> bytes:
    """Bytes with a header of one's own."""
    return with_header({"arrays": arrays, "trainable": trainable, "other": other, "weights": slices}) + raw


def with_header(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + struct.pack("<I", len(text)) + text


def same(one: State, other: State) -> bool:
    """Whether two states are the same bits, types, shapes and groups."""
    groups = zip((one.trainable, one.other, one.optimizer), (other.trainable, other.other, other.optimizer), strict=True)
    described = [[[(a.dtype.name, a.shape, a.tobytes()) for a in group] for group in pair] for pair in groups]
    return all(mine == yours for mine, yours in described) and one.weights == other.weights


# --- there and back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3,), (2, 3), (0, 4), (2, 1, 0, 3), (2, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_and_shape_comes_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    state = State((array,), (array,), (array, array), (Slice(0, 0, array.size),))
    assert same(decode(encode(state)), state)


def test_the_payload_of_a_nan_comes_back() -> None:
    state = State((NAN_PAYLOAD,), (), (), (Slice(0, 0, 4),))
    assert decode(encode(state)).trainable[0].view(np.uint32).tolist() == [0x7FC00000, 0x7FC12345, 0xFFC00001, 0x7F800001]
    assert weights(encode(state)) == NAN_PAYLOAD.tobytes()


def test_views_and_empty_groups_come_back() -> None:
    state = State((np.arange(12, dtype=np.float32).reshape(3, 4).T,), (np.arange(9)[::2],), (), ())
    assert same(decode(encode(state)), state)
    assert same(decode(encode(State((), (), (), ()))), State((), (), (), ()))


def test_the_layout_of_the_bytes() -> None:
    header = b'{"arrays":[["float32",[2]],["int64",[]]],"trainable":1,"other":0,"weights":[[0,0,2]]}'
    body = struct.pack("<ff", 1.0, -2.0) + struct.pack("<q", 5)
    state = State((np.array([1, -2], np.float32),), (), (np.array(5, np.int64),), (Slice(0, 0, 2),))
    assert encode(state) == b"KST1" + struct.pack("<I", len(header)) + header + body


def test_decoding_copies_nothing() -> None:
    assert not decode(encode(SMALL)).trainable[0].flags.writeable


def test_weights_are_cut_out_in_the_order_of_get_weights() -> None:
    assert np.frombuffer(weights(encode(SMALL)), np.float32).tolist() == [0, 1, 2, 3, 1.5, 2.5, 4, 5]
    assert weights_size(encode(SMALL)) == 32


def test_every_type_that_an_architecture_may_have_comes_back() -> None:
    import ml_dtypes

    from keras_seg.architectures import allowed

    names = sorted(name for name in allowed.DTYPES if name != "string" and not name.startswith("mixed_"))
    types = [ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name) for name in names]
    state = State((), tuple(np.ones(3, dtype) for dtype in types), (), (Slice(names.index("bfloat16"), 1, 3),))
    found = decode(encode(state)).other
    assert [(array.dtype.name, array.tolist()) for array in found] == [(name, [1, 1, 1]) for name in names]
    assert np.frombuffer(weights(encode(state)), np.float32).tolist() == [1, 1]


def test_weights_that_do_not_follow_each_other() -> None:
    state = State((np.arange(12, dtype=np.float32),), (), (), (Strided(0, 2, (3, 2), (4, 1)), Strided(0, 1, (2,), (-1,))))
    assert np.frombuffer(weights(encode(state)), np.float32).tolist() == [2, 3, 6, 7, 10, 11, 1, 0]
    assert weights_size(encode(state)) == 32
    assert decode(encode(state)).weights == state.weights


def test_weights_of_other_types_become_float32() -> None:
    state = State((np.array([1.5], np.float64),), (np.array([3], np.int64),), (), (Slice(0, 0, 1), Slice(1, 0, 1)))
    assert np.frombuffer(weights(encode(state)), np.float32).tolist() == [1.5, 3.0]


# --- what is no state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes are too few for a state"),
        (b"KST1\0\0\0", "7 bytes are too few for a state"),
        (b"KST2" + encode(SMALL)[4:], "the bytes are not a state"),
        (encode(SMALL) + b"\0", "the state is 1 bytes longer than its header says"),
        (with_header(b"{"), "the header of the state is damaged"),
        (with_header(b"\xff\xfe{}"), "the header of the state is damaged"),
        (with_header([]), "the header of the state is damaged"),
        (with_header({}), "the header of the state is damaged: 'arrays'"),
        (forged([["object", [1]]], bytes(8)), "the header of the state is damaged: type 'object'"),
        (forged([["float32", [3]]], bytes(8)), "the state is cut off: "),
        (forged([["float32", [-1]]], bytes(4)), "the header of the state is damaged: "),
        (forged([["float32", [-1, -1]]], bytes(4)), "the header of the state is damaged: "),
        (forged([[["float32"], [1]]], bytes(4)), "the header of the state is damaged: "),
        (forged([["float32", ["x"]]], bytes(4)), "the header of the state is damaged: "),
        (forged([["float32"]], bytes(4)), "the header of the state is damaged: "),
        (forged(7), "the header of the state is damaged: "),
    ],
)
def test_bytes_that_are_no_state(raw: bytes, message: str) -> None:
    with pytest.raises(StateError) as caught:
        decode(raw)
    assert str(caught.value).startswith(message)


def test_every_truncation_is_refused() -> None:
    raw = encode(SMALL)
    for length in range(len(raw)):
        with pytest.raises(StateError):
            decode(raw[:length])


def outcome(raw: bytes) -> str:
    """What becomes of bytes: "ok", or the name of the error."""
    try:
        decode(raw)
        weights(raw)
    except Exception as error:
        return type(error).__name__
    return "ok"


def test_flipped_bytes_are_refused_or_harmless() -> None:
    drawn, found = random.Random(1), set()
    for _ in range(20_000):
        raw = bytearray(encode(SMALL))
        for _ in range(drawn.randint(1, 4)):
            raw[drawn.randrange(len(raw))] ^= 1 << drawn.randrange(8)
        found.add(outcome(bytes(raw)))
    assert found == {"ok", "StateError"}


FORGERIES = {
    "infinite size": forged([["float32", [float("inf")]]]),
    "size beyond int64": forged([["float32", [2**70]]]),
    "product beyond int64": forged([["float32", [2**32, 2**32]]]),
    "negative product": forged([["float32", [2**32, 2**31]]], bytes(4)),
    "more dimensions than numpy has": forged([["float32", [1] * 100]], bytes(4)),
    "nested too deeply": with_header(b"[" * 100_000),
    "infinite group": forged([], trainable=float("inf")),
    "negative group": forged([["float32", [1]]], bytes(4), trainable=-1),
    "group larger than there are arrays": forged([["float32", [1]]], bytes(4), trainable=2),
    "weights of an array that is not there": forged([["float32", [1]]], bytes(4), 1, 0, [[1, 0, 1]]),
    "weights beyond their array": forged([["float32", [1]]], bytes(4), 1, 0, [[0, 0, 9]]),
    "strides beyond their array": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [2], [4]]]),
    "strides before their array": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 1, [2], [-2]]]),
    "more weights than there are": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [1000000], [0]]]),
    "a shape without strides": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [2, 2], [1]]]),
    "a shape that is none": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, 3, 1]]),
    "weights with more dimensions than numpy has": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [1] * 65, [0] * 65]]),
    "strides beyond int64": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [1], [2**62]]]),
    "strides that are none": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [2], [True]]]),
    "the same weights again and again": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, 4]] * 2),
    "the same element as several weights": forged([["float32", [4]]], bytes(16), 1, 0, [[0, 0, [4], [0]], [0, 0, 1]]),
    "weights of the optimizer": forged([["float32", [1]]] * 2, bytes(8), 1, 0, [[1, 0, 1]]),
    "size beyond int64 of nothing": forged([["float32", [0, 2**70]]]),
    "groups of more digits than are written": with_header(
        b'{"arrays":[],"weights":[],"trainable":%s,"other":%s}' % (b"9" * 4300, b"9" * 4300)
    ),
    "weights that end before they begin": forged([["float32", [2]]], bytes(8), 1, 0, [[0, 2, 1]]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_headers_are_refused(name: str) -> None:
    assert outcome(FORGERIES[name]) == "StateError"


# --- the weights of a real network --------------------------------------------------------------------------------------

NETWORK = {
    "class_name": "Sequential",
    "config": [
        {"class_name": "Dense", "config": {"units": 5, "activation": "relu", "batch_input_shape": [None, 4]}},
        {"class_name": "BatchNormalization", "config": {}},
        {"class_name": "Dropout", "config": {"rate": 0.5}},
        {"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}},
    ],
}


@pytest.mark.parametrize(("optimizer", "flat"), [("Adam", True), ("Lamb", False)])
def test_weights_are_those_of_keras(optimizer: str, flat: bool) -> None:
    pytest.importorskip("tensorflow")
    from keras_seg.architectures.build import build_model
    from keras_seg.protocol.variables import Variable
    from keras_seg.training.network import Network
    from keras_seg.training.parameters import Compile
    from keras_seg.training.trainer import Trainer

    text = json.dumps(NETWORK)
    compiled = Compile(optimizer, {}, "categorical_crossentropy", ())
    trainer = Trainer(Network(text, None), compiled, Variable("y", (3,), "int16", one_hot=True), False)
    assert trainer.flat is flat
    model = build_model(text, 1)
    assert [array.shape for array in model.get_weights()] == [(4, 5), (5,), (5,), (5,), (5,), (5,), (5, 3), (3,)]
    assert weights(encode(trainer.initial(compiled, 1))) == b"".join(array.tobytes() for array in model.get_weights())
