"""Architecture JSON as Keras 1, 2 and 3 wrote it -> one form, which Keras 3 deserialises.

Nothing of the JSON is passed on as it came. Each object is looked up in the catalogue by its class and written anew with
arguments that the class takes; whatever is left over (`build_config`, `compile_config`, shapes that layers noted) stays behind.
What the result holds is therefore: classes of the catalogue, their arguments, and plain numbers, texts and lists.

Sources: `get_config` and `get_network_config` of Keras 1.2.2, 2.1.6, 2.10 and 2.15; `functional_from_config` and
`Sequential.from_config` of Keras 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg.architectures import allowed
from keras_seg.architectures.allowed import ArchitectureError, closest

Config = dict[str, Any]

_MOST_LAYERS = 3_000  # and calls of layers; the largest networks of keras.applications have about 1000
# Arguments that Keras counts to in a Python loop while it builds.
_COUNTED = ("chain_depth", "num_chains", "num_ops", "power_iterations")
_HIGHEST_COUNT = 100
_LARGEST_INTEGER = 2**31
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
    "sparse": (False,),
    "time_major": (False,),
    "zero_output_for_mask": (False,),
}
# A depthwise or separable convolution is a convolution in Keras 2, and noted arguments of its parent that it does not use.
_UNUSED = frozenset(("kernel_initializer", "kernel_regularizer", "kernel_constraint", "filters"))
_MERGE_MODES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot"}
_RECURRENT = frozenset(("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"))
_FORMATS = {"tf": "channels_last", "th": "channels_first"}


def model(node: object, generation: int) -> Config:
    """Convert a whole architecture.

    Args:
        node: the parsed JSON.
        generation: the major version of Keras that wrote it.

    Raises:
        ArchitectureError: it is not an architecture, or holds what is not allowed or not known.
    """
    if not isinstance(node, dict) or not isinstance(node.get("class_name"), str) or "config" not in node:
        raise ArchitectureError(
            'the architecture must be a JSON object with "class_name" and "config", as Keras\' model.to_json() writes it'
        )
    kind = node["class_name"]
    if kind not in allowed.MODELS:
        raise ArchitectureError(
            f"the architecture is a {_cut(kind)}, not a model that Keras can rebuild from JSON;"
            " make it a Sequential or a Functional model (a subclass of Model needs its code)"
        )
    converted = _Converter(generation).model(node, "model")
    layers = converted["config"]["layers"]
    if kind == "Sequential" and layers[0]["class_name"] != "InputLayer":
        raise ArchitectureError(
            "the architecture does not say the shape of its input; give the first layer an input_shape (Keras 2)"
            " or begin the model with keras.Input(shape) (Keras 3), and take model.to_json() again"
        )
    return converted


class _Converter:
    """Converts one architecture; counts its layers as it goes."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._layers = 0

    def model(self, node: Config, name: str) -> Config:
        """Convert a model, the whole one or one that stands as a layer in another."""
        _check_own(node, f'model "{name}"')
        config = node["config"]
        if isinstance(config, list) and node["class_name"] == "Sequential":
            config = {"layers": config}
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ArchitectureError(
                f'model "{name}" ({node["class_name"]}) has no list of layers in its "config";'
                " a subclass of Model cannot be rebuilt from JSON: make it a Sequential or a Functional model"
            )
        if not config["layers"]:
            raise ArchitectureError(f'model "{name}" has no layers')
        name = _name(config.get("name"), name)
        return self._sequential(config, name) if node["class_name"] == "Sequential" else self._functional(config, name)

    def _sequential(self, config: Config, name: str) -> Config:
        nodes = config["layers"]
        layers = [self.layer(node, f"{name}_{index}") for index, node in enumerate(nodes)]
        _check_unique(layers, name)
        if layers[0]["class_name"] != "InputLayer":
            first = _first_input(nodes[0], layers[0], config.get("build_input_shape"), f"{name}_input")
            layers = [*first, *layers]
        return _object("keras", "Sequential", {"name": name, "layers": layers})

    def _functional(self, config: Config, name: str) -> Config:
        for key in ("input_layers", "output_layers"):
            if not isinstance(config.get(key), (list, dict)):
                raise ArchitectureError(f'model "{name}" (Functional) has no "{key}" in its "config"')
        nodes = config["layers"]
        layers = [self.layer(node, f"{name}_{index}") for index, node in enumerate(nodes)]
        _check_unique(layers, name)
        graph = _Graph(name, nodes, layers, config)
        for node, layer in zip(nodes, layers, strict=True):
            layer["name"] = layer["config"]["name"]
            layer["inbound_nodes"] = graph.calls(node, layer)
        functional = {"name": name, "layers": layers, **graph.ends()}
        if config.get("trainable") is False:  # True would make layers trainable that say they are not
            functional["trainable"] = False
        return _object("keras.src.models.functional", "Functional", functional)

    def layer(self, node: object, default_name: str) -> Config:
        """Convert a layer, or a model that stands as one."""
        if not isinstance(node, dict) or not isinstance(node.get("class_name"), str) or "config" not in node:
            raise ArchitectureError(
                f'"{default_name}" must be a layer, an object with "class_name" and "config"; got {_cut(node)}'
            )
        self._layers += 1
        if self._layers > _MOST_LAYERS:
            raise ArchitectureError(f"the architecture has more than {_MOST_LAYERS} layers")
        config = node["config"]
        inner = config.get("name") if isinstance(config, dict) else None
        name = _name(node.get("name", inner), default_name)
        if node["class_name"] in allowed.MODELS:
            converted = self.model(node, name)
            converted["config"]["name"] = name
            return converted
        if not isinstance(config, dict):
            raise ArchitectureError(f'layer "{name}" ({_cut(node["class_name"])}) must have an object as its "config"')
        return self._plain_layer(node, config, name)

    def _plain_layer(self, node: Config, config: Config, name: str) -> Config:
        where = f'layer "{name}" ({_cut(node["class_name"])})'
        _check_own(node, where)
        class_name, config = _todays_layer(node["class_name"], dict(config), where, self._generation)
        if class_name not in allowed.LAYERS:
            raise ArchitectureError(
                f"{where} is not a layer of Keras 3 that may be used{closest(class_name, allowed.LAYERS)};"
                " build the architecture from Keras' own layers"
            )
        config["name"] = name
        if class_name == "InputLayer":
            return _input_layer(config, where)
        taken = _known_arguments("layers", class_name, where)
        if class_name.startswith(("Depthwise", "Separable")):
            config = {key: value for key, value in config.items() if key in taken or key not in _UNUSED}
        converted = {
            argument: self._value(argument, value, where)
            for argument, value in _renamed(config, taken).items()
            if _is_used(argument, value, taken, where)
        }
        return _object("keras.layers", class_name, _checked(class_name, converted, where))

    def _value(self, argument: str, value: object, where: str) -> object:
        """Convert the value of one argument by what the argument is."""
        if value is None:
            return None
        if argument in ("layer", "backward_layer", "cell"):
            return self.layer(value, f"{argument} of {where}" if not isinstance(value, dict) else argument)
        if argument in ("cells", "layers"):
            if not isinstance(value, list):
                raise ArchitectureError(f'{where}: "{argument}" must be a list of layers')
            return [self.layer(each, f"{argument}_{index}") for index, each in enumerate(value)]
        if argument.endswith("activation"):
            return self._activation(value, where)
        if argument.endswith(("_initializer", "_regularizer", "_constraint")):
            return _member(argument.rpartition("_")[2] + "s", value, f"{where}, {argument}")
        if argument == "dtype":
            return _dtype(value, where, allowed.DTYPES)
        if argument == "seed":
            return _seed(value, where)
        if argument == "data_format" and isinstance(value, str):
            return _FORMATS.get(value, value)
        return _data(value, f'{where}, "{argument}"')

    def _activation(self, value: object, where: str) -> object:
        if isinstance(value, dict) and value.get("class_name") in allowed.ACTIVATION_LAYERS:
            return self.layer(value, "activation")
        if isinstance(value, dict):
            _check_own(value, where)
            value = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
        if not isinstance(value, str):
            raise ArchitectureError(f"{where}: an activation must be the name of one of Keras' own, got {_cut(value)}")
        name = allowed.ACTIVATION_ALIASES.get(value, value)
        if name not in allowed.ACTIVATIONS:
            raise ArchitectureError(
                f'{where}: the activation "{_cut(value)}" is not one of Keras\' own{closest(value, allowed.ACTIVATIONS)}'
            )
        return name


