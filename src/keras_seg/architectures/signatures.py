"""Arguments that classes of Keras take, with their defaults, for where Keras is not: the layers that `inference` computes.

A test holds the table equal to the installed Keras.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import Parameter
from typing import Any

# Those that nearly every layer takes; COMMON stands for them.
_COMMON: Mapping[str, Any] = {"name": None, "activity_regularizer": None, "trainable": True, "dtype": None, "autocast": True}
# By family; an argument without a default must be given.
_TABLE: Mapping[str, str] = {
    "layers": """
Activation(COMMON, activation)
ActivityRegularization(COMMON, l1=0.0, l2=0.0)
AdaptiveAveragePooling1D(COMMON, output_size, data_format=None)
AdaptiveAveragePooling2D(COMMON, output_size, data_format=None)
AdaptiveAveragePooling3D(COMMON, output_size, data_format=None)
AdaptiveMaxPooling1D(COMMON, output_size, data_format=None)
AdaptiveMaxPooling2D(COMMON, output_size, data_format=None)
AdaptiveMaxPooling3D(COMMON, output_size, data_format=None)
Add(COMMON)
AlphaDropout(COMMON, rate, noise_shape=None, seed=None)
Average(COMMON)
AveragePooling1D(COMMON, pool_size, pool_dimensions, strides=None, pool_mode="max", padding="valid", data_format=None)
AveragePooling2D(COMMON, pool_size, pool_dimensions, strides=None, pool_mode="max", padding="valid", data_format=None)
AveragePooling3D(COMMON, pool_size, pool_dimensions, strides=None, pool_mode="max", padding="valid", data_format=None)
BatchNormalization(COMMON, axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, beta_initializer="zeros",
    gamma_initializer="ones", moving_mean_initializer="zeros", moving_variance_initializer="ones", beta_regularizer=None,
    gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None,
    renorm_momentum=0.99, synchronized=False)
Bidirectional(COMMON, layer, merge_mode="concat", weights=None, backward_layer=None)
Concatenate(COMMON, axis=-1)
Conv1D(COMMON, rank, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, groups=1,
    activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
    bias_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None, lora_alpha=None)
Conv2D(COMMON, rank, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
    groups=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
    kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None,
    lora_alpha=None)
Conv3D(COMMON, rank, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1),
    groups=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
    kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None,
    lora_alpha=None)
Cropping1D(COMMON, cropping=(1, 1))
Cropping2D(COMMON, cropping=((0, 0), (0, 0)), data_format=None)
Cropping3D(COMMON, cropping=((1, 1), (1, 1), (1, 1)), data_format=None)
Dense(COMMON, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
    kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None,
    lora_alpha=None, quantization_config=None)
DepthwiseConv1D(COMMON, rank, kernel_size, depth_multiplier=1, strides=1, padding="valid", data_format=None,
    dilation_rate=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform", bias_initializer="zeros",
    depthwise_regularizer=None, bias_regularizer=None, depthwise_constraint=None, bias_constraint=None)
DepthwiseConv2D(COMMON, rank, kernel_size, depth_multiplier=1, strides=(1, 1), padding="valid", data_format=None,
    dilation_rate=(1, 1), activation=None, use_bias=True, depthwise_initializer="glorot_uniform", bias_initializer="zeros",
    depthwise_regularizer=None, bias_regularizer=None, depthwise_constraint=None, bias_constraint=None)
Dot(COMMON, axes, normalize=False)
Dropout(COMMON, rate, noise_shape=None, seed=None)
ELU(COMMON, alpha=1.0)
EinsumDense(COMMON, equation, output_shape, activation=None, bias_axes=None, kernel_initializer="glorot_uniform",
    bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None, bias_constraint=None,
    lora_rank=None, lora_alpha=None, gptq_unpacked_column_size=None, quantization_config=None)
Embedding(COMMON, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
    embeddings_constraint=None, mask_zero=False, weights=None, lora_rank=None, lora_alpha=None, quantization_config=None)
Flatten(COMMON, data_format=None)
GRU(COMMON, cell, units, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
    zero_output_for_mask=False, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
    kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
    recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None, reset_after=True,
    use_cudnn="auto")
GRUCell(COMMON, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
    kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
    recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, reset_after=True, seed=None)
GaussianDropout(COMMON, rate, seed=None)
GaussianNoise(COMMON, stddev, seed=None)
GlobalAveragePooling1D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GlobalAveragePooling2D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GlobalAveragePooling3D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GlobalMaxPooling1D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GlobalMaxPooling2D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GlobalMaxPooling3D(COMMON, pool_dimensions, data_format=None, keepdims=False)
GroupNormalization(COMMON, groups=32, axis=-1, epsilon=0.001, center=True, scale=True, beta_initializer="zeros",
    gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None)
Identity(COMMON)
LSTM(COMMON, cell, units, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
    zero_output_for_mask=False, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
    kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
    kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None,
    use_cudnn="auto")
LSTMCell(COMMON, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
    kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
    kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None)
LayerNormalization(COMMON, axis=-1, epsilon=0.001, center=True, scale=True, beta_initializer="zeros",
    gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None)
