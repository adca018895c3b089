"""What of Keras an architecture may name, as lists in the source.

An architecture comes from a table that any role can write, and is built inside the database server. So the lists say what is
allowed rather than what is not: a layer that some later Keras adds is refused until it is looked at and written down here.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any

from keras_seg.architectures import signatures


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _words(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding
    CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
    Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense
    Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
    HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute
    Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
    RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
    StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D
    UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)
MODELS = frozenset(("Sequential", "Functional", "Model"))
# Classes that run code from the architecture or from a file that it names.
CODE = _words(
    """
    Lambda LambdaLayer __lambda__ TFSMLayer TorchModuleWrapper FlaxLayer JaxLayer TFOpLambda SlicingOpLambda TensorFlowOpLayer
    ClassMethod InstanceMethod InstanceProperty
    """
)
# Other names that the same layer has had.
LAYER_ALIASES: Mapping[str, str] = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in (1, 2, 3)},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in (1, 2)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "ThresholdedReLU": "ReLU",
    "TimeDistributedDense": "Dense",
}
ACTIVATION_LAYERS = frozenset(("ELU", "LeakyReLU", "ReLU", "Softmax"))
ACTIVATIONS = _words(
    """
    celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
    squareplus swish tanh tanh_shrink
    """
)
# Functions of Keras that are no activations of a layer, and why: Keras builds such a network, and fails when it computes it.
NO_ACTIVATIONS: Mapping[str, str] = {
    "glu": "gives half of the numbers that Keras expects of a layer",
    "threshold": "takes two numbers beside its input, for which an architecture has no place",
}
# tf.nn.softmax and tf.nn.log_softmax, given as activations, wrote these names.
ACTIVATION_ALIASES: Mapping[str, str] = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}
INITIALIZERS = _words(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal RandomNormal
    RandomUniform STFT TruncatedNormal VarianceScaling Zeros
    """
)
REGULARIZERS = frozenset(("L1", "L1L2", "L2", "OrthogonalRegularizer"))
CONSTRAINTS = frozenset(("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"))
_FAMILIES: Mapping[str, tuple[frozenset[str], Mapping[str, str]]] = {
    "initializers": (
        INITIALIZERS,
        {
            "normal": "RandomNormal",
            "uniform": "RandomUniform",
            "one": "Ones",
            "zero": "Zeros",
            "identityinitializer": "Identity",
            "orthogonalinitializer": "Orthogonal",
            "stftinitializer": "STFT",
        },
    ),
    "regularizers": (
        REGULARIZERS,
        {"weightregularizer": "L1L2", "activityregularizer": "L1L2", "l1l2regularizer": "L1L2"},
    ),
    "constraints": (CONSTRAINTS, {}),
}
FLOATING = frozenset(("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"))
DTYPES = FLOATING | frozenset(("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "string"))
_KERAS_MODULE = re.compile(r"builtins|(tf_)?keras(\.\w+)*|tensorflow(\.\w+)*\.keras(\.\w+)*", re.ASCII)


def member(family: str, name: str) -> str | None:
    """Return the class of a family (`initializers`, `regularizers`, `constraints`) that has been called `name`, if any.

    >>> member("initializers", "glorot_uniform")
    'GlorotUniform'
    """
    names, aliases = _FAMILIES[family]
    plain = name.replace("_", "").lower()
    return aliases.get(plain) or next((known for known in names if known.lower() == plain), None)


def is_keras_own(node: Mapping[str, Any]) -> bool:
    """Tell whether an object's `module` and `registered_name` say that it is Keras' own."""
    module, registered = node.get("module"), node.get("registered_name")
    if module is not None and not (isinstance(module, str) and _KERAS_MODULE.fullmatch(module)):
        return False
    return registered is None or registered == node.get("class_name") or node.get("class_name") == "function"


def family_names(family: str) -> frozenset[str]:
    """Return the classes of a family."""
    return _FAMILIES[family][0]


def arguments(family: str, class_name: str) -> Mapping[str, Any]:
    """Return the arguments that a class of Keras takes, with their defaults (`inspect.Parameter.empty` where there is none).

    Of classes in the table of `signatures` Keras need not be there; where it is, it is asked, because it may be of another
    version.
    """
    if sys.modules.get("keras") is None and class_name in signatures.classes_of(family):
        return signatures.arguments_of(family, class_name)
    return _of_keras(family, class_name)


@functools.cache
def _of_keras(family: str, class_name: str) -> Mapping[str, Any]:
    import keras

    found: dict[str, Any] = {}
    for owner in getattr(getattr(keras, family), class_name).__mro__:
        if "__init__" not in vars(owner) or not owner.__module__.startswith("keras."):
            continue
        parameters = [p for p in inspect.signature(owner.__init__).parameters.values() if p.name != "self"]
        named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        found = {**{parameter.name: parameter.default for parameter in named}, **found}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break  # it hands nothing on to its parents
    return found
