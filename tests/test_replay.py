"""Replaying, with sessions and a record in memory: wherever a run is stopped, it ends as if it had not been."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from automl.cluster.hopper import Layout, Leg, Position, stops_done
from automl.cluster.interface import Cluster, Outcome
from automl.cluster.orders import CheckWork, VisitWork, Work
from automl.cluster.resources import Resources
from automl.data.class_weights import ClassWeights
from automl.data.packed_table import PackedTable
from automl.database.catalog import ColumnType, Relation
from automl.database.dialect import PostgreSQL
from automl.database.names import Name
from automl.errors import AutomlError
from automl.search.directions import Direction
from automl.search.methods import METHODS
from automl.search.objective import Objective
from automl.search.scheduler import ListPlan, Plan
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space
from automl.search.steering import Keep, Steering
from automl.search.stopping import StoppingPlan
from automl.training import run as under_test
from automl.training.history import InterruptedRun, remembered
from automl.training.record import RunRecord
from automl.training.request import Request, WarmStart
from automl.training.results import Result
from automl.training.rows import Anchor, End, MetricRow, TrialRow
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import CheckReport, Scores, Stop, TrainingStop, VisitReport
from keras_seg.protocol.variables import Variable, Variables

SEED = 7
PARTITIONS = 2
# Visits between two moments where a run is stopped; with 1 it takes minutes.
STEPS = pytest.mark.parametrize("step", [47, pytest.param(7, marks=pytest.mark.soak)])


# --- a record in memory -------------------------------------------------------------------------------------------------


INSERTED = re.compile(r"INSERT INTO madlib\.automl_(\w+) \(([\w, ]+)\) SELECT \* FROM \(VALUES")
KEYS = {
    "calls": (), "states": ("n",), "configurations": ("mst_key",), "trial_states": ("mst_key", "n"),
    "metrics": ("mst_key", "iteration"), "checkpoint_versions": ("mst_key", "visits", "part"),
}  # fmt: skip
Rows = dict[tuple[int, ...], dict[str, Any]]


def rows_of(columns: str, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The rows that a statement with these columns writes, without the number of the run."""
    _run, *names = columns.split(", ")
    for at in range(0, len(values), 1 + len(names)):
        yield dict(zip(names, values[at + 1 : at + 1 + len(names)], strict=True))


