"""Parameters as text and as values. Text is parsed with `ast`; nothing of it is ever evaluated.

Four kinds of text, and what reads and writes them:

    grids           {'loss': ['mse'], 'optimizer_params_list': [...]}         parse_grid
    compile_params  optimizer='Adam(lr=0.01)',loss='mse',metrics=['mae']      render_compile_params, parse_compile_params
    fit_params      batch_size=8,epochs=1                                     render_fit_params, parse_fit_params
    automl_params   R=9, eta=3, skip_last=0                                   parse_pairs
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from automl.errors import (
    FEATURE_NOT_SUPPORTED,
    INVALID_PARAMETER_VALUE,
    NULL_VALUE_NOT_ALLOWED,
    AutomlError,
    UsageError,
    shown,
    together,
)

Grid = dict[str, list[object]]
Pairs = Iterable[tuple[str, object]]

OPTIMIZER_ENTRIES = "optimizer_params_list"
DEFAULT_OPTIMIZER = "RMSprop"
LEARNING_RATES = ("lr", "learning_rate")
LONGEST_TEXT = 100_000  # characters; the parser's memory grows with the text
LARGEST_INTEGER = 2**31 - 1
_MOST_CLASS = 1_000_000  # class number that may have a weight: a session has one for each number below it
_DICT = "must be a dict of lists in Python's notation"
_PAIRS = "must be key=value pairs parted by commas"
_EXAMPLE = "For example: {'batch_size': [8, 16], 'epochs': [1]}"
_EXAMPLES = {
    "compile_params_grid": "For example: {'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'lr': [0.01, 0.1]}]}"
}
_UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


# --- what a value must be -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """What the value of a key must be.

    Attributes:
        text: the rest of a sentence that starts with the key.
        holds: whether a value keeps the rule.
        sqlstate: of the error where it does not.
    """

    text: str
    holds: Callable[[object], bool]
    sqlstate: str = INVALID_PARAMETER_VALUE

    def error(self, argument: str, key: str, value: object, where: str = "") -> UsageError:
        """The error that says so; `where` leads to the key."""
        return UsageError(argument, f'{where}"{key}" {self.text}', value, sqlstate=self.sqlstate)


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


def _is_optimizer_value(value: object) -> bool:
    return value is None or isinstance(value, bool | str) or is_number(value)


def _is_learning_rate(value: object) -> bool:
    return is_number(value) or isinstance(value, Call) or (isinstance(value, str) and _call(value) is not None)


def is_objective(value: object) -> bool:
    """Whether a value can name a loss or a metric, perhaps with arguments: `AUC`, `Huber(delta=2.0)`."""
    if not isinstance(value, str) or is_name(value):
        return is_name(value)
    call = _call(value)
    return call is not None and not call.positional and all(_is_argument(each) for _, each in call.keywords)


def _is_argument(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(item is None or isinstance(item, bool | str) or is_number(item) for item in items)


def _are_objectives(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(is_objective(item) for item in value))


def _are_loss_weights(value: object) -> bool:
    items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    return value is None or (bool(items) and all(is_number(item) for item in items))


def _are_class_weights(value: object) -> bool:
    if not isinstance(value, dict):
        return value is None
    numbers = all(is_integer(key, 0) and key <= _MOST_CLASS for key in value)
    return numbers and all(is_number(weight) and weight >= 0 for weight in value.values())


COMPILE_RULES: Mapping[str, Rule] = {
    "optimizer": Rule("must be the name of an optimizer", is_name),
    "loss": Rule("must be the name of a loss", is_objective),
    "metrics": Rule("must be a list of names of metrics, or None", _are_objectives),
    "loss_weights": Rule("must be a number, a list or dict of numbers, or None", _are_loss_weights),
    "weighted_metrics": Rule("must be a list of names of metrics, or None", _are_objectives),
    "sample_weight_mode": Rule("must be 'temporal' or None", lambda value: value in (None, "temporal")),
}

FIT_RULES: Mapping[str, Rule] = {
    "batch_size": Rule("must be an integer of at least 1", lambda value: is_integer(value, 1)),
    "epochs": Rule("must be an integer of at least 1", lambda value: is_integer(value, 1)),
    "verbose": Rule("must be 0, 1, 2 or 'auto'", lambda value: value in (0, 1, 2, "auto")),
    "shuffle": Rule("must be True or False", lambda value: isinstance(value, bool)),
    "class_weight": Rule(
        f"must be a dict from class numbers, 0 to {_MOST_CLASS}, to weights of at least 0, or None", _are_class_weights
    ),
    "initial_epoch": Rule("must be an integer of at least 0", lambda value: is_integer(value, 0)),
    "steps_per_epoch": Rule("must be an integer of at least 1, or None", lambda value: value is None or is_integer(value, 1)),
    "callbacks": Rule(
        """must be '[TensorBoard(log_dir="/tmp/logs/fit")]' or None, with these arguments: log_dir, text without '..';"""
        " histogram_freq, an integer of at least 0; write_graph and write_images, True or False; others with Keras' defaults;"
        " no other callback is supported",
        lambda value: _board(value) is not None,
        FEATURE_NOT_SUPPORTED,
    ),
}

_OPTIMIZER_VALUE = Rule("must be a number, True, False, None or text", _is_optimizer_value)
_LEARNING_RATE = Rule("must be a number or a schedule such as 'ExponentialDecay(0.1, 100, 0.9)'", _is_learning_rate)


def optimizer_rule(key: str) -> Rule:
    """What the value of an optimizer's parameter must be; the sessions know which parameters an optimizer has."""
    return _LEARNING_RATE if key in LEARNING_RATES else _OPTIMIZER_VALUE


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the known name closest to `name`, or nothing.

    >>> did_you_mean("metric", ["loss", "metrics"])
    '; did you mean "metrics"?'
    """
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""


# --- grids --------------------------------------------------------------------------------------------------------------


def parse_grid(argument: str, text: str | None) -> Grid:
    """Read the text of a dict whose values are lists, such as `{'batch_size': [8, 16], 'epochs': [1]}`.

    Args:
        argument: the SQL argument it came in, for errors.
        text: Python's notation for the dict; blanks and newlines around it and inside do not count.

    Raises:
        UsageError: it is NULL or empty, no dict, or a value is no list or an empty one.
        AutomlError: several of these at once.
    """
    problems: list[AutomlError] = []
    grid = lists_of(argument, parse_dict(argument, text), problems)
    if problems:
        raise together(problems)
    return grid


def parse_dict(argument: str, text: str | None) -> dict[object, object]:
    """Read the text of a dict of literals, without a look at its keys and values.

    Raises:
        UsageError: it is NULL or empty, no such dict, an empty dict, or a key stands in it twice.
    """
    if text is None or not text.strip():
        raise UsageError(argument, _DICT, text, hint=_EXAMPLES.get(argument, _EXAMPLE), sqlstate=NULL_VALUE_NOT_ALLOWED)
    tree = _parsed(argument, text.strip())
    if not isinstance(tree, ast.Dict) or not tree.keys:
        raise UsageError(argument, _DICT + ", with one key at least", text, hint=_EXAMPLES.get(argument, _EXAMPLE))
    _refuse_repeated_keys(argument, tree)
    try:
        return cast(dict[object, object], _literal(tree))
    except _UNPARSABLE:
        raise UsageError(argument, _DICT, text, hint=_literal_hint(tree)) from None


def lists_of(argument: str, given: Mapping[object, object], problems: list[AutomlError], where: str = "") -> Grid:
    """Return the entries whose key is a name and whose value is a list with elements; the others become problems.

    Args:
        where: leads to the dict, for errors: `"optimizer_params_list" entry 1: `.
    """
    grid: Grid = {}
    for key, value in given.items():
        if not isinstance(key, str) or not is_name(key):
            problems.append(UsageError(argument, f"{where}keys must be names of parameters", key))
        elif not isinstance(value, list):
            hint = f"Write a list: {shown(list(value) if isinstance(value, tuple) else [value])}."
            problems.append(UsageError(argument, f'{where}"{key}" must be a list of values', value, hint=hint))
        elif not value:
            problems.append(UsageError(argument, f'{where}"{key}" must have at least one value', value))
        else:
            grid[key] = value
    return grid


def _parsed(argument: str, text: str) -> ast.expr:
    if len(text) > LONGEST_TEXT:
        raise UsageError(argument, f"must have at most {LONGEST_TEXT} characters", len(text))
    try:
        return ast.parse(text, mode="eval").body
    except _UNPARSABLE as error:
        raise UsageError(argument, _DICT, text, hint=_syntax_hint(error)) from None


def _refuse_repeated_keys(argument: str, tree: ast.Dict) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [repr(key.value) for key in node.keys if isinstance(key, ast.Constant)]
            repeated = sorted({key for key in keys if keys.count(key) > 1})
            if repeated:
                raise UsageError(argument, f"must have each key once; repeated: {', '.join(repeated)}")


def _syntax_hint(error: BaseException) -> str | None:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"Line {error.lineno}, column {error.offset}: {error.msg}."
    return None


def _literal_hint(tree: ast.expr) -> str | None:
    """Name what is no literal: `true` for True is the usual slip."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if not names or any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(tree)):
        return "Values must be literals: numbers, text, True, False, None, lists and dicts of them."
    name = names[0].id
    proper = {"true": "True", "false": "False", "null": "None", "none": "None"}.get(name.lower(), f"'{name}'")
    return f"A bare name stands for nothing here: write {proper} for {name}."