class _Graph:
    """How the layers of one Functional model call each other.

    Keras 2 counts the calls of a model that stands as a layer from 1 (call 0 is the one on its own inputs), Keras 3 from 0,
    except in `output_layers` of a Functional model. Keras keeps only calls that lead to an output, so the last call is always
    referred to: where the highest reference equals the number of calls, they count from 1.
    """

    def __init__(self, name: str, nodes: Sequence[Config], layers: Sequence[Config], config: Config) -> None:
        self._where = f'model "{name}"'
        self._config = config
        self._layers = {layer["config"]["name"]: layer for layer in layers}
        self._from_one: set[str] = set()
        self._calls = 0
        calls = {layer["config"]["name"]: node.get("inbound_nodes") or [] for node, layer in zip(nodes, layers, strict=True)}
        if any(not isinstance(of_one, list) for of_one in calls.values()):
            raise ArchitectureError(f'{self._where}: "inbound_nodes" must be lists')
        self._legacy = any(isinstance(call, list) for of_one in calls.values() for call in of_one)
        if self._legacy:
            last: dict[str, int] = {}
            _highest([calls, config["input_layers"], config["output_layers"]], self._layers, last)
            self._from_one = {
                name
                for name, index in last.items()
                if self._layers[name]["class_name"] in allowed.MODELS and index == len(calls[name])
            }

    def ends(self) -> Config:
        """Return which tensors are the inputs and the outputs of the model."""
        return {key: _single(self._end(self._config[key])) for key in ("input_layers", "output_layers")}

    def calls(self, node: Config, layer: Config) -> list[Config]:
        """Return the calls of a layer, each with its `args` and `kwargs`."""
        where = f'layer "{layer["name"]}" ({layer["class_name"]})'
        calls = [self._call(call, layer["class_name"], where) for call in node.get("inbound_nodes") or []]
        self._calls += len(calls)
        if self._calls > _MOST_LAYERS:
            raise ArchitectureError(f"{self._where} calls its layers more than {_MOST_LAYERS} times")
        return calls

    def _call(self, call: object, class_name: str, where: str) -> Config:
        if isinstance(call, list):
            return self._legacy_call(call, class_name, where)
        if not isinstance(call, dict) or not isinstance(call.get("args"), list) or not isinstance(call.get("kwargs"), dict):
            raise ArchitectureError(f'{where}: each of "inbound_nodes" must have "args" and "kwargs"')
        return {
            "args": [self._argument(value, where) for value in call["args"]],
            "kwargs": {key: self._argument(value, where) for key, value in call["kwargs"].items()},
        }

    def _argument(self, value: object, where: str) -> object:
        if isinstance(value, list):
            return [self._argument(each, where) for each in value]
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            history = config.get("keras_history") if isinstance(config, dict) else None
            return self._tensor(history, where)
        if isinstance(value, dict) and "class_name" not in value:
            return {key: self._argument(each, where) for key, each in value.items()}
        return _data(value, where)

    def _legacy_call(self, call: list[Any], class_name: str, where: str) -> Config:
        kwargs: Config = {}
        first = self._legacy_structure([call] if _is_reference(call, self._layers) else call, kwargs, where)
        if isinstance(first, list) and len(first) == 1:
            first = first[0]
        if class_name in _RECURRENT and isinstance(first, list):  # Keras 2 handed the initial state over with the sequence
            first, kwargs["initial_state"] = first[0], first[1:]
        return {"args": [first], "kwargs": kwargs}

    def _legacy_structure(self, value: object, kwargs: Config, where: str) -> object:
        if isinstance(value, list) and len(value) == 4 and value[0] == "_CONSTANT_VALUE":
            return _data(value[2], where)
        if _is_reference(value, self._layers):
            assert isinstance(value, list)
            given = value[3] if len(value) == 4 else {}
            kwargs.update({key: self._legacy_argument(each, where) for key, each in given.items() if each is not None})
            return self._tensor(value[:3], where)
        if isinstance(value, list):
            if len(value) in (3, 4) and isinstance(value[0], str):
                return self._tensor(value[:3], where)
            return [self._legacy_structure(each, kwargs, where) for each in value]
        if isinstance(value, dict):
            return {key: self._legacy_structure(each, kwargs, where) for key, each in value.items()}
        raise ArchitectureError(f'{where}: "inbound_nodes" must name layers, got {_cut(value)}')

    def _legacy_argument(self, value: object, where: str) -> object:
        if isinstance(value, list) and len(value) == 3 and _is_reference(value, self._layers):
            return self._tensor(value, where)
        if isinstance(value, list):
            return [self._legacy_argument(each, where) for each in value]
        return _data(value, where)

    def _tensor(self, reference: object, where: str) -> Config:
        name, call, output = self._reference(reference, where)
        # Keras looks the tensor up by its history; shape and dtype are only asked to be there.
        history = [name, max(call - (name in self._from_one), 0), output]
        return {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": history}}

    def _reference(self, reference: object, where: str) -> tuple[str, int, int]:
        match reference:
            case [str(name), int(call), int(output)] if call >= 0 and output >= 0:
                pass
            case _:
                raise ArchitectureError(
                    f"{where}: must refer to the output of a layer by [name, call, output], got {_cut(reference)}"
                )
        name = _name(name, "")
        if name not in self._layers:
            raise ArchitectureError(f'{where} refers to a layer "{name}", which the model does not have')
        return name, call, output

    def _end(self, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._end(each) for key, each in value.items()}
        if isinstance(value, list) and not (value and isinstance(value[0], str)):
            return [self._end(each) for each in value]
        name, call, output = self._reference(value, self._where)
        if self._legacy and self._layers[name]["class_name"] in allowed.MODELS:
            call = max(call - (name in self._from_one), 0) + (self._layers[name]["class_name"] == "Functional")
        return [name, call, output]


def _single(ends: object) -> object:
    """Take the one tensor out of a list of one."""
    return ends[0] if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list) else ends