@dataclass
class Record:
    """The journal of one run: what its statements have written."""

    calls: Rows = field(default_factory=dict)
    states: Rows = field(default_factory=dict)
    configurations: Rows = field(default_factory=dict)
    trial_states: Rows = field(default_factory=dict)
    metrics: Rows = field(default_factory=dict)
    checkpoint_versions: Rows = field(default_factory=dict)

    @property
    def run(self) -> dict[str, Any]:
        """What the view of runs shows."""
        return {**self.calls[()], **self.states[max(self.states)]}

    @property
    def trials(self) -> Rows:
        """What the view of trials shows."""
        found: Rows = {}
        for (number,), row in self.configurations.items():
            last = max(key for key in self.trial_states if key[0] == number)
            found[number,] = {**row, **self.trial_states[last]}
        return found

    @property
    def checkpoints(self) -> Rows:
        """What the view of checkpoints shows."""
        latest = {number: visits for number, visits, _ in sorted(self.checkpoint_versions)}
        return {key: row for key, row in self.checkpoint_versions.items() if latest[key[0]] == key[1]}

    @property
    def curves(self) -> list[dict[str, Any]]:
        """The rows of the metrics, without their times."""
        return [{**row, "elapsed": None} for _, row in sorted(self.metrics.items())]

    def tidy(self) -> None:
        """What automl_tidy deletes: states that are neither the latest of a trial nor said to be kept."""
        latest = {number: visits for number, visits, _ in sorted(self.checkpoint_versions)}
        said = {number: self.trial_states[number, n]["kept"] for number, n in sorted(self.trial_states)}
        for number, visits, part in list(self.checkpoint_versions):
            if visits != latest[number] and visits not in said.get(number, ()):
                del self.checkpoint_versions[number, visits, part]

    def execute(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if "nextval" in sql:
            return [{"run_id": 1}]
        if sql.startswith("SELECT status"):
            return [self.run]
        if sql.startswith("SELECT state "):
            return [{"state": self.checkpoint_versions[values[1:]]["state"]}]
        columns, _, rest = sql.removeprefix("SELECT ").partition(" FROM madlib.automl_")
        rows = getattr(self, rest.split()[0])
        last = sorted(rows)[-1:] if "ORDER BY n DESC LIMIT 1" in sql else rows
        return [{name: rows[key][name] for name in columns.split(", ")} for key in last]

    def post(self, statements: Sequence[tuple[str, tuple[Any, ...]]], written: Callable[[], None]) -> None:
        self.leave(statements, 0)
        written()

    def leave(self, statements: Sequence[tuple[str, tuple[Any, ...]]], seconds: float) -> None:
        for sql, values in statements:
            self.write(sql, values)

    def poll(self) -> bool:
        return True

    def finish(self, patience: float = 0) -> None:
        """Nothing is under way."""

    def write(self, sql: str, values: tuple[Any, ...]) -> None:
        if inserted := INSERTED.match(sql):
            for row in rows_of(inserted[2], values):
                self._insert(inserted[1], row)
        elif sql.startswith("DELETE FROM madlib.automl_checkpoint_versions"):
            self.checkpoint_versions.clear()
        else:
            others = "1 / pg_catalog.count(*) AS there", "madlib.automl_tidy()", "pg_catalog.pg_notify('automl', "
            assert sql.removeprefix("SELECT ").startswith(others)

    def _insert(self, name: str, row: dict[str, Any]) -> None:
        key = tuple(row[column] for column in KEYS[name])
        getattr(self, name).setdefault(key, row)


# --- sessions in memory -------------------------------------------------------------------------------------------------


NO_NUMBER = b"no number"  # what the state of a trial begins with whose weights are none


class Stopped(Exception):
    """What ends a run in the middle."""


def number(*parts: object) -> float:
    """A number from 0 to 1 that hangs on every part."""
    return int.from_bytes(hashlib.md5(repr(parts).encode()).digest()[:6], "big") / 2**48


class Sessions:
    """Sessions whose training makes of a state another one, and whose evaluation makes of sums a loss.

    Args:
        reaches: of each session.
        visits: after how many the run is stopped; None for never.
        fails: (trial, iteration) where training raises.
        short: (trial, iteration) -> for how many visits the machine has too little there.
        astray: (trial, iteration) where weights become no numbers.
        stops: gets the stops that they make, each with its trial.
    """

    kind = "memory"

    def __init__(
        self,
        reaches: Sequence[frozenset[int] | None],
        timing: random.Random,
        visits: int | None,
        fails: frozenset[tuple[int, int]],
        short: dict[tuple[int, int], int],
        astray: frozenset[tuple[int, int]] = frozenset(),
        stops: list[tuple[int, Stop]] | None = None,
    ) -> None:
        self.reaches = reaches
        self.made = 0
        self._timing = timing
        self._visits = visits
        self._fails = fails
        self._short = short
        self._astray = astray
        self._stops = [] if stops is None else stops
        self._working: dict[int, Outcome] = {}

    @property
    def present(self) -> int:
        return len(self.reaches)

    def idle(self) -> list[int]:
        return [session for session in range(len(self.reaches)) if session not in self._working]

    def begin(self, session: int, work: Work) -> None:
        match work.order:
            case VisitWork():
                answer: Any = self._visit(work.order)
            case CheckWork():
                answer = CheckReport()
        # Stops that seem to take so little are made several in a visit.
        self._working[session] = Outcome(session, work.task, answer, None, self._timing.choice((0.1, 0.001)))

    def wait(self) -> list[Outcome]:
        outcome = self._working.pop(self._timing.choice(list(self._working)))
        if outcome.task is not None:  # a visit
            if self.made == self._visits:
                raise Stopped
            self.made += 1
        return [outcome]

    def versions(self) -> str:
        return "{}"

    def close(self, *, well: bool = False) -> None:
        self._working.clear()

    def _visit(self, work: VisitWork) -> tuple[VisitReport, bytes]:
        order, state = work.order, b"new" if work.state is None else bytes(work.state)
        scores: dict[str, Scores] = {}
        sums, trained = dict(order.sums), 0
        self._stops += [(order.seed[1], stop) for stop in order.stops]
        for stop in order.stops:
            if isinstance(stop, TrainingStop):
                if state.startswith(NO_NUMBER):
                    return VisitReport(astray=True, trained=trained, sums=sums), state if trained else b""
                if (order.seed[1], stop.iteration) in self._fails:
                    said = f"ValueError: iteration {stop.iteration}"
                    return VisitReport(error=said, trained=trained), state if trained else b""
                if self._short.get((order.seed[1], stop.iteration), 0):
                    self._short[order.seed[1], stop.iteration] -= 1
                    return VisitReport(error="MemoryError: full", shortage=True), b""
                given = state, order.seed, stop, order.rate_cuts
                state, trained = hashlib.md5(repr(given).encode()).digest(), trained + 1
                if (order.seed[1], stop.iteration) in self._astray:
                    state = NO_NUMBER + state
                continue
            sums[stop.dataset] = [*sums.get(stop.dataset, []), number(state, stop.partition)]
            if stop.last:
                loss = math.inf if state.startswith(NO_NUMBER) else number(sums[stop.dataset])
                scores[stop.dataset] = Scores(loss, (number(sums.pop(stop.dataset), state),))
        return VisitReport(scores=scores, sums=sums, trained=trained), state if trained else b""


class Caller:
    """The caller's session, as far as a run speaks to it."""

    dialect = PostgreSQL()
    elapsed = 0.0

    def __init__(self, record: Record, rows: str = "1 0x1", said: list[str] | None = None) -> None:
        self.record = record
        self.rows = rows
        self.said = [] if said is None else said

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        if "pg_settings" in sql or "FROM madlib.automl_plans" in sql:
            return []
        if "madlib.automl_" in sql:
            self.record.write(sql, values)
        return [{"free": True, "t": "now", "fingerprint": self.rows, "yes": False, "value": ""}]

    def subtransaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def away(self, work: Callable[[], Any]) -> Any:
        return work()

    def info(self, message: str) -> None:
        self.said.append(message)

    notice = warning = info


class Lagging(RunRecord):
    """A record that is late, as it is between two writings."""

    timing = random.Random(0)

    def flush(self, *, now: bool = False) -> None:
        if now or self.timing.random() < 0.3:
            super().flush(now=True)


@dataclass
class Found:
    """The tables of a call: what became of each trial, without its times."""

    trials: dict[int, object] = field(default_factory=dict)
    started: str = ""
    full: bool = False  # the disk, when they are filled
    names: tuple[Name, ...] = ()

    def reserve(self, db: Any) -> None:
        self.trials.clear()

    def fill(self, db: Any, results: Sequence[Result], started: str, state_of: Any) -> None:
        self.started = started
        if self.full:
            raise Stopped
        for each in results:
            curve = [replace(evaluation, elapsed=0.0) for evaluation in each.curve.evaluations]
            self.trials[each.trial.number] = each.trial, each.task, curve, each.curve.error, state_of(each.trial.number)


# --- a search that is stopped -------------------------------------------------------------------------------------------


def packed(name: str) -> PackedTable:
    variables = Variables((Variable("x", (4,), "float32"),), Variable("y", (3,), "int16"))
    return PackedTable(
        name, Relation(1, Name(name, "public"), "r"), variables, PARTITIONS, ("a", "b", "c"),
        ColumnType("text", "text", "S", "pg_catalog"), {"num_classes": 3},
    )  # fmt: skip


SPACE = parse_space(
    [1],
    "{'loss': ['mse'], 'metrics': ['mae'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']}]}",
    "{'batch_size': [8], 'epochs': [1]}",
)
CALLED_BACK = parse_space(
    [1],
    "{'loss': ['mse'], 'metrics': ['mae'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']}]}",
    "{'batch_size': [8], 'callbacks': ['[ReduceLROnPlateau(patience=1),"
    " EarlyStopping(patience=2, restore_best_weights=True)]']}",
)
LISTED = tuple(
    (key, Configuration(1, f"optimizer='Adam(lr=0.{key})',loss='mse',metrics=['mae']", "batch_size=8")) for key in (1, 2, 4, 9)
)
PLANS: dict[str, tuple[Plan, int | None]] = {
    "hyperband": (METHODS["hyperband"].read("R=9, eta=3")[0].plan(SPACE, SEED, PARTITIONS), None),
    "hyperband, often": (METHODS["hyperband"].read("R=4, eta=2")[0].plan(SPACE, SEED, PARTITIONS), 1),
    "hyperband, tpe": (METHODS["hyperband"].read("R=4, eta=2, sampler=tpe")[0].plan(SPACE, SEED, PARTITIONS), None),
    "rand": (METHODS["hyperopt"].read("num_configs=5, num_iterations=3, algorithm=rand")[0].plan(SPACE, SEED, PARTITIONS), 2),
    "tpe": (METHODS["hyperopt"].read("num_configs=6, num_iterations=2")[0].plan(SPACE, SEED, PARTITIONS), None),
    "asha": (METHODS["asha"].read("R=4, eta=2, num_configs=7")[0].plan(SPACE, SEED, PARTITIONS), None),
    "asha, tpe": (METHODS["asha"].read("R=4, eta=2, num_configs=7, sampler=tpe")[0].plan(SPACE, SEED, PARTITIONS), 1),
    "stopped": (
        StoppingPlan(METHODS["hyperopt"].read("num_configs=9, num_iterations=3")[0].plan(SPACE, SEED, PARTITIONS), 50, 1, 2),
        1,
    ),
    "listed": (ListPlan(LISTED, 5), 2),
}
ANYWHERE: Sequence[frozenset[int] | None] = (None, None, None)
CLUSTERS = {"PostgreSQL": ANYWHERE, "Greenplum": (frozenset((0,)), frozenset((1,)))}
PLAIN = Steering()
FAILS = frozenset(((2, 1), (1, 2)))
ASTRAY = frozenset(((4, 2), (3, 1), (5, 7)))


LOSS_RANKS = Objective("loss", "validation")


def request_of(
    plan: Plan, frequency: int | None, memory: int, objective: Objective = LOSS_RANKS, steering: Steering = PLAIN
) -> Request:
    return Request(
        training=packed("train"), validation=packed("val"), model=Name("m", "public"), architecture_table="lib",
        architectures={1: Definition("net", "{}")}, plan=plan, method="any", params="", objective=objective, seed=SEED,
        frequency=frequency, name=None, description=None, caching=False, resources=Resources(2, 1, memory, 0, 2),
        class_weights=ClassWeights(packed("train")), steering=steering,
    )  # fmt: skip


@dataclass
class World:
    """A search that can be stopped and resumed; timing and lateness are drawn from `timing`."""

    request: Request
    timing: random.Random
    reaches: Sequence[frozenset[int] | None] = ANYWHERE
    fails: frozenset[tuple[int, int]] = frozenset()
    record: Record = field(default_factory=Record)
    found: Found = field(default_factory=Found)
    visits: int = 0
    rows: str = "1 0x1"
    short: dict[tuple[int, int], int] = field(default_factory=dict)
    astray: frozenset[tuple[int, int]] = frozenset()
    said: list[str] = field(default_factory=list)
    stops: list[tuple[int, Stop]] = field(default_factory=list)

    def go(
        self, monkeypatch: pytest.MonkeyPatch, *, stop: int | None = None, crash: bool = False, resumed: bool = False
    ) -> bool:
        """Call, or resume; return whether it came to its end before it was stopped after so many visits."""
        sessions = Sessions(self.reaches, self.timing, stop, self.fails, self.short, self.astray, self.stops)

        @contextmanager
        def opened(*_: object) -> Iterator[tuple[Cluster, Record]]:
            yield sessions, self.record

        class Crashing(Lagging):
            def break_off(self, end: End) -> None:
                if not crash:
                    super().break_off(end)

        Crashing.timing = self.timing
        monkeypatch.setattr(under_test, "open_cluster", opened)
        monkeypatch.setattr(under_test, "RunRecord", Crashing)
        interrupted = self._interrupted if resumed else None
        try:
            caller = Caller(self.record, self.rows, self.said)
            under_test.execute(caller, self.request, self.found, {}, interrupted)  # type: ignore[arg-type]
        except Stopped:
            return False
        finally:
            self.visits += sessions.made
        return True

    @property
    def _interrupted(self) -> InterruptedRun:
        before = self.record.run
        return InterruptedRun(1, "then", before["inputs"], decisions=before["decisions"] or 0)


@pytest.fixture(params=PLANS)
def plan(request: pytest.FixtureRequest) -> tuple[Plan, int | None]:
    return PLANS[request.param]


@STEPS
@pytest.mark.parametrize("reaches", CLUSTERS.values(), ids=CLUSTERS.keys())
@pytest.mark.parametrize("fails", [frozenset(), FAILS], ids=["", "failing"])
@pytest.mark.parametrize("crash", [False, True], ids=["cancelled", "crashed"])
def test_a_run_that_was_stopped_anywhere_ends_as_if_it_had_not_been(
    monkeypatch: pytest.MonkeyPatch,
    plan: tuple[Plan, int | None],
    crash: bool,
    fails: frozenset[tuple[int, int]],
    reaches: Sequence[frozenset[int] | None],
    step: int,
) -> None:
    astray = ASTRAY if fails else frozenset()
    whole = World(request_of(*plan, memory=2**20), random.Random(1), reaches, fails, astray=astray)
    assert whole.go(monkeypatch)
    assert whole.record.run["status"] == "finished"
    for stop in range(0, whole.visits, step):
        # As little memory makes states leave it at once.
        request = request_of(*plan, memory=1 if stop % 2 else 2**20)
        world = World(request, random.Random(stop), reaches, fails, astray=astray)
        if world.go(monkeypatch, stop=stop, crash=crash):
            assert stop > 0.4 * whole.visits  # how many visits there are hangs on the timing
            continue
        assert world.go(monkeypatch, resumed=True)
        assert world.found.trials == whole.found.trials
        assert world.found.started == "then"
        assert world.record.curves == whole.record.curves
        assert world.record.run["status"] == "finished"
        assert world.record.checkpoints == {}


CALLBACKS = METHODS["hyperband"].read("R=8, eta=2")[0].plan(CALLED_BACK, SEED, PARTITIONS)
STEERED: dict[str, tuple[Objective, Steering]] = {
    "best": (LOSS_RANKS, Steering(keep=Keep.BEST)),
    "best metric": (Objective("mae", "training", Direction.MAX), Steering(keep=Keep.BEST)),
    "patience": (LOSS_RANKS, Steering(trial_patience=1)),
    "patience and best": (Objective("mae", "validation"), Steering(keep=Keep.BEST, trial_patience=2)),
}


@STEPS
@pytest.mark.parametrize("steered", STEERED.values(), ids=STEERED.keys())
@pytest.mark.parametrize("reaches", CLUSTERS.values(), ids=CLUSTERS.keys())
@pytest.mark.parametrize("name", ["hyperband, often", "listed", "callbacks"])
def test_a_steered_run_that_was_stopped_anywhere_ends_as_if_it_had_not_been(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    reaches: Sequence[frozenset[int] | None],
    steered: tuple[Objective, Steering],
    step: int,
) -> None:
    plan, frequency = (CALLBACKS, 1) if name == "callbacks" else PLANS[name]
    whole = World(request_of(plan, frequency or 1, 2**20, *steered), random.Random(1), reaches, FAILS, astray=ASTRAY)
    assert whole.go(monkeypatch)
    for stop in range(0, whole.visits, 2 * step):
        memory = 1 if stop % 4 else 2**20
        request = request_of(plan, frequency or 1, memory, *steered)
        world = World(request, random.Random(stop), reaches, FAILS, astray=ASTRAY)
        over = world.go(monkeypatch, stop=stop, crash=True)
        while not over:
            world.record.tidy()
            over = world.go(monkeypatch, stop=stop + 3 * step, crash=True, resumed=True)
        assert world.found.trials == whole.found.trials
        assert world.record.curves == whole.record.curves


@pytest.mark.parametrize("crash", [False, True], ids=["cancelled", "crashed"])
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 10), marks=pytest.mark.soak)], ids=["two", "more"])
def test_a_run_can_be_stopped_again_and_again(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], crash: bool, seeds: Sequence[int]
) -> None:
    whole = World(request_of(*plan, memory=2**20), random.Random(1), fails=FAILS)
    assert whole.go(monkeypatch)
    for seed in seeds:
        world = World(request_of(*plan, memory=20), random.Random(seed), fails=FAILS)
        over, times = world.go(monkeypatch, stop=4, crash=crash), 0
        while not over:
            over, times = world.go(monkeypatch, stop=9, crash=crash, resumed=True), times + 1
        assert times > 1
        assert world.found.trials == whole.found.trials


