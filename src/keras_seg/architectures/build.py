"""Architecture JSON of any Keras generation -> a Keras 3 model.

The JSON comes from a table that any role can write, and is built inside the database server: see `allowed` for what it may
name, `conversion` for how it is rewritten and `seeding` for where initial weights come from.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

from keras_seg.architectures import allowed, conversion, former
from keras_seg.architectures.drawing import Draws, noted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.seeding import Seeding, undisturbed_random
from keras_seg.architectures.written import written
from keras_seg.protocol.architecture_files import unwrapped
from keras_seg.server.failure import message_of
from keras_seg.server.memory import free_with_swap

LONGEST_TEXT = 16 * 1024 * 1024  # characters
DEEPEST = 100  # levels of objects and lists; a model in a model takes about four
_LITTLE = 2**26  # weights: for fewer there is room
LARGEST_MODEL = 250_000_000  # weights: 1000 MB as float32, which is what fits into a bytea


def modern_config(text: str) -> dict[str, Any]:
    """Return an architecture as Keras 3 deserialises it, as `converted` of it, without `build_config` and `compile_config`."""
    return converted(text).config


def converted(text: str) -> conversion.Converted:
    """Read an architecture and rewrite it as Keras 3 deserialises it.

    Args:
        text: what `model.to_json()` of Keras 1, 2 or 3 gave, or a file that holds that.

    Raises:
        ArchitectureError: the text is not an architecture, or holds code, classes that are not Keras' own or unknown arguments.
    """
    tree = read(text)
    return conversion.converted(tree, written(tree))


def read(text: str) -> dict[str, Any]:
    """Return the tree of an architecture, as its JSON has it.

    Raises:
        ArchitectureError: the text is not JSON of an architecture, or holds code.
    """
    tree = _parsed(text)
    _refuse_code(tree)
    return tree


def build_model(text: str, seed: int) -> Any:
    """Build the model of an architecture, uncompiled, with initial weights that only `text` and `seed` decide.

    Args:
        text: what `model.to_json()` of Keras 1, 2 or 3 gave.
        seed: what the seeds of all initializers and of all layers that draw at random derive from, where the architecture has
            no explicit ones.

    Returns:
        A `keras.Sequential` or `keras.Model`.

    Raises:
        ArchitectureError: as `modern_config`, or Keras cannot build it, or it is larger than can be stored.
    """
    return _seeded(text, seed)[0]


def build_and_note(text: str, seed: int) -> tuple[Any, Draws | None]:
    """Build as `build_model` does, and note how the weights are drawn, where that can be done without building again."""
    model, initializers, seeding = _seeded(text, seed)
    with undisturbed_random():
        return model, None if seeding.finishes(model) else noted(model, initializers, seeding.paths, seed)


def _seeded(text: str, seed: int) -> tuple[Any, list[Any], Seeding]:
    """Build a model, and return it with what initializes each of its variables and what gave it its seeds."""
    seeding = Seeding(seed)
    config = seeding.seeded(modern_config(text))
    with undisturbed_random():
        model, initializers = _built(config)
        seeding.finish(model)
    return model, initializers, seeding


def unseeded_model(text: str) -> Any:
    """Build the model of an architecture as Keras would, with no seeds but those that it has itself.

    Its weights are random ones that nothing decides: it is built to be given others.

    Args, Returns, Raises: as `build_model`.
    """
    with undisturbed_random():
        return _built(modern_config(text))[0]


def input_shape(model: Any) -> tuple[int, ...]:
    """Return the shape of one row of the input.

    Raises:
        ArchitectureError: the model has several inputs, none, or one of an open size.
    """
    if not model.built:
        raise ArchitectureError("the model does not say the shape of its input; give the first layer an input_shape")
    return _row_shape(model.input_shape, len(model.inputs), "input")


def output_shape(model: Any) -> tuple[int, ...]:
    """Return the shape of one row of the output.

    Raises:
        ArchitectureError: the model has several outputs, none, or one of an open size.
    """
    if not model.built:
        raise ArchitectureError("the model does not say the shape of its input; give the first layer an input_shape")
    return _row_shape(model.output_shape, len(model.outputs), "output")


def _parsed(text: str) -> dict[str, Any]:
    if not isinstance(text, str) or not text.strip():
        raise ArchitectureError("the architecture is empty; store what model.to_json() returns")
    if len(text) > LONGEST_TEXT:
        raise ArchitectureError(f"the architecture has {len(text)} characters, more than the {LONGEST_TEXT} that are read")
    try:
        tree = unwrapped(json.loads(text))
    except RecursionError:
        raise ArchitectureError("the architecture is nested too deeply") from None
    except ValueError as problem:
        raise ArchitectureError(f"the architecture is not JSON: {problem}") from None
    for _, level in _walk(tree):
        if level > DEEPEST:
            raise ArchitectureError(f"the architecture is nested too deeply, more than {DEEPEST} levels")
    if not isinstance(tree, dict):
        raise ArchitectureError(
            'the architecture must be a JSON object with "class_name" and "config", as Keras\' model.to_json() writes it'
        )
    return tree


def _walk(tree: object) -> Iterator[tuple[object, int]]:
    """Visit every object and list with its depth; a stack of its own, so that no depth can exhaust Python's."""
    open_ends = [(tree, 1)]
    while open_ends:
        node, level = open_ends.pop()
        if isinstance(node, (dict, list)):
            yield node, level
            open_ends += [(each, level + 1) for each in (node.values() if isinstance(node, dict) else node)]


