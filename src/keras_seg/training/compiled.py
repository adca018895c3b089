"""A function of tensors, compiled once, and run in the way that costs least where it runs.

TensorFlow's executor hands the operations of a graph to a pool of threads, and keeps a count for each of what it still waits
for. A session has one thread as a rule. There the other executor makes the operations one after the other, in an order that is
settled when the function is compiled: the same operations, so the same bits, and for small networks, whose operations take a
microsecond each, a third less time.

It knows loops and conditions as operations only, so a function is traced for it. Of those it makes loops by itself. A
condition, or a function that is called in the graph, it gives to the pool and waits: for ever if it runs in the one thread of
the pool itself. Graphs with one of these are left to the usual executor, and are traced twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import tensorflow as tf

_LOOPS = frozenset(("While", "StatelessWhile"))


class CompiledFunction:
    """A function of tensors that is traced when it is called first.

    Args:
        function: of tensors; part of a graph.
        signature: the shapes and types of its arguments.
    """

    def __init__(self, function: Callable[..., Any], signature: Sequence[Any]) -> None:
        self._function = function
        self._signature = signature
        self._executor: Callable[[], AbstractContextManager[None]] = nullcontext
        self._traced: Any = None

    def __call__(self, *tensors: Any) -> Any:
        """Return what it gives for tensors of its signature."""
        if self._traced is None:
            self._trace()
        with self._executor():
            return self._traced(*tensors)

    def _trace(self) -> None:
        if one_after_the_other():
            traced = self._traced_for(_in_order)
            if not any(map(_calls, _nodes(traced.graph))):
                self._executor, self._traced = _in_order, traced
                return
        self._executor, self._traced = nullcontext, self._traced_for(nullcontext)

    def _traced_for(self, executor: Callable[[], AbstractContextManager[None]]) -> Any:
        with executor():
            # The traced function itself: the one that chooses among traces costs a millisecond a call.
            return tf.function(self._function, input_signature=self._signature, autograph=False).get_concrete_function()


def _in_order() -> AbstractContextManager[None]:
    """While this lasts, functions are traced for the executor that makes operations one after the other, and run by it."""
    manager: AbstractContextManager[None] = tf.experimental.function_executor_type("SINGLE_THREADED_EXECUTOR")
    return manager


@cache
def one_after_the_other() -> bool:
    """Whether nothing is done side by side in this process: TensorFlow has one thread, and no GPU works for it."""
    return tf.config.threading.get_inter_op_parallelism_threads() == 1 and not tf.config.list_logical_devices("GPU")


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph and of the functions in it."""
    definition = graph.as_graph_def()
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _calls(node: Any) -> bool:
    """Whether an operation calls functions, other than to repeat them."""
    return node.op not in _LOOPS and any(value.HasField("func") or value.list.func for value in node.attr.values())
