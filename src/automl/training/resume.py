"""automl_resume: a run that was cancelled, failed, or lost its session or server goes on from its checkpoints. So does one that
a budget has ended, by other budgets.

The record has the arguments of the call, from which the request is made again with all its checks; the budgets are those in
force, whatever they were when the run began. What the call takes from elsewhere comes from the record too: the seed, and how
many threads a session has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields, replace
from typing import Any

from automl.database import locks
from automl.database.names import Name
from automl.database.session import CallerDatabase, Database
from automl.errors import NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, UsageError
from automl.search.budgets import Reason
from automl.search.methods import METHODS
from automl.search.pairs import AUTOML_PARAMS, parse_pairs, split_pairs
from automl.search.steering import BUDGETS
from automl.training import fit, run, search
from automl.training.history import InterruptedRun
from automl.training.record import last_state, run_of
from automl.training.request import Arguments, Origin, Request
from automl.training.results import Tables
from automl.training.rows import RunRow, RunStatus, State
from keras_seg.protocol.limits import MOST_THREADS

_SAME = (
    "SELECT 1 AS there FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1::text AND c.relname = $2::text AND c.oid = ($3::bigint)::oid"
)
_SEARCH = (Arguments, search.search)
# What makes a request of the arguments of a run, by its method.
MAKERS: Mapping[str, tuple[type[Any], Callable[[CallerDatabase, Any, Origin], tuple[Request, Tables]]]] = {
    **dict.fromkeys(METHODS, _SEARCH),
    "fit_multiple": (fit.MultipleArguments, fit.several),
    "fit": (fit.SingleArguments, fit.one),
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "str | None": (str,),
    "int | None": (int,),
    "bool | None": (bool,),
    "Sequence[int | None] | None": (list,),
}


def automl_resume(db: CallerDatabase, run_id: int | None, automl_params: str | None = None) -> None:
    """Let an interrupted run of the caller's go on to its end, and make the tables that its call would have made.

    Args:
        automl_params: budgets in the place of those that it had.
    """
    record = _interrupted(db, run_id)
    assert run_id is not None
    _, make = MAKERS[record.method]
    given, last = given_of(run_id, record), last_state(db, run_id)
    budgets = _budgets(record, automl_params)
    if isinstance(given, Arguments):
        given = replace(given, automl_params=_with(given.automl_params, budgets, record))
    _drop_made(db, "[]" if last is None or last.tables is None else last.tables)
    request, tables = make(db, given, origin_of(run_id, record))
    _require_same(record, request)
    time_from = _time_from(record, last, budgets)
    interrupted = InterruptedRun(run_id, record.started, record.inputs, time_from, record.decisions or 0)
    run.execute(db, request, tables, asdict(given), interrupted)


def _budgets(record: RunRow, text: str | None) -> dict[str, str]:
    """Read the budgets by which a run is to go on."""
    if text is not None and record.method not in METHODS:
        raise UsageError(AUTOML_PARAMS, "must be NULL where the run is no search", text)
    return parse_pairs(AUTOML_PARAMS, text, BUDGETS)


def _with(text: str | None, budgets: Mapping[str, str], record: RunRow) -> str | None:
    """Return `automl_params` with other budgets; the one that has ended the run counts no more, but for its time."""
    ended_by = None if record.ended_by == Reason.MAX_TIME else record.ended_by
    before = split_pairs(AUTOML_PARAMS, text)
    kept = [(key, value) for key, value in before if key.lower() not in (*budgets, ended_by)]
    return text if kept == before and not budgets else ", ".join(f"{key}={value}" for key, value in (*kept, *budgets.items()))


def _time_from(record: RunRow, last: State | None, budgets: Mapping[str, str]) -> float | None:
    """Return how long a run had trained when its `max_time` began to count; None where that begins now."""
    if record.status == RunStatus.STOPPED or Reason.MAX_TIME in budgets:
        return None
    return 0.0 if last is None or last.time_from is None else last.time_from


def _drop_made(db: CallerDatabase, made: str) -> None:
    """Drop the tables of a run that goes on, which makes them again; none that has another name now, or is another table.

    Args:
        made: which they are, as the run has written it.
    """
    for schema, table, oid in json.loads(made):
        if db.execute(_SAME, str(schema), str(table), int(oid)):
            db.execute(f"DROP TABLE {Name(str(table), str(schema)).sql}")


def _interrupted(db: Database, run_id: int | None) -> RunRow:
    """Return the record of a run that can go on, and keep it for this transaction."""
    if run_id is None:
        raise UsageError("run_id", "must be the number of a run", run_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    record_of(db, run_id)
    if not locks.claim_run(db, run_id):
        holder = locks.holder_of_run(db, run_id)
        raise UsageError(
            "run_id",
            f"run {run_id} is under way in another session",
            hint="Wait until it is over" + ("." if holder is None else f", or end it: SELECT pg_cancel_backend({holder})"),
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    record = record_of(db, run_id)  # as it is now that nobody else goes on with it
    if record.status == RunStatus.FINISHED:
        raise UsageError(
            "run_id",
            f'run {run_id} has finished, its model table was "{record.model_output_table}"',
            hint="To search again call the function again.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    if record.method not in MAKERS:
        raise unreadable(run_id)
    return record


def record_of(db: Database, run_id: int) -> RunRow:
    """Return the record of a run of the caller's."""
    record = run_of(db, run_id)
    if record is None:
        raise no_such_run(run_id)
    return record


