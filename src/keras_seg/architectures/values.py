"""Values in the configuration of a layer: names, plain data, seeds, types, and members of Keras' families of small classes.

Nothing is passed on as it came: numbers, texts and lists are copied, everything else is written again.
"""

from __future__ import annotations

import re
from typing import Any

from keras_seg.architectures import allowed, arguments, former
from keras_seg.architectures.problems import ArchitectureError, closest, cut

Config = dict[str, Any]

LARGEST_INTEGER = 2**31
_FORMATS = {"tf": "channels_last", "th": "channels_first"}
_POLICIES = frozenset(("DTypePolicy", "Policy", "PolicyV1", "FloatDTypePolicy"))


def of_argument(argument: str, value: object, where: str, generation: int) -> object:
    """Convert the value of one argument of a layer by what the argument is; layers in it are converted elsewhere.

    Args:
        argument: its name in Keras 3.
        value: as any Keras wrote it; not None.
        where: what an error begins with.
        generation: the major version of the Keras that wrote it.

    Raises:
        ArchitectureError: the value is not allowed there.
    """
    if argument.endswith("activation"):
        name = activation(value, where)
        return former.activation(name) if generation < 3 else name
    if argument.endswith(("_initializer", "_regularizer", "_constraint")):
        return member(argument.rpartition("_")[2] + "s", value, f"{where}, {argument}")
    if argument == "dtype":
        return dtype(value, where)
    if argument == "seed":
        return seed(value, where)
    if argument == "data_format" and isinstance(value, str):
        return _FORMATS.get(value, value)
    return data(value, f'{where}, "{argument}"')


def activation(value: object, where: str) -> str:
    """Return the name of an activation function.

    Raises:
        ArchitectureError: it is not one of Keras' own, or not one of a layer.
    """
    if isinstance(value, dict):
        check_own(value, where)
        value = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
    if not isinstance(value, str):
        raise ArchitectureError(f"{where}: an activation must be the name of one of Keras' own, got {cut(value)}")
    name = allowed.ACTIVATION_ALIASES.get(value, value)
    if name in allowed.NO_ACTIVATIONS:
        raise ArchitectureError(f'{where}: "{name}" can be the activation of no layer: it {allowed.NO_ACTIVATIONS[name]}')
    if name not in allowed.ACTIVATIONS:
        raise ArchitectureError(
            f'{where}: the activation "{cut(value)}" is not one of Keras\' own{closest(value, allowed.ACTIVATIONS)}'
        )
    return name


def keras_object(module: str, class_name: str, config: Config) -> Config:
    """Return an object of Keras' own as `deserialize_keras_object` reads it."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def name_of(value: object, default: str) -> str:
    """Return a name as Keras 3 takes it, which allows no slash."""
    return value.replace("/", "_") if isinstance(value, str) and 0 < len(value) <= 500 else default


def check_own(node: Config, where: str) -> None:
    """Look at where an object says that it comes from.

    Raises:
        ArchitectureError: it is not Keras' own, or an operation, which is not a layer.
    """
    module = node.get("module")
    if isinstance(module, str) and re.search(r"\.ops\b", module):
        raise ArchitectureError(
            f"{where} is an operation on tensors; use a layer in its place, such as keras.layers.Add or Rescaling"
        )
    if not allowed.is_keras_own(node):
        origin = node.get("registered_name") or module
        raise ArchitectureError(
            f"{where} is not one of Keras' own classes ({cut(origin)}), and code is not loaded with an architecture;"
            " build it from Keras' own layers"
        )


def data(value: object, where: str) -> object:
    """Copy numbers, texts and lists; what stands for an object is unwrapped where it is data.

    Raises:
        ArchitectureError: it is an object and no data, or a number of 2**31 and more.
    """
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        raise ArchitectureError(f"{where}: numbers must be below {LARGEST_INTEGER}, got {cut(value)}")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [data(each, where) for each in value]
    assert isinstance(value, dict)
    class_name = value.get("class_name")
    if class_name in ("__tuple__", "TensorShape") and "items" in value:
        return data(value["items"], where)
    if class_name in ("__numpy__", "__tensor__") and isinstance(value.get("config"), dict):
        return data(value["config"].get("value"), where)
    if "class_name" in value or "config" in value:
        raise ArchitectureError(f"{where}: must be plain data, not an object of class {cut(class_name)}")
    return {key: data(each, where) for key, each in value.items()}


def seed(value: object, where: str) -> int | None:
    """Return an explicit seed, 0 to 2**32 - 1, or None; the first draw of a SeedGenerator is that of its seed.

    Raises:
        ArchitectureError: it is neither.
    """
    if isinstance(value, dict) and value.get("class_name") == "SeedGenerator":
        check_own(value, where)
        value = value["config"].get("seed") if isinstance(value.get("config"), dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or not 0 <= value < 2**32):
        raise ArchitectureError(f'{where}: "seed" must be null or an integer from 0 to {2**32 - 1}, got {cut(value)}')
    return value


def dtype(value: object, where: str) -> str:
    """Return the name of a type, or of the policy that stands for it.

    Raises:
        ArchitectureError: it is not one of those allowed.
    """
    if isinstance(value, dict):
        check_own(value, where)
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) and value.get("class_name") in _POLICIES else value
    if not isinstance(value, str) or value not in allowed.DTYPES:
        raise ArchitectureError(f'{where}: "dtype" must be a type such as "float32", got {cut(value)}')
    return value


def member(family: str, value: object, where: str) -> Config:
    """Convert an initializer, a regularizer or a constraint.

    Args:
        family: `initializers`, `regularizers` or `constraints`.
        value: its name, or an object of any generation.

    Raises:
        ArchitectureError: it is none of the family, or has arguments that its class does not take.
    """
    node: Any = {"class_name": value, "config": {}} if isinstance(value, str) else value
    if not isinstance(node, dict) or not isinstance(node.get("class_name", node.get("name")), str):
        raise ArchitectureError(f"{where}: must be one of Keras' {family}, by name or as an object, got {cut(value)}")
    check_own(node, where)
    if "class_name" not in node:  # Keras 1 wrote regularizers flat
        node = {"class_name": node["name"], "config": {key: each for key, each in node.items() if key != "name"}}
    class_name = allowed.member(family, node["class_name"])
    if class_name is None:
        raise ArchitectureError(
            f'{where}: "{cut(node["class_name"])}" is not one of Keras\' {family}'
            f"{closest(node['class_name'], allowed.family_names(family))}"
        )
    config = node.get("config") or {}
    if not isinstance(config, dict):
        raise ArchitectureError(f'{where}: "config" must be an object')
    taken = arguments.known(family, class_name, where)
    converted = {
        key: seed(each, where) if key == "seed" else data(each, where)
        for key, each in arguments.renamed({key: each for key, each in config.items() if key != "dtype"}, taken).items()
        if arguments.is_used(key, each, taken, where)
    }
    return keras_object(f"keras.{family}", class_name, converted)
