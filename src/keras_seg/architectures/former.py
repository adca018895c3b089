"""Functions of Keras 1 and 2 whose names mean something else today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def activation(name: str) -> str | dict[str, Any]:
    """Return what stands for an activation of Keras 1 or 2 in an architecture of Keras 3: its name, if that means the same."""
    function = _ACTIVATIONS.get(name)
    if function is None:
        return name
    return {"module": "builtins", "class_name": "function", "config": function.__name__, "registered_name": "function"}


def functions() -> dict[str, Callable[..., Any]]:
    """Return the functions by the names that `activation` gives them."""
    return {function.__name__: function for function in _ACTIVATIONS.values()}


def name_of(function: str) -> str:
    """Return what Keras 1 and 2 called one of `functions`."""
    return next(name for name, each in _ACTIVATIONS.items() if each.__name__ == function)


def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """Return 0.2 x + 0.5 between 0 and 1; Keras 3 has the slope 1/6."""
    import keras

    return keras.ops.clip(x * 0.2 + 0.5, 0, 1)


_ACTIVATIONS: Mapping[str, Callable[..., Any]] = {"hard_sigmoid": hard_sigmoid_of_keras_2}
