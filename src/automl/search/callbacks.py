"""The one callback of Keras that a trial may have: TensorBoard, and what it may be told."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from automl.search.limits import LONGEST_PATH
from automl.search.literals import UNPARSABLE, Call, call_of, expression, is_integer, value_of


@dataclass(frozen=True)
class Board:
    """Keras' callback TensorBoard; the names and defaults are Keras'."""

    log_dir: str = "logs"
    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False


def boards(value: object) -> list[Board] | None:
    """Read callbacks: a list of at most one TensorBoard, as text or not; None where they are something else."""
    if isinstance(value, str):
        node = expression(value.strip())
        try:
            value = None if node is None else value_of(node)
        except UNPARSABLE:
            return None
        if value is None and not (isinstance(node, ast.Constant) and node.value is None):
            return None
    calls = [] if value is None else value
    if not isinstance(calls, list) or len(calls) > 1:
        return None
    found = [_board_of(call) for call in calls]
    return [board for board in found if board is not None] if all(found) else None


def _board_of(value: object) -> Board | None:
    call = call_of(value) if isinstance(value, str) else value
    if not isinstance(call, Call) or call.name != "TensorBoard":
        return None
    given = {**dict(zip(_BOARD_ARGUMENTS, call.positional, strict=False)), **dict(call.keywords)}
    if len(given) < len(call.positional) + len(call.keywords):  # one given twice, or too many without a name
        return None
    if not all(key in _BOARD_RULES and _BOARD_RULES[key](each) for key, each in given.items()):
        return None
    return Board(**{key: each for key, each in given.items() if key in _BOARD_ARGUMENTS})  # type: ignore[arg-type]


def _is_path(value: object) -> bool:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_PATH:
        return False
    return value.isprintable() and ".." not in value.split("/")


def _is_one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: any(value is each or (type(value) is type(each) and value == each) for each in values)


_BOARD_ARGUMENTS = tuple(each.name for each in fields(Board))
_BOARD_RULES: Mapping[str, Callable[[object], bool]] = {
    "log_dir": _is_path,
    "histogram_freq": lambda value: is_integer(value, 0),
    "write_graph": _is_one_of(True, False),
    "write_images": _is_one_of(True, False),
    # What Keras does besides is for a loop of its own.
    "write_steps_per_second": _is_one_of(False),
    "update_freq": _is_one_of("epoch"),
    "profile_batch": _is_one_of(0),
    "embeddings_freq": _is_one_of(0),
    "embeddings_metadata": _is_one_of(None),
}
