"""automl_resume: a run that was cancelled, failed, or lost its session or server goes on from its checkpoints.

The record has the arguments of the call, from which the request is made again with all its checks. What the call takes from
elsewhere comes from the record too: the seed, and how many threads a session has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from automl.database import locks
from automl.database.session import CallerDatabase, Database, Row
from automl.errors import NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, UsageError
from automl.search.methods import METHODS
from automl.training import fit, run, search
from automl.training.history import Interrupted
from automl.training.request import Arguments, Request
from automl.training.search_tables import Tables
from keras_seg.protocol.limits import MOST_THREADS

_RUN = """SELECT status, method, arguments, inputs, source_table, model_output_table, random_state, threads, partitions,
    pg_catalog.date_trunc('second', started)::timestamp::text AS started
    FROM madlib.automl_runs WHERE run_id = $1::bigint"""
_SEARCH = (Arguments, search.search)
# What makes a request of the arguments of a run, by its method.
_MAKERS: Mapping[str, tuple[type[Any], Callable[[CallerDatabase, Any, Interrupted], tuple[Request, Tables]]]] = {
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


def automl_resume(db: CallerDatabase, run_id: int | None) -> None:
    """Let an interrupted run of the caller's go on to its end, and make the tables that its call would have made."""
    record = _interrupted(db, run_id)
    assert run_id is not None
    kind, make = _MAKERS[record["method"]]
    given = _arguments(run_id, kind, record["arguments"])
    interrupted = Interrupted(run_id, record["started"], record["random_state"], record["threads"], record["inputs"])
    request, tables = make(db, given, interrupted)
    _require_same(record, request)
    run.execute(db, request, tables, asdict(given), interrupted)


def _interrupted(db: Database, run_id: int | None) -> Row:
    """Return the record of a run that can go on, and keep it for this transaction."""
    if run_id is None:
        raise UsageError("run_id", "must be the number of a run", run_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    _record(db, run_id)
    if not locks.claim_run(db, run_id):
        holder = locks.holder_of_run(db, run_id)
        raise UsageError(
            "run_id",
            f"run {run_id} is under way in another session",
            hint="Wait until it is over" + ("." if holder is None else f", or end it: SELECT pg_cancel_backend({holder})"),
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    record = _record(db, run_id)  # as it is now that nobody else goes on with it
    if record["status"] == "finished":
        raise UsageError(
            "run_id",
            f'run {run_id} has finished, its model table was "{record["model_output_table"]}"',
            hint="To search again call the function again.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    if record["method"] not in _MAKERS or not 1 <= (record["threads"] or 0) <= MOST_THREADS or record["random_state"] is None:
        raise _unreadable(run_id)
    return record


def _record(db: Database, run_id: int) -> Row:
    rows = db.execute(_RUN, run_id)
    if not rows:
        raise UsageError(
            "run_id",
            "must be the number of one of your runs",
            run_id,
            hint="They are in the view: SELECT run_id, status, model_output_table FROM madlib.automl_runs",
        )
    return rows[0]


def _arguments(run_id: int, kind: type[Any], text: str | None) -> Any:
    """Read the arguments of a call; the record is a table that its owner can write, so their types are looked at."""
    try:
        given = json.loads(text or "")
    except ValueError:
        raise _unreadable(run_id) from None
    kinds = {each.name: _KINDS[str(each.type)] for each in fields(kind)}
    if not isinstance(given, dict) or set(given) != set(kinds):
        raise _unreadable(run_id)
    if not all(value is None or isinstance(value, kinds[name]) for name, value in given.items()):
        raise _unreadable(run_id)
    return kind(**given)


def _unreadable(run_id: int) -> AutomlError:
    return UsageError(
        "run_id",
        f"the record of run {run_id} does not say what was called",
        hint="Somebody has changed it in madlib.automl_runs. Call the function again.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )


def _require_same(record: Row, request: Request) -> None:
    """Raise unless the names mean the tables that they meant, and the rows lie in as many partitions."""
    for what, was, now in (
        ("source_table", record["source_table"], str(request.training.relation.name)),
        ("model_output_table", record["model_output_table"], str(request.model)),
        ("the number of partitions of source_table", record["partitions"], request.training.partitions),
    ):
        if was != now:
            raise UsageError(
                "run_id",
                f'{what} must be what it was in the run, "{was}", and is "{now}" now',
                hint="SET search_path as it was in the session that called, and do not pack the table anew.",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
