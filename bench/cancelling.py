"""How long a search goes on after it was cancelled: fifty times at each of several moments, seconds to the client's error.

`python bench/cancelling.py 10` does it ten times, `python bench/cancelling.py 50 states record` only at the moments whose
names have one of these words.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from statistics import median

import psycopg2
from common import Connection, page_tables, run, schema, table
from memory import network

TRIES = 50
PATIENCE = 60.0  # seconds for a moment to come
OURS = "application_name LIKE 'keras_automl%%' AND datname = current_database()"
AT_WORK = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND state = 'active' AND query ~ %s"
ACTIVE = "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query ~ 'madlib_keras'"
COMPILE = "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.001, 0.1, 'log']}]}"
FIT = "{'batch_size': [8]}"

Moment = Callable[[Connection], bool]


def search(params: str, method: str = "hyperband", model: int = 1) -> str:
    return (
        f"SELECT madlib.madlib_keras_automl('iris_train_packed', 'o', 'model_arch_library', 'o_best', ARRAY[{model}],"
        f" $a${COMPILE}$a$, $a${FIT}$a$, '{method}', '{params}')"
    )


LONG, PROPOSED = search("R=2000, eta=10"), search("num_configs=20, num_iterations=1000", "hyperopt")
UNITS, LARGE = 1440, 99  # a state of 8 MB, and the number of its network
HEAVY = search("num_configs=16, num_iterations=1000, algorithm=rand", "hyperopt", LARGE)
LATEST = "(SELECT max(run_id) FROM madlib.automl_runs)"
BEGUN = f"SELECT count(*) FROM madlib.automl_trials WHERE run_id = {LATEST} AND iteration > 0"
RECORD = "SELECT pid FROM pg_stat_activity WHERE application_name = 'keras_automl record' AND datname = current_database()"


def at_work(statement: str) -> Moment:
    """The moment when a session executes a statement that calls a function."""
    return lambda watcher: run(watcher, AT_WORK, statement)[0][0] > 0


def called(seconds: float) -> Moment:
    """The moment so long after the call."""
    begun = time.monotonic()
    return lambda _: time.monotonic() - begun >= seconds


def stopped(watcher: Connection) -> bool:
    """The moment when a session was stopped in the middle of a visit."""
    if not at_work("automl_visit")(watcher):
        return False
    for (pid,) in run(watcher, f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND application_name LIKE '%%session 1'"):
        os.kill(pid, signal.SIGSTOP)
    return True


def unsaved(watcher: Connection) -> bool:
    """The moment when all large trials have trained: 128 MB of states, all of which change all the time."""
    return run(watcher, BEGUN)[0][0] >= 16 and at_work("automl_visit")(watcher)


def unanswered(watcher: Connection) -> bool:
    """The moment, half a second after the record was stopped in the middle of training."""
    if not at_work("automl_visit")(watcher):
        return False
    for (pid,) in run(watcher, RECORD):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.5)
    return True


def go_on(watcher: Connection) -> None:
    """Let sessions go on that were stopped."""
    for (pid,) in run(watcher, f"SELECT pid FROM pg_stat_activity WHERE {OURS}"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    while run(watcher, f"SELECT 1 FROM pg_stat_activity WHERE {OURS}"):
        time.sleep(0.05)


def cancelled(watcher: Connection, sql: str, moment_of: Callable[[], Moment]) -> float:
    """Call on a new connection, cancel at a moment, and return the seconds until the client has its error."""
    caller = psycopg2.connect(os.environ["AUTOML_DSN"])
    run(caller, "SET search_path = bench_cancelling")
    ended: list[float] = []

    def call() -> None:
        with suppress(psycopg2.errors.QueryCanceled):
            run(caller, sql)
        ended.append(time.monotonic())

    thread = threading.Thread(target=call)
    thread.start()
    while not run(watcher, ACTIVE, caller.info.backend_pid)[0][0]:  # what comes before the statement cancels nothing
        assert thread.is_alive()
    moment, begun = moment_of(), time.monotonic()
    while not moment(watcher):
        assert thread.is_alive() and time.monotonic() - begun < PATIENCE
        time.sleep(0.01)
    asked = time.monotonic()
    run(watcher, "SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    thread.join()
    caller.close()
    go_on(watcher)
    return ended[0] - asked


def main() -> None:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else TRIES
    moments: dict[str, tuple[str, Callable[[int], Moment]]] = {
        "at once, to a second after the call": (LONG, lambda number: called(number / tries)),
        "while TensorFlow is imported": (LONG, lambda number: at_work("automl_open")),
        "while small networks train": (LONG, lambda number: at_work("automl_visit")),
        "while a session is stopped (SIGSTOP)": (LONG, lambda number: stopped),
        "while 16 states of 8 MB change all the time": (HEAVY, lambda number: unsaved),
        "while the record does not answer (SIGSTOP)": (LONG, lambda number: unanswered),
        "TPE's first five seconds": (PROPOSED, lambda number: called(5 * number / tries)),
    }
    chosen = [name for name in moments if not sys.argv[2:] or any(word in name for word in sys.argv[2:])]
    with schema("bench_cancelling") as watcher:
        page_tables(watcher)
        run(watcher, "INSERT INTO model_arch_library (model_id, model_arch) VALUES (%s, %s)", LARGE, network(UNITS))
        rows = []
        for name in chosen:
            sql, moment = moments[name]
            found = sorted(cancelled(watcher, sql, partial(moment, number)) for number in range(tries))
            rows.append((name, f"median {median(found):.2f} s, longest {found[-1]:.2f} s"))
        table(f"From a cancellation to its error, {tries} times each", rows)


if __name__ == "__main__":
    main()
