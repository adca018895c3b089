"""What the parameters of compile and fit must be, in grids as in a single configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from automl.errors import FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE, AutomlError, UsageError, together
from automl.search.callbacks import NAMES, callbacks_of
from automl.search.literals import Call, call_of, is_integer, is_name, is_number
from keras_seg.protocol.keras_names import without_module
from keras_seg.protocol.spelling import did_you_mean

OPTIMIZER_ENTRIES = "optimizer_params_list"
DEFAULT_OPTIMIZER = "RMSprop"
LEARNING_RATES = ("lr", "learning_rate")
PAIRS = "must be key=value pairs separated by commas"


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


def _is_optimizer_value(value: object) -> bool:
    return value is None or isinstance(value, bool | str) or is_number(value)


def _is_learning_rate(value: object) -> bool:
    return is_number(value) or isinstance(value, Call) or (isinstance(value, str) and call_of(value) is not None)


def _is_optimizer(value: object) -> bool:
    """Whether a value can name an optimizer, perhaps behind its modules: `tf.keras.optimizers.Adam`."""
    return isinstance(value, str) and is_name(without_module(value))


def is_objective(value: object) -> bool:
    """Whether a value can name a loss or a metric, perhaps with arguments: `AUC`, `Huber(delta=2.0)`."""
    if not isinstance(value, str) or is_name(value):
        return is_name(value)
    call = call_of(value)
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
        return value is None or value == "balanced"
    classes = all(key is None or isinstance(key, bool | str) or is_number(key) for key in value)
    return classes and all(is_number(weight) and weight >= 0 for weight in value.values())


COMPILE_RULES: Mapping[str, Rule] = {
    "optimizer": Rule("must be the name of an optimizer", _is_optimizer),
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
        "must be 'balanced', a dict from classes or their numbers to weights of at least 0, or None", _are_class_weights
    ),
    "initial_epoch": Rule("must be an integer of at least 0", lambda value: is_integer(value, 0)),
    "steps_per_epoch": Rule("must be an integer of at least 1, or None", lambda value: value is None or is_integer(value, 1)),
    "callbacks": Rule(
        f"""must be a list such as '[TensorBoard(log_dir="/tmp/logs/fit"), EarlyStopping(patience=3)]', or None, of {NAMES},"""
        " each once at most, with arguments of Keras in their range; TensorBoard with log_dir, text without '..',"
        " histogram_freq, write_graph and write_images, and others with Keras' defaults; no other callback is supported",
        lambda value: callbacks_of(value) is not None,
        FEATURE_NOT_SUPPORTED,
    ),
}

_OPTIMIZER_VALUE = Rule("must be a number, True, False, None or text", _is_optimizer_value)
_LEARNING_RATE = Rule("must be a number or a schedule such as 'ExponentialDecay(0.1, 100, 0.9)'", _is_learning_rate)


def optimizer_rule(key: str) -> Rule:
    """What the value of an optimizer's parameter must be; the sessions know which parameters an optimizer has."""
    return _LEARNING_RATE if key in LEARNING_RATES else _OPTIMIZER_VALUE


def refuse_unknown(argument: str, keys: Sequence[str], known: Iterable[str]) -> None:
    """Raise unless every key is known and stands there once; all that are not are told of together."""
    known = list(known)
    problems: list[AutomlError] = []
    for key in dict.fromkeys(keys):
        if key not in known:
            problems.append(UsageError(argument, f'"{key}" is not one of {", ".join(known)}{did_you_mean(key, known)}'))
        elif keys.count(key) > 1:
            problems.append(UsageError(argument, f'"{key}" must be given once'))
    if problems:
        raise together(problems)