# --- rendering ----------------------------------------------------------------------------------------------------------


def render_call(name: str, keywords: Pairs) -> str:
    """Write an optimizer with its parameters: `Adam(lr=0.01,beta_1=0.9)`, `Adam()`."""
    return f"{name}({','.join(f'{key}={value!r}' for key, value in keywords)})"


def render_compile_params(optimizer: str, optimizer_params: Pairs, others: Pairs) -> str:
    """Write compile parameters, the optimizer first.

    >>> render_compile_params("Adam", [("lr", 0.01)], [("loss", "mse"), ("metrics", ["mae"])])
    "optimizer='Adam(lr=0.01)',loss='mse',metrics=['mae']"
    """
    return render_fit_params([("optimizer", render_call(optimizer, optimizer_params)), *others])


def render_fit_params(params: Pairs) -> str:
    """Write fit parameters: `batch_size=8,epochs=1`."""
    return ",".join(f"{key}={value!r}" for key, value in params)


# --- reading parameters -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call in a parameter, kept as data: `ExponentialDecay(0.1, decay_steps=100, decay_rate=0.9)`."""

    name: str
    positional: tuple[object, ...] = ()
    keywords: tuple[tuple[str, object], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The call as JSON can hold it, for the sessions."""
        return {"schedule": self.name, "positional": list(self.positional), "keywords": dict(self.keywords)}


@dataclass(frozen=True)
class CompileParams:
    """Compile parameters of one configuration; the names and defaults are those of `keras.Model.compile`.

    Attributes:
        optimizer: its name, as spelled by the user; the sessions look it up in Keras.
        optimizer_params: its parameters by name: numbers, booleans, None, text; a `Call` is a learning rate schedule.
        loss: name of a loss or of a custom function, or a class of Keras with arguments: `Huber(delta=2.0)`.
        metrics: likewise names of metrics.
        loss_weights: a number, or a list or dict of numbers.
        weighted_metrics: names of metrics.
        sample_weight_mode: 'temporal' or None.
    """

    optimizer: str
    optimizer_params: Mapping[str, Any]
    loss: str
    metrics: tuple[str, ...] = ()
    loss_weights: Any = None
    weighted_metrics: tuple[str, ...] = ()
    sample_weight_mode: str | None = None

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The metrics and the weighted ones: rows have no weights of their own here, so both are computed alike."""
        return tuple(dict.fromkeys((*self.metrics, *self.weighted_metrics)))


@dataclass(frozen=True)
class Board:
    """Keras' callback TensorBoard; the names and defaults are Keras'."""

    log_dir: str = "logs"
    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False


@dataclass(frozen=True)
class FitParams:
    """Fit parameters of one configuration; the names and defaults are those of `keras.Model.fit`.

    Attributes:
        callbacks: as they were written; `board` is what they say.
    """

    batch_size: int = 32
    epochs: int = 1
    shuffle: bool = True
    class_weight: Mapping[int, float] | None = None
    steps_per_epoch: int | None = None
    initial_epoch: int = 0
    verbose: int | str = "auto"
    callbacks: object = None

    @property
    def passes(self) -> int:
        """Passes over the data in one visit: the epochs from `initial_epoch` on."""
        return self.epochs - self.initial_epoch

    @property
    def board(self) -> Board | None:
        """The callback TensorBoard, if there is one."""
        found = _board(self.callbacks)
        return found[0] if found else None


def parse_compile_params(text: str | None, argument: str = "compile_params") -> CompileParams:
    """Read compile parameters as `render_compile_params` and MADlib's users write them.

    Names may stand without quotes, and the optimizer with or without them and its parentheses.

    Raises:
        UsageError: unreadable, optimizer or loss missing, an unknown key or a value that breaks its rule.
        AutomlError: several of these at once.
    """
    given = _keywords(argument, text, COMPILE_RULES)
    missing = [UsageError(argument, f'"{key}" is required') for key in ("optimizer", "loss") if key not in given]
    optimizer = _optimizer(argument, given.pop("optimizer")) if "optimizer" in given else Call(DEFAULT_OPTIMIZER)
    given = {key: _spelled(value) for key, value in given.items()}
    _check(argument, given, COMPILE_RULES, missing)
    for key in ("metrics", "weighted_metrics"):
        given[key] = tuple(given.get(key) or ())
    return CompileParams(optimizer.name, dict(optimizer.keywords), **given)


def parse_fit_params(text: str | None, argument: str = "fit_params") -> FitParams:
    """Read fit parameters; what is not given has Keras' default.

    Raises:
        UsageError: unreadable, an unknown key or a value that breaks its rule.
        AutomlError: several of these at once.
    """
    given = _keywords(argument, text, FIT_RULES)
    _check(argument, given, FIT_RULES, [])
    params = FitParams(**given)
    if params.passes < 1:
        raise UsageError(argument, f'"initial_epoch" must be less than "epochs", {params.epochs}', params.initial_epoch)
    return params


def _board(value: object) -> list[Board] | None:
    """Read callbacks: a list of at most one TensorBoard, as text or not; None where they are something else."""
    if isinstance(value, str):
        node = _node(value.strip())
        try:
            value = None if node is None else _value(node)
        except _UNPARSABLE:
            return None
        if value is None and not (isinstance(node, ast.Constant) and node.value is None):
            return None
    calls = [] if value is None else value
    if not isinstance(calls, list) or len(calls) > 1:
        return None
    boards = [_board_of(call) for call in calls]
    return [board for board in boards if board is not None] if all(boards) else None


def _board_of(value: object) -> Board | None:
    call = _call(value) if isinstance(value, str) else value
    if not isinstance(call, Call) or call.name != "TensorBoard":
        return None
    given = {**dict(zip(_BOARD_ARGUMENTS, call.positional, strict=False)), **dict(call.keywords)}
    if len(given) < len(call.positional) + len(call.keywords):  # one given twice, or too many without a name
        return None
    if not all(key in _BOARD_RULES and _BOARD_RULES[key](each) for key, each in given.items()):
        return None
    return Board(**{key: each for key, each in given.items() if key in _BOARD_ARGUMENTS})  # type: ignore[arg-type]


def _is_path(value: object) -> bool:
    if not isinstance(value, str) or not value.strip() or len(value) > 1000:
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


def _keywords(argument: str, text: str | None, known: Iterable[str]) -> dict[str, Any]:
    if text is None or not text.strip():
        raise UsageError(argument, _PAIRS, text, sqlstate=NULL_VALUE_NOT_ALLOWED)
    # The newline keeps the parenthesis out of a comment at the end of the text.
    node = _node(f"parameters({text}\n)")
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        raise UsageError(argument, _PAIRS, text)
    pairs = [(each.arg, each.value) for each in node.keywords if each.arg is not None]
    if len(pairs) < len(node.keywords):  # a mapping that is spread out: **{...}
        raise UsageError(argument, _PAIRS, text)
    _refuse_unknown(argument, [key for key, _ in pairs], known)
    return {key: _keyword_value(argument, key, value) for key, value in pairs}


def _keyword_value(argument: str, key: str, node: ast.expr) -> object:
    if key == "callbacks" and not isinstance(node, ast.Constant):
        return ast.unparse(node)  # as text, like that of a grid
    try:
        return _value(node)
    except _UNPARSABLE:
        raise UsageError(argument, f'"{key}" must be a literal or a name', ast.unparse(node)) from None


def _refuse_unknown(argument: str, keys: Sequence[str], known: Iterable[str]) -> None:
    known = list(known)
    problems: list[AutomlError] = []
    for key in dict.fromkeys(keys):
        if key not in known:
            problems.append(UsageError(argument, f'"{key}" is not one of {", ".join(known)}{did_you_mean(key, known)}'))
        elif keys.count(key) > 1:
            problems.append(UsageError(argument, f'"{key}" must be given once'))
    if problems:
        raise together(problems)


def _check(argument: str, given: Mapping[str, object], rules: Mapping[str, Rule], problems: Sequence[AutomlError]) -> None:
    broken = [rules[key].error(argument, key, value) for key, value in given.items() if not rules[key].holds(value)]
    if problems or broken:
        raise together([*problems, *broken])


def _spelled(value: object) -> object:
    """Return losses and metrics that were written as calls, without quotes, as text."""
    if isinstance(value, list):
        return [_spelled(each) for each in value]
    return render_call(value.name, value.keywords) if isinstance(value, Call) and not value.positional else value


def _optimizer(argument: str, given: object) -> Call:
    call = given if isinstance(given, Call) else _call(given) if isinstance(given, str) else None
    if call is None:
        rule = "must be an optimizer with its parameters, such as 'SGD(lr=0.01)'"
        raise UsageError(argument, f'"optimizer" {rule}', given)
    if call.positional:
        raise UsageError(argument, f'"optimizer" must have its parameters by name: {call.name}(lr=0.01)', given)
    return Call(call.name, (), tuple((key, _optimizer_value(argument, key, value)) for key, value in call.keywords))


def _optimizer_value(argument: str, key: str, value: object) -> object:
    rule = optimizer_rule(key)
    if not rule.holds(value):
        raise rule.error(argument, key, value)
    return _call(value) if key in LEARNING_RATES and isinstance(value, str) else value


def _call(text: str) -> Call | None:
    """Read `name(...)`, or `name` alone; None if the text is neither."""
    node = _node(text.strip())
    if isinstance(node, ast.Name):
        return Call(node.id)
    try:
        return _call_value(node) if isinstance(node, ast.Call) else None
    except _UNPARSABLE:
        return None


def _node(text: str) -> ast.expr | None:
    if len(text) > LONGEST_TEXT:
        return None
    try:
        return ast.parse(text, mode="eval").body
    except _UNPARSABLE:
        return None


def _value(node: ast.expr) -> object:
    """Read a literal, a bare name as text, or a call as data; raises ValueError for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List):
        return [_value(element) for element in node.elts]
    return _call_value(node) if isinstance(node, ast.Call) else _literal(node)


def _literal(node: ast.expr) -> object:
    value: object = ast.literal_eval(node)
    repr(value)  # raises ValueError for an integer too long to be written, which no message and no rendering could show
    return value


def _call_value(node: ast.Call) -> Call:
    names = [each.arg for each in node.keywords if each.arg is not None]
    if not isinstance(node.func, ast.Name) or len(set(names)) < len(node.keywords):
        raise ValueError(ast.unparse(node))
    values = [_value(each.value) for each in node.keywords]
    return Call(node.func.id, tuple(_value(each) for each in node.args), tuple(zip(names, values, strict=True)))


# --- automl_params ------------------------------------------------------------------------------------------------------


def parse_pairs(argument: str, text: str | None, known: Iterable[str]) -> dict[str, str]:
    """Read `key=value, key=value`; the keys in any case, returned as `known` spells them.

    Args:
        argument: the SQL argument it came in, for errors.
        text: the pairs; NULL or nothing but blanks means none.
        known: the keys there are.

    Raises:
        UsageError: not such pairs, an unknown key (names the closest), or a key given twice.
        AutomlError: several of these at once.
    """
    if text is None or not text.strip():
        return {}
    spelled = {key.lower(): key for key in known}
    pairs = [[side.strip() for side in part.split("=")] for part in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise UsageError(argument, _PAIRS, text)
    keys = [spelled.get(key.lower(), key) for key, _ in pairs]
    _refuse_unknown(argument, keys, spelled.values())
    return dict(zip(keys, (value for _, value in pairs), strict=True))
