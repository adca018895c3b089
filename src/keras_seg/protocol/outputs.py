"""Which outputs of a network fit which labels: what both sides can tell without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras_seg.protocol.variables import Variable

# Activations of which one output is a number from 0 to 1: how probable something is.
PROBABILITIES = frozenset(("sigmoid", "hard_sigmoid", "hard_sigmoid_of_keras_2", "sparse_sigmoid"))
_CLASSES_LOSS = "a loss that reads class numbers, such as sparse_categorical_crossentropy"


def stands_for_two(labels: Variable, outputs: Sequence[int]) -> bool:
    """Return whether a network has one output for two classes: how probable the second one is.

    Args:
        labels: of the rows.
        outputs: shape of what the network gives for one.
    """
    return labels.one_hot and labels.shape == (2,) and math.prod(outputs) == 1


def are_class_numbers(labels: Variable, outputs: Sequence[int]) -> bool:
    """Return whether each label can be the number of a class, of which the outputs have one each: `(5,)` for `(5, 3)`."""
    places = tuple(outputs[:-1])
    return not labels.one_hot and math.prod(outputs[-1:]) > 1 and labels.shape in (places, (*places, 1))


def common_shape(labels: Variable, outputs: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape in which a row of labels can be compared with a row of outputs; None where there is none.

    A dimension of 1 at the end may be there on one side only.
    """
    given, shape = tuple(outputs), labels.shape
    if labels.one_hot or given in (shape, ()):
        return shape if given == shape or (given == () and shape == (1,)) else None
    return given if given == (*shape, 1) or shape == (*given, 1) or math.prod(given) == math.prod(shape) == 1 else None


def unfit_features(taken: Sequence[int], held: Sequence[int]) -> str | None:
    """Return why rows of features do not fit a network; None if they do.

    Args:
        taken: shape of a row that the network takes.
        held: of one that the table holds.
    """
    if tuple(taken) == tuple(held):
        return None
    return f"the network takes rows of shape {list(taken)}, the table holds rows of shape {list(held)}"


def unfit(labels: Variable, outputs: Sequence[int], reads_numbers: bool) -> str | None:
    """Return why outputs do not fit labels, with what to do about it; None if they do.

    Args:
        labels: of the rows.
        outputs: shape of what the network gives for one.
        reads_numbers: whether the loss reads the numbers of classes.

    >>> unfit(Variable("y", (3,), "int16", one_hot=True), (4,), False)
    "the network's last layer has 4 units, the dependent variable has 3 classes; give it units=3 and activation softmax"
    """
    numbers = are_class_numbers(labels, outputs)
    if common_shape(labels, outputs) is not None or stands_for_two(labels, outputs) or (numbers and reads_numbers):
        return None
    flat = len(outputs) < 2
    gives = f"last layer has {math.prod(outputs)} units" if flat else f"outputs have shape {list(outputs)}"
    end = "give it" if flat or len(labels.shape) > 1 else "let it end in Flatten and Dense with"
    holds, remedy = _of_classes(labels) if labels.one_hot else _of_numbers(labels, numbers)
    return f"the network's {gives}, the dependent variable {holds}; {end} {remedy}"


def _of_classes(labels: Variable) -> tuple[str, str]:
    """Return what the labels are, and what the network needs."""
    one = ", or units=1 and activation sigmoid" if labels.shape == (2,) else ""
    return f"has {labels.size} classes", f"units={labels.size} and activation softmax{one}"


def _of_numbers(labels: Variable, numbers: bool) -> tuple[str, str]:
    loss = f", or choose {_CLASSES_LOSS}" if numbers else ""
    if len(labels.shape) > 1:
        return f"is arrays of shape {list(labels.shape)}", f"outputs of that shape{loss}"
    if labels.size > 1:
        return f"is arrays of {labels.size} numbers", f"units={labels.size}{loss}"
    if labels.dtype == "int16":
        return "is arrays of one number", f"units=1{loss}"
    return "is one number a row", "units=1; to make classes of it, give num_classes to training_preprocessor_dl"


def no_probability(activation: str, logits: bool) -> str | None:
    """Return why one output cannot stand for two classes, with what to do about it; None if it can.

    Args:
        activation: the last one of the network, by its name in Keras.
        logits: whether the loss reads outputs as logits.
    """
    if activation in PROBABILITIES or (logits and activation != "softmax"):
        return None
    always = ", which of one unit is always 1" if activation == "softmax" else ""
    other = ", or a loss with from_logits=True" if activation == "linear" else ""
    return (
        f"the network's one output must be the probability of the second of two classes, its last activation is {activation}"
        f"{always}; give it activation sigmoid, or units=2 and activation softmax{other}"
    )
