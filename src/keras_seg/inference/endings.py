"""What the output of a network comes out of: its last activation, as `architectures.endings` tells it of a model of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_seg.inference.activations import WITH_LOGITS
from keras_seg.inference.layer import Layer
from keras_seg.inference.models import Model
from keras_seg.protocol.outputs import PROBABILITIES

_NONE = "linear"
# Behind these layers numbers from 0 to 1 are still that: they shape, pool, or do something in training only.
_KEEPING = ("Cropping", "UpSampling", "ZeroPadding", "Spatial", "Global", "Adaptive", "MaxPooling", "AveragePooling")
_ALSO_KEEPING = (
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity"),
    *("Average", "Concatenate", "Maximum", "Minimum", "Multiply"),
    *("Flatten", "Permute", "RepeatVector", "Reshape"),
)
_SAME = ("Identity", "ActivityRegularization")  # these give the very numbers that they are given
# What these give are numbers of their own, whatever they are given.
_MADE_ANEW = ("Average", "Concatenate", "Flatten", "Maximum", "Minimum", "Multiply", "Permute", "RepeatVector", "Reshape")
_POOLING = ("Global", "Adaptive", "MaxPooling", "AveragePooling")
_ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax")


@dataclass(frozen=True)
class Ending:
    """What numbers come out of.

    Attributes:
        activations: by their names in Keras, all from which they may come.
        in_sigmoid: whether a sigmoid was the very last that was done to them.
    """

    activations: frozenset[str] = frozenset((_NONE,))
    in_sigmoid: bool = False

    @property
    def activation(self) -> str:
        """Return the last activation; `linear` where there are several that differ."""
        found = self.activations
        return min(found) if len(found) == 1 or (found and found <= PROBABILITIES) else _NONE


def behind(layer: Layer, given: Sequence[Ending]) -> Ending:
    """Return what the first output of a layer comes out of, from what its inputs do."""
    if isinstance(layer, Model):
        return layer.followed(given, behind)
    if layer.kind == "InputLayer":
        return given[0]
    inner = layer
    while inner.kind == "TimeDistributed":
        (inner,) = inner.inner
    if isinstance(inner, Model):
        return Ending(inner.followed(given, behind).activations)
    if given and (inner.kind in _ALSO_KEEPING or inner.kind.startswith(_KEEPING)):
        names = frozenset().union(*(each.activations for each in given))
        return Ending(names, inner.kind in _SAME and given[0].in_sigmoid)
    name = _activation_of(inner)
    plain = inner is layer and layer.kind not in ("GRU", "LSTM", "RNN", "SimpleRNN")
    return Ending(frozenset((name,)), plain and name == "sigmoid")


def hides_no_logits(model: Model) -> bool:
    """Return whether the outputs of a model, whose very last step is not told, are surely no sigmoid or softmax by itself.

    Keras' crossentropy computes with what such a step is given, through layers that give the very numbers that they are given.
    """
    last = _last_layer(model)
    if last.kind in _MADE_ANEW or last.kind.startswith(_POOLING):
        return True
    names = {name.lower() for name in ending_of(model).activations}
    return not names & WITH_LOGITS and not (last.kind == "Activation" and names == {_NONE})


def _last_layer(model: Model) -> Layer:
    """Return the layer that gives the first output of a model, through models within it."""

    def step(layer: Layer, given: Sequence[Layer]) -> Layer:
        if isinstance(layer, Model):
            return layer.followed(given, step)
        return given[0] if layer.kind == "InputLayer" else layer

    begin: Sequence[Layer] = [model]
    return model.followed(begin, step)


def _activation_of(layer: Layer) -> str:
    """Return the name of a layer's activation; `linear` where it has none, or gates of another range stretch it."""
    given = layer.arguments
    if given.get("activation") is not None:
        gates = given.get("recurrent_activation")
        return _NONE if gates is not None and _name(gates) not in PROBABILITIES else _name(given["activation"])
    return layer.kind.lower() if layer.kind in _ACTIVATIONS else _NONE


def _name(activation: object) -> str:
    if isinstance(activation, Layer):
        return activation.kind
    return str(activation["config"] if isinstance(activation, dict) else activation)


def ending_of(model: Model) -> Ending:
    """Return what the output of a whole model comes out of."""
    return behind(model, [Ending()])