def _is_reference(value: object, layers: Mapping[str, object]) -> bool:
    match value:
        case [str(name), int(), int()] | [str(name), int(), int(), dict()]:
            return _name(name, "") in layers
    return False


def _highest(value: object, layers: Mapping[str, object], last: dict[str, int]) -> None:
    """Note for each layer the highest call that anything in `value` refers to."""
    if isinstance(value, list) and _is_reference(value, layers):
        name = _name(value[0], "")
        last[name] = max(last.get(name, 0), value[1])
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _highest(each, layers, last)


def _object(module: str, class_name: str, config: Config) -> Config:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _todays_layer(class_name: str, config: Config, where: str, generation: int) -> tuple[str, Config]:
    """Return the layer's class and arguments as Keras 3 knows them, where they differ by more than a name."""
    if class_name == "Merge":
        return _merge(config, where)
    if class_name == "Embedding" and generation == 1 and not config.get("dropout"):
        config.pop("dropout", None)
    if class_name in ("GRU", "GRUCell") and generation < 3:
        config.setdefault("reset_after", False)  # the default changed when the argument came
    for rows, size in (("nb_row", ("nb_row", "nb_col")), ("kernel_dim1", ("kernel_dim1", "kernel_dim2", "kernel_dim3"))):
        if rows in config and "kernel_size" not in config:
            config["kernel_size"] = [config.pop(side, None) for side in size]
    if "forget_bias_init" in config:
        config["unit_forget_bias"] = config.pop("forget_bias_init") in ("one", "ones")
    if class_name == "BatchNormalization" and isinstance(axis := config.get("axis"), list) and len(axis) == 1:
        config["axis"] = axis[0]
    for format_key in ("dim_ordering", "data_format"):
        if config.get(format_key) == "default":
            del config[format_key]
    return allowed.LAYER_ALIASES.get(class_name, class_name), config


