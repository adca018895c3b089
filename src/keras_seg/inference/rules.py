"""The layers that numpy computes, each by its class in Keras."""

from __future__ import annotations

from collections.abc import Mapping

from keras_seg.inference import (
    activations,
    convolutions,
    dense,
    merging,
    normalization,
    pointwise,
    pooling,
    recurrent,
    reshaping,
    wrapping,
)
from keras_seg.inference.layer import Rule

RULES: Mapping[str, Rule] = {
    **activations.RULES,
    **convolutions.RULES,
    **dense.RULES,
    **merging.RULES,
    **normalization.RULES,
    **pointwise.RULES,
    **pooling.RULES,
    **recurrent.RULES,
    **reshaping.RULES,
    **wrapping.RULES,
}
