"""Arguments of the classes that an architecture names: what Keras 1 and 2 called them, and those that are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_seg.architectures import allowed
from keras_seg.architectures.problems import ArchitectureError, closest, cut

# Names of arguments in Keras 1 and 2, and what they are now; used where the layer takes the new name and not the old one.
_RENAMED: Mapping[str, tuple[str, ...]] = {
    "init": ("kernel_initializer", "embeddings_initializer"),
    "inner_init": ("recurrent_initializer",),
    "beta_init": ("beta_initializer",),
    "gamma_init": ("gamma_initializer",),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "b_constraint": ("bias_constraint",),
    "bias": ("use_bias",),
    "border_mode": ("padding",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "nb_filter": ("filters",),
    "filter_length": ("kernel_size",),
    "pool_length": ("pool_size",),
    "atrous_rate": ("dilation_rate",),
    "dim_ordering": ("data_format",),
    "inner_activation": ("recurrent_activation",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "output_dim": ("units",),
    "p": ("rate",),
    "sigma": ("stddev",),
    "length": ("size",),
    "theta": ("threshold",),
    "alpha": ("negative_slope",),
    "m": ("max_value",),
}
# Arguments that no longer exist and did not change what a layer computes.
_WITHOUT_MEANING = frozenset(
    (
        "batch_input_shape",
        "batch_shape",
        "batch_size",
        "consume_less",
        "fused",
        "implementation",
        "input_dim",
        "input_dtype",
        "input_length",
        "input_shape",
        "input_spec",
        "key_shape",
        "partition_shape",
        "query_shape",
        "renorm_clipping",
        "renorm_momentum",
        "rng_type",
        "value_shape",
        "vocabulary_size",
    )
)
# Arguments that no longer exist, and the values with which they did nothing.
_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "causal": (False,),
    "dropout": (0, 0.0),
    "groups": (1,),
    "mode": (0,),
    "ragged": (False,),
    "renorm": (False,),
    "rms_scaling": (False,),
    "softmax_robust_masking": (False,),
    "sparse": (False,),
    "time_major": (False,),
    "trainable": (True, False),  # of layers without weights
    "zero_output_for_mask": (False,),
}


def known(family: str, class_name: str, where: str) -> Mapping[str, object]:
    """Return the arguments of a class with their defaults, as `allowed.arguments`.

    Args:
        family: a module of Keras: `layers`, `initializers`, `regularizers` or `constraints`.
        class_name: one of its classes, which is allowed.
        where: what an error begins with.

    Raises:
        ArchitectureError: the installed Keras does not have the class.
    """
    try:
        return allowed.arguments(family, class_name)
    except AttributeError:
        import keras

        raise ArchitectureError(f"{where}: the installed Keras {keras.__version__} has no {class_name}") from None


def renamed(config: Mapping[str, Any], taken: Mapping[str, object]) -> dict[str, Any]:
    """Return a configuration under today's names of its arguments.

    Args:
        config: values by name, as any Keras wrote them.
        taken: the arguments that the class takes today; a former name gives way only to one of these that is not given.
    """
    return {
        next((new for new in _RENAMED.get(key, ()) if key not in taken and new in taken and new not in config), key): value
        for key, value in config.items()
    }


def is_used(argument: str, value: object, taken: Mapping[str, object], where: str) -> bool:
    """Tell whether an argument is to be handed on.

    Args:
        taken: the arguments that the class takes today.
        where: what an error begins with.

    Raises:
        ArchitectureError: it is unknown, and with this value it may have meant something.
    """
    if argument in taken:
        return True
    if value is None or argument in _WITHOUT_MEANING or value in _HARMLESS.get(argument, ()):
        return False
    raise ArchitectureError(
        f'{where} has an argument "{cut(argument)}" = {cut(value)} that Keras 3 does not know{closest(argument, taken)};'
        " without it, this may be another network"
    )
