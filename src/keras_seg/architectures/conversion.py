"""Architecture JSON as Keras 1, 2 and 3 wrote it -> one form, which Keras 3 deserialises.

Nothing of the JSON is passed on as it came. Each object is looked up by its class among those allowed and written again with
arguments that the class takes; whatever is left over (`build_config`, `compile_config`, shapes that layers noted) stays behind.
What the result holds is therefore: classes that are allowed, their arguments, and plain numbers, texts and lists.

Sources: `get_config` and `get_network_config` of Keras 1.2.2, 2.1.6, 2.10 and 2.15; `functional_from_config` and
`Sequential.from_config` of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_seg.architectures import allowed, arguments, values
from keras_seg.architectures.graph import MOST_LAYERS, Graph
from keras_seg.architectures.inputs import first_input, input_layer
from keras_seg.architectures.layers import checked, todays_layer
from keras_seg.architectures.problems import ArchitectureError, closest, cut
from keras_seg.architectures.values import Config, check_own, keras_object, name_of
from keras_seg.architectures.written import Written

# A depthwise or separable convolution is a convolution in Keras 2, and noted arguments of its parent that it does not use.
_UNUSED = frozenset(("kernel_initializer", "kernel_regularizer", "kernel_constraint", "filters"))


@dataclass(frozen=True)
class Converted:
    """An architecture as Keras 3 reads it.

    Attributes:
        config: the model.
        source: the Keras that wrote it.
        gates: by the paths of recurrent layers, how these kept the weights of their gates; see `Written.gates_of`. A path has
            the name of each layer of a model, and the argument of each layer that another has been given.
    """

    config: Config
    source: Written
    gates: Mapping[tuple[str, ...], str]


def converted(node: object, source: Written) -> Converted:
    """Convert a whole architecture.

    Args:
        node: the parsed JSON.
        source: the Keras that wrote it.

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
            f"the architecture is a {cut(kind)}, not a model that Keras can rebuild from JSON;"
            " make it a Sequential or a Functional model (a subclass of Model needs its code)"
        )
    converter = _Converter(source)
    config = converter.model(node, "model")
    layers = config["config"]["layers"]
    if kind == "Sequential" and layers[0]["class_name"] != "InputLayer":
        raise ArchitectureError(
            "the architecture does not say the shape of its input; give the first layer an input_shape (Keras 2)"
            " or begin the model with keras.Input(shape) (Keras 3), and take model.to_json() again"
        )
    return Converted(config, source, converter.gates)


