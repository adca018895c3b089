"""The functions that SQL calls, under their SQL names and with their SQL arguments in order.

Each is imported when it is called first: what a session never calls costs it nothing. Only what answers for one row is here at
once, because everybody waits for that who asks for a row in a new connection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from inspect import Parameter, signature
from types import TracebackType
from typing import Any

from automl.database.session import CallerDatabase
from automl.database.settings import settings
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, OperatorError
from automl.prediction import one_row
from keras_seg.server.interrupts import deferred
from keras_seg.server.late_import import LateProblem, late

_EXTENSION = "keras_automl"
_MODELS = "automl.prediction.one_row"  # key of what the session keeps in GD of models that answer for single rows
_ASKINGS = "automl.columns.json_row"  # likewise of models that are asked for rows of JSON
_AS_WRITTEN = {"quote_all_identifiers": "off"}  # with it the catalog calls a type "bytea" with quotes


class Entry:
    """A function of ours, with the caller's session, defaults for what was not given, and errors in the form of PostgreSQL's.

    Args:
        place: its module and its name.
        arguments: those of the class of its arguments, where it does not name them itself.
        writes: whether it is of no use where nothing can be written.
        helps: whether it tells about itself where its one text is a word that asks for help.
    """

    def __init__(self, place: str, arguments: str | None = None, *, writes: bool = True, helps: bool = False) -> None:
        self._place = place
        self._arguments = arguments
        self._writes = writes
        self._helps = helps
        self._name = place.rpartition(":")[2]

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function of ours."""
        found: Callable[..., Any] = _found(self._place)
        return found

    @cached_property
    def _defaults(self) -> list[object]:
        arguments = _found(self._arguments) if self._arguments else self.function
        return [each.default for each in signature(arguments).parameters.values()][0 if self._arguments else 1 :]

    def __call__(self, *given: object) -> Any:
        with deferred(), _Taken(self._name) as taken:
            db = CallerDatabase()
            with settings(db, _AS_WRITTEN):
                db.dialect.keep(db, _EXTENSION)
                return self._work(db, *map(_given_or_default, given, self._defaults))
        raise taken.error

    def _work(self, db: CallerDatabase, *arguments: Any) -> Any:
        if self._helps and _found("automl.help:asks_for_help")(arguments[0]):
            return db.info(_found("automl.help:usage")(db, self._name, arguments[0]))
        if self._writes:
            _found("automl.database.transaction:require_writable")(db, self._name)
        return self.function(db, *arguments)


class _Taken:
    """Takes an error of the caller's and gives it the form of PostgreSQL's; faults of our own go on as they are.

    Who uses it raises the error behind it, outside of every handler, so that its stack is as short as it can be.

    Args:
        function: the name of what the caller has called.

    Attributes:
        error: what was taken.
    """

    error: Exception

    def __init__(self, function: str) -> None:
        self._function = function

    def __enter__(self) -> _Taken:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None) -> bool:
        found = CallerDatabase().ending(error, self._function) if isinstance(error, Exception) else None
        if found is not None:
            self.error = found
        return found is not None


def _found(place: str) -> Any:
    """Return what stands in one of our modules."""
    module, _, name = place.partition(":")
    try:
        return getattr(late(module), name)
    except LateProblem as problem:
        raise OperatorError(str(problem), sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE, hint=problem.hint) from None


def _given_or_default(value: object, default: object) -> object:
    """Return an argument; blanks, and a bytea of nothing, are an optional one that was not given."""
    blank = not value.strip() if isinstance(value, str) else value == b""
    return default if blank and default is not Parameter.empty else value


train_test_split = Entry("automl.data.split:train_test_split")
training_preprocessor_dl = Entry("automl.data.preprocessors:training_preprocessor_dl")
validation_preprocessor_dl = Entry("automl.data.preprocessors:validation_preprocessor_dl")
load_keras_model = Entry("automl.models.library:load_keras_model")
load_keras_file = Entry("automl.files.keras_files:load_keras_model")
delete_keras_model = Entry("automl.models.library:delete_keras_model")
hyperband_schedule = Entry("automl.training.schedule:hyperband_schedule")
load_custom_function = Entry("automl.models.custom_functions:load_custom_function")
delete_custom_function = Entry("automl.models.custom_functions:delete_custom_function")
load_top_k_accuracy_function = Entry("automl.models.custom_functions:load_top_k_accuracy_function")
madlib_keras_automl = Entry("automl.training.search:madlib_keras_automl", "automl.training.request:Arguments")
automl_resume = Entry("automl.training.resume:automl_resume")
automl_stop = Entry("automl.training.stop:automl_stop")
automl_plan = Entry("automl.training.planning:automl_plan", "automl.training.request:Arguments")
automl_repeat = Entry("automl.training.repeat:automl_repeat")
generate_model_configs = Entry("automl.models.configurations:generate_model_configs")
load_model_selection_table = Entry("automl.models.configurations:load_model_selection_table")
madlib_keras_fit_multiple_model = Entry(
    "automl.training.fit:madlib_keras_fit_multiple_model", "automl.training.fit:MultipleArguments"
)
madlib_keras_fit = Entry("automl.training.fit:madlib_keras_fit", "automl.training.fit:SingleArguments")
madlib_keras_evaluate = Entry("automl.prediction.evaluate:madlib_keras_evaluate")
madlib_keras_predict = Entry("automl.prediction.predict:madlib_keras_predict")
madlib_keras_predict_byom = Entry("automl.prediction.byom:madlib_keras_predict_byom")
automl_ensemble = Entry("automl.columns.ensemble:automl_ensemble")
_read_model = Entry("automl.prediction.one_row:automl_model", writes=False)
automl_train = Entry("automl.columns.train:automl_train", "automl.columns.arguments:Arguments")
automl_threshold = Entry("automl.columns.held_out:automl_threshold")
automl_predict = Entry("automl.columns.predict:automl_predict")
automl_evaluate = Entry("automl.columns.evaluate:automl_evaluate")
automl_importance = Entry("automl.columns.importance:automl_importance")
automl_functions = Entry("automl.columns.functions:automl_functions", helps=True)
_kept_askings = Entry("automl.columns.json_row:kept_askings", writes=False)
_open_model = Entry("automl.columns.json_row:open_model", writes=False)
automl_export = Entry("automl.files.export:automl_export", writes=False)
automl_release = Entry("automl.cluster.keeping:automl_release", writes=False)
automl_doctor = Entry("automl.hosts.doctor:automl_doctor", writes=False)
automl_tensorboard = Entry("automl.hosts.tensorboard:automl_tensorboard", helps=True)
gpu_configuration = Entry("automl.hosts.gpus:gpu_configuration", helps=True)
usage = Entry("automl.help:usage", writes=False)


def automl_model(gd: dict[str, object], model_table: str | None, mst_key: int | None) -> bytes:
    """Return a model for answers to single rows, as it is now; what was read is kept in GD."""
    kept = gd.setdefault(_MODELS, one_row.KeptModels())
    assert isinstance(kept, one_row.KeptModels)
    return kept.packed(_read_model, model_table, mst_key)


def automl_predict_row(gd: dict[str, object], model: str | None, row: str | None, pred_type: str | None) -> str | None:
    """Return what a model of columns answers for a row of JSON; how it is asked is kept in GD."""
    if row is None:
        return None
    kept: Any = gd.get(_ASKINGS) or gd.setdefault(_ASKINGS, _kept_askings())
    asking = kept.get(_open_model, model, pred_type)
    with deferred(), _Taken("automl_predict") as taken:
        answer: str | None = asking.ask(row)
        return answer
    raise taken.error
