"""Models: layers one after the other, and layers that call each other; each may stand as a layer in another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keras_seg.inference.layer import WRITTEN, Called, Forward, Last, Layer, Rule, Shape, size_of, unchanged
from keras_seg.inference.problems import NeedsTensorFlow

Told = TypeVar("Told")
Step = Callable[[Layer, Sequence[Told]], Told]

_IDLE: tuple[Any, ...] = (None, False, [])  # arguments of a call that change nothing


class Model(Layer):
    """A model, which may stand as a layer in another one.

    Args:
        graph: how its layers call each other; None where they stand one after the other.
    """

    def __init__(
        self, kind: str, name: str, rule: Rule, layers: Sequence[Layer], trainable: bool, graph: Graph | None = None
    ) -> None:
        super().__init__(kind, name, {}, rule, layers, trainable)
        self._graph = graph

    @property
    def layers(self) -> Sequence[Layer]:
        """Its layers in Keras' order."""
        return self.inner

    def followed(self, given: Sequence[Told], step: Step[Told]) -> Told:
        """Return what is told of its first output, from what is told of its inputs.

        Args:
            step: tells of what a layer gives, from what is told of what it is given.
        """
        if self._graph is not None:
            return self._graph.followed(given, step)
        told = given[0]
        for layer in self.layers:
            told = step(layer, [told])
        return told


def functional(name: str, config: Mapping[str, Any], layers: Mapping[str, Layer], trainable: bool) -> Model:
    """Return a Functional model; arguments as those of Graph."""
    graph = Graph(name, config, layers)
    return Model("Functional", name, lambda layer, shapes: graph.called(shapes), graph.layers, trainable, graph)


def sequential(name: str, layers: Sequence[Layer], trainable: bool) -> Model:
    """Return a Sequential model, whose first layer is its InputLayer if it has one."""

    def rule(layer: Layer, shapes: Sequence[Shape]) -> Called:
        if len(shapes) != 1:
            raise layer.refuse(f"{len(shapes)} inputs")
        shape, calls, most, work = shapes[0], list[Called](), 0, 0
        for inner in layers:
            called = inner.call((shape,))
            if len(called.shapes) != 1:
                raise inner.refuse("several outputs")
            most = max(most, size_of(shape) + called.values + size_of(called.shape))
            work += called.work
            calls.append(called)
            shape = called.shape
        made = _one_after_another(calls)
        return Called((shape,), made, most, work - WRITTEN * size_of(shape), _last_of_all(calls))

    return Model("Sequential", name, rule, layers, trainable)


def _one_after_another(calls: Sequence[Called]) -> Callable[[], Forward]:
    makes = [called.make for called in calls]
    return lambda: chain([make() for make in makes])


def _last_of_all(calls: Sequence[Called]) -> Last | None:
    """Return what is done last by calls one after the other."""
    last = calls[-1].last if calls else None
    if last is None:
        return None
    return Last(last.activation, _one_after_another([*calls[:-1], replace(calls[-1], make=last.before)]))


