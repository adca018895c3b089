"""Messages: frozen dataclasses that travel between the two halves as JSON, and are read strictly.

A message is written with the names of its fields as keys. Whoever reads one gets the very types that the fields declare: a
key that is unknown or missing, or a value of another type, is an error that says where it stands. Fields may be texts,
numbers, booleans, enums of texts, other dataclasses, tuples and mappings of these, `None` beside one of them, one of several
dataclasses that have a `KIND`, or anything that JSON can say (`Any`).
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import Any, Self, TypeVar

Read = Callable[[Any, str], Any]
Write = Callable[[Any], Any]
Made = TypeVar("Made")
_KIND = "kind"  # key of the KIND of a dataclass, where one of several may stand


class MessageError(ValueError):
    """A text that is not the message it should be; the error says where, and what was expected."""


class Message:
    """Base of the dataclasses that are sent as a whole."""

    def to_json(self) -> str:
        """Return the message as JSON."""
        kind: Any = type(self)
        return json.dumps(_writer(kind)(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the message that a JSON text says.

        Raises:
            MessageError: it is no JSON, has an unknown key, lacks one, or has a value of another type.
        """
        try:
            value = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:  # a TypeError for NULL
            raise MessageError(f"{cls.__name__} must be JSON: {error}") from None
        kind: Any = cls
        message: Self = _reader(kind)(value, cls.__name__)
        return message


# --- writing ------------------------------------------------------------------------------------------------------------


@cache
def _writer(kind: Any) -> Write:
    """Return what makes a value of a type plain: what `json` can write."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass_writer(kind)
    if origin is tuple:
        one = _writer(arguments[0])
        return list if one is _unchanged else lambda value: [one(each) for each in value]
    if origin is Mapping:
        one = _writer(arguments[1])
        return dict if one is _unchanged else lambda value: {key: one(each) for key, each in value.items()}
    if origin in (types.UnionType, typing.Union):
        return _union_writer(arguments)
    return _unchanged


def _dataclass_writer(kind: Any) -> Write:
    hints = typing.get_type_hints(kind)
    writers = [(each.name, _writer(hints[each.name])) for each in dataclasses.fields(kind)]
    return lambda value: {name: write(getattr(value, name)) for name, write in writers}


def _union_writer(kinds: tuple[Any, ...]) -> Write:
    several = [kind for kind in kinds if kind is not types.NoneType]
    if len(several) == 1:
        write = _writer(several[0])
        return lambda value: None if value is None else write(value)
    writers = {kind: _writer(kind) for kind in several}
    return lambda value: {_KIND: value.KIND, **writers[type(value)](value)}


def _unchanged(value: Any) -> Any:
    return value


# --- reading ------------------------------------------------------------------------------------------------------------


@cache
def _reader(kind: Any) -> Read:
    """Return what makes a value of a type of what `json` has read, given where that stands."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value, where: value
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum_reader(kind)
    if origin is tuple:
        return _tuple_reader(_reader(arguments[0]))
    if origin is Mapping:
        return _mapping_reader(_reader(arguments[1]))
    if origin in (types.UnionType, typing.Union):
        return _union_reader(arguments)
    return _plain_reader(kind)


_PLAIN = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def _plain_reader(kind: type) -> Read:
    if kind is float:
        return _number
    return lambda value, where: value if type(value) is kind else _refuse(where, _PLAIN[kind], value)


def _number(value: Any, where: str) -> Any:
    if type(value) in (int, float):
        with suppress(OverflowError):  # a whole number beyond all floats
            return float(value)
    return _refuse(where, _PLAIN[float], value)


def _enum_reader(kind: type[StrEnum]) -> Read:
    known = {each.value: each for each in kind}
    rule = f"one of {', '.join(known)}"
    return lambda value, where: known[value] if type(value) is str and value in known else _refuse(where, rule, value)


def _tuple_reader(one: Read) -> Read:
    def read(value: Any, where: str) -> Any:
        if type(value) is not list:
            _refuse(where, "a list", value)
        return tuple([one(each, where) for each in value])

    return read


def _mapping_reader(one: Read) -> Read:
    def read(value: Any, where: str) -> Any:
        if type(value) is not dict:
            _refuse(where, "an object", value)
        return {key: one(each, where) for key, each in value.items()}

    return read


def _union_reader(kinds: tuple[Any, ...]) -> Read:
    several = [kind for kind in kinds if kind is not types.NoneType]
    if len(several) == 1:
        one = _reader(several[0])
        return lambda value, where: None if value is None else one(value, where)
    readers = {kind.KIND: _reader(kind) for kind in several}

    def read(value: Any, where: str) -> Any:
        chosen = value.get(_KIND) if type(value) is dict else None
        if type(chosen) is not str or chosen not in readers:
            _refuse(where, f'an object whose "{_KIND}" is one of {", ".join(readers)}', value)
        return readers[chosen]({key: each for key, each in value.items() if key != _KIND}, where)

    return read


def _dataclass_reader(kind: Any) -> Read:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    readers = {each.name: _reader(hints[each.name]) for each in fields}
    needed = [each.name for each in fields if each.default is each.default_factory is dataclasses.MISSING]

    def read(value: Any, where: str) -> Any:
        if type(value) is not dict:
            _refuse(where, "an object", value)
        if not value.keys() <= readers.keys():
            raise MessageError(f'{where} must not have "{next(key for key in value if key not in readers)}"')
        for name in needed:
            if name not in value:
                raise MessageError(f'{where} must have "{name}"')
        return kind(**{name: readers[name](each, f"{where}.{name}") for name, each in value.items()})

    return read


def _refuse(where: str, rule: str, value: Any) -> Any:
    text = json.dumps(value)
    raise MessageError(f"{where} must be {rule}, got {text if len(text) <= 100 else text[:100] + '...'}")