class _Converter:
    """Converts one architecture; counts its layers as it goes, and notes how recurrent ones kept their gates."""

    def __init__(self, source: Written) -> None:
        self._source = source
        self.gates: dict[tuple[str, ...], str] = {}
        self._path: tuple[str, ...] = ()
        self._layers = 0

    def model(self, node: Config, name: str) -> Config:
        """Convert a model, the whole one or one that stands as a layer in another."""
        check_own(node, f'model "{name}"')
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
        name = name_of(config.get("name"), name)
        return self._sequential(config, name) if node["class_name"] == "Sequential" else self._functional(config, name)

    def _sequential(self, config: Config, name: str) -> Config:
        nodes = config["layers"]
        layers = [self.layer(node, f"{name}_{index}") for index, node in enumerate(nodes)]
        _check_unique(layers, name)
        if layers[0]["class_name"] != "InputLayer":
            first = first_input(nodes[0], layers[0], config.get("build_input_shape"), f"{name}_input")
            layers = [*first, *layers]
        return keras_object("keras", "Sequential", {"name": name, "layers": layers})

    def _functional(self, config: Config, name: str) -> Config:
        for key in ("input_layers", "output_layers"):
            if not isinstance(config.get(key), (list, dict)):
                raise ArchitectureError(f'model "{name}" (Functional) has no "{key}" in its "config"')
        nodes = config["layers"]
        layers = [self.layer(node, f"{name}_{index}") for index, node in enumerate(nodes)]
        _check_unique(layers, name)
        graph = Graph(name, nodes, layers, config)
        for node, layer in zip(nodes, layers, strict=True):
            layer["name"] = layer["config"]["name"]
            layer["inbound_nodes"] = graph.calls(node, layer)
        functional = {"name": name, "layers": layers, **graph.ends()}
        if config.get("trainable") is False:  # True would make layers trainable that say they are not
            functional["trainable"] = False
        return keras_object("keras.src.models.functional", "Functional", functional)

    def layer(self, node: object, default_name: str, argument: str | None = None) -> Config:
        """Convert a layer, or a model that stands as one; `argument` is what it was given as if it stands in another layer."""
        if not isinstance(node, dict) or not isinstance(node.get("class_name"), str) or "config" not in node:
            raise ArchitectureError(
                f'"{default_name}" must be a layer, an object with "class_name" and "config"; got {cut(node)}'
            )
        self._layers += 1
        if self._layers > MOST_LAYERS:
            raise ArchitectureError(f"the architecture has more than {MOST_LAYERS} layers")
        config = node["config"]
        inner = config.get("name") if isinstance(config, dict) else None
        name = name_of(node.get("name", inner), default_name)
        around, self._path = self._path, (*self._path, argument or name)
        converted = self._layer_or_model(node, name)
        self._path = around
        return converted

    def _layer_or_model(self, node: Config, name: str) -> Config:
        if node["class_name"] in allowed.MODELS:
            converted = self.model(node, name)
            converted["config"]["name"] = name
            return converted
        config = node["config"]
        if not isinstance(config, dict):
            raise ArchitectureError(f'layer "{name}" ({cut(node["class_name"])}) must have an object as its "config"')
        return self._plain_layer(node, config, name)

    def _plain_layer(self, node: Config, config: Config, name: str) -> Config:
        where = f'layer "{name}" ({cut(node["class_name"])})'
        check_own(node, where)
        if (kept := self._source.gates_of(node["class_name"], config)) is not None:
            self.gates[self._path] = kept
        class_name, config = todays_layer(node["class_name"], dict(config), where, self._source)
        if class_name not in allowed.LAYERS:
            raise ArchitectureError(
                f"{where} is not a layer of Keras 3 that may be used{closest(class_name, allowed.LAYERS)};"
                " build the architecture from Keras' own layers"
            )
        config["name"] = name
        if class_name == "InputLayer":
            return input_layer(config, where)
        taken = arguments.known("layers", class_name, where)
        if class_name.startswith(("Depthwise", "Separable")):
            config = {key: value for key, value in config.items() if key in taken or key not in _UNUSED}
        converted = {
            argument: self._value(argument, value, where)
            for argument, value in arguments.renamed(config, taken).items()
            if arguments.is_used(argument, value, taken, where)
        }
        if class_name == "Bidirectional":
            self._note_backward(converted)
        return keras_object("keras.layers", class_name, checked(class_name, converted, where))

    def _note_backward(self, converted: Config) -> None:
        """Note that a layer in Bidirectional stands for both directions if there is none for the other."""
        kept = self.gates.get((*self._path, "layer"))
        if kept is not None and converted.get("backward_layer") is None:
            self.gates[(*self._path, "backward_layer")] = kept

    def _value(self, argument: str, value: object, where: str) -> object:
        """Convert the value of one argument; layers in it count as layers of the architecture."""
        if value is None:
            return None
        if argument in ("layer", "backward_layer", "cell"):
            return self.layer(value, f"{argument} of {where}" if not isinstance(value, dict) else argument, argument)
        if argument in ("cells", "layers"):
            if not isinstance(value, list):
                raise ArchitectureError(f'{where}: "{argument}" must be a list of layers')
            names = [f"{argument}_{index}" for index in range(len(value))]
            return [self.layer(each, name, name) for each, name in zip(value, names, strict=True)]
        if _is_activation_layer(argument, value):
            return self.layer(value, "activation", "activation")
        return values.of_argument(argument, value, where, self._source.generation)


def _is_activation_layer(argument: str, value: object) -> bool:
    """Tell whether a layer stands where an activation is asked for, such as LeakyReLU, which has numbers of its own."""
    return argument.endswith("activation") and isinstance(value, dict) and value.get("class_name") in allowed.ACTIVATION_LAYERS


def _check_unique(layers: Sequence[Config], model_name: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        name = layer["config"]["name"]
        if name in seen:
            raise ArchitectureError(f'model "{model_name}" has two layers called "{name}"; give each its own name')
        seen.add(name)
