"""The forward pass in numpy, layer by layer over its arguments, against Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fix_architectures import FILES, SRC, text_of
from keras_seg.architectures import allowed, signatures
from keras_seg.architectures.build import build_model, converted
from keras_seg.architectures.weights import load_weights
from keras_seg.inference.network import network
from keras_seg.inference.problems import NeedsTensorFlow, UnfitRow

SEED = 20260
ROWS = 3


def made(make: Callable[[], Any]) -> Any:
    """A model whose weights have shapes and no numbers: TensorFlow takes milliseconds for each that has."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return make()


def filled(model: Any, generator: np.random.Generator) -> list[np.ndarray]:
    """Weights for a model that tell one place from another; variances are above 0."""
    drawn = {each.path: generator.normal(0, 0.5, each.shape).astype(np.float32) for each in model.weights}
    return [np.abs(drawn[each.path]) + 0.1 if "variance" in each.path else drawn[each.path] for each in model.weights]


def agree(
    make: Callable[[], Any], generator: np.random.Generator, tolerance: float = 1e-5, x: np.ndarray | None = None
) -> None:
    """Compare what both make of rows, drawn if none are given."""
    model = made(make)
    weights = filled(model, generator)
    if x is None:
        x = generator.normal(0, 1.5, (ROWS, *model.input_shape[1:])).astype(np.float32)
    expected = computed(model, weights, x)
    found = network(model.to_json(), b"".join(each.tobytes() for each in weights)).outputs(x)
    assert (str(found.dtype), found.shape) == ("float32", expected.shape)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def computed(model: Any, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """What Keras makes of rows."""
    import keras

    mapping = list(zip(model.weights, weights, strict=True))
    with keras.StatelessScope(mapping):
        for layer in model.layers:
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()  # Normalization computes with what it has made of its weights
        return np.asarray(model(x, training=False))


def layer_of(text: str) -> Any:
    import keras

    return eval(text, {**vars(keras.layers), "keras": keras})  # a text of the table below


ACTIVATIONS = sorted(allowed.ACTIVATIONS - {"threshold", "glu", "sparsemax"})
# Layers that take one input of a shape.
LAYERS: dict[tuple[int, ...], str] = {
    (5,): """
        Dense(3); Dense(3, use_bias=False); Dense(3, activation=LeakyReLU(0.1)); Dense(3, activation=ELU(0.5));
        BatchNormalization(); BatchNormalization(center=False); BatchNormalization(scale=False, epsilon=0.1);
        LayerNormalization(); LayerNormalization(center=False, epsilon=0.1); RMSNormalization(); GroupNormalization(5);
        UnitNormalization(); Normalization(); Normalization(axis=None); Normalization(mean=0.5, variance=2.0);
        Normalization(mean=[1, 2, 3, 4, 5], variance=[1, 2, 3, 4, 5]); Normalization(mean=0.5, variance=2.0, invert=True);
        Normalization(mean=1.0, variance=0.0); Flatten(); Reshape((1, 5)); RepeatVector(3); Identity();
        ActivityRegularization(0.1); Reshape((-1,)); Dropout(0.5); GaussianNoise(1.0); GaussianDropout(0.5); AlphaDropout(0.5)
    """,
    (2, 3, 5): """
        Dense(4); Dense(2, activation='softmax')
    """,
    (3, 5): """
        EinsumDense('abc,cd->abd', (None, 4), bias_axes='d'); EinsumDense('abc,cd->abd', (3, 4));
        EinsumDense('abc,bd->adc', (2, 5), bias_axes='dc', activation='tanh');
        EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de'); EinsumDense('...x,xy->...y', 4, bias_axes='y');
        EinsumDense('ab...,bc->ac...', 4); EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='d')
    """,
    (6,): """
        ReLU(); ReLU(max_value=0.5); ReLU(negative_slope=0.2); ReLU(0.6, 0.1, 0.3); ReLU(threshold=0.4); LeakyReLU();
        LeakyReLU(negative_slope=0.4); ELU(); ELU(alpha=0.3); PReLU(); Softmax()
    """,
    (4, 3, 2): """
        PReLU(); PReLU(shared_axes=[1, 2]); Softmax(); Softmax(axis=1); Softmax(axis=[1, 2]); Softmax([-1])
    """,
    (7, 6, 4): """
        BatchNormalization(); BatchNormalization(axis=1); BatchNormalization(axis=2, scale=False, center=False);
        LayerNormalization(); LayerNormalization(axis=[1, 2]); LayerNormalization(axis=[2, 3], scale=False);
        LayerNormalization(axis=1); RMSNormalization(axis=[2, 3], epsilon=0.01); GroupNormalization(2);
        GroupNormalization(-1); GroupNormalization(1, epsilon=0.1, center=False); GroupNormalization(3, axis=2);
        GroupNormalization(7, axis=1, scale=False); GroupNormalization(4, axis=3); Normalization(); Normalization(axis=1);
        Normalization(axis=[1, 3], invert=True); UnitNormalization(axis=1);
        Normalization(axis=2, mean=[1, 2, 3, 4, 5, 6], variance=[1, 2, 3, 4, 5, 6]); UnitNormalization(axis=[1, 2]);
        Rescaling(0.5); Rescaling(2, -1); Rescaling([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]); Flatten();
        Flatten(data_format='channels_first'); Reshape((6, 28)); Reshape((-1, 7)); Permute((3, 1, 2)); Permute((2, 1, 3));
        SpatialDropout2D(0.5); Cropping2D(1); Cropping2D((2, 1)); Cropping2D(((1, 2), (0, 3)));
        Cropping2D(1, data_format='channels_first'); ZeroPadding2D(); ZeroPadding2D((2, 0)); ZeroPadding2D(((1, 2), (0, 3)));
        ZeroPadding2D(1, data_format='channels_first'); UpSampling2D(); UpSampling2D((1, 3));
        UpSampling2D(2, data_format='channels_first'); Conv2D(3, 3); Conv2D(3, (2, 3), padding='same');
        Conv2D(3, 3, strides=2); Conv2D(3, 3, (2, 1), 'same'); Conv2D(3, 2, dilation_rate=(2, 3));
        Conv2D(3, 3, padding='same', dilation_rate=2, use_bias=False); Conv2D(4, 3, groups=2, activation='relu');
        Conv2D(8, 1, groups=4); Conv2D(5, 1, activation='tanh'); Conv2D(2, (7, 6)); DepthwiseConv2D(3);
        DepthwiseConv2D(3, 2, 'same', depth_multiplier=2); DepthwiseConv2D(2, use_bias=False);
        DepthwiseConv2D(2, dilation_rate=2, activation='relu'); DepthwiseConv2D(3, data_format='channels_first');
        SeparableConv2D(3, 3); SeparableConv2D(3, 3, 2, 'same', depth_multiplier=2, activation='relu');
        SeparableConv2D(3, 2, use_bias=False, dilation_rate=2); SeparableConv2D(3, 3, data_format='channels_first');
        MaxPooling2D(2); MaxPooling2D((3, 2), (2, 3), 'same'); MaxPooling2D(2, data_format='channels_first');
        AveragePooling2D(2); AveragePooling2D((3, 2), (2, 3), 'same'); AveragePooling2D(2, data_format='channels_first');
        GlobalMaxPooling2D(); GlobalMaxPooling2D(keepdims=True); GlobalMaxPooling2D(data_format='channels_first');
        GlobalAveragePooling2D(); GlobalAveragePooling2D(keepdims=True); GlobalAveragePooling2D(data_format='channels_first');
        AdaptiveMaxPooling2D((3, 2)); AdaptiveAveragePooling2D(3); AdaptiveAveragePooling2D(2, data_format='channels_first')
    """,
    (7, 4): """
        SpatialDropout1D(0.5); Cropping1D(2); Cropping1D((1, 3)); ZeroPadding1D(2); ZeroPadding1D((0, 3)); UpSampling1D();
        UpSampling1D(3); ZeroPadding1D(1, data_format='channels_first')
    """,
    (3, 4, 3, 2): """
        Cropping3D(); ZeroPadding3D(((0, 1), (2, 1), (1, 0))); UpSampling3D((1, 2, 3)); SpatialDropout3D(0.1)
    """,
    (9, 3): """
        Conv1D(4, 3); Conv1D(4, 3, padding='same'); Conv1D(4, 3, padding='causal'); Conv1D(4, 2, strides=2);
        Conv1D(4, 3, dilation_rate=2); Conv1D(4, 3, padding='causal', dilation_rate=3, activation='relu');
        Conv1D(6, 2, groups=3); Conv1D(4, 1); Conv1D(4, 1, strides=2); Conv1D(4, 4, 3, 'same', use_bias=False);
        DepthwiseConv1D(3); DepthwiseConv1D(3, 2, 'same', depth_multiplier=2); DepthwiseConv1D(2, dilation_rate=2);
        SeparableConv1D(4, 3); SeparableConv1D(4, 3, padding='same'); SeparableConv1D(4, 2, 2, depth_multiplier=3)
    """,
    (4, 5, 4, 2): """
        Conv3D(3, 2); Conv3D(3, (1, 2, 3), (2, 1, 1), 'same'); Conv3D(3, 2, dilation_rate=2, padding='same'); MaxPooling3D(2);
        MaxPooling3D((1, 2, 3), 2, 'same'); AveragePooling3D(2); AveragePooling3D((1, 2, 3), 2, 'same'); GlobalMaxPooling3D();
        GlobalAveragePooling3D(keepdims=True)
    """,
    (8, 3): """
        MaxPooling1D(2); MaxPooling1D(3, 2, 'same'); MaxPooling1D(3, 1); MaxPooling1D(2, data_format='channels_first');
        AveragePooling1D(2); AveragePooling1D(3, 2, 'same'); AveragePooling1D(3, 1);
        AveragePooling1D(2, data_format='channels_first'); GlobalMaxPooling1D(); GlobalMaxPooling1D(keepdims=True);
        GlobalMaxPooling1D(data_format='channels_first'); GlobalAveragePooling1D(); GlobalAveragePooling1D(keepdims=True);
        GlobalAveragePooling1D(data_format='channels_first'); AdaptiveMaxPooling1D(3); AdaptiveAveragePooling1D(5)
    """,
    (6, 4): """
        SimpleRNN(3); SimpleRNN(3, return_sequences=True); LSTM(3); LSTM(3, return_sequences=True); GRU(3);
        GRU(3, return_sequences=True); SimpleRNN(3, go_backwards=True); LSTM(3, go_backwards=True); GRU(3, go_backwards=True);
        SimpleRNN(3, go_backwards=True, return_sequences=True, use_bias=False);
        LSTM(3, go_backwards=True, return_sequences=True, use_bias=False);
        GRU(3, go_backwards=True, return_sequences=True, use_bias=False); SimpleRNN(3, activation='relu');
        LSTM(3, activation='relu', recurrent_activation='hard_sigmoid'); GRU(3, reset_after=False);
        GRU(3, reset_after=False, use_bias=False); GRU(2, 'relu', 'relu', dropout=0.5); LSTM(3, activation=None);
        RNN(GRUCell(3)); RNN(LSTMCell(3), return_sequences=True); RNN(SimpleRNNCell(3)); Bidirectional(LSTM(3), 'sum');
        Bidirectional(LSTM(3), 'concat'); Bidirectional(LSTM(3, return_sequences=True), 'sum');
        Bidirectional(LSTM(3, return_sequences=True), 'concat'); Bidirectional(GRU(3), 'mul');
        Bidirectional(SimpleRNN(3), 'ave'); Bidirectional(RNN(GRUCell(2)));
        Bidirectional(GRU(3), backward_layer=LSTM(2, go_backwards=True)); TimeDistributed(Dense(3, activation='relu'));
        TimeDistributed(BatchNormalization()); TimeDistributed(keras.Sequential([keras.Input((4,)), Dense(3), LeakyReLU()]))
    """,
    (3, 7, 6, 4): """
        TimeDistributed(Conv2D(2, 3)); TimeDistributed(Flatten())
    """,
}


def cases() -> Iterator[Any]:
    """Each layer of the table, and each activation as an argument and as a layer."""
    activations = [text.format(name) for name in ACTIVATIONS for text in ("Dense(4, activation='{}')", "Activation('{}')")]
    table = {shape: " ".join(texts.split()).split("; ") for shape, texts in LAYERS.items()}
    table[(5,)] += activations
    for shape, texts in table.items():
        yield from (pytest.param(text, shape, id=f"{text}{shape}".replace(" ", "")) for text in texts)


@pytest.mark.parametrize(("text", "shape"), list(cases()))
def test_a_layer_over_its_arguments(text: str, shape: tuple[int, ...]) -> None:
    import keras

    agree(lambda: keras.Sequential([keras.Input(shape), layer_of(text)]), np.random.default_rng(SEED))


@pytest.mark.parametrize(
    "text", ["Conv2D(3, 3)", "Conv2D(3, (2, 3), (2, 1), 'same')", "Conv1D(3, 3, dilation_rate=2)", "Conv3D(2, 2)"]
)
def test_channels_first_are_as_channels_last_turned(text: str) -> None:
    """TensorFlow has no such convolutions on processors: they are compared with those that it has."""
    import keras

    generator = np.random.default_rng(SEED)
    shape = (3, 7, 6, 5)[: 1 + int(text[4])]
    last = made(lambda: keras.Sequential([keras.Input((*shape[1:], shape[0])), layer_of(text)]))
    weights, x = filled(last, generator), generator.normal(0, 1, (ROWS, *shape)).astype(np.float32)
    first = made(lambda: keras.Sequential([keras.Input(shape), layer_of(text[:-1] + ", data_format='channels_first')")]))
    found = network(first.to_json(), b"".join(each.tobytes() for each in weights)).outputs(x)
    expected = np.moveaxis(computed(last, weights, np.moveaxis(x, 1, -1)), -1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


# --- models -------------------------------------------------------------------------------------------------------------


VECTORS = "RepeatVector({few}); Reshape(({size}, 1)); Dense({few}, use_bias=False); Dense({few}, activation={activation})"
SEQUENCES = """
    Conv1D({few}, 2, padding={padding}, activation={activation}); Flatten(); GlobalMaxPooling1D(); GlobalAveragePooling1D();
    Permute((2, 1)); LSTM({few}, return_sequences={yes}); Bidirectional(GRU({few})); SimpleRNN({few}, go_backwards=True);
    TimeDistributed(Dense({few}, activation={activation})); SeparableConv1D({few}, 2, padding="same"); ZeroPadding1D(1)
"""
IMAGES = """
    Conv2D({few}, {few}, padding="same", activation={activation}); Flatten(); MaxPooling2D(2, padding="same"); UpSampling2D(2);
    AveragePooling2D(2, padding="same"); GlobalMaxPooling2D(); DepthwiseConv2D(2, padding="same"); ZeroPadding2D(1);
    SeparableConv2D({few}, 2, padding="same"); GlobalAveragePooling2D(); Reshape((-1, {size}))
"""
ANY = """
    Dense({few}, activation={activation}); BatchNormalization(); LayerNormalization(); Dropout(0.5); Activation({activation});
    LeakyReLU(); Rescaling(0.5, 0.1); nested
"""
MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate")
SOME = ("relu", "tanh", "sigmoid", "elu", "gelu", "softmax", "linear", "swish")


class Grower:
    """Grows a network at random: every step takes tensors that are there and makes one more.

    Args:
        generator: of all that is random.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def one_of(self, *values: Any) -> Any:
        return values[self.generator.integers(len(values))]

    def layer(self, text: str, x: Any) -> Any:
        """A layer of the lists above, with what stands in braces drawn."""
        drawn = {"few": self.one_of(1, 2, 3, 4), "activation": repr(self.one_of(*SOME)), "yes": self.one_of(True, False)}
        return layer_of(text.format(**drawn, padding=self.one_of("'same'", "'causal'"), size=x.shape[-1]))

    def grown(self, x: Any) -> Any:
        """One more layer on a tensor, of a kind that its shape allows."""
        text = self.one_of(*f"{(VECTORS, SEQUENCES, IMAGES)[len(x.shape) - 2]}; {ANY}".split(";")).strip()
        return (self.nested(x) if text == "nested" else self.layer(text, x))(x)

    def nested(self, x: Any) -> Any:
        """A model of one or two layers, Sequential or Functional."""
        import keras

        layers = [self.layer(text, x) for text in ("Dense({few}, activation={activation})", "BatchNormalization()")]
        given = keras.Input(x.shape[1:])
        sequential = keras.Sequential([given, *layers[: self.one_of(1, 2)]])
        return sequential if self.one_of(True, False) else keras.Model(given, layers[1](layers[0](given)))

    def model(self) -> Any:
        """A network of three to seven layers, some with branches that come together."""
        import keras

        x = given = keras.Input(self.one_of((6,), (5, 3), (6, 5, 2)))
        for _ in range(self.one_of(3, 4, 5, 6, 7)):
            x = self.branched(x) if self.one_of(True, False, False, False) else self.grown(x)
        return keras.Model(given, x)

    def branched(self, x: Any) -> Any:
        """Two ways from a tensor, perhaps through one layer that both share, that come together."""
        shared = self.layer("Dense({size}, activation={activation})", x)
        other = self.one_of(shared, self.layer("Dense({size})", x))
        return layer_of(f"{self.one_of(*MERGES)}()")([shared(x), other(layer_of("Activation('tanh')")(x))])


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")
@pytest.mark.parametrize("number", [*range(100), *(pytest.param(each, marks=pytest.mark.soak) for each in range(100, 400))])
def test_a_random_network(number: int) -> None:
    generator = np.random.default_rng([SEED, number])
    agree(lambda: Grower(generator).model(), generator, 2e-5)


def test_a_layer_that_is_called_at_two_depths() -> None:
    import keras

    def make() -> Any:
        given = keras.Input((4,))
        shared, own = keras.layers.Dense(4, "tanh"), keras.layers.Dense(4)
        return keras.Model(given, keras.layers.Add()([shared(own(shared(given))), given]))

    agree(make, np.random.default_rng(SEED))


def test_a_model_of_several_inputs_and_outputs_within_another() -> None:
    import keras

    def make() -> Any:
        one, two = keras.Input((4,)), keras.Input((3,))
        both = keras.layers.Concatenate()([keras.layers.Dense(2)(two), keras.layers.Dense(3)(one)])
        inner = keras.Model([one, two], [keras.layers.Dense(2)(both), keras.layers.Dense(5)(both)])
        given = keras.Input((4,))
        first, second = inner([given, keras.layers.Dense(3)(given)])
        third, _ = inner([keras.layers.Dense(4)(second), keras.layers.Dense(3)(first)])
        return keras.Model(given, keras.layers.Concatenate()([first, second, third]))

    agree(make, np.random.default_rng(SEED))


def test_numbers_of_words() -> None:
    import keras

    def make() -> Any:
        given = keras.Input((6,), dtype="int32")
        return keras.Model(given, keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(7, 3)(given)))

    generator = np.random.default_rng(SEED)
    words = generator.integers(-7, 7, (ROWS, 6)).astype(np.float32)
    agree(make, generator, x=words)
    model = made(make)
    with pytest.raises(UnfitRow, match=r'^layer "embedding\w*" \(Embedding\) takes numbers from 0 to 6$'):
        network(model.to_json(), bytes(4 * 21)).outputs(words + 7)


# --- what any Keras wrote -----------------------------------------------------------------------------------------------

# What of the architectures in the folder needs TensorFlow, and why.
OTHERS = {"attention": "MultiHeadAttention|Attention", "conv_lstm": "ConvLSTM2D"}


@pytest.mark.parametrize("name", FILES)
def test_an_architecture_of_any_keras_with_weights_in_its_layout(name: str) -> None:
    from keras_seg.architectures.endings import ends_in_sigmoid, last_activation

    text = text_of(name)
    model = build_model(text, 1)
    generator = np.random.default_rng(SEED)
    weights = generator.normal(0, 0.5, sum(int(np.prod(each.shape)) for each in model.weights)).astype(np.float32)
    weights = np.abs(weights) if "normalized" in name or "cnn" in name else weights  # there may be variances
    load_weights(model, weights.tobytes(), converted(text))
    x = generator.integers(0, 5, (ROWS, *model.input_shape[1:])).astype(np.float32)
    try:
        ready = network(text, weights.tobytes())
    except NeedsTensorFlow as problem:
        kind = next((kinds for ending, kinds in OTHERS.items() if name.endswith(ending)), "nothing")
        assert any(f"({each})" in str(problem) for each in kind.split("|")), problem
        return
    np.testing.assert_allclose(ready.outputs(x), np.asarray(model(x, training=False)), rtol=1e-5, atol=1e-5)
    assert (ready.ending.activation, ready.ending.in_sigmoid) == (last_activation(model), ends_in_sigmoid(model))


REFUSED = {
    "Conv2DTranspose(2, 2)": 'layer "one" (Conv2DTranspose)',
    "Dense(2, activation='sparsemax')": 'layer "one" (Dense): "activation" = \'sparsemax\'',
    "Dense(2, dtype='float64')": 'layer "one" (Dense): "dtype" = \'float64\'',
    "UpSampling2D(2, interpolation='bilinear')": 'layer "one" (UpSampling2D): "interpolation" = \'bilinear\'',
    "MaxPooling2D(3_000, padding='same')": 'layer "one" (MaxPooling2D): windows of [3000, 3000]',
    "ZeroPadding2D(100_000)": "the model, with 160006400096 numbers in memory and 1600064001280 products for a row,",
    "LayerNormalization(axis=0)": 'layer "one" (LayerNormalization): "axis" = 0',
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_needs_tensorflow_names_the_layer(text: str) -> None:
    layer = layer_of(text)
    named = {**layer.get_config(), "name": "one"}
    config = {"module": "keras.layers", "class_name": type(layer).__name__, "config": named, "registered_name": None}
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4, 4, 2], "dtype": "float32", "name": "given"}}
    text_of_model = {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": [first, config]}}
    with pytest.raises(NeedsTensorFlow) as caught:
        network(json.dumps(text_of_model), b"")
    assert str(caught.value) == REFUSED[text]


def test_rows_go_through_in_batches_of_bounded_memory() -> None:
    import keras

    layers = [keras.layers.Conv2D(4, 5), keras.layers.GlobalMaxPooling2D()]
    model = made(lambda: keras.Sequential([keras.Input((64, 64, 8)), *layers]))
    generator = np.random.default_rng(SEED)
    weights, x = filled(model, generator), generator.normal(0, 1, (20, 64, 64, 8)).astype(np.float32)
    ready = network(model.to_json(), b"".join(each.tobytes() for each in weights))
    assert 1 <= ready.rows_at_once <= 8  # the windows of a row are 60 * 60 * 5 * 5 * 8 numbers
    np.testing.assert_allclose(ready.outputs(x), computed(model, weights, x), rtol=1e-4, atol=1e-4)


# --- without Keras ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["layers", "initializers", "regularizers", "constraints"])
def test_the_table_of_arguments_is_that_of_the_installed_keras(family: str) -> None:
    import keras

    assert keras.__version__.startswith("3.")  # from here on Keras is asked
    for name in signatures.classes_of(family):
        assert dict(signatures.arguments_of(family, name)) == dict(allowed.arguments(family, name)), name


def test_neither_tensorflow_nor_keras_is_imported() -> None:
    program = """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules["tensorflow"] = sys.modules["keras"] = None
from keras_seg.session.answering import Answers
from keras_seg.inference.network import network
import numpy as np
print(network(sys.argv[2], np.zeros(193, np.float32).tobytes()).outputs(np.ones((1, 4), np.float32)).tolist())
"""
    arguments = [sys.executable, "-c", program, str(SRC), text_of("page_two_hidden_layers")]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    third = float(np.float32(1 / 3))
    assert json.loads(done.stdout) == [[pytest.approx(third)] * 3]