def chain(forwards: Sequence[Forward]) -> Forward:
    """Return functions of one array, one after the other, as one."""
    steps = tuple(forward for forward in forwards if forward is not unchanged)
    if len(steps) == 1:
        return steps[0]

    def forward(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return forward


@dataclass(frozen=True)
class _Node:
    """A call of a layer within a model: its inputs, as (layer, call, output)."""

    layer: Layer
    inputs: tuple[tuple[str, int, int], ...]


class Graph:
    """The layers of a Functional model and how they call each other.

    Args:
        name: of the model.
        config: of the model, as `conversion` writes it.
        layers: by their names.

    Attributes:
        inputs, outputs: tensors of the model, as (layer, call, output).
        layers: those that lead to the outputs, in Keras' order.

    Raises:
        NeedsTensorFlow: a call has more than tensors.
    """

    def __init__(self, name: str, config: Mapping[str, Any], layers: Mapping[str, Layer]) -> None:
        self._name = name
        self._nodes = {
            (each["name"], call): _Node(layers[each["name"]], tuple(self._given(node, layers[each["name"]])))
            for each in config["layers"]
            for call, node in enumerate(each["inbound_nodes"] or [{"args": [], "kwargs": {}}])
        }
        self.inputs = [self._end(end, layers) for end in self._ends(config["input_layers"])]
        self.outputs = [self._end(end, layers) for end in self._ends(config["output_layers"])]
        self._order, indices = self._sorted()
        self.layers = self._by_depth(indices)

    def _ends(self, value: Any) -> list[list[Any]]:
        """Return references to tensors, of one or of a list."""
        if isinstance(value, dict):
            if len(value) != 1:
                raise NeedsTensorFlow(f'model "{self._name}": inputs or outputs by name')
            return self._ends(next(iter(value.values())))
        return [value] if value and isinstance(value[0], str) else list(value)

    def _end(self, end: Any, layers: Mapping[str, Layer]) -> tuple[str, int, int]:
        """Return the tensor that a reference means: calls of Functional models are counted from 1 there."""
        name, call, output = end
        found = (name, call - (layers[name].kind == "Functional"), output)
        if found[:2] not in self._nodes:
            raise NeedsTensorFlow(f'model "{self._name}": an end that is not one of its calls')
        return found

    def _given(self, node: Mapping[str, Any], layer: Layer) -> Iterator[tuple[str, int, int]]:
        """Yield the tensors that a call is given."""
        if any(_without_none(value) not in _IDLE for value in node["kwargs"].values()):
            raise layer.refuse(f"a call with {', '.join(node['kwargs'])}")
        args = [value for value in node["args"] if value is not None]
        if len(args) > 1:
            raise layer.refuse("a call with several arguments")
        for value in args[0] if args and isinstance(args[0], list) else args:
            if not isinstance(value, dict) or value.get("class_name") != "__keras_tensor__":
                raise layer.refuse("a call with something else than tensors")
            name, call, output = value["config"]["keras_history"]
            yield name, call, output

    def _sorted(self) -> tuple[list[tuple[str, int]], dict[str, int]]:
        """Return the calls that lead to the outputs, each behind those that it needs, and when each layer was met first.

        As `keras.src.ops.function._build_map`, with a stack of its own.
        """
        done: dict[tuple[str, int], None] = {}
        met: dict[str, int] = {}
        open_ones: set[tuple[str, int]] = set()
        for name, call, _ in self.outputs:
            waiting = [(name, call)]
            while waiting:
                key = waiting[-1]
                if key in done or key in open_ones:
                    waiting.pop()
                    if key not in done:
                        open_ones.discard(key)
                        done[key] = None
                    continue
                met.setdefault(key[0], len(met))
                open_ones.add(key)
                waiting += [each[:2] for each in reversed(self._node(key).inputs) if each[:2] not in done]
        return list(done), met

    def _node(self, key: tuple[str, int]) -> _Node:
        if key not in self._nodes:
            raise NeedsTensorFlow(f'model "{self._name}": layer "{key[0]}" has no call {key[1]}')
        return self._nodes[key]

    def _by_depth(self, indices: Mapping[str, int]) -> list[Layer]:
        """Return the layers as `keras.src.ops.function.map_graph` sorts them: by their distance from the outputs."""
        of_nodes: dict[tuple[str, int], int] = {}
        of_layers: dict[str, int] = {}
        for key in reversed(self._order):
            depth = max(of_nodes.get(key, 0), of_layers.get(key[0], 0))
            of_layers[key[0]] = of_nodes[key] = depth
            for name, call, _ in self._nodes[key].inputs:
                of_nodes[name, call] = max(depth + 1, of_nodes.get((name, call), 0))
        for name, _, _ in self.inputs:
            of_layers.setdefault(name, 0)
        names = sorted(of_layers, key=lambda name: (-of_layers[name], indices.get(name, -1)))
        return [self._nodes[name, 0].layer for name in names]

    def called(self, shapes: Sequence[Shape]) -> Called:
        """Tell what comes of inputs of these shapes."""
        if len(shapes) != len(self.inputs):
            raise NeedsTensorFlow(f'model "{self._name}": {len(shapes)} inputs for {len(self.inputs)}')
        places = {tensor: place for place, tensor in enumerate(self.inputs)}
        known, begun, calls, most = dict(zip(self.inputs, shapes, strict=True)), len(shapes), [], 0
        for key in self._order:
            node = self._nodes[key]
            if not node.inputs:
                self._enter(node, key, known)
                continue
            called = node.layer.call([known[tensor] for tensor in node.inputs])
            taken = tuple(places[tensor] for tensor in node.inputs)
            for output, shape in enumerate(called.shapes):
                known[*key, output], places[*key, output] = shape, begun + output
            calls.append((called, taken, slice(begun, begun + len(called.shapes))))
            begun, most = begun + len(called.shapes), max(most, called.values)
        ends = tuple(places[tensor] for tensor in self.outputs)
        values, work = most + sum(map(size_of, known.values())), sum(called.work for called, _, _ in calls)
        outputs = tuple(known[end] for end in self.outputs)
        work -= WRITTEN * sum(map(size_of, outputs))
        return Called(outputs, lambda: _steps(calls, ends, begun), values, work, _last_of_graph(calls, ends, begun))

    def followed(self, given: Sequence[Told], step: Step[Told]) -> Told:
        """Return what is told of the first output, as `Model.followed`."""
        told = {tensor[:2]: each for tensor, each in zip(self.inputs, given, strict=True)}
        for key in self._order:
            if inputs := self._nodes[key].inputs:
                told[key] = step(self._nodes[key].layer, [told[tensor[:2]] for tensor in inputs])
        return told[self.outputs[0][:2]]

    def _enter(self, node: _Node, key: tuple[str, int], known: Mapping[tuple[str, int, int], Shape]) -> None:
        """Look at an input of the model."""
        tensor = (*key, 0)
        if tensor not in known:
            raise node.layer.refuse("an input that is none of the model's")
        node.layer.call([known[tensor]])
        if node.layer["dtype"] != "float32":
            others = [each.layer for each in self._nodes.values() if tensor in each.inputs and each.layer.kind != "Embedding"]
            if others or tensor in self.outputs:
                raise node.layer.refuse(f'"dtype" = {node.layer["dtype"]!r}')


_Call = tuple[Called, tuple[int, ...], slice]  # a call, the places of its inputs, and those of its outputs


def _last_of_graph(calls: Sequence[_Call], ends: tuple[int, ...], count: int) -> Last | None:
    """Return what is done last to the one output of a model, if no other call reads that output."""
    end = slice(ends[0], ends[0] + 1)
    makers = [place for place, (_, _, given) in enumerate(calls) if given == end]
    if len(ends) != 1 or not makers or any(ends[0] in taken for _, taken, _ in calls):
        return None
    (place,) = makers
    called, taken, given = calls[place]
    last = called.last
    if last is None:
        return None
    changed = [*calls[:place], (replace(called, make=last.before), taken, given), *calls[place + 1 :]]
    return Last(last.activation, lambda: _steps(changed, ends, count))


def _steps(calls: Sequence[_Call], ends: tuple[int, ...], count: int) -> Forward:
    """Return what goes through calls in their order; what nobody reads any more is let go."""
    last = {place: index for index, (_, taken, _) in enumerate(calls) for place in taken if place not in ends}
    steps = [
        (called.make(), taken, given.start, len(called.shapes), tuple(p for p in set(taken) if last.get(p) == index))
        for index, (called, taken, given) in enumerate(calls)
    ]
    if _is_chain(calls, ends):
        return chain([step[0] for step in steps])

    def forward(*inputs: Any) -> Any:
        values = [*inputs, *(None,) * (count - len(inputs))]
        for function, taken, place, outputs, over in steps:
            result = function(*[values[each] for each in taken])
            if outputs == 1:
                values[place] = result
            else:
                values[place : place + outputs] = result
            for each in over:
                values[each] = None
        return values[ends[0]] if len(ends) == 1 else tuple(values[end] for end in ends)

    return forward


def _is_chain(calls: Sequence[_Call], ends: tuple[int, ...]) -> bool:
    """Whether each call takes what the one before it gave."""
    return ends == (len(calls),) and all(
        taken == (index,) and len(called.shapes) == 1 for index, (called, taken, _) in enumerate(calls)
    )


def _without_none(value: Any) -> Any:
    """Return a list without what is None, as the masks of several tensors are."""
    return [each for each in value if each is not None] if isinstance(value, list) else value
