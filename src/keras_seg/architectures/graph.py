"""How the layers of a Functional model call each other, and which tensors go in and come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg.architectures import allowed
from keras_seg.architectures.problems import ArchitectureError, cut
from keras_seg.architectures.values import Config, data, name_of

MOST_LAYERS = 3_000  # and calls of layers; the largest networks of keras.applications have about 1000
_RECURRENT = frozenset(("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"))


class Graph:
    """How the layers of one Functional model call each other.

    Keras 2 counts the calls of a model that stands as a layer from 1 (call 0 is the one on its own inputs), Keras 3 from 0,
    except in `output_layers` of a Functional model. Keras keeps only calls that lead to an output, so the last call is always
    referred to: where the highest reference equals the number of calls, they count from 1.

    Args:
        name: of the model.
        nodes: its layers as they came.
        layers: the same layers, converted.
        config: the configuration of the model as it came, with `input_layers` and `output_layers`.

    Raises:
        ArchitectureError: here and in its methods: what refers to a layer does not, or there are too many calls.
    """

    def __init__(self, name: str, nodes: Sequence[Config], layers: Sequence[Config], config: Config) -> None:
        self._where = f'model "{name}"'
        self._config = config
        self._layers = {layer["config"]["name"]: layer for layer in layers}
        self._calls = 0
        calls = {layer["config"]["name"]: node.get("inbound_nodes") or [] for node, layer in zip(nodes, layers, strict=True)}
        if any(not isinstance(of_one, list) for of_one in calls.values()):
            raise ArchitectureError(f'{self._where}: "inbound_nodes" must be lists')
        self._legacy = any(isinstance(call, list) for of_one in calls.values() for call in of_one)
        self._from_one = self._counted_from_one(calls) if self._legacy else frozenset()

    def _counted_from_one(self, calls: Mapping[str, Sequence[object]]) -> frozenset[str]:
        """Return the models that stand as layers and whose calls are counted from 1."""
        last: dict[str, int] = {}
        _highest([calls, self._config["input_layers"], self._config["output_layers"]], self._layers, last)
        models = {name for name, layer in self._layers.items() if layer["class_name"] in allowed.MODELS}
        return frozenset(name for name, index in last.items() if name in models and index == len(calls[name]))

    def ends(self) -> Config:
        """Return which tensors are the inputs and the outputs of the model."""
        return {key: _single(self._end(self._config[key])) for key in ("input_layers", "output_layers")}

    def calls(self, node: Config, layer: Config) -> list[Config]:
        """Return the calls of a layer, each with its `args` and `kwargs`; once for each layer, for they are counted.

        Args:
            node: the layer as it came.
            layer: the same, converted, with its name beside its class.
        """
        where = f'layer "{layer["name"]}" ({layer["class_name"]})'
        calls = [self._call(call, layer["class_name"], where) for call in node.get("inbound_nodes") or []]
        self._calls += len(calls)
        if self._calls > MOST_LAYERS:
            raise ArchitectureError(f"{self._where} calls its layers more than {MOST_LAYERS} times")
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
        return data(value, where)

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
            return data(value[2], where)
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
        raise ArchitectureError(f'{where}: "inbound_nodes" must name layers, got {cut(value)}')

    def _legacy_argument(self, value: object, where: str) -> object:
        if isinstance(value, list) and len(value) == 3 and _is_reference(value, self._layers):
            return self._tensor(value, where)
        if isinstance(value, list):
            return [self._legacy_argument(each, where) for each in value]
        return data(value, where)

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
                    f"{where}: must refer to the output of a layer by [name, call, output], got {cut(reference)}"
                )
        name = name_of(name, "")
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
            return name_of(name, "") in layers
    return False


def _highest(value: object, layers: Mapping[str, object], last: dict[str, int]) -> None:
    """Note for each layer the highest call that anything in `value` refers to."""
    if isinstance(value, list) and _is_reference(value, layers):
        name = name_of(value[0], "")
        last[name] = max(last.get(name, 0), value[1])
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _highest(each, layers, last)