def _merge(config: Config, where: str) -> tuple[str, Config]:
    """Keras 1 had one layer for all ways to merge."""
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw":
        raise ArchitectureError(f'{where} carries code, which is not loaded; use a mode such as "sum" or "concat"')
    if not isinstance(mode, str) or mode not in _MERGE_MODES or "layers" in config:
        raise ArchitectureError(
            f"{where}: the mode {_cut(mode)} is not supported; use a Functional model with one of {', '.join(_MERGE_MODES)}"
        )
    merged: Config = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode == "concat":
        merged["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        merged["axes"] = config.get("dot_axes", -1)
    return _MERGE_MODES[mode], merged


def _renamed(config: Config, taken: Mapping[str, object]) -> Config:
    return {
        next((new for new in _RENAMED.get(key, ()) if key not in taken and new in taken and new not in config), key): value
        for key, value in config.items()
    }


def _is_used(argument: str, value: object, taken: Mapping[str, object], where: str) -> bool:
    """Tell whether an argument is to be handed on; an unknown one that may have meant something is an error."""
    if argument in taken:
        return True
    if value is None or argument in _WITHOUT_MEANING or value in _HARMLESS.get(argument, ()):
        return False
    raise ArchitectureError(
        f'{where} has an argument "{_cut(argument)}" = {_cut(value)} that Keras 3 does not know{closest(argument, taken)};'
        " remove it from the architecture"
    )


def _checked(class_name: str, config: Config, where: str) -> Config:
    """Refuse arguments that Keras takes but that have no place here."""
    for argument in ("vocabulary", "idf_weights"):
        if isinstance(config.get(argument), str):
            raise ArchitectureError(f'{where} reads a file as its "{argument}", which is not allowed; write the list itself')
    config.pop("unroll", None)  # a loop that is unrolled computes the same, but one of a million steps would never be built
    for argument in _COUNTED:
        if isinstance(count := config.get(argument), (int, float)) and count > _HIGHEST_COUNT:
            raise ArchitectureError(f'{where}: "{argument}" must be at most {_HIGHEST_COUNT}, got {_cut(count)}')
    if config.get("stateful"):
        raise ArchitectureError(f'{where} is stateful, but rows are trained in shuffled batches; set "stateful" to false')
    if config.get("weights") is not None:
        raise ArchitectureError(f'{where}: "weights" do not belong into the architecture but beside it, as model weights')
    for argument in ("lora_rank", "gptq_unpacked_column_size", "quantization_config"):
        if config.get(argument) is not None:
            raise ArchitectureError(f'{where}: "{argument}" is not supported; remove it')
    if class_name in ("TimeDistributed", "Bidirectional", "SpectralNormalization") and not config.get("layer"):
        raise ArchitectureError(f'{where} must have the layer that it wraps as its "layer"')
    return config


def _input_layer(config: Config, where: str) -> Config:
    for argument in ("sparse", "ragged", "optional"):
        if config.get(argument):
            raise ArchitectureError(f'{where}: "{argument}" inputs are not supported; set it to false')
    shape = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key) is not None), None)
    if shape is None and isinstance(row := config.get("shape", config.get("input_shape")), list):
        shape = [None, *row]
    dtype = config.get("dtype") or config.get("input_dtype") or "float32"
    return _object(
        "keras.layers",
        "InputLayer",
        {"batch_shape": _batch_shape(shape, where), "dtype": _dtype(dtype, where, allowed.DTYPES), "name": config["name"]},
    )