def _refuse_code(tree: object) -> None:
    for node, _ in _walk(tree):
        if isinstance(node, dict) and isinstance(kind := node.get("class_name"), str) and kind in allowed.CODE:
            config = node.get("config")
            name = node.get("name") or (config.get("name") if isinstance(config, dict) else None) or kind
            raise ArchitectureError(
                f'layer "{str(name)[:60]}" ({kind}) carries code, and code in an architecture is not run;'
                " use a built-in layer in its place, such as Rescaling, Activation or Reshape"
            )


def _built(config: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Build a model and return it with what initializes each of its variables.

    Its weights get their memory only after it is known how many they are.
    """
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False), keras.saving.CustomObjectScope(former.functions()):
            model = _made(config)
        _check_size(model)
        initializers = [variable._initializer for variable in model.variables]
        with keras.StatelessScope():
            pass  # its end gives the variables their initial values
    except BaseException as problem:
        _forget_variables()
        if isinstance(problem, ArchitectureError) or not isinstance(problem, Exception):
            raise
        said = message_of(problem, most=400)
        raise ArchitectureError(f"Keras cannot build the architecture: {_culprit(config)}{said}") from problem
    return model, initializers


def _made(config: dict[str, Any]) -> Any:
    import keras

    fresh = copy.deepcopy(config)  # deserialising takes things out
    if fresh["class_name"] != "Sequential" or set(fresh["config"]) - {"name", "trainable", "layers"}:
        return keras.saving.deserialize_keras_object(fresh, safe_mode=True)
    # `Sequential.from_config` adds the layers one by one, and makes the whole graph again after each of them.
    layers = [keras.saving.deserialize_keras_object(layer, safe_mode=True) for layer in fresh["config"].pop("layers")]
    return keras.Sequential(layers, **fresh["config"])


def _check_size(model: Any) -> None:
    size = sum(math.prod(tuple(weight.shape)) for weight in model.weights)
    if size > LARGEST_MODEL:
        raise ArchitectureError(f"the architecture has {size} weights, more than the {LARGEST_MODEL} that can be stored")
    if size > _LITTLE and 4 * size > (free := free_with_swap()):
        raise ArchitectureError(f"the architecture has {size} weights, and memory is free for {free // 4}")


def _forget_variables() -> None:
    """Drop variables that wait for their initial values, so that no later scope gives them memory."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("uninitialized_variables", [])


def _culprit(config: dict[str, Any]) -> str:
    """Name the layer that Keras does not even make on its own, if that is what went wrong."""
    import keras

    for layer in config["config"]["layers"]:
        if layer["class_name"] in allowed.MODELS:
            continue
        try:
            with keras.StatelessScope(initialize_variables=False), keras.saving.CustomObjectScope(former.functions()):
                keras.saving.deserialize_keras_object(copy.deepcopy(layer), safe_mode=True)
        except Exception:
            return f'layer "{layer["config"]["name"]}" ({layer["class_name"]}): '
        finally:
            _forget_variables()
    return ""


def _row_shape(shape: Any, count: int, what: str) -> tuple[int, ...]:
    if count != 1:
        raise ArchitectureError(f"the model has {count} {what}s; models with more than one {what} are not supported")
    row = next(iter(shape.values())) if isinstance(shape, dict) else shape
    row = row[0] if row and isinstance(row[0], (tuple, list)) else row
    if None in row[1:]:
        raise ArchitectureError(f"the {what} of the model has the shape {tuple(row[1:])}; give each dimension a size")
    return tuple(int(size) for size in row[1:])
