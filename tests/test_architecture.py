"""Architectures of all Keras generations: they build, compute what they computed, are seeded, and carry no code."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_seg.architectures.build import (
    ArchitectureError,
    build_model,
    dump_weights,
    input_shape,
    load_weights,
    modern_config,
    output_shape,
)
from keras_seg.architectures.seeding import derived

FOLDER = Path(__file__).parent / "architectures"
SRC = Path(__file__).parent.parent / "src"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))

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


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()


def fingerprint(model: Any) -> str:
    """All variables, those of the seed generators included."""
    return hashlib.md5(b"".join(np.asarray(variable).tobytes() for variable in model.variables)).hexdigest()


def sequential(*layers: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (4,), **top: Any) -> str:
    """An architecture as Keras 2.10 wrote it."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *shape], "dtype": "float32", "name": "input_1"}}
    nodes = [first, *({"class_name": class_name, "config": config} for class_name, config in layers)]
    config = {"name": "net", "layers": nodes}
    return json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.10.0", **top})


# ---- every generation ------------------------------------------------------------------------------------------------


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
    load_weights(model, np.abs(np.linspace(-0.5, 0.5, parameters).astype(np.float32)).tobytes())
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


def test_every_layer_of_the_catalogue_is_one_of_keras() -> None:
    import keras

    from keras_seg.architectures import allowed

    assert all(issubclass(getattr(keras.layers, name), keras.layers.Layer) for name in allowed.LAYERS)
    assert not allowed.LAYERS & allowed.CODE
    for family in ("initializers", "regularizers", "constraints"):
        assert all(isinstance(getattr(getattr(keras, family), name), type) for name in allowed.family_names(family))
    assert all(callable(getattr(keras.activations, name)) for name in allowed.ACTIVATIONS)


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


# ---- seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_the_seed_decides_the_weights(name: str) -> None:
    first = fingerprint(build_model(text_of(name), 7))
    assert fingerprint(build_model(text_of(name), 7)) == first
    assert fingerprint(build_model(text_of(name), 8)) != first


def test_two_processes_begin_with_the_same_weights_and_generators() -> None:
    names = [name for name in FILES if "3.15.1" in name or "page" in name]
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from test_architecture import build_model, fingerprint, text_of\n"
        "for name in sys.argv[3:]: print(fingerprint(build_model(text_of(name), 11)))\n"
    )
    command = [sys.executable, "-c", program, str(SRC), str(FOLDER.parent), *names]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert printed == [fingerprint(build_model(text_of(name), 11)) for name in names]


def test_seeds_are_the_same_in_every_version() -> None:
    assert derived(0, "model/1/kernel_initializer") == 607808948
    assert derived(1, "model/1/kernel_initializer") == 1311615835
    assert derived(0, "model/2/kernel_initializer") == 381246380


def test_initializers_given_by_name_are_seeded() -> None:
    text = sequential(("Dense", {"units": 9, "kernel_initializer": "glorot_uniform"}), ("Dense", {"units": 9}))
    assert dump_weights(build_model(text, 2)) == dump_weights(build_model(text, 2))