def _first_input(node: Config, layer: Config, built: object, name: str) -> list[Config]:
    """Return, in a list, the input layer that the first layer of a Sequential asks for; none where nothing says its shape."""
    config: Any = layer["config"]
    where = f'layer "{config["name"]}" ({layer["class_name"]})'
    if layer["class_name"] in allowed.MODELS:
        inner = config["layers"][0]  # a Functional model lists its input first where it has one
        shape = inner["config"]["batch_shape"] if inner["class_name"] == "InputLayer" else built
        dtype = inner["config"]["dtype"] if inner["class_name"] == "InputLayer" else "float32"
    else:
        given = node["config"]
        shape = _given_shape(given) or _given_shape(_wrapped(given)) or built
        dtype = _dtype(given.get("input_dtype") or config.get("dtype") or "float32", where, allowed.DTYPES)
        if config.get("dtype") not in allowed.FLOATING:  # Keras 2: the type of the input, not of the weights
            config.pop("dtype", None)
    if shape is None:
        return []
    given_input = {"batch_shape": _batch_shape(shape, where), "dtype": _plain(dtype), "name": name}
    return [_object("keras.layers", "InputLayer", given_input)]


def _plain(dtype: str) -> str:
    """Return the type of the numbers under a policy: those of mixed_float16 come as float32."""
    return "float32" if dtype.startswith("mixed_") else dtype


def _wrapped(config: Config) -> Config:
    inner = config.get("layer")
    found = inner.get("config") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else {}


def _given_shape(config: Config) -> object:
    if config.get("batch_input_shape") is not None:
        return config["batch_input_shape"]
    if isinstance(config.get("input_shape"), list):
        return [None, *config["input_shape"]]
    return None


def _batch_shape(shape: object, where: str) -> list[int | None]:
    shape = _data(shape, where)
    if not isinstance(shape, list) or len(shape) < 2 or not all(_is_dimension(each) for each in shape):
        raise ArchitectureError(f"{where}: the shape of the input must be a list such as [null, 28, 28, 1], got {_cut(shape)}")
    return [None, *shape[1:]]  # batches have as many rows as they come with


def _is_dimension(value: object) -> bool:
    return value is None or (type(value) is int and 0 < value < _LARGEST_INTEGER)


