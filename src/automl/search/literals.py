"""Values in Python's notation, read with `ast`. Nothing of a text is ever evaluated: a call in it is kept as data."""

from __future__ import annotations

import ast
import keyword
import math
from dataclasses import dataclass

from automl.search.limits import LARGEST_INTEGER, LONGEST_TEXT
from keras_seg.protocol.keras_names import without_module

UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)  # what reading hostile text raises


def is_name(value: object) -> bool:
    """Whether a value is text that can name something of Keras, or a function."""
    return isinstance(value, str) and value.isidentifier() and not keyword.iskeyword(value)


def is_number(value: object) -> bool:
    """Whether a value is a finite number. True and False are none."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= 2**63
    return isinstance(value, float) and math.isfinite(value)


def is_integer(value: object, least: int) -> bool:
    """Whether a value is an integer of at least `least` that fits into SQL's INTEGER."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST_INTEGER


@dataclass(frozen=True)
class Call:
    """A call in a parameter, kept as data: `ExponentialDecay(0.1, decay_steps=100, decay_rate=0.9)`."""

    name: str
    positional: tuple[object, ...] = ()
    keywords: tuple[tuple[str, object], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The call as JSON can hold it, for the sessions."""
        return {"schedule": self.name, "positional": list(self.positional), "keywords": dict(self.keywords)}


def call_of(text: str) -> Call | None:
    """Read `name(...)`, or `name` alone; None if the text is neither."""
    node = expression(without_module(text.strip()))
    if isinstance(node, ast.Name):
        return Call(node.id)
    try:
        return _call_at(node) if isinstance(node, ast.Call) else None
    except UNPARSABLE:
        return None


def expression(text: str) -> ast.expr | None:
    """Return the tree of a text that is one expression; None if it is not, or is too long."""
    if len(text) > LONGEST_TEXT:
        return None
    try:
        return ast.parse(text, mode="eval").body
    except UNPARSABLE:
        return None


def value_of(node: ast.expr) -> object:
    """Read a literal, a bare name as text, or a call as data; raises ValueError for anything else."""
    if isinstance(node, ast.Name | ast.Attribute):
        return _name_at(node)
    if isinstance(node, ast.List):
        return [value_of(element) for element in node.elts]
    return _call_at(node) if isinstance(node, ast.Call) else literal_of(node)


def literal_of(node: ast.expr) -> object:
    """Read a literal; raises one of `UNPARSABLE` for anything else."""
    value: object = ast.literal_eval(node)
    repr(value)  # raises ValueError for an integer too long to be written, which no message and no rendering could show
    return value


def _call_at(node: ast.Call) -> Call:
    names = [each.arg for each in node.keywords if each.arg is not None]
    if len(set(names)) < len(node.keywords):
        raise ValueError(ast.unparse(node))
    values = [value_of(each.value) for each in node.keywords]
    return Call(_name_at(node.func), tuple(value_of(each) for each in node.args), tuple(zip(names, values, strict=True)))


def _name_at(node: ast.expr) -> str:
    """Read a name, which may stand behind modules of Keras: `tf.keras.metrics.AUC`."""
    name = without_module(ast.unparse(node))
    if not isinstance(node, ast.Name | ast.Attribute) or not is_name(name):
        raise ValueError(ast.unparse(node))
    return name


def syntax_hint(error: BaseException) -> str | None:
    """Say where a text stops being Python's notation, if the error knows."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"Line {error.lineno}, column {error.offset}: {error.msg}."
    return None


def literal_hint(tree: ast.expr) -> str | None:
    """Name what is no literal: `true` for True is the usual slip."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if not names or any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(tree)):
        return "Values must be literals: numbers, text, True, False, None, lists and dicts of them."
    name = names[0].id
    proper = {"true": "True", "false": "False", "null": "None", "none": "None"}.get(name.lower(), f"'{name}'")
    return f"A bare name stands for nothing here: write {proper} for {name}."
