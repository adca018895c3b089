"""Twenty searches at once from twenty clients: seconds, sessions, memory; and what the checkpoint table holds meanwhile.

`python bench/crowd.py 5` does it with five.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from statistics import median

import psycopg2
from common import Connection, own_mb, page_tables, run, schema, table
from memory import network

CLIENTS = 20
SEARCH = """SELECT madlib.madlib_keras_automl('iris_train_packed', 'o{number}', 'model_arch_library', 'o{number}_best',
    ARRAY[1,2], $${{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{{'optimizer': ['Adam', 'SGD'],
    'lr': [0.001, 0.1, 'log']}}]}}$$, $${{'batch_size': [4, 8], 'epochs': [1]}}$$, 'hyperband', 'R=9, eta=3', {number})"""
OURS = "FROM pg_stat_activity WHERE application_name ~ '^keras_automl' AND datname = current_database()"
TRAINING = f"SELECT pid {OURS} AND application_name ~ 'session'"
UNITS, STATES, SECONDS = 1120, 12, 200  # states of 5 MB, 60 MB of them, and how long they change
LARGE = f"""SELECT madlib.madlib_keras_automl('iris_train_packed', 'large', 'model_arch_library', 'large_best', ARRAY[99],
    $${{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{{'optimizer': ['SGD'],
    'lr': [0.001, 0.1, 'log']}}]}}$$, $${{'batch_size': [8], 'epochs': [1]}}$$, 'hyperopt',
    'num_configs={STATES}, num_iterations=100000, algorithm=rand')"""
SIZE = "SELECT pg_total_relation_size('madlib.automl_checkpoint_log') / 2^20"


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    with schema("bench_crowd") as connection:
        page_tables(connection)
        run(connection, "INSERT INTO model_arch_library (model_id, model_arch) VALUES (99, %s)", network(UNITS))
        one, *_ = crowd(connection, 1)
        seconds, sessions, memory, ends = crowd(connection, clients)
        sizes = grown(connection)
    table(
        f"{clients} searches (R=9, eta=3) from {clients} clients",
        [
            ("one search alone", f"{one:.1f} s"),
            ("all of them", f"{seconds:.1f} s"),
            ("the first, the median, the last one ended after", f"{ends[0]:.1f}, {median(ends):.1f}, {ends[-1]:.1f} s"),
            ("training sessions at the same time, at most", str(sessions)),
            ("memory of their own, all processes of ours and the callers', at most", f"{memory:.0f} MB"),
        ],
    )
    table(
        f"The checkpoint table while {STATES} states of 5 MB change for {SECONDS} s",
        [(f"after {after:.0f} s", f"{size:.0f} MB") for after, size in sizes],
    )


def crowd(connection: Connection, clients: int) -> tuple[float, int, float, list[float]]:
    """Let clients search at once; return (seconds, most sessions, most MB, when each ended)."""
    begun, ends, sessions, memory = time.monotonic(), [], 0, 0.0
    callers = [connected() for _ in range(clients)]

    def call(number: int) -> None:
        run(callers[number], SEARCH.format(number=number + 1))
        ends.append(time.monotonic() - begun)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        training = [pid for (pid,) in run(connection, TRAINING)]
        pids = [*[pid for (pid,) in run(connection, f"SELECT pid {OURS}")], *[each.info.backend_pid for each in callers]]
        sessions, memory = max(sessions, len(training)), max(memory, sum(map(own, pids)))
        time.sleep(0.2)
    for number, caller in enumerate(callers, 1):
        caller.close()
        run(connection, f"DROP TABLE o{number}, o{number}_info, o{number}_summary, o{number}_best, o{number}_best_summary")
    return time.monotonic() - begun, sessions, memory, sorted(ends)


def grown(connection: Connection) -> list[tuple[float, float]]:
    """Search with large states for a while; return (seconds, MB of the checkpoint table) now and then."""
    caller = connected()

    def call() -> None:
        with suppress(psycopg2.errors.QueryCanceled):
            run(caller, LARGE)

    thread = threading.Thread(target=call)
    begun, sizes = time.monotonic(), []
    thread.start()
    while (after := time.monotonic() - begun) < SECONDS:
        sizes.append((after, run(connection, SIZE)[0][0]))
        time.sleep(SECONDS / 10)
    run(connection, "SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    thread.join()
    caller.close()
    return sizes


def connected() -> Connection:
    caller = psycopg2.connect(os.environ["AUTOML_DSN"])
    caller.autocommit = True
    run(caller, "SET search_path = bench_crowd")
    return caller


def own(pid: int) -> float:
    """Return the MB that a process holds of its own; 0 for one that has ended."""
    try:
        return own_mb(pid)
    except (FileNotFoundError, StopIteration):
        return 0.0


if __name__ == "__main__":
    main()
