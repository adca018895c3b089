"""What a hop costs: a trial's visit to one partition, state in and state out, of a small network and of a large one."""

from __future__ import annotations

import statistics

from common import Session, memory_mb, page_tables, peak_mb, run, schema, spread, start_of_peak, table
from memory import network

SMALL_HOPS, LARGE_HOPS = 300, 12
TOGETHER = 6
_UNITS = 2900  # of two hidden layers: 8.4 million weights, and Adam keeps two more numbers for each: 97 MB


def main() -> None:
    with schema("bench_hop") as connection:
        page_tables(connection)
        session = Session("bench_hop")
        session.define("small", run(connection, "SELECT model_arch::text FROM model_arch_library WHERE model_id = 2")[0][0])
        session.define("large", network(_UNITS))
        small(session)
        large(session)


def small(session: Session) -> None:
    hops = list(session.hops("small", SMALL_HOPS))
    settled = hops[SMALL_HOPS // 3 :]
    seconds = [hop.seconds for hop in settled]
    whole = statistics.median(seconds)
    setup = statistics.median(hop.report.setup_seconds for hop in settled)
    train = statistics.median(hop.report.training_seconds for hop in settled)
    together = [hop.seconds / TOGETHER for hop in session.hops("small", SMALL_HOPS, together=TOGETHER)]
    imported = session.about["import_seconds"]
    table(
        f"A hop of a small net (4-10-10-10-3, 60 rows, batch 8, state of {len(hops[0].state)} bytes), {len(settled)} hops",
        [
            ("a hop, from statement to answer", spread(seconds, "ms", 1000)),
            ("of it: the state taken over by the compiled program", f"{1000 * setup:.2f} ms"),
            ("of it: rows read and decoded, 8 steps of training", f"{1000 * train:.2f} ms"),
            ("of it: the statement, the report and the state's bytes", f"{1000 * (whole - setup - train):.2f} ms"),
            (f"a hop of {TOGETHER} in one visit", spread(together, "ms", 1000)),
            ("the first hop, which compiles", f"{hops[0].seconds:.2f} s"),
            ("importing TensorFlow in a session", f"{imported:.2f} s of {session.opened:.2f} s to open it"),
            ("memory of the session after the import", f"{session.about['memory_mb']} MB"),
        ],
    )  # fmt: skip


def large(session: Session) -> None:
    before = memory_mb(session.pid)
    start_of_peak(session.pid)
    hops = list(session.hops("large", LARGE_HOPS))
    size = len(hops[0].state) / 2**20
    seconds = [hop.seconds for hop in hops[2:]]
    train = statistics.median(hop.report.training_seconds for hop in hops[2:])
    taken = peak_mb(session.pid) - before
    table(
        f"A hop of a large net (4-{_UNITS}-{_UNITS}-3, state of {size:.0f} MB), {len(seconds)} hops",
        [
            ("a hop, from the first statement to the last answer", spread(seconds)),
            ("of it: 8 steps of training", f"{train:.2f} s"),
            ("most memory of the session, above what it had before", f"{taken:.0f} MB: {taken / size:.1f} times the state"),
        ],
    )


if __name__ == "__main__":
    main()