def no_such_run(run_id: int) -> UsageError:
    """The error that the caller has no run of that number."""
    return UsageError(
        "run_id",
        "must be the number of one of your runs",
        run_id,
        hint="They are in the view: SELECT run_id, status, model_output_table FROM madlib.automl_runs",
    )


def origin_of(run_id: int, record: RunRow) -> Origin:
    """Return what a call of the same arguments takes from the record."""
    if record.random_state is None or record.threads is None or not 1 <= record.threads <= MOST_THREADS:
        raise unreadable(run_id)
    return Origin(record.random_state, record.threads)


def given_of(run_id: int, record: RunRow) -> Any:
    """Return the arguments by which a run goes on: those of its call, with the budgets that it was resumed by."""
    given = arguments_of(run_id, MAKERS[record.method][0], record.arguments)
    if isinstance(given, Arguments) and record.automl_params is not None:
        return replace(given, automl_params=record.automl_params)
    return given


def arguments_of(run_id: int, kind: type[Any], text: str | None) -> Any:
    """Read the arguments of a call; the record is a table that its owner can write, so their types are looked at.

    A run of an earlier version lacks the arguments that came later, each of which has a default that changes nothing.
    """
    try:
        given = json.loads(text or "")
    except ValueError:
        raise unreadable(run_id) from None
    kinds = {each.name: _KINDS[str(each.type)] for each in fields(kind)}
    required = {each.name for each in fields(kind) if each.default is MISSING}
    if not isinstance(given, dict) or not required <= set(given) <= set(kinds):
        raise unreadable(run_id)
    if not all(value is None or isinstance(value, kinds[name]) for name, value in given.items()):
        raise unreadable(run_id)
    return kind(**given)


def unreadable(run_id: int) -> AutomlError:
    """Return the error that says that a record does not say what was called."""
    return UsageError(
        "run_id",
        f"the record of run {run_id} does not say what was called",
        hint="Somebody has changed it in madlib.automl_runs. Call the function again.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )


def _require_same(record: RunRow, request: Request) -> None:
    """Raise unless the names mean the tables that they meant, and the rows lie in as many partitions."""
    for what, was, now in (
        ("source_table", record.source_table, str(request.training.relation.name)),
        ("model_output_table", record.model_output_table, str(request.model)),
        ("the number of partitions of source_table", record.partitions, request.training.partitions),
    ):
        if was != now:
            raise UsageError(
                "run_id",
                f'{what} must be what it was in the run, "{was}", and is "{now}" now',
                hint="SET search_path as it was in the session that called, and do not pack the table again.",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