LeakyReLU(COMMON, negative_slope=0.3)
MaxPooling1D(COMMON, pool_dimensions, pool_size=2, strides=None, pool_mode="max", padding="valid", data_format=None)
MaxPooling2D(COMMON, pool_dimensions, pool_size=(2, 2), strides=None, pool_mode="max", padding="valid", data_format=None)
MaxPooling3D(COMMON, pool_dimensions, pool_size=(2, 2, 2), strides=None, pool_mode="max", padding="valid", data_format=None)
Maximum(COMMON)
Minimum(COMMON)
Multiply(COMMON)
Normalization(COMMON, axis=-1, mean=None, variance=None, invert=False)
PReLU(COMMON, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None)
Permute(COMMON, dims)
RMSNormalization(COMMON, axis=-1, epsilon=1e-06)
RNN(COMMON, cell, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
    zero_output_for_mask=False)
ReLU(COMMON, max_value=None, negative_slope=0.0, threshold=0.0)
RepeatVector(COMMON, n)
Rescaling(COMMON, scale, offset=0.0)
Reshape(COMMON, target_shape)
SeparableConv1D(COMMON, rank, filters, kernel_size, depth_multiplier=1, strides=1, padding="valid", data_format=None,
    dilation_rate=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
    pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
    pointwise_regularizer=None, bias_regularizer=None, depthwise_constraint=None, pointwise_constraint=None,
    bias_constraint=None)
SeparableConv2D(COMMON, rank, filters, kernel_size, depth_multiplier=1, strides=(1, 1), padding="valid", data_format=None,
    dilation_rate=(1, 1), activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
    pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
    pointwise_regularizer=None, bias_regularizer=None, depthwise_constraint=None, pointwise_constraint=None,
    bias_constraint=None)
SimpleRNN(COMMON, cell, units, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
    zero_output_for_mask=False, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
    recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
    bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
    recurrent_dropout=0.0, seed=None)
SimpleRNNCell(COMMON, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
    recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
    bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
    recurrent_dropout=0.0, seed=None)
Softmax(COMMON, axis=-1)
SpatialDropout1D(rate, seed=None, name=None, dtype=None)
SpatialDropout2D(rate, data_format=None, seed=None, name=None, dtype=None)
SpatialDropout3D(rate, data_format=None, seed=None, name=None, dtype=None)
Subtract(COMMON)
TimeDistributed(COMMON, layer)
UnitNormalization(COMMON, axis=-1)
UpSampling1D(COMMON, size=2)
UpSampling2D(COMMON, size=(2, 2), data_format=None, interpolation="nearest")
UpSampling3D(COMMON, size=(2, 2, 2), data_format=None)
ZeroPadding1D(COMMON, padding=1, data_format=None)
ZeroPadding2D(COMMON, padding=(1, 1), data_format=None)
ZeroPadding3D(COMMON, padding=((1, 1), (1, 1), (1, 1)), data_format=None)
""",
    "initializers": """
Constant(value=0.0)
GlorotNormal(seed=None, input_axes=None, output_axes=None)
GlorotUniform(seed=None, input_axes=None, output_axes=None)
HeNormal(seed=None, input_axes=None, output_axes=None)
HeUniform(seed=None, input_axes=None, output_axes=None)
Identity(gain=1.0)
LecunNormal(seed=None, input_axes=None, output_axes=None)
LecunUniform(seed=None, input_axes=None, output_axes=None)
Ones()
Orthogonal(gain=1.0, seed=None)
RandomNormal(mean=0.0, stddev=0.05, seed=None)
RandomUniform(minval=-0.05, maxval=0.05, seed=None)
STFT(side="real", window="hann", scaling="density", periodic=False)
TruncatedNormal(mean=0.0, stddev=0.05, seed=None)
VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None, output_axes=None)
Zeros()
""",
    "regularizers": """
L1(l1=0.01)
L1L2(l1=0.0, l2=0.0)
L2(l2=0.01)
OrthogonalRegularizer(factor=0.01, mode="rows")
""",
    "constraints": """
MaxNorm(max_value=2, axis=0)
MinMaxNorm(min_value=0.0, max_value=1.0, rate=1.0, axis=0)
NonNeg()
UnitNorm(axis=0)
""",
}


def arguments_of(family: str, class_name: str) -> Mapping[str, Any]:
    """Return the arguments of a class, as `allowed.arguments`.

    Raises:
        KeyError: the table does not have the class.
    """
    return _family(family)[class_name]


def classes_of(family: str) -> frozenset[str]:
    """Return the classes of a family that the table has."""
    return frozenset(_family(family))


@cache
def _family(family: str) -> Mapping[str, Mapping[str, Any]]:
    calls = [statement.value for statement in ast.parse(_TABLE[family]).body if isinstance(statement, ast.Expr)]
    return {
        call.func.id: dict(_arguments(call)) for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }


def _arguments(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for given in call.args:
        if isinstance(given, ast.Name):
            yield from _COMMON.items() if given.id == "COMMON" else ((given.id, Parameter.empty),)
    for keyword in call.keywords:
        yield str(keyword.arg), ast.literal_eval(keyword.value)
