"""The architecture in what files of Keras' friends hold, where it does not stand by itself."""

from __future__ import annotations

import json

_NOTED = ("keras_version", "backend")  # beside the architecture
_MOST = 6  # wrappings: a text of a TensorFlow.js file with a text in it has five


def unwrapped(value: object) -> object:
    """Return the architecture that a value of JSON holds.

    It may be in a JSON string, as `json.dump(model.to_json(), file)` writes it, in the topology of a TensorFlow.js file, or in
    the `model_config` of either. Anything else is returned as it is.

    >>> unwrapped('{"class_name": "Sequential", "config": []}')
    {'class_name': 'Sequential', 'config': []}
    >>> unwrapped({"modelTopology": {"keras_version": "2.8.0", "model_config": {"class_name": "Sequential"}}})
    {'keras_version': '2.8.0', 'class_name': 'Sequential'}
    """
    for _ in range(_MOST):
        inner = _inner(value)
        if inner is value:
            break
        value = inner
    return value


def _inner(value: object) -> object:
    """Return what a value wraps; itself where it wraps nothing."""
    if isinstance(value, str):
        return _parsed(value)
    if not isinstance(value, dict) or "class_name" in value:
        return value
    if isinstance(value.get("modelTopology"), (dict, str)):
        return value["modelTopology"]
    config = value.get("model_config")
    parsed = _parsed(config) if isinstance(config, str) else config
    return {**{key: value[key] for key in _NOTED if key in value}, **parsed} if isinstance(parsed, dict) else value


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