def test_a_run_that_ended_when_its_tables_were_filled_needs_no_visit(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None]
) -> None:
    whole = World(request_of(*plan, memory=2**20), random.Random(1), fails=FAILS)
    assert whole.go(monkeypatch)
    world = World(request_of(*plan, memory=2**20), random.Random(2), fails=FAILS, found=Found(full=True))
    assert not world.go(monkeypatch)
    visits, world.found.full = world.visits, False
    assert world.go(monkeypatch, resumed=True)
    assert world.visits == visits
    assert world.found.trials == whole.found.trials


def test_a_shortage_that_passes_costs_nothing(monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None]) -> None:
    whole = World(request_of(*plan, memory=2**20), random.Random(1), fails=FAILS)
    assert whole.go(monkeypatch)
    world = World(request_of(*plan, memory=2**20), random.Random(2), fails=FAILS, short={(4, 2): 2, (4, 1): 1})
    assert world.go(monkeypatch)
    assert world.found.trials == whole.found.trials
    assert "the visit of mst_key 4 is repeated: MemoryError: full" in world.said


def test_a_shortage_that_lasts_ends_the_run_and_costs_no_trial(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None]
) -> None:
    whole = World(request_of(*plan, memory=2**20), random.Random(1), fails=FAILS)
    assert whole.go(monkeypatch)
    world = World(request_of(*plan, memory=2**20), random.Random(2), fails=FAILS, short={(4, 1): 3})
    with pytest.raises(AutomlError, match="a visit of mst_key 4 was lost 3 times, the last with: MemoryError: full") as ended:
        world.go(monkeypatch)
    assert ended.value.sqlstate == "53000"
    assert str(ended.value.hint).startswith("SELECT madlib.automl_resume(1) goes on where it was and tries the trial again.")
    assert world.record.run["status"] == "failed"
    failed = {number for (number,), row in world.record.trials.items() if row["status"] == "failed"}
    assert failed <= {1, 2}  # by themselves
    assert world.go(monkeypatch, resumed=True)
    assert world.found.trials == whole.found.trials


