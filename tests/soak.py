"""Searches and faults drawn from a seed, one after the other, in a server of its own: whatever happens, the bits are the same.

    SOAK_SEED=1 SOAK_MINUTES=10 make soak

A search is drawn, then faults and the moments when they strike; a call that a fault has ended is resumed until it comes to its
end. After every call nothing may be left of it, and in the end the tables must be those of the same search undisturbed. The
table that is printed at the end is that of docs/reliability.md; the exit status says whether something was wrong.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg2
from test_resume import MADE, contents

from fix_calls import Call, waited
from fix_db import Session, connect_to
from fix_own_server import OwnServer, new_server
from fix_search import PAGE_COMPILE, in_schema, load, make_iris, search, sequential

ROOM = "soak"
PATIENCE = 300.0  # seconds for a call to come to its end
GONE_WITHIN = 10.0  # seconds, for what a call has opened
NET = sequential(
    ("Dense", {"units": 60, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.2}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
COMPILED = "$$loss='categorical_crossentropy',optimizer='Adam(lr=0.01)',metrics=['accuracy']$$"
OURS = "FROM pg_stat_activity WHERE application_name ~ '^keras_automl' AND pid <> pg_backend_pid()"
LOCKS = """SELECT locktype, relation::regclass::text, mode, query FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE pid <> pg_backend_pid() AND (locktype = 'advisory' OR relation IN ('train'::regclass, 'val'::regclass))"""
# What a run has come to, trial by trial and evaluation by evaluation: where two runs part.
TOLD = """SELECT coalesce(m.iteration, 0), t.mst_key, concat_ws(', ', model_id, compile_params, fit_params,
    'iterations ' || t.iteration, 'best ' || best_iteration, training_loss, training_metrics, validation_loss,
    validation_metrics) FROM madlib.automl_trials t LEFT JOIN madlib.automl_metrics m USING (run_id, mst_key)"""
LOGS = "SELECT relname FROM pg_class WHERE relnamespace = 'madlib'::regnamespace AND relkind = 'r' AND relname ~ '_log$'"


class Wrong(Exception):
    """What must not be."""


# --- searches -----------------------------------------------------------------------------------------------------------


def of_grid(**given: object) -> Callable[[Session], None]:
    """A search with these arguments beside those that all have."""
    common = {
        "compile_params_grid": PAGE_COMPILE,
        "fit_params_grid": "{'batch_size': [1, 2], 'epochs': [2]}",
        "random_state": 3,
    }
    return lambda session: search(session, "made", **{**common, **given})


def fit(session: Session) -> None:
    session.run("SELECT setseed(0.5)")
    session.run(f"SELECT madlib.madlib_keras_fit('train', 'made', 'lib', 1, {COMPILED}, 'batch_size=1,epochs=2', 60,"
                " metrics_compute_frequency := 7)")  # fmt: skip


def fit_several(session: Session) -> None:
    session.run("SELECT setseed(0.5)")
    session.run("SELECT madlib.madlib_keras_fit_multiple_model('train', 'made', 'mst', 30, validation_table := 'val',"
                " metrics_compute_frequency := 7)")  # fmt: skip


SEARCHES: dict[str, Callable[[Session], None]] = {
    "hyperband": of_grid(automl_params="R=27, eta=3, skip_last=1", validation_table="val", metrics_compute_frequency=2),
    "hyperband, cached": of_grid(automl_params="R=16, eta=4", use_caching=True),
    "tpe": of_grid(automl_method="hyperopt", automl_params="num_configs=8, num_iterations=15"),
    "rand": of_grid(automl_method="hyperopt", automl_params="num_configs=8, num_iterations=15, algorithm=rand"),
    "asha": of_grid(automl_method="asha", automl_params="R=27, eta=3", validation_table="val", metrics_compute_frequency=3),
    "asha by tpe, the best kept": of_grid(
        automl_method="asha", automl_params="R=9, eta=3, sampler=tpe, keep=best, trial_patience=4", metrics_compute_frequency=1
    ),
    "rand with early stops": of_grid(
        automl_method="hyperopt",
        automl_params="num_configs=12, num_iterations=10, algorithm=rand, stop=median, objective=accuracy",
        metrics_compute_frequency=1,
    ),
    "fit_multiple": fit_several,
    "fit": fit,
}


# --- faults -------------------------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """What a fault finds.

    Attributes:
        server: where the call runs.
        watcher: a session that looks on.
        caller: the process of the call.
        drawn: what is left to chance.
    """

    server: OwnServer
    watcher: Session
    caller: int
    drawn: random.Random

    def ours(self, name: str) -> list[int]:
        """The processes of the sessions that the call has opened."""
        return [pid for (pid,) in self.watcher.fetch(f"SELECT pid {OURS} AND application_name ~ %s", name)]

    def one_of(self, name: str) -> int:
        """One of them; the caller where there is none."""
        return self.drawn.choice(self.ours(name) or [self.caller])

    def log(self) -> str:
        """A table of the record."""
        return str(self.drawn.choice(self.watcher.fetch(LOGS))[0])

    def meanwhile(self, *statements: str) -> None:
        """Run statements on a session of their own, beside the search."""
        session = connect_to(self.server.dsn, options=f"-c search_path={ROOM} -c lock_timeout=5s")

        def run() -> None:
            with suppress(psycopg2.Error):
                for sql in statements:
                    session.run(sql)
            session.close()

        threading.Thread(target=run, daemon=True).start()


def signalled(name: str, number: int) -> Callable[[Scene], None]:
    return lambda scene: os.kill(scene.one_of(name), number)


def told(function: str) -> Callable[[Scene], None]:
    return lambda scene: scene.watcher.run(f"SELECT {function}(%s)", scene.caller)


def ended(name: str) -> Callable[[Scene], None]:
    return lambda scene: scene.watcher.run("SELECT pg_terminate_backend(%s)", scene.one_of(name))


def stalled(scene: Scene) -> None:
    pid = scene.one_of("session")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(scene.drawn.uniform(0.1, 3))
    os.kill(pid, signal.SIGCONT)


def locked(scene: Scene) -> None:
    scene.meanwhile("BEGIN", f"LOCK TABLE madlib.{scene.log()}", "SELECT pg_sleep(4)", "COMMIT")


def rewritten(scene: Scene) -> None:
    scene.meanwhile(f"VACUUM FULL madlib.{scene.log()}")


def queued_behind(scene: Scene) -> None:
    scene.meanwhile("BEGIN", "LOCK TABLE train", "COMMIT")
    time.sleep(0.5)
    ended("session")(scene)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "`pg_cancel_backend` of the caller": told("pg_cancel_backend"),
    "`pg_terminate_backend` of the caller": told("pg_terminate_backend"),
    "`kill -9` of the caller": lambda scene: os.kill(scene.caller, signal.SIGKILL),
    "`pg_terminate_backend` of a session": ended("session"),
    "`kill -9` of a session": signalled("session", signal.SIGKILL),
    "`pg_terminate_backend` of the record's session": ended("record"),
    "`kill -9` of the record's session": signalled("record", signal.SIGKILL),
    "a session that stands still for up to 3 s": stalled,
    "a table of the record locked for 4 s": locked,
    "`VACUUM FULL` of a table of the record": rewritten,
    "a session ended while somebody waits to lock the packed table": queued_behind,
    "`pg_ctl stop -m fast`": lambda scene: scene.server.stop("fast"),
    "`pg_ctl stop -m immediate`": lambda scene: scene.server.stop("immediate"),
    "`kill -9` of the postmaster": lambda scene: scene.server.kill(),
}
ROLLBACK = "`ROLLBACK` when the call has come to its end"
PROMOTED = "the server lost, and its standby promoted"


# --- the driver ---------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the tries of a fault: calls that went on, runs that were resumed, and what callers heard."""

    tries: int = 0
    went_on: int = 0
    resumed: int = 0
    heard: Counter[str] = field(default_factory=Counter)


