"""The callbacks of Keras that a trial may have, and what they may be told. They are parsed, never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from automl.search.limits import LONGEST_PATH
from automl.search.literals import UNPARSABLE, Call, call_of, expression, is_integer, is_number, value_of
from automl.search.plateaus import EarlyStopping, ReduceLROnPlateau


@dataclass(frozen=True)
class Board:
    """Keras' callback TensorBoard; the names and defaults are Keras'."""

    log_dir: str = "logs"
    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False


@dataclass(frozen=True)
class TerminateOnNaN:
    """Keras' callback; every trial has it, so it changes nothing."""


@dataclass(frozen=True)
class Callbacks:
    """The callbacks of a trial.

    Attributes:
        board: what is written for TensorBoard.
        stopping: when it ends early.
        plateau: when its learning rate is reduced.
    """

    board: Board | None = None
    stopping: EarlyStopping | None = None
    plateau: ReduceLROnPlateau | None = None

    @property
    def restores(self) -> bool:
        """Whether the weights of the best evaluation take the place of the last ones."""
        return self.stopping is not None and self.stopping.restore_best_weights

    @property
    def monitoring(self) -> tuple[EarlyStopping | ReduceLROnPlateau, ...]:
        """Those that look at evaluations."""
        return tuple(each for each in (self.stopping, self.plateau) if each is not None)


Callback = Board | TerminateOnNaN | EarlyStopping | ReduceLROnPlateau
NAMES = "TensorBoard, EarlyStopping, ReduceLROnPlateau and TerminateOnNaN"


def callbacks_of(value: object) -> Callbacks | None:
    """Read callbacks: a list, as text or not, with each of them at most once; None where they are something else."""
    if isinstance(value, str):
        node = expression(value.strip())
        try:
            value = None if node is None else value_of(node)
        except UNPARSABLE:
            return None
        if value is None and not (isinstance(node, ast.Constant) and node.value is None):
            return None
    calls = [] if value is None else value
    if not isinstance(calls, list):
        return None
    found = [_callback_of(call) for call in calls]
    if None in found or len({type(each) for each in found}) < len(found):
        return None
    return Callbacks(**{_PLACES[type(each)]: each for each in found if type(each) in _PLACES})  # type: ignore[arg-type]


def _callback_of(value: object) -> Callback | None:
    call = call_of(value) if isinstance(value, str) else value
    kind = _KINDS.get(call.name) if isinstance(call, Call) else None
    return None if kind is None or not isinstance(call, Call) else kind.read(call)


def _is_path(value: object) -> bool:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_PATH:
        return False
    return value.isprintable() and ".." not in value.split("/")


def _is_one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: any(value is each or (type(value) is type(each) and value == each) for each in values)


def _is_count(value: object) -> bool:
    return is_integer(value, 0)


def _is_amount(value: object) -> bool:
    return is_number(value) and float(value) >= 0  # type: ignore[arg-type]


def _is_monitor(value: object) -> bool:
    return isinstance(value, str) and call_of(value) is not None


@dataclass(frozen=True)
class _Kind:
    """A callback of Keras.

    Attributes:
        make: what it is here.
        rules: of its arguments, in Keras' order.
    """

    make: type[Callback]
    rules: Mapping[str, Callable[[object], bool]]

    def read(self, call: Call) -> Callback | None:
        """Return what a call makes; None where its arguments break a rule."""
        given = {**dict(zip(self.rules, call.positional, strict=False)), **dict(call.keywords)}
        if len(given) < len(call.positional) + len(call.keywords):  # one given twice, or too many without a name
            return None
        if not all(key in self.rules and self.rules[key](each) for key, each in given.items()):
            return None
        own = [each.name for each in fields(self.make)]
        arguments: dict[str, Any] = {key: each for key, each in given.items() if key in own}
        return self.make(**arguments)


_IS_MODE = _is_one_of("auto", "min", "max")
_IS_VERBOSE = _is_one_of(0, 1, 2)
_KINDS: Mapping[str, _Kind] = {
    "TensorBoard": _Kind(
        Board,
        {
            "log_dir": _is_path,
            "histogram_freq": _is_count,
            "write_graph": _is_one_of(True, False),
            "write_images": _is_one_of(True, False),
            # What Keras does besides is for a loop of its own.
            "write_steps_per_second": _is_one_of(False),
            "update_freq": _is_one_of("epoch"),
            "profile_batch": _is_one_of(0),
            "embeddings_freq": _is_one_of(0),
            "embeddings_metadata": _is_one_of(None),
        },
    ),
    "EarlyStopping": _Kind(
        EarlyStopping,
        {
            "monitor": _is_monitor,
            "min_delta": is_number,
            "patience": _is_count,
            "verbose": _IS_VERBOSE,
            "mode": _IS_MODE,
            "baseline": lambda value: value is None or is_number(value),
            "restore_best_weights": _is_one_of(True, False),
            "start_from_epoch": _is_count,
        },
    ),
    "ReduceLROnPlateau": _Kind(
        ReduceLROnPlateau,
        {
            "monitor": _is_monitor,
            "factor": lambda value: _is_amount(value) and float(value) < 1,  # type: ignore[arg-type]
            "patience": _is_count,
            "verbose": _IS_VERBOSE,
            "mode": _IS_MODE,
            "min_delta": is_number,
            "cooldown": _is_count,
            "min_lr": _is_amount,
        },
    ),
    "TerminateOnNaN": _Kind(TerminateOnNaN, {"raise_error": _is_one_of(False)}),
}
_PLACES: Mapping[type, str] = {Board: "board", EarlyStopping: "stopping", ReduceLROnPlateau: "plateau"}
