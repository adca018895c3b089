"""Where rows come in: input layers, and the one that the first layer of a Sequential of Keras 1 or 2 asks for."""

from __future__ import annotations

from keras_seg.architectures import allowed, values
from keras_seg.architectures.problems import ArchitectureError, cut
from keras_seg.architectures.values import Config


def input_layer(config: Config, where: str) -> Config:
    """Convert an input layer, whose rows may come in any number.

    Args:
        config: its arguments, as any Keras wrote them, and its name.
        where: what an error begins with.

    Raises:
        ArchitectureError: it says no shape, or is sparse, ragged or optional.
    """
    for argument in ("sparse", "ragged", "optional"):
        if config.get(argument):
            raise ArchitectureError(f'{where}: "{argument}" inputs are not supported; set it to false')
    shape = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key) is not None), None)
    if shape is None and isinstance(row := config.get("shape", config.get("input_shape")), list):
        shape = [None, *row]
    given = config.get("dtype") or config.get("input_dtype") or "float32"
    rows = {"batch_shape": _batch_shape(shape, where), "dtype": values.dtype(given, where), "name": config["name"]}
    return values.keras_object("keras.layers", "InputLayer", rows)


def first_input(node: Config, layer: Config, built: object, name: str) -> list[Config]:
    """Return, in a list, the input layer that the first layer of a Sequential asks for; none where nothing says its shape.

    Args:
        node: the layer as it came.
        layer: the layer as it was converted; a type that was meant for the input is taken out of it.
        built: the shape (rows, ...) that the model noted when it was built; None where it noted none.
        name: of the input layer.

    Raises:
        ArchitectureError: what stands there is no shape, or no type.
    """
    config = layer["config"]
    where = f'layer "{config["name"]}" ({layer["class_name"]})'
    shape, dtype = _of_model(config) if layer["class_name"] in allowed.MODELS else _of_layer(node["config"], config, where)
    shape = shape or built
    if shape is None:
        return []
    given = {"batch_shape": _batch_shape(shape, where), "dtype": _plain(dtype), "name": name}
    return [values.keras_object("keras.layers", "InputLayer", given)]


def _of_model(config: Config) -> tuple[object, str]:
    """Return shape and type of what a model takes: a Functional one lists its input first where it has one."""
    first = config["layers"][0]
    if first["class_name"] != "InputLayer":
        return None, "float32"
    return first["config"]["batch_shape"], first["config"]["dtype"]


def _of_layer(given: Config, converted: Config, where: str) -> tuple[object, str]:
    """Return shape and type of what a layer takes, from its arguments as they came."""
    shape = _given_shape(given) or _given_shape(_wrapped(given))
    dtype = values.dtype(given.get("input_dtype") or converted.get("dtype") or "float32", where)
    if converted.get("dtype") not in allowed.FLOATING:  # Keras 2: the type of the input, not of the weights
        converted.pop("dtype", None)
    return shape, dtype


def _batch_shape(shape: object, where: str) -> list[int | None]:
    shape = values.data(shape, where)
    if not isinstance(shape, list) or len(shape) < 2 or not all(_is_dimension(each) for each in shape):
        raise ArchitectureError(f"{where}: the shape of the input must be a list such as [null, 28, 28, 1], got {cut(shape)}")
    return [None, *shape[1:]]  # batches have as many rows as they come with


def _given_shape(config: Config) -> object:
    if config.get("batch_input_shape") is not None:
        return config["batch_input_shape"]
    if isinstance(config.get("input_shape"), list):
        return [None, *config["input_shape"]]
    return None


def _wrapped(config: Config) -> Config:
    inner = config.get("layer")
    found = inner.get("config") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else {}


def _plain(dtype: str) -> str:
    """Return the type of the numbers under a policy: those of mixed_float16 come as float32."""
    return "float32" if dtype.startswith("mixed_") else dtype


def _is_dimension(value: object) -> bool:
    return value is None or (type(value) is int and 0 < value < values.LARGEST_INTEGER)