@dataclass
class Soak:
    """The rounds, and what has come of them."""

    seed: int
    server: OwnServer
    drawn: random.Random = field(default_factory=random.Random)
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in (*FAULTS, ROLLBACK, PROMOTED)})
    expected: dict[str, dict[str, object]] = field(default_factory=dict)
    iterations: dict[str, int] = field(default_factory=dict)
    told: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def enter(self) -> Session:
        return connect_to(self.server.dsn, options=f"-c search_path={ROOM}")

    def prepare(self) -> None:
        """Make the packed tables and the library, and each search's tables where nothing disturbs it."""
        self.server.initialise()
        session = in_schema(self.server.dsn, ROOM)
        make_iris(session)
        load(session, "lib", NET)
        session.run(f"SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], ARRAY[{COMPILED}],"
                    " ARRAY['batch_size=1,epochs=2', 'batch_size=2,epochs=3'])")  # fmt: skip
        for name, statement in SEARCHES.items():
            statement(session)
            self.expected[name] = contents(session)
            self.iterations[name] = self.made_iterations(session)
            self.told[name] = evaluated(session)
            self.clear(session)
        session.close()

    def clear(self, session: Session) -> None:
        """Drop what a search has made."""
        for (table,) in session.fetch(MADE):
            session.run(f"DROP TABLE {table}")
        session.run("DELETE FROM madlib.automl_runs")

    def made_iterations(self, session: Session) -> int:
        return int(session.value("SELECT coalesce(sum(iteration), 0) FROM madlib.automl_trials"))

    def round(self, number: int) -> None:
        """Let one search come to its end, through some faults."""
        self.drawn = random.Random(f"{self.seed} {number}")
        name = self.drawn.choice(list(SEARCHES))
        faults = self.drawn.choices([*FAULTS, ROLLBACK, PROMOTED], k=self.drawn.randint(1, 4))
        self.say(f"round {number}: {name}: {'; '.join(faults)}")
        self.warnings.clear()
        run: int | None = None
        while True:
            error = self.call(name, run, faults)
            if not waited(lambda: self.server.has_postmaster() or not self.server.processes, GONE_WITHIN):
                raise Wrong(f"processes are left without a server: {self.server.processes}")
            self.server.mend()
            run = self.look(made=error is None)
            if error is None and not faults:
                break
        session = self.enter()
        found, expected = contents(session), self.expected[name]
        others = sorted(table for table in found.keys() | expected if found.get(table) != expected.get(table))
        if others:
            parted = "; ".join((parting(evaluated(session), self.told[name]), *self.warnings))
            raise Wrong(f"tables of {name} are not those of the search undisturbed: {', '.join(others)}; {parted}")
        self.clear(session)
        session.close()

    def call(self, name: str, run: int | None, faults: list[str]) -> str | None:
        """Begin a search, or resume its run, and let the next faults strike until they have ended it.

        Returns:
            What the caller has heard; None if the call has come to its end and its tables are there.
        """
        rolls_back = faults[:1] == [ROLLBACK]
        caller = connect_to(self.server.dsn, options=f"-c search_path={ROOM} {self.settings()}")

        def statement(session: Session) -> None:
            session.run("BEGIN")
            SEARCHES[name](session) if run is None else session.run("SELECT madlib.automl_resume(%s)", run)
            session.run("ROLLBACK" if rolls_back else "COMMIT")

        watcher, call = self.enter(), Call(caller, statement)
        struck = None
        while faults and faults[0] != ROLLBACK and self.reached(name, watcher, call):
            if struck is not None:
                self.note(struck, None)
            struck = faults.pop(0)
            if self.strikes(struck, watcher, call, caller.info.backend_pid):
                break
        call.join(PATIENCE)
        if call.is_alive():
            os.kill(caller.info.backend_pid, signal.SIGKILL)
            raise Wrong(f"{name} hangs after: {struck}")
        self.warnings += [notice.strip() for notice in caller.notices if notice.startswith("WARNING")]
        caller.close()
        heard = said(call.error)
        if heard is not None and struck is None:
            raise Wrong(f"{name} has ended by itself: {heard}")
        if struck is not None:
            self.note(struck, heard)
        elif rolls_back and call.error is None:
            self.note(faults.pop(0), "nothing: its own `ROLLBACK`")
            return "rolled back"
        if call.error is None:
            faults.clear()  # it was over before they came
        return heard

    def settings(self) -> str:
        drawn = {"sessions": self.drawn.randint(1, 3), "state_memory_mb": self.drawn.choice([1, 1000])}
        return " ".join(f"-c keras_automl.{name}={value}" for name, value in drawn.items())

    def reached(self, name: str, watcher: Session, call: Call) -> bool:
        """Wait for the moment of the next fault; return whether the call is still under way."""
        moment = self.made_iterations(watcher) + self.drawn.randint(0, self.iterations[name] // 3)
        waited(lambda: not call.is_alive() or self.made_iterations(watcher) >= moment, PATIENCE)
        time.sleep(self.drawn.uniform(0, 1))
        return call.is_alive()

    def strikes(self, fault: str, watcher: Session, call: Call, caller: int) -> bool:
        """Let a fault strike, and return whether it has ended the call; some take a while."""
        tally = self.tallies[fault]
        tally.tries += 1
        with suppress(psycopg2.Error, ProcessLookupError):
            if fault == PROMOTED:
                self.promote()
            else:
                FAULTS[fault](Scene(self.server, watcher, caller, self.drawn))
        return waited(lambda: not call.is_alive(), 6)

    def promote(self) -> None:
        """Let a standby take the place of the server."""
        lost, self.server = self.server, new_server()
        lost.copy_to(self.server)
        time.sleep(self.drawn.uniform(0.5, 2))
        lost.destroy()
        self.server.promote()

    def note(self, fault: str, heard: str | None) -> None:
        tally = self.tallies[fault]
        tally.tries += fault == ROLLBACK
        tally.went_on += heard is None
        tally.resumed += heard is not None
        tally.heard[heard or "nothing"] += 1

    def look(self, *, made: bool) -> int | None:
        """Return the number of the run that can go on, if there is one; nothing else may be left of the call.

        Args:
            made: whether its tables must be there.
        """
        session = self.enter()
        if not waited(lambda: session.fetch(f"SELECT pid {OURS}") == [], GONE_WITHIN):
            raise Wrong(f"sessions are left: {session.fetch(f'SELECT application_name, query {OURS}')}")
        if not waited(lambda: session.fetch(LOCKS) == [], GONE_WITHIN):
            raise Wrong(f"locks are left: {session.fetch(LOCKS)}")
        if bool(session.fetch(MADE)) != made:
            raise Wrong(f"tables: {session.fetch(MADE)}")
        rows = session.fetch("SELECT run_id, status, alive FROM madlib.automl_runs")
        if len(rows) > 1 or any(alive for _, _, alive in rows) or (made and [row[1] for row in rows] != ["finished"]):
            raise Wrong(f"runs: {rows}")
        if made and session.value("SELECT count(*) FROM madlib.automl_checkpoints"):
            raise Wrong("checkpoints are left")
        if failed := session.fetch("SELECT mst_key, error FROM madlib.automl_trials WHERE status = 'failed'"):
            raise Wrong(f"trials have failed, which none does by itself: {failed}")
        session.close()
        return rows[0][0] if rows else None

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def table(self) -> str:
        """What has come of it, in the words of docs/reliability.md."""
        lines = ["| fault | tries | call went on | run resumed | the caller sees |", "|---|---|---|---|---|"]
        for name, tally in self.tallies.items():
            heard = "; ".join(f"{text} ({count})" for text, count in tally.heard.most_common(3))
            lines.append(f"| {name} | {tally.tries} | {tally.went_on} | {tally.resumed} | {heard} |")
        return "\n".join(lines)


def evaluated(session: Session) -> dict[tuple[int, int], str]:
    """What the record tells of the one run that there is, by iteration and trial."""
    return {(iteration, trial): text for iteration, trial, text in session.fetch(TOLD)}


def parting(found: dict[tuple[int, int], str], expected: dict[tuple[int, int], str]) -> str:
    """Where what a run has come to is first another thing than what the undisturbed one has."""
    others = sorted(key for key in found.keys() | expected if found.get(key) != expected.get(key))
    if not others:
        return "the evaluations are the same"
    iteration, trial = others[0]
    return f"after iteration {iteration} mst_key {trial} is [{found.get(others[0])}] and was [{expected.get(others[0])}]"


def said(error: psycopg2.Error | None) -> str | None:
    """What a caller has heard: the SQLSTATE where there is one, and the first line."""
    if error is None:
        return None
    text = next(iter(str(error).splitlines()), type(error).__name__)
    return f"{error.pgcode}: {text}" if error.pgcode else text


def main() -> int:
    """Make rounds until the time is over, and print what has come of them."""
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))
    minutes = float(os.environ.get("SOAK_MINUTES") or 10)
    soak = Soak(seed, new_server())
    soak.say(f"SOAK_SEED={seed} SOAK_MINUTES={minutes:g}")
    rounds = 0
    try:
        soak.prepare()
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            rounds += 1
            try:
                soak.round(rounds)
            except (Wrong, psycopg2.Error, RuntimeError) as error:
                soak.wrong.append(f"round {rounds}: {type(error).__name__}: {error}")
                soak.say(soak.wrong[-1])
                soak.server.mend()
                soak.clear(soak.enter())
        print(soak.table())
        print(f"{rounds} searches, seed {seed}: {len(soak.wrong)} went wrong", *soak.wrong, sep="\n")
    finally:
        soak.server.destroy()
    return bool(soak.wrong)


if __name__ == "__main__":
    sys.exit(main())
