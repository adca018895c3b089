"""Weights beside an architecture are in the layout of the Keras that wrote it, on the way in and on the way out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fix_architectures import FILES, sequential, text_of
from keras_seg.architectures.build import build_model, converted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import load_weights
from keras_seg.protocol import state as codec

# What the Keras that wrote the file gave for weights and rows as `architectures/README.md` describes them.
MEASURED: list[tuple[str, list[list[float]]]] = [
    ("keras-1.2.2_lstm", [[1.509612, 1.874716], [1.510611, 1.875320]]),  # gates apart, and one layer with consume_less="gpu"
    ("keras-1.2.2_gru", [[1.140935, 1.211808], [1.147860, 1.206307]]),
    ("keras-1.2.2_bidirectional", [[3.344796, 3.975519], [3.356842, 3.958774]]),
    ("keras-1.2.2_nested_normalized", [[3.624794, 4.773407], [4.493620, 6.058544]]),
    ("keras-2.1.6_nested_normalized", [[3.190203, 4.132006], [3.832518, 5.064301]]),
    ("keras-2.1.6_conv_lstm", [[10.434110, 10.795673], [10.434904, 10.794473]]),
]


def loaded(text: str, weights: Any) -> Any:
    model = build_model(text, 1)
    load_weights(model, np.asarray(weights, np.float32).tobytes(), converted(text))
    return model


@pytest.mark.parametrize(("name", "expected"), MEASURED, ids=[row[0] for row in MEASURED])
def test_old_weights_give_what_they_gave_in_the_keras_that_wrote_them(name: str, expected: list[list[float]]) -> None:
    text = text_of(name)
    count = build_model(text, 1).count_params()
    model = loaded(text, np.abs((np.arange(count) * 7 % 23 - 11) / 11) + 0.05)
    shape = (2, *model.input_shape[1:])
    rows = np.arange(int(np.prod(shape))) % 7 / 7
    np.testing.assert_allclose(np.asarray(model(rows.reshape(shape).astype(np.float32))), expected, atol=4e-5)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_weights_come_out_as_they_went_in(name: str, flat: bool) -> None:
    from keras_seg.training.network import Network

    network = Network(text_of(name), None)
    count = sum(int(np.prod(weight.shape)) for weight in network.model.weights)
    given = np.arange(count, dtype=np.float32).tobytes()
    trainable, other = network.initial(1, flat, given)
    state = codec.State(trainable, other, (), network.slices(flat))
    assert codec.weights(codec.encode(state)) == given


def lstm(name: str, consume_less: str) -> dict[str, Any]:
    """One of Keras 1 with one unit."""
    config = {"output_dim": 1, "return_sequences": True, "batch_input_shape": [None, 3, 1]}
    return {"class_name": "LSTM", "config": {**config, "name": name, "consume_less": consume_less}}


def inner(layer: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "inner", "layers": [layer]}}


def both_ways(layer: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Bidirectional", "config": {"name": "both", "layer": layer, "merge_mode": "sum"}}


APART, TOGETHER = [0, 6, 3, 9], [0, 1, 2, 3]  # the kernel of one that was given 0 to 11: i, c, f, o apart, or as today


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([lstm("a", "cpu"), inner(lstm("a", "gpu"))], [APART, TOGETHER]),
        ([lstm("a", "gpu"), inner(lstm("a", "cpu"))], [TOGETHER, APART]),
        ([inner(lstm("a", "gpu")), lstm("a", "cpu")], [TOGETHER, APART]),
        ([lstm("a", "cpu"), lstm("forward_a", "gpu"), lstm("backward_a", "gpu")], [APART, TOGETHER, TOGETHER]),
        ([both_ways(lstm("a", "cpu")), lstm("a", "gpu")], [APART, APART, TOGETHER]),
        ([both_ways(lstm("a", "gpu")), lstm("a", "cpu")], [TOGETHER, TOGETHER, APART]),
        ([both_ways(lstm("forward_a", "cpu")), lstm("layer", "gpu")], [APART, APART, TOGETHER]),
    ],
)  # fmt: skip
def test_gates_are_those_of_their_own_layer_whatever_others_are_called(layers: list[Any], expected: list[list[int]]) -> None:
    text = json.dumps({"class_name": "Sequential", "config": layers, "keras_version": "1.2.2"})
    kernels = loaded(text, np.tile(np.arange(12), len(expected))).get_weights()[::3]
    assert [kernel.ravel().tolist() for kernel in kernels] == expected


def test_a_version_of_too_many_digits_is_none() -> None:
    layer = {"class_name": "Dense", "config": {"units": 1, "batch_input_shape": [None, 1]}}
    tree = {"class_name": "Sequential", "config": [layer]}
    for version in ("2." + "1" * 5000, "1" * 5000 + ".2"):
        assert converted(json.dumps({**tree, "keras_version": version})) == converted(json.dumps(tree))


def test_a_gru_for_cudnn() -> None:
    # Gate by gate the other way round: what Keras 2.2.5 makes of the weights 0 to 41 of a CuDNNGRU when it loads them.
    model = loaded(sequential(("CuDNNGRU", {"units": 2}), shape=(4, 3)), np.arange(42))
    kernel, recurrent, bias = model.get_weights()
    assert kernel.tolist() == [[0, 7, 2, 9, 4, 11], [1, 12, 3, 14, 5, 16], [6, 13, 8, 15, 10, 17]]
    assert recurrent.tolist() == [[18, 24, 20, 26, 22, 28], [19, 25, 21, 27, 23, 29]]
    assert bias.tolist() == [[30, 31, 32, 33, 34, 35], [36, 37, 38, 39, 40, 41]]


def test_weights_come_out_of_a_gru_for_cudnn_too() -> None:
    from keras_seg.training.network import Network

    network = Network(sequential(("CuDNNGRU", {"units": 5}), shape=(4, 3)), None)
    given = np.arange(150, dtype=np.float32).tobytes()
    trainable, other = network.initial(1, True, given)
    assert codec.weights(codec.encode(codec.State(trainable, other, (), network.slices(True)))) == given


def test_an_lstm_for_cudnn_has_other_weights() -> None:
    with pytest.raises(ArchitectureError, match="those of a CuDNNLSTM have twice as many biases: load them into an LSTM in"):
        loaded(sequential(("CuDNNLSTM", {"units": 2}), shape=(4, 3)), np.arange(24 + 16 + 16))


CONVOLUTION = ("Conv2D", {"filters": 1, "kernel_size": [2, 2], "use_bias": False})


def test_theano_turned_kernels_round() -> None:
    text = sequential(CONVOLUTION, shape=(3, 3, 1), keras_version="2.1.6", backend="theano")
    assert loaded(text, [1, 2, 3, 4]).get_weights()[0].ravel().tolist() == [4, 3, 2, 1]
    text = sequential(CONVOLUTION, shape=(3, 3, 1), keras_version="2.1.6", backend="cntk")
    assert loaded(text, [1, 2, 3, 4]).get_weights()[0].ravel().tolist() == [1, 2, 3, 4]


def test_kernels_of_keras_1_with_channels_first() -> None:
    # (filters, channels, rows, columns) then, (rows, columns, channels, filters) now
    layer = {"nb_filter": 1, "nb_row": 1, "nb_col": 2, "dim_ordering": "th", "bias": False}
    model = loaded(sequential(("Convolution2D", layer), shape=(2, 1, 2), keras_version="1.2.2"), [1, 2, 3, 4])
    assert model.get_weights()[0].tolist() == [[[[1], [3]], [[2], [4]]]]


def test_convolutions_over_lines_before_keras_1_1() -> None:
    layer = {"nb_filter": 2, "filter_length": 2, "bias": False}  # (filters, channels, length, 1) then
    model = loaded(sequential(("Convolution1D", layer), shape=(2, 1), keras_version="1.0.8"), [1, 2, 3, 4])
    assert model.get_weights()[0].tolist() == [[[1, 3]], [[2, 4]]]
    model = loaded(sequential(("Convolution1D", layer), shape=(2, 1), keras_version="1.1.2"), [1, 2, 3, 4])
    assert model.get_weights()[0].tolist() == [[[1, 2]], [[3, 4]]]


def test_a_wrapper_of_keras_2_gives_what_is_trained_first() -> None:
    layers = [{"class_name": name, "config": config} for name, config in [("BatchNormalization", {}), ("Dense", {"units": 1})]]
    layers[0]["config"] = {"batch_input_shape": [None, 1]}
    wrapped = {"layer": {"class_name": "Sequential", "config": {"name": "inner", "layers": layers}}}
    order = {}
    for version in ("2.15.0", "3.8.0"):
        text = sequential(("TimeDistributed", wrapped), shape=(2, 1), keras_version=version)
        order[version] = [float(array.ravel()[0]) for array in loaded(text, np.arange(6)).get_weights()]
    assert order == {"2.15.0": [0, 1, 4, 5, 2, 3], "3.8.0": [0, 1, 2, 3, 4, 5]}


@pytest.mark.parametrize(
    ("version", "layer", "expected"),
    [
        ("1.2.2", "LSTM", "hard_sigmoid_of_keras_2"),
        ("2.2.5", "GRU", "hard_sigmoid_of_keras_2"),
        ("2.3.1", "LSTM", "sigmoid"),
        ("2.2.4-tf", "LSTM", "sigmoid"),
        ("2.15.0", "GRU", "sigmoid"),
        ("3.8.0", "LSTM", "sigmoid"),
    ],
)
def test_gates_that_an_architecture_leaves_open(version: str, layer: str, expected: str) -> None:
    model = build_model(sequential((layer, {"units": 2}), shape=(3, 2), keras_version=version), 1)
    assert model.layers[0].recurrent_activation.__name__ == expected


@pytest.mark.parametrize(("version", "expected"), [("1.2.2", 0.8), ("2.2.4", 0.8), ("2.15.0", 0.8), ("3.8.0", 0.75)])
def test_hard_sigmoid_is_that_of_the_keras_that_wrote_it(version: str, expected: float) -> None:
    for layer in (("Dense", {"units": 1, "activation": "hard_sigmoid"}), ("Activation", {"activation": "hard_sigmoid"})):
        text = sequential(layer, shape=(1,), keras_version=version)
        model = loaded(text, [1, 0][: 2 * (layer[0] == "Dense")])
        assert np.asarray(model(np.array([[1.5], [-9], [9]], np.float32))).ravel().tolist() == pytest.approx([expected, 0, 1])


def test_layers_around_others_keep_the_old_function() -> None:
    inner = {"class_name": "LSTM", "config": {"units": 2, "name": "lstm", "recurrent_activation": "hard_sigmoid"}}
    model = build_model(sequential(("Bidirectional", {"layer": inner}), shape=(3, 2)), 1)
    wrapper = model.layers[0]
    names = [layer.recurrent_activation.__name__ for layer in (wrapper.forward_layer, wrapper.backward_layer)]
    assert names == ["hard_sigmoid_of_keras_2"] * 2
    cells = {"cell": {"class_name": "GRUCell", "config": {"units": 2, "recurrent_activation": "hard_sigmoid"}}}
    model = build_model(sequential(("RNN", cells), shape=(3, 2)), 1)
    assert model.layers[0].cell.recurrent_activation.__name__ == "hard_sigmoid_of_keras_2"


@pytest.mark.parametrize("name", ["BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"])
def test_class_names_of_tensorflow_1(name: str) -> None:
    model = build_model(sequential((name, {"axis": [1]})), 1)
    assert (type(model.layers[0]).__name__, model.layers[0].axis) == ("BatchNormalization", 1)


@pytest.mark.parametrize(("name", "today"), [("UnifiedLSTM", "LSTM"), ("UnifiedGRU", "GRU")])
def test_recurrent_layers_of_tensorflow_1(name: str, today: str) -> None:
    model = build_model(sequential((name, {"units": 2, "time_major": False}), shape=(3, 2)), 1)
    assert type(model.layers[0]).__name__ == today
    assert getattr(model.layers[0], "reset_after", True)


def test_files_that_hold_an_architecture() -> None:
    text = text_of("keras-2.10.0_functional")
    tree = json.loads(text)
    topology = {"keras_version": "2.10.0", "backend": "tensorflow", "model_config": tree}
    for held in (
        json.dumps(text),
        json.dumps(topology),
        json.dumps({"format": "layers-model", "modelTopology": topology, "weightsManifest": []}),
        json.dumps({"modelTopology": json.dumps({**topology, "model_config": json.dumps(tree)})}),
    ):
        assert converted(held) == converted(text)
