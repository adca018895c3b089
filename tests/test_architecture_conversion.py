"""Architectures of all Keras generations: they build, and compute what they computed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fix_architectures import dump_weights, sequential, text_of
from keras_seg.architectures.build import build_model, converted, input_shape, modern_config, output_shape
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import load_weights

# What Keras itself gave in the generation that wrote the file, for the weights and rows that architectures/README.md describes.
CNN = [[0.05027, 0.08702, 0.15063, 0.26074, 0.45134], [0.04996, 0.08666, 0.15032, 0.26075, 0.45230]]
FUNCTIONAL = [[0.303576, 0.332420, 0.364004], [0.299913, 0.332176, 0.367910]]
NESTED = [[0.487907, 0.512093], [0.480600, 0.519400]]
ATTENTION = [[0.329041, 0.333315, 0.337644], [0.329028, 0.333315, 0.337657]]
BIDIRECTIONAL = [[0.994589], [0.994029]]
OF_MODELS = [[0.913750, 0.969607], [1.095920, 1.164710]]
MEASURED: list[tuple[str, int, tuple[int, ...], tuple[int, ...], list[list[float]]]] = [
    (
        "keras-1.2.2_sequential_cnn",
        1701,
        (12, 12, 3),
        (5,),
        [[0.158352, 0.176884, 0.197578, 0.220680, 0.246506], [0.158873, 0.177193, 0.197636, 0.220429, 0.245869]],
    ),
    ("keras-2.1.6_text", 489, (7,), (1,), [[0.983630], [0.981817]]),
    ("keras-2.10.0_built_later", 23, (4,), (2,), [[0.625738, 0.699528], [1.045450, 1.190970]]),
    *(
        (f"keras-{v}_functional", 173, (6,), (3,), FUNCTIONAL)
        for v in ("1.2.2", "2.1.6", "2.4.0", "2.10.0", "2.15.0", "3.15.1")
    ),
    *((f"keras-{v}_sequential_cnn", 629, (12, 12, 3), (5,), CNN) for v in ("2.1.6", "2.4.0", "2.10.0", "2.15.0", "3.15.1")),
    *((f"keras-{v}_nested", 70, (4,), (2,), NESTED) for v in ("2.1.6", "2.10.0", "2.15.0", "3.15.1")),
    *((f"keras-{v}_attention", 331, (5, 8), (3,), ATTENTION) for v in ("2.10.0", "2.15.0", "3.15.1")),
    *((f"keras-{v}_text", 621, (7,), (1,), BIDIRECTIONAL) for v in ("2.10.0", "2.15.0", "3.15.1")),
    *((f"keras-{v}_sequential_of_models", 41, (4,), (2,), OF_MODELS) for v in ("2.1.6", "2.10.0", "3.15.1")),
]


@pytest.mark.parametrize(
    ("name", "parameters", "size"), [("page_two_hidden_layers", 193, 772), ("page_three_hidden_layers", 303, 1212)]
)
def test_the_architectures_of_the_page_build(name: str, parameters: int, size: int) -> None:
    model = build_model(text_of(name), 1)
    assert (input_shape(model), output_shape(model)) == ((4,), (3,))
    assert model.count_params() == parameters
    assert len(dump_weights(model)) == size


@pytest.mark.parametrize(("name", "parameters", "inputs", "outputs", "expected"), MEASURED, ids=[row[0] for row in MEASURED])
def test_a_model_computes_what_it_did_in_the_keras_that_wrote_it(
    name: str, parameters: int, inputs: tuple[int, ...], outputs: tuple[int, ...], expected: list[list[float]]
) -> None:
    model = build_model(text_of(name), 1)
    assert (input_shape(model), output_shape(model)) == (inputs, outputs)
    load_weights(model, np.abs(np.linspace(-0.5, 0.5, parameters).astype(np.float32)).tobytes(), converted(text_of(name)))
    numbers = np.arange(2 * int(np.prod(inputs)))
    rows = numbers % 20 if name.endswith("_text") else numbers % 7 / 7.0
    predicted = np.asarray(model(rows.reshape(2, *inputs).astype(np.float32)))
    # Measured on one processor. float32 of another kind (AVX-512) lies up to 2.4e-5 away, double precision between the two.
    np.testing.assert_allclose(predicted, expected, atol=4e-5)


def test_an_embedding_with_an_lstm_of_keras_1_builds() -> None:
    model = build_model(text_of("keras-1.2.2_text"), 1)  # Keras 1 kept the gates apart: same parameters, another order
    assert (model.count_params(), input_shape(model), output_shape(model)) == (351, (7,), (1,))


def test_the_same_layers_begin_with_the_same_weights_in_every_generation() -> None:
    versions = ("2.1.6", "2.10.0", "2.15.0", "3.15.1")
    assert len({dump_weights(build_model(text_of(f"keras-{version}_sequential_cnn"), 3)) for version in versions}) == 1


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (("BatchNormalization", {"axis": [3], "fused": True, "renorm": False}), (4, 4, 2), {"axis": 3}),
        (("DepthwiseConv2D", {"kernel_size": [3, 3], "groups": 1, "filters": 8}), (4, 4, 2), {"depth_multiplier": 1}),
        (("LeakyReLU", {"alpha": 0.25}), (4,), {"negative_slope": 0.25}),
        (("ThresholdedReLU", {"theta": 0.5}), (4,), {"threshold": 0.5}),
        (("GRU", {"units": 2, "implementation": 1, "time_major": False}), (3, 2), {"reset_after": False}),
        (("CuDNNLSTM", {"units": 2}), (3, 2), {"units": 2}),
        (("Dense", {"units": 2, "activation": "softmax_v2"}), (4,), {"activation": "softmax"}),
        (("Dense", {"output_dim": 2, "init": "uniform", "bias": False}), (4,), {"units": 2, "use_bias": False}),
        (
            ("Convolution2D", {"nb_filter": 2, "nb_row": 3, "nb_col": 1, "dim_ordering": "tf"}),
            (4, 4, 2),
            {"kernel_size": (3, 1)},
        ),
        (("Dropout", {"p": 0.5}), (4,), {"rate": 0.5}),
        (("RandomFlip", {"mode": "horizontal", "seed": 3, "rng_type": "stateful"}), (4, 4, 1), {"mode": "horizontal"}),
        (("SpatialDropout1D", {"rate": 0.5, "trainable": True, "noise_shape": None}), (4, 2), {"rate": 0.5}),
        (("Discretization", {"bin_boundaries": [1.0], "trainable": True}), (4,), {"bin_boundaries": [1.0]}),
        (("ThresholdedReLU", {}), (4,), {"threshold": 1.0}),
        (("Dense", {"units": 2, "activation": "log_softmax_v2"}), (4,), {"activation": "log_softmax"}),
        (("MaxPooling2D", {"pool_size": [2, 2], "border_mode": "same", "dim_ordering": "th"}), (2, 4, 4), {"padding": "same"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and value and isinstance(value[0], str) else "",
)
def test_old_names_and_arguments_are_understood(
    layer: tuple[str, dict[str, Any]], shape: tuple[int, ...], expected: dict[str, Any]
) -> None:
    config = build_model(sequential(layer, shape=shape), 1).layers[0].get_config()
    assert {key: config[key] for key in expected} == expected


def test_an_unknown_argument_is_reported_with_its_layer() -> None:
    text = sequential(("Dense", {"name": "first", "units": 2, "unitz": 3}))
    message = r'^layer "first" \(Dense\) has an argument "unitz" = 3 that Keras 3 does not know \(did you mean "units"\?\);'
    with pytest.raises(ArchitectureError, match=message):
        modern_config(text)


def test_what_was_compiled_is_left_behind() -> None:
    tree = json.loads(text_of("keras-3.15.1_sequential_cnn"))
    tree["compile_config"] = {
        "loss": {"module": "mine", "class_name": "function", "config": "loss", "registered_name": "mine>loss"}
    }
    assert "compile_config" not in modern_config(json.dumps(tree))
    assert not build_model(json.dumps(tree), 1).compiled
