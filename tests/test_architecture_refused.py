"""Architectures carry no code and no files, name Keras' own classes only, and what is wrong with one is explained."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from fix_architectures import sequential, text_of
from keras_seg.architectures.build import build_model, modern_config
from keras_seg.architectures.problems import ArchitectureError

# Advice to leave an argument out would be advice to make another network.
OTHERWISE = "that Keras 3 does not know.*; without it, this may be another network$"
EVIL = {"name": "evil", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}
LAMBDA = {"class_name": "Lambda", "config": EVIL}
PAYLOAD = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}


@pytest.mark.parametrize(
    "text",
    [
        sequential(("Lambda", EVIL)),
        sequential(("TimeDistributed", {"layer": LAMBDA}), shape=(4, 2)),
        sequential(("Bidirectional", {"layer": LAMBDA}), shape=(4, 2)),
        sequential(("Sequential", {"name": "inner", "layers": [LAMBDA]})),
        sequential(("Dense", {"units": 2, "activation": PAYLOAD})),
        sequential(("Dense", {"units": 2, "kernel_initializer": PAYLOAD})),
        sequential(("Dense", {"units": [{"x": [PAYLOAD]}]})),
        sequential(("Dense", {"units": 2}), compile_config={"loss": PAYLOAD}),
        sequential(("Dense", {"units": 2}), build_config=LAMBDA),
        sequential(("TFSMLayer", {"filepath": "/tmp/model"})),
        sequential(("TorchModuleWrapper", {"module": "x"})),
        sequential(("FlaxLayer", {"module": "x"})),
        sequential(("JaxLayer", {"call_fn": "x"})),
        sequential(("TFOpLambda", {"function": "io.read_file"})),
    ],
)
def test_code_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(ArchitectureError, match="carries code, and code in an architecture is not run"):
        build_model(text, 1)


def test_the_error_names_the_layer_and_the_remedy() -> None:
    message = (
        'layer "evil" (Lambda) carries code, and code in an architecture is not run;'
        " use a built-in layer in its place, such as Rescaling, Activation or Reshape"
    )
    with pytest.raises(ArchitectureError) as caught:
        modern_config(sequential(("Lambda", EVIL)))
    assert str(caught.value) == message


def keras_3(module: str | None, class_name: str, registered_name: str | None, config: object = None) -> str:
    tree = json.loads(text_of("keras-3.15.1_functional"))
    dense = tree["config"]["layers"][1]
    dense.update(module=module, class_name=class_name, registered_name=registered_name)
    if config is not None:
        dense["config"] = config
    return json.dumps(tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (keras_3("os", "system", None), r'^layer "wide" \(system\) is not one of Keras\' own classes \(os\)'),
        (keras_3("mine.layers", "Dense", None), r"is not one of Keras' own classes \(mine.layers\)"),
        (keras_3("keras.layers", "Dense", "mine>Dense"), r"is not one of Keras' own classes \(mine>Dense\)"),
        (keras_3("keras_hub.layers", "Dense", None), r"is not one of Keras' own classes \(keras_hub.layers\)"),
        (keras_3("keras.layers\n", "Dense", None), "is not one of Keras' own classes"),
        (keras_3("keras.src.ops.numpy", "Add", "Add"), "is an operation on tensors; use a layer in its place"),
        (keras_3("keras.utils", "get_file", None), r'^layer "wide" \(get_file\) is not a layer of Keras 3 that may be used'),
        (keras_3("keras.layers", "Layer", None), "is not a layer of Keras 3 that may be used"),
        (keras_3("keras.layers", "Wrapper", None), "is not a layer of Keras 3 that may be used"),
        (keras_3("keras.layers", "Dense", None, []), 'must have an object as its "config"'),
    ],
)
def test_only_classes_of_keras_are_built(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        build_model(text, 1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (("StringLookup", {"vocabulary": "/etc/passwd"}), 'reads a file as its "vocabulary", which is not allowed'),
        (("TextVectorization", {"vocabulary": "/etc/passwd"}), 'reads a file as its "vocabulary", which is not allowed'),
        (("IntegerLookup", {"vocabulary": "/etc/passwd"}), 'reads a file as its "vocabulary", which is not allowed'),
        (("TextVectorization", {"standardize": {"class_name": "function", "config": "eval"}}), "must be plain data"),
        (("Dense", {"units": 2, "activation": "eval"}), 'the activation "eval" is not one of Keras\' own'),
        (("Dense", {"units": 2, "activation": "rellu"}), r'did you mean "relu"'),
        (("Dense", {"units": 2, "activation": "glu"}), '"glu" can be the activation of no layer: it gives half of the numbers'),
        (("Activation", {"activation": "threshold"}), "of no layer: it takes two numbers beside its input"),
        (
            ("Dense", {"units": 2, "activation": {"class_name": "function", "module": "os", "config": "abort"}}),
            "not one of Keras",
        ),
        (("Dense", {"units": 2, "kernel_initializer": "Initializer"}), "is not one of Keras' initializers"),
        (
            ("Dense", {"units": 2, "kernel_initializer": {"class_name": "Dense", "config": {}}}),
            "not one of Keras' initializers",
        ),
        (
            ("Dense", {"units": 2, "kernel_regularizer": {"module": "os", "class_name": "L2", "config": {}}}),
            "not one of Keras' own",
        ),
        (("Dense", {"units": 2, "bias_constraint": 5}), "must be one of Keras' constraints, by name or as an object, got 5"),
        (
            ("Dense", {"units": {"class_name": "__typespec__", "config": []}}),
            "must be plain data, not an object of class __typespec__",
        ),
        (
            ("Dense", {"units": 2, "dtype": {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8"}}}),
            '"dtype" must be',
        ),
        (("Dense", {"units": 2, "quantization_config": {"class_name": "Int8", "config": {}}}), "plain data|is not supported"),
        (("Dense", {"units": 2, "lora_rank": 2}), '"lora_rank" is not supported'),
        (("Dense", {"units": 2, "kernel_initializer": {"class_name": "Zeros", "config": {"x": 1}}}), 'has an argument "x" = 1'),
        (("Dropout", {"rate": 0.5, "seed": "now"}), '"seed" must be null or an integer'),
        (
            ("LSTM", {"units": 2, "stateful": True}),
            'is stateful, but rows are trained in shuffled batches; set "stateful" to false',
        ),
        (("Embedding", {"input_dim": 3, "output_dim": 2, "weights": [[1]]}), "beside it, as model weights"),
        (("SpectralNormalization", {"layer": None}), "must have the layer that it wraps"),
        (("RandAugment", {"num_ops": 1000000000}), '"num_ops" must be at most 100'),
        (("RepeatVector", {"n": 2**62}), "numbers must be below 2147483648"),
        (("LocallyConnected2D", {"filters": 3}), "is not a layer of Keras 3 that may be used"),
        (
            ("IntegerLookup", {"vocabulary": None}),
            r'layer "net_1" \(IntegerLookup\) has no "vocabulary": what adapt\(\) learned is not in model.to_json\(\); make the'
            r" layer again with vocabulary=layer.get_vocabulary\(include_special_tokens=False\), and take model.to_json\(\) of",
        ),
        (("StringLookup", {"vocabulary": []}), 'has no "vocabulary"'),
        (("TextVectorization", {"max_tokens": 5}), 'has no "vocabulary"'),
        (("Discretization", {"num_bins": 3, "bin_boundaries": None}), "again with bin_boundaries=layer.bin_boundaries, and"),
        (("LSTM", {"units": 2, "time_major": True}), "time_major.*" + OTHERWISE),
        (("BatchNormalization", {"mode": 1}), "mode.*" + OTHERWISE),
    ],
)
def test_arguments_cannot_bring_code_or_files(layer: tuple[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        build_model(sequential(layer), 1)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "true", '{"a": 1}', '{"class_name": 1, "config": {}}', "{}"])
def test_what_is_not_an_architecture(text: str) -> None:
    with pytest.raises(ArchitectureError, match=r'^the architecture must be a JSON object with "class_name" and "config"'):
        modern_config(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the architecture is empty"),
        ("{", "the architecture is not JSON: "),
        ('{"class_name": "Dense", "config": {"units": 3}}', "the architecture is a Dense, not a model"),
        ('{"class_name": "MyModel", "config": {}}', "the architecture is a MyModel, not a model that Keras can rebuild"),
        ('{"class_name": "Model", "config": {"name": "m"}}', 'has no list of layers in its "config"; a subclass of Model'),
        (
            '{"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", "config": {}}]}}',
            'has no "input_layers"',
        ),
        ('{"class_name": "Sequential", "config": []}', "has no layers"),
        ('{"class_name": "Sequential", "config": [1]}', "must be a layer"),
        ('{"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"units": 3}}]}', "give the first layer"),
        (sequential(("Dense", {"units": 3, "name": "a"}), ("Dense", {"units": 3, "name": "a"})), 'two layers called "a"'),
        (sequential(("Dense", {"units": -3, "name": "a"})), r'^Keras cannot build the architecture: layer "a" \(Dense\): '),
        (sequential(("Conv2D", {"filters": 3, "kernel_size": 9}), shape=(4, 4, 1)), "^Keras cannot build the architecture: "),
    ],
)
def test_broken_architectures_are_explained(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        build_model(text, 1)


@pytest.mark.parametrize("depth", [200, 5_000, 1_000_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_deep_nesting_does_not_exhaust_the_stack(depth: int, brackets: str) -> None:
    text = brackets[:-1] * depth + "1" + brackets[-1] * depth
    with pytest.raises(ArchitectureError, match="nested too deeply"):
        modern_config(text)


def test_a_very_long_text_is_not_read() -> None:
    with pytest.raises(ArchitectureError, match="more than the 16777216 that are read"):
        modern_config(" " * 16_777_217 + "x")


def test_an_enormous_model_is_refused_before_it_has_memory() -> None:
    begin = time.perf_counter()
    with pytest.raises(ArchitectureError, match="has 4294967296 weights, more than the 250000000 that can be stored"):
        build_model(sequential(("Dense", {"units": 2**30, "use_bias": False})), 1)
    assert build_model(sequential(("Dense", {"units": 2})), 1).count_params() == 10
    assert time.perf_counter() - begin < 5


def test_every_class_that_is_allowed_is_one_of_keras() -> None:
    import keras

    from keras_seg.architectures import allowed

    assert all(issubclass(getattr(keras.layers, name), keras.layers.Layer) for name in allowed.LAYERS)
    assert not allowed.LAYERS & allowed.CODE
    for family in ("initializers", "regularizers", "constraints"):
        assert all(isinstance(getattr(getattr(keras, family), name), type) for name in allowed.family_names(family))
    assert all(callable(getattr(keras.activations, name)) for name in allowed.ACTIVATIONS)


def test_keras_computes_no_layer_with_what_is_no_activation_of_one() -> None:
    import keras
    import numpy as np

    from keras_seg.architectures import allowed

    assert set(allowed.NO_ACTIVATIONS) == {"glu", "threshold"}
    x = np.zeros((1, 4), np.float32)
    halved = keras.layers.Dense(4, activation="glu")
    assert (tuple(halved(x).shape), halved.compute_output_shape((1, 4))) == ((1, 2), (1, 4))
    with pytest.raises(TypeError, match="missing 2 required positional arguments"):
        keras.layers.Dense(4, activation="threshold")(x)
