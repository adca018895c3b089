"""The functions that SQL calls, under their SQL names and with their SQL arguments in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from types import TracebackType
from typing import TypeVar

from automl import help
from automl.cluster import keeping
from automl.columns import arguments as columns_arguments
from automl.columns import ensemble, functions, held_out, importance, json_row, train
from automl.columns import evaluate as columns_evaluate
from automl.columns import predict as columns_predict
from automl.data import preprocessors, split
from automl.database.session import CallerDatabase
from automl.database.settings import settings
from automl.database.transaction import require_writable
from automl.files import export, keras_files
from automl.hosts import doctor, gpus, tensorboard
from automl.models import configurations, custom_functions, library
from automl.prediction import byom, evaluate, one_row, predict
from automl.training import fit, planning, repeat, resume, schedule, search, stop
from automl.training.request import Arguments
from keras_seg.server.interrupts import deferred

Result = TypeVar("Result")

_EXTENSION = "keras_automl"
_MODELS = "automl.prediction.one_row"  # key of what the session keeps in GD of models that answer for single rows
_ASKINGS = "automl.columns.json_row"  # likewise of models that are asked for rows of JSON
_AS_WRITTEN = {"quote_all_identifiers": "off"}  # with it the catalog calls a type "bytea" with quotes


def _entry(
    function: Callable[..., Result], arguments: type | None = None, *, writes: bool = True
) -> Callable[..., Result | None]:
    """Give a function the caller's session, arguments that were not given their defaults, and errors the form of PostgreSQL's.

    Args:
        arguments: the class of its arguments, where it does not name them itself.
        writes: whether it is of no use where nothing can be written.
    """
    defaults = [each.default for each in signature(arguments or function).parameters.values()][0 if arguments else 1 :]
    work = _writing(function) if writes else function

    @wraps(function)
    def called(*given: object) -> Result | None:
        with deferred(), _Taken(function.__name__) as taken:
            db = CallerDatabase()
            with settings(db, _AS_WRITTEN):
                db.dialect.keep(db, _EXTENSION)
                return work(db, *map(_given_or_default, given, defaults))
        raise taken.error

    return called


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


def _writing(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function look before anything else whether something can be written."""

    @wraps(function)
    def called(db: CallerDatabase, *arguments: object) -> Result:
        require_writable(db, function.__name__)
        return function(db, *arguments)

    return called


def _given_or_default(value: object, default: object) -> object:
    """Return an argument; blanks, and a bytea of nothing, are an optional one that was not given."""
    blank = not value.strip() if isinstance(value, str) else value == b""
    return default if blank and default is not Parameter.empty else value


def _or_help(function: Callable[..., None]) -> Callable[..., None]:
    """Let a function whose one text is a name tell about itself where that is a word that asks for help."""

    @wraps(function)
    def called(db: CallerDatabase, name: str | None, *arguments: object) -> None:
        if help.asks_for_help(name):
            db.info(help.usage(db, function.__name__, name))
        else:
            function(db, name, *arguments)

    return called


train_test_split = _entry(split.train_test_split)
training_preprocessor_dl = _entry(preprocessors.training_preprocessor_dl)
validation_preprocessor_dl = _entry(preprocessors.validation_preprocessor_dl)
load_keras_model = _entry(library.load_keras_model)
load_keras_file = _entry(keras_files.load_keras_model)
delete_keras_model = _entry(library.delete_keras_model)
hyperband_schedule = _entry(schedule.hyperband_schedule)
load_custom_function = _entry(custom_functions.load_custom_function)
delete_custom_function = _entry(custom_functions.delete_custom_function)
load_top_k_accuracy_function = _entry(custom_functions.load_top_k_accuracy_function)
madlib_keras_automl = _entry(search.madlib_keras_automl, Arguments)
automl_resume = _entry(resume.automl_resume)
automl_stop = _entry(stop.automl_stop)
automl_plan = _entry(planning.automl_plan, Arguments)
automl_repeat = _entry(repeat.automl_repeat)
generate_model_configs = _entry(configurations.generate_model_configs)
load_model_selection_table = _entry(configurations.load_model_selection_table)
madlib_keras_fit_multiple_model = _entry(fit.madlib_keras_fit_multiple_model, fit.MultipleArguments)
madlib_keras_fit = _entry(fit.madlib_keras_fit, fit.SingleArguments)
madlib_keras_evaluate = _entry(evaluate.madlib_keras_evaluate)
madlib_keras_predict = _entry(predict.madlib_keras_predict)
madlib_keras_predict_byom = _entry(byom.madlib_keras_predict_byom)
automl_ensemble = _entry(ensemble.automl_ensemble)
_read_model = _entry(one_row.automl_model, writes=False)
automl_train = _entry(train.automl_train, columns_arguments.Arguments)
automl_threshold = _entry(held_out.automl_threshold)
automl_predict = _entry(columns_predict.automl_predict)
automl_evaluate = _entry(columns_evaluate.automl_evaluate)
automl_importance = _entry(importance.automl_importance)
automl_functions = _entry(_or_help(_writing(functions.automl_functions)), writes=False)
_open_model = _entry(json_row.open_model, writes=False)
automl_export = _entry(export.automl_export, writes=False)
automl_release = _entry(keeping.automl_release, writes=False)
automl_doctor = _entry(doctor.automl_doctor, writes=False)
automl_tensorboard = _entry(_or_help(_writing(tensorboard.automl_tensorboard)), writes=False)
gpu_configuration = _entry(_or_help(_writing(gpus.gpu_configuration)), writes=False)
usage = _entry(help.usage, writes=False)


def automl_model(gd: dict[str, object], model_table: str | None, mst_key: int | None) -> bytes:
    """Return a model for answers to single rows, as it is now; what was read is kept in GD."""
    kept = gd.setdefault(_MODELS, one_row.KeptModels())
    assert isinstance(kept, one_row.KeptModels)
    return kept.packed(_read_model, model_table, mst_key)  # type: ignore[arg-type]  # it raises, or returns what it reads


def automl_predict_row(gd: dict[str, object], model: str | None, row: str | None, pred_type: str | None) -> str | None:
    """Return what a model of columns answers for a row of JSON; how it is asked is kept in GD."""
    if row is None:
        return None
    kept = gd.setdefault(_ASKINGS, json_row.KeptAskings())
    assert isinstance(kept, json_row.KeptAskings)
    asking = kept.get(_open_model, model, pred_type)  # type: ignore[arg-type]  # it raises, or returns what it opens
    with deferred(), _Taken("automl_predict") as taken:
        return asking.ask(row)
    raise taken.error
