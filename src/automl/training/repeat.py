"""automl_repeat: a run of the caller's is made once more, from what its record says, and what both have come to is compared.

It makes no tables. Where the bits differ, what is first different is said, and what else has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from automl.cluster.opening import fingerprints
from automl.database.names import Name
from automl.database.session import CallerDatabase, Database
from automl.errors import NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from automl.search.pairs import AUTOML_PARAMS, split_pairs
from automl.search.steering import BUDGETS, MAX_TIME
from automl.training import fit, recording, run
from automl.training.bits import same
from automl.training.curves import Evaluation
from automl.training.request import Arguments, session_needs
from automl.training.results import Made, Result, StateOf
from automl.training.resume import MAKERS, given_of, origin_of, record_of, unreadable
from automl.training.rows import Came, MetricRow, RunRow, RunStatus
from automl.training.statements import METRICS, RUNS, read

_NAME = "automl_repeat_{}"
# The arguments that name tables which a call makes, and what stands behind the name of a repetition.
_MADE: Mapping[type[Any], Mapping[str, str]] = {
    Arguments: {"model_output_table": "", "model_selection_table": "_best"},
    fit.MultipleArguments: {"model_output_table": ""},
    fit.SingleArguments: {"model": ""},
}


@dataclass
class NoTables:
    """What a run makes that is only compared: nothing. The states pass all the same.

    Attributes:
        results: what it has found.
    """

    results: Sequence[Result] = ()
    names: tuple[Name, ...] = ()

    def reserve(self, db: CallerDatabase) -> None:
        """Make nothing."""

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        self.results = results
        for result in results:
            state_of(result.trial.number)

    @property
    def evaluations(self) -> dict[tuple[int, int], Evaluation]:
        """What it has found, by the number of the trial and the iteration."""
        return {(each.trial.number, found.iteration): found for each in self.results for found in each.curve.evaluations}


def automl_repeat(db: CallerDatabase, run_id: int | None) -> bool:
    """Make a run of the caller's once more, and return whether it has come to the same, bit for bit."""
    if run_id is None:
        raise UsageError("run_id", "must be the number of a run", run_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    record, tables = _finished(db, run_id), NoTables()
    kind, make = MAKERS[record.method]
    given = given_of(run_id, record)
    if isinstance(given, Arguments):
        given = replace(given, automl_params=_as_far(given.automl_params, record, came_of(db, run_id)))
    if getattr(given, "warm_start", False):
        raise _refused(run_id, "began with weights of an earlier training, which its own have replaced")
    elsewhere = replace(given, **{name: _NAME.format(run_id) + end for name, end in _MADE[kind].items()})
    request, _ = make(db, elsewhere, origin_of(run_id, record))
    if record.inputs not in (None, recording.digest(fingerprints(db, session_needs(request)), request)):
        raise _refused(
            run_id, "was trained with a packed table, an architecture or a custom function that has been written again"
        )
    made = run.execute(db, request, tables, asdict(elsewhere))
    return _compared(db, run_id, made, tables)


def came_of(db: Database, run_id: int) -> Came:
    """Return what a run of the caller's has come to."""
    return read(Came, db.execute(RUNS.select(Came), run_id))[0]


def evaluations_of(db: Database, run_id: int) -> dict[tuple[int, int], Evaluation]:
    """Return what the record has of the evaluations of a run, by the number of the trial and the iteration."""
    rows = read(MetricRow, db.execute(METRICS.select(MetricRow), run_id))
    return {(row.mst_key, row.iteration): row.evaluation for row in rows}


def _finished(db: CallerDatabase, run_id: int) -> RunRow:
    record = record_of(db, run_id)
    if record.status not in (RunStatus.FINISHED, RunStatus.STOPPED):
        raise _refused(run_id, f"is {record.status}, and only what has finished can be compared")
    if record.method not in MAKERS:
        raise unreadable(run_id)
    if came_of(db, run_id).bits is None:
        raise _refused(run_id, "was made by an earlier version, which did not record its bits")
    return record


def _as_far(text: str | None, record: RunRow, came: Came) -> str | None:
    """Return `automl_params` with which a search takes as many decisions as it took, whatever budgets it had and went on by."""
    before = split_pairs(AUTOML_PARAMS, text)
    if record.status == RunStatus.FINISHED and not {key.lower() for key, _ in before} & {*BUDGETS}:
        return text
    kept = [(key, value) for key, value in before if key.lower() == MAX_TIME or key.lower() not in BUDGETS]
    return ", ".join(f"{key}={value}" for key, value in (*kept, ("decisions", came.decisions)))


def _refused(run_id: int, why: str) -> UsageError:
    return UsageError("run_id", f"run {run_id} {why}", sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE)


def _compared(db: CallerDatabase, first: int, made: Made, tables: NoTables) -> bool:
    """Say whether two runs have come to the same, and if not what is different."""
    one, other = came_of(db, first), made.end
    if one.bits == other.bits:
        db.info(f"run {made.run} repeats run {first}: {len(tables.results)} trials have the same losses, metrics and weights")
        return True
    where = _difference(evaluations_of(db, first), tables.evaluations)
    db.warning(f"run {made.run} gives other bits than run {first}: {where}{_changed(one.versions, other.versions)}")
    return False


def _difference(one: Mapping[tuple[int, int], Evaluation], other: Mapping[tuple[int, int], Evaluation]) -> str:
    """Return what is first different of the evaluations of two runs."""
    for trial, iteration in sorted({*one, *other}, key=lambda key: (key[1], key[0])):
        pair = one.get((trial, iteration)), other.get((trial, iteration))
        if pair[0] is None or pair[1] is None:
            return f"only one of them has an evaluation of mst_key {trial} after iteration {iteration}"
        if not same(*pair):  # type: ignore[arg-type]  # neither is None
            losses = " and ".join(repr(each.training[0]) for each in pair if each is not None)
            return f"mst_key {trial} differs after iteration {iteration}, with losses {losses}"
    return "the evaluations are the same, weights or configurations are not"


def _changed(one: str | None, other: str | None) -> str:
    """Return which versions are others, of what both runs have said of themselves."""
    then, now = (json.loads(each or "{}") for each in (one, other))
    names = [name for name in ("python", "tensorflow", "keras", "numpy") if then.get(name) != now.get(name)]
    return "".join(f"; {name} was {then.get(name)} and is {now.get(name)}" for name in names)