def test_elapsed_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(request_of(*PLANS["listed"], memory=2**20), random.Random(1))
    assert not world.go(monkeypatch, stop=35)
    assert world.record.metrics
    for row in world.record.metrics.values():
        row["elapsed"] = 1000.0
    assert world.go(monkeypatch, resumed=True)
    assert {row["elapsed"] > 999.0 for row in world.record.metrics.values()} == {True}


def test_trials_that_differ_from_the_record_are_an_error_and_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(request_of(*PLANS["hyperband"], memory=2**20), random.Random(1))
    assert not world.go(monkeypatch, stop=20)
    world.record.configurations[3,]["compile_params"] = "loss='mae'"
    before = repr(world.record)
    with pytest.raises(AutomlError, match=r"the run cannot be resumed: its mst_key 3 is \(1, loss='mae', batch_size=8.*\) now"):
        world.go(monkeypatch, resumed=True)
    assert repr(world.record) == before


def test_a_trial_that_begins_later_now_is_an_error_and_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As earlier versions had trials of a small space in the largest bracket."""
    world = World(request_of(*PLANS["hyperband"], memory=2**20), random.Random(1))
    assert not world.go(monkeypatch, stop=60)
    space = "{'loss': ['mse'], 'metrics': ['mae'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': %s}]}"
    rates = [re.findall(r"lr=([\d.e-]+)", world.record.trials[each,]["compile_params"])[0] for each in (1, 2, 3, 4)]
    few = parse_space([1], space % f"[{', '.join(rates)}]", "{'batch_size': [8], 'epochs': [1]}")
    plan = METHODS["hyperband"].read("R=9, eta=3")[0].plan(few, SEED, PARTITIONS)
    for number, each in plan.scheduler().start().trials:
        world.record.configurations[number,]["compile_params"] = each.compile_params
    world.request = request_of(plan, None, 2**20)
    before = repr(world.record)
    with pytest.raises(AutomlError, match="its mst_key 1 began with iteration 1, and would begin with iteration 2 now"):
        world.go(monkeypatch, resumed=True)
    assert repr(world.record) == before


def test_what_it_was_trained_on_must_not_have_been_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(request_of(*PLANS["listed"], memory=2**20), random.Random(1))
    assert not world.go(monkeypatch, stop=20)
    before, written = repr(world.record), world.record.run["inputs"]
    weights = WarmStart("SELECT model_weights FROM made", frozenset({1}), "3 0x1")
    for rows, architecture, begun in (("2 0x1", "net", None), ("1 0x1", "another net", None), ("1 0x1", "net", weights)):
        world.rows = rows
        world.request = replace(world.request, architectures={1: Definition(architecture, "{}")}, warm_start=begun)
        with pytest.raises(AutomlError, match="run 1 cannot be resumed: what it was trained with has been wri") as raised:
            world.go(monkeypatch, resumed=True)
        assert str(raised.value.hint).endswith(": UPDATE madlib.automl_runs SET inputs = NULL WHERE run_id = 1")
    assert repr(world.record) == before
    world.rows, world.request = "1 0x1", replace(world.request, architectures={1: Definition("net", "{}")}, warm_start=None)
    assert world.go(monkeypatch, resumed=True)
    assert world.record.run["inputs"] == written


def test_metrics_that_are_missing_from_before_a_checkpoint_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(request_of(*PLANS["listed"], memory=2**20), random.Random(1))
    assert not world.go(monkeypatch, stop=35)
    del world.record.metrics[1, 2]
    before = repr(world.record)
    with pytest.raises(AutomlError, match="its record lacks the metrics of mst_key 1 after iteration 2"):
        world.go(monkeypatch, resumed=True)
    assert repr(world.record) == before


# --- positions ----------------------------------------------------------------------------------------------------------

LAYOUT = Layout((("training", 3), ("validation", 2)))
LEG = Leg(2, "p", 5, 4, frozenset((6, 8)))  # 4 x 3 stops that train, 2 x 5 that evaluate


@pytest.mark.parametrize(
    ("position", "known", "expected"),
    [
        (Position(), (), 0),
        (Position(4, 3), (4,), 0),
        (Position(5, 1), (), 1),
        (Position(5, 3), (), 3),
        (Position(6, 2), (), 5),
        (Position(6, 3), (), 6),
        (Position(6, 3), (6,), 11),
        (Position(7, 1), (6,), 12),
        (Position(8, 3), (6,), 17),
        (Position(8, 3), (6, 8), 22),
        (Position(11, 2), (6, 8, 10), 22),
    ],
)
def test_stops_behind_a_position(position: Position, known: Sequence[int], expected: int) -> None:
    assert stops_done(LAYOUT, LEG, position, known) == expected
    assert LEG.stops(LAYOUT) == 22


@pytest.mark.parametrize(
    ("position", "known", "expected"),
    [(Position(5, 1), (), 1), (Position(6, 2), (), 4), (Position(6, 2), (6,), 7), (Position(8, 1), (6,), 10)],
)
def test_stops_behind_the_position_of_one_that_holds_a_partition_out(
    position: Position, known: Sequence[int], expected: int
) -> None:
    layout, leg = Layout((("training", 3), ("validation", 3))), replace(LEG, held_out=frozenset((1,)))
    assert stops_done(layout, leg, position, known) == expected
    assert leg.stops(layout) == 4 * 2 + 2 * 3


def trial(number: int, status: str = "stopped", error: str | None = None) -> TrialRow:
    return TrialRow(number, 1, "c", "f", status, {}, 0, None, 1.5, error)


def evaluated(number: int, iteration: int, loss: float) -> MetricRow:
    return MetricRow(number, iteration, 10.0 * iteration, loss, [], None, None)


def test_what_a_record_tells() -> None:
    trials = (trial(1), trial(2, "failed", "NaN"), trial(3))
    metrics = [evaluated(1, 2, 0.2), evaluated(1, 1, 0.1), evaluated(1, 3, 0.3), evaluated(3, 1, 0.5)]
    anchors = [Anchor(1, iteration=3, visits=5), Anchor(3, iteration=1, visits=2)]
    history = remembered(lambda _: 2, trials, metrics, anchors)
    assert history.trials[1].position == Position(3, 1)
    assert history.trials[1].evaluated == {1, 2}
    assert history.trials[2].error == "NaN"
    assert history.trials[2].position == Position()
    assert history.trials[3].position == Position(1, 2)
    assert history.trials[3].evaluated == {1}
    assert history.elapsed == 30.0