def test_explicit_seeds_are_kept() -> None:
    fixed = {"class_name": "GlorotUniform", "config": {"seed": 5}}
    text = sequential(("Dense", {"units": 9, "kernel_initializer": fixed}), ("Dropout", {"rate": 0.5, "seed": 6}))
    model = build_model(text, 1)
    assert dump_weights(model) == dump_weights(build_model(text, 2))
    assert model.layers[1].seed == 6
    assert model.layers[0].kernel_initializer.get_config()["seed"] == 5


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (("Dropout", {"rate": 0.5}), (4,)),
        (("AlphaDropout", {"rate": 0.5}), (4,)),
        (("SpatialDropout1D", {"rate": 0.5}), (4, 2)),
        (("GaussianNoise", {"stddev": 0.5}), (4,)),
        (("GaussianDropout", {"rate": 0.5}), (4,)),
        (("RandomFlip", {}), (4, 4, 3)),
        (("RandomRotation", {"factor": 0.5}), (4, 4, 3)),
        (("RandAugment", {}), (4, 4, 3)),
        (("LSTM", {"units": 2, "dropout": 0.5}), (4, 2)),
        (("RNN", {"cell": {"class_name": "GRUCell", "config": {"units": 2, "dropout": 0.5}}}), (4, 2)),
        (("Bidirectional", {"layer": {"class_name": "LSTM", "config": {"units": 2, "dropout": 0.5}}}), (4, 2)),
        (("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 2}}}), (4, 2)),
        (("SpectralNormalization", {"layer": {"class_name": "Dense", "config": {"units": 2}}}), (4,)),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_nothing_random_is_left(layer: tuple[str, dict[str, Any]], shape: tuple[int, ...]) -> None:
    text = sequential(layer, shape=shape)
    states = []
    for start in (1, 2):
        random.seed(start)
        before = random.getstate()
        states.append(fingerprint(build_model(text, 5)))
        assert random.getstate() == before
    assert states[0] == states[1]
    assert fingerprint(build_model(text, 6)) != states[0]


def test_projections_of_attention_do_not_begin_as_equals() -> None:
    model = build_model(text_of("keras-3.15.1_attention"), 1)
    kernels = {weight.path.split("/")[-2]: np.asarray(weight) for weight in model.weights if weight.path.endswith("kernel")}
    assert not np.array_equal(kernels["query"], kernels["key"])
    assert not np.array_equal(kernels["key"], kernels["value"])


def test_both_directions_do_not_begin_as_equals() -> None:
    model = build_model(text_of("keras-2.10.0_text"), 1)
    forward, backward = model.layers[1].forward_layer, model.layers[1].backward_layer
    assert not np.array_equal(np.asarray(forward.weights[0]), np.asarray(backward.weights[0]))
    assert backward.go_backwards


# ---- what is refused -------------------------------------------------------------------------------------------------

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


# ---- shapes and weights ----------------------------------------------------------------------------------------------


def test_several_inputs_or_outputs_are_not_supported() -> None:
    import keras

    one, two = keras.Input((3,)), keras.Input((3,))
    merged = keras.layers.Add()([one, two])
    model = build_model(keras.Model([one, two], [merged, keras.layers.Dense(2)(merged)]).to_json(), 1)
    with pytest.raises(ArchitectureError, match=r"^the model has 2 inputs; models with more than one input are not"):
        input_shape(model)
    with pytest.raises(ArchitectureError, match=r"^the model has 2 outputs; models with more than one output are not"):
        output_shape(model)


def test_a_sequential_without_input_has_no_shape() -> None:
    import keras

    with pytest.raises(ArchitectureError, match=r"give the first layer an input_shape$"):
        input_shape(keras.Sequential([keras.layers.Dense(3)]))


def test_an_open_dimension_is_reported() -> None:
    text = json.dumps(json.loads(text_of("keras-2.10.0_text"))).replace("[null, 7]", "[null, null]")
    with pytest.raises(ArchitectureError, match=r"^the input of the model has the shape \(None,\); give each dimension a"):
        input_shape(build_model(text, 1))


def test_weights_come_back_as_they_went_in() -> None:
    model = build_model(text_of("page_two_hidden_layers"), 1)
    raw = np.arange(193, dtype=np.float32).tobytes()
    load_weights(model, raw)
    assert dump_weights(model) == raw
    assert model.get_weights()[0][0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # rows of the first kernel, 4 by 10, in C order
    assert model.get_weights()[1].tolist() == [40, 41, 42, 43, 44, 45, 46, 47, 48, 49]


@pytest.mark.parametrize(("size", "shown"), [(1212, "303"), (0, "0"), (770, "192.5")])
def test_weights_of_another_length_are_refused(size: int, shown: str) -> None:
    model = build_model(text_of("page_two_hidden_layers"), 1)
    message = rf"^the weights hold {shown} numbers of float32 \({size} bytes\), but the architecture has 193 weights \(772 b"
    with pytest.raises(ArchitectureError, match=message):
        load_weights(model, bytes(size))


def test_importing_does_not_import_keras() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import keras_seg.architectures.build; print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, str(SRC)], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