def _member(family: str, value: object, where: str) -> Config:
    """Convert an initializer, a regularizer or a constraint."""
    node: Any = {"class_name": value, "config": {}} if isinstance(value, str) else value
    if not isinstance(node, dict) or not isinstance(node.get("class_name", node.get("name")), str):
        raise ArchitectureError(f"{where}: must be one of Keras' {family}, by name or as an object, got {_cut(value)}")
    _check_own(node, where)
    if "class_name" not in node:  # Keras 1 wrote regularizers flat
        node = {"class_name": node["name"], "config": {key: each for key, each in node.items() if key != "name"}}
    known = allowed.member(family, node["class_name"])
    if known is None:
        raise ArchitectureError(
            f'{where}: "{_cut(node["class_name"])}" is not one of Keras\' {family}'
            f"{closest(node['class_name'], allowed.family_names(family))}"
        )
    config = node.get("config") or {}
    if not isinstance(config, dict):
        raise ArchitectureError(f'{where}: "config" must be an object')
    taken = _known_arguments(family, known, where)
    converted = {
        key: _seed(each, where) if key == "seed" else _data(each, where)
        for key, each in _renamed({key: each for key, each in config.items() if key != "dtype"}, taken).items()
        if _is_used(key, each, taken, where)
    }
    return _object(f"keras.{family}", known, converted)


def _known_arguments(family: str, class_name: str, where: str) -> Mapping[str, object]:
    try:
        return allowed.arguments(family, class_name)
    except AttributeError:
        import keras

        raise ArchitectureError(f"{where}: the installed Keras {keras.__version__} has no {class_name}") from None


def _seed(value: object, where: str) -> int | None:
    """Return an explicit seed; the first draw of a SeedGenerator is that of its seed."""
    if isinstance(value, dict) and value.get("class_name") == "SeedGenerator":
        _check_own(value, where)
        value = value["config"].get("seed") if isinstance(value.get("config"), dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or not 0 <= value < 2**32):
        raise ArchitectureError(f'{where}: "seed" must be null or an integer from 0 to {2**32 - 1}, got {_cut(value)}')
    return value


def _dtype(value: object, where: str, allowed: frozenset[str]) -> str:
    if isinstance(value, dict):
        _check_own(value, where)
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) and value.get("class_name") in _POLICIES else value
    if not isinstance(value, str) or value not in allowed:
        raise ArchitectureError(f'{where}: "dtype" must be a type such as "float32", got {_cut(value)}')
    return value


_POLICIES = ("DTypePolicy", "Policy", "PolicyV1", "FloatDTypePolicy")


def _data(value: object, where: str) -> object:
    """Copy numbers, texts and lists; what stands for an object is unwrapped where it is data, and refused elsewhere."""
    if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
        raise ArchitectureError(f"{where}: numbers must be below {_LARGEST_INTEGER}, got {_cut(value)}")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [_data(each, where) for each in value]
    assert isinstance(value, dict)
    class_name = value.get("class_name")
    if class_name in ("__tuple__", "TensorShape") and "items" in value:
        return _data(value["items"], where)
    if class_name in ("__numpy__", "__tensor__") and isinstance(value.get("config"), dict):
        return _data(value["config"].get("value"), where)
    if "class_name" in value or "config" in value:
        raise ArchitectureError(f"{where}: must be plain data, not an object of class {_cut(class_name)}")
    return {key: _data(each, where) for key, each in value.items()}


def _check_own(node: Config, where: str) -> None:
    """Refuse objects that are not Keras' own, and operations, which are not layers."""
    module = node.get("module")
    if isinstance(module, str) and re.search(r"\.ops\b", module):
        raise ArchitectureError(
            f"{where} is an operation on tensors; use a layer in its place, such as keras.layers.Add or Rescaling"
        )
    if not allowed.is_keras_own(node):
        origin = node.get("registered_name") or module
        raise ArchitectureError(
            f"{where} is not one of Keras' own classes ({_cut(origin)}), and code is not loaded with an architecture;"
            " build it from Keras' own layers"
        )


def _check_unique(layers: Sequence[Config], model_name: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        name = layer["config"]["name"]
        if name in seen:
            raise ArchitectureError(f'model "{model_name}" has two layers called "{name}"; give each its own name')
        seen.add(name)


def _name(value: object, default: str) -> str:
    """Return a name as Keras 3 takes it, which allows no slash."""
    return value.replace("/", "_") if isinstance(value, str) and 0 < len(value) <= 500 else default


def _cut(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
