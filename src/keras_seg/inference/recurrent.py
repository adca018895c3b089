"""Recurrent layers: SimpleRNN, LSTM and GRU, step by step, from states of zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_seg.inference.activations import Activation, activation
from keras_seg.inference.layer import Array, Called, Forward, Layer, Shape, Variable, one, size_of, unchanged

States = tuple[Array, ...]
Step = Callable[[Array, States], States]  # what the kernel makes of an input, and states: new states, the output first


@dataclass(frozen=True)
class _Weights:
    """Of a cell, all gates beside each other."""

    kernel: Variable
    recurrent: Variable
    bias: Variable | None


def _cell(layer: Layer, gates: int, inputs: int, biases: Shape = ()) -> _Weights:
    units = layer["units"]
    kernel, recurrent = layer.weight(inputs, gates * units), layer.weight(units, gates * units)
    return _Weights(kernel, recurrent, layer.weight(*biases, gates * units) if layer["use_bias"] else None)


def _function(layer: Layer, argument: str) -> Activation:
    return activation(layer, argument) or unchanged


def _simple(layer: Layer, inputs: int) -> Callable[[], tuple[Forward, Step, int]]:
    weights, follow = _cell(layer, 1, inputs), _function(layer, "activation")

    def made() -> tuple[Forward, Step, int]:
        recurrent = weights.recurrent.array

        def step(x: Array, states: States) -> States:
            return (follow(x + states[0] @ recurrent),)

        return _projection(weights), step, 1

    return made


def _projection(weights: _Weights) -> Forward:
    """Return what the kernel makes of all inputs at once."""
    kernel, bias = weights.kernel.array, weights.bias
    if bias is None:
        return lambda x: x @ kernel
    added = bias.array[0] if bias.array.ndim == 2 else bias.array
    return lambda x: x @ kernel + added


def _lstm(layer: Layer, inputs: int) -> Callable[[], tuple[Forward, Step, int]]:
    """The gates are input, forget, cell and output."""
    weights, units = _cell(layer, 4, inputs), layer["units"]
    follow, gate = _function(layer, "activation"), _function(layer, "recurrent_activation")

    def made() -> tuple[Forward, Step, int]:
        recurrent = weights.recurrent.array

        def step(x: Array, states: States) -> States:
            h, c = states
            z = x + h @ recurrent
            i, f, o = gate(z[:, :units]), gate(z[:, units : 2 * units]), gate(z[:, 3 * units :])
            c = f * c + i * follow(z[:, 2 * units : 3 * units])
            return o * follow(c.copy()), c

        return _projection(weights), step, 2

    return made


def _gru(layer: Layer, inputs: int) -> Callable[[], tuple[Forward, Step, int]]:
    """The gates are update, reset and the new state; the reset comes before or after the recurrent kernel."""
    after = layer["reset_after"]
    weights, units = _cell(layer, 3, inputs, (2,) if after else ()), layer["units"]
    follow, gate = _function(layer, "activation"), _function(layer, "recurrent_activation")

    def made() -> tuple[Forward, Step, int]:
        recurrent = weights.recurrent.array
        two, last = recurrent[:, : 2 * units], recurrent[:, 2 * units :]
        added = weights.bias.array[1] if weights.bias is not None and after else np.zeros(3 * units, np.float32)

        def step(x: Array, states: States) -> States:
            (h,) = states
            gates = gate(x[:, : 2 * units] + (h @ two + added[: 2 * units]))
            z, r = gates[:, :units], gates[:, units:]
            inner = r * (h @ last + added[2 * units :]) if after else (r * h) @ last
            return (z * h + (1 - z) * follow(x[:, 2 * units :] + inner),)

        return _projection(weights), step, 1

    return made


_CELLS = {"GRU": _gru, "LSTM": _lstm, "SimpleRNN": _simple}
CELLS = {f"{kind}Cell": kind for kind in _CELLS}


def _recurrent(layer: Layer, shape: Shape) -> Called:
    if len(shape) != 2:
        raise layer.refuse(f"rows of shape {list(shape)}")
    layer.allow("return_state", False)
    (cell,) = layer.inner
    cell.call(())  # its weights are counted from the first again
    made_cell = _CELLS[CELLS[cell.kind]](cell, shape[1])
    units, sequences = cell["units"], layer["return_sequences"]
    out = (shape[0], units) if sequences else (units,)
    backwards = layer["go_backwards"]

    def made() -> Forward:
        project, step, states = made_cell()
        return lambda x: _run(project(x), step, states, units, backwards, sequences)

    gates = {"GRUCell": 3, "LSTMCell": 4, "SimpleRNNCell": 1}[cell.kind]
    values = (shape[0] + 4) * (gates + 1) * units + size_of(shape)
    return Called((out,), made, values, shape[0] * gates * units * (shape[1] + 2 * units))


def _run(x: Array, step: Step, states: int, units: int, backwards: bool, sequences: bool) -> Array:
    """Go through the steps of sequences (rows, steps, ...); return all outputs, or the last."""
    now: States = (np.zeros((len(x), units), np.float32),) * states
    outputs = np.empty((len(x), x.shape[1], units), np.float32) if sequences else None
    order = range(x.shape[1] - 1, -1, -1) if backwards else range(x.shape[1])
    for place, time in enumerate(order):
        now = step(x[:, time], now)
        if outputs is not None:
            outputs[:, place] = now[0]
    return now[0] if outputs is None else outputs


def cell_rule(layer: Layer, shapes: Sequence[Shape]) -> Called:
    """The rule of a cell within a layer, which computes it."""
    return Called((), lambda: unchanged)


RULES = dict.fromkeys(("GRU", "LSTM", "RNN", "SimpleRNN"), one(_recurrent))
