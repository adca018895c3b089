"""100,000 rows of twenty ordinary columns to their packed tables: seconds of each step of automl_train up to the search.

    python bench/columns_packed.py [ROWS [ROUNDS]]

Each line is the median of the rounds, and the seconds that the backend had of a processor, which other work on the machine
changes less. The first line is what automl_train looks at before it decides anything: its dry run.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from common import Connection, run, schema

STEPS = ("settings", "features", "rows", "order", "pack")
TABLE = """
CREATE TABLE sample AS SELECT i AS id, i % 97 AS n1, (i * 7919) % 10007 AS n2, (i * 31) % 1009 AS n3, (i * 17) % 401 AS n4,
    sqrt(i)::float8 AS f1, ln(i)::float8 AS f2, ((i * 37) % 1013 / 7.0)::float8 AS f3, ((i * 41) % 2003 / 11.0)::real AS f4,
    CASE WHEN i % 9 > 0 THEN ((i * 13) % 3001 / 3.0)::float8 END AS f5, ((i * 53) % 70001 / 100.0)::numeric(10, 2) AS m1,
    CASE WHEN i % 11 > 0 THEN ((i * 59) % 9001 / 10.0)::numeric(10, 1) END AS m2,
    'town ' || (i::bigint * i) % 523 AS t1, 'plan ' || i % 5 AS t2, CASE WHEN i % 13 > 0 THEN 'kind ' || (i * 3) % 41 END AS t3,
    'code ' || (i * 11) % 2003 AS t4, 'way ' || i % 7 AS t5, i % 3 = 0 AS b1, date '2015-01-01' + (i * 29) % 2000 AS d1,
    timestamp '2020-01-01' + (i * 7907) % 500000 * interval '1 minute' AS d2,
    CASE WHEN (i * 31) % 1009 + (i % 5) * 200 > 900 THEN 'yes' ELSE 'no' END AS label
FROM generate_series(1, {}) i;
ALTER TABLE sample ADD PRIMARY KEY (id); ANALYZE sample
"""
SCRIPT = "SELECT name, value FROM madlib.automl_train('sample', 'model', 'label', random_state := 1, dry_run := TRUE)"
MADE = "model_packed, model_packed_summary, model_packed_val, model_packed_val_summary, model_rows"


def main(rows: str = "100000", rounds: str = "3") -> None:
    with schema("bench_columns_packed") as connection:
        run(connection, TABLE.format(int(rows)))
        run(connection, "SET work_mem = '64MB'; SET jit = off")  # as automl_train has it
        run(connection, SCRIPT)  # the first call of a session imports the package
        found = [dict(steps(connection)) for _ in range(int(rounds))]
    print(f"| {int(rows):,} rows of 20 columns | seconds | of the processor |\n|---|---|---|")
    for name in found[0]:
        elapsed, processor = (statistics.median(each[name][at] for each in found) for at in (0, 1))
        print(f"| {name} | {elapsed:.2f} | {processor:.2f} |")
    totals = [[sum(seconds[at] for seconds in each.values()) for each in found] for at in (0, 1)]
    print(f"| together | {statistics.median(totals[0]):.2f} | {statistics.median(totals[1]):.2f} |")


def steps(connection: Connection) -> Iterator[tuple[str, tuple[float, float]]]:
    """Carry the script out up to the packed tables, and drop what it has made; yield the seconds of each step."""
    pid = connection.info.backend_pid
    begun, used = time.perf_counter(), processor_seconds(pid)
    script = run(connection, SCRIPT)
    yield "dry run", (time.perf_counter() - begun, processor_seconds(pid) - used)
    for place, (name, sql) in enumerate(script):
        if name in STEPS:
            begun, used = time.perf_counter(), processor_seconds(pid)
            run(connection, sql)
            yield f"{name} {place}", (time.perf_counter() - begun, processor_seconds(pid) - used)
    run(connection, f"DROP TABLE {MADE} CASCADE; DROP FUNCTION model_features(sample)")


def processor_seconds(pid: int) -> float:
    """Return the seconds that a process has had of processors."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(*sys.argv[1:])
