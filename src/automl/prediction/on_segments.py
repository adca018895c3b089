"""Prediction on Greenplum: the network goes to the segments, and no row leaves its own.

A process on a segment cannot read tables, but what a statement reads there it can hand to a function row by row. So one
statement makes all of it, in each process in the order written: begin with the network, take the rows, give the rest.

    SELECT madlib.automl_gather_begin(...) FROM gp_dist_random('gp_id')
    UNION ALL SELECT madlib.automl_gather(id, features) FROM rows
    UNION ALL SELECT madlib.automl_gather_rest() FROM gp_dist_random('gp_id')

`gp_dist_random('gp_id')` is a row on each segment. A batch that is full becomes one row of predictions; those alone move, to
where the output table wants them. The weights lie in a replicated table, the one kind that a process on a segment can read: as
a parameter of the statement they would be in its memory five times.

The planner of PostgreSQL keeps the three calls in one process as long as the rows lie on the segments, and in any other case it
moves rows to one place: the plan tells beforehand. Such rows (of a replicated table, of a view with a LIMIT) are copied to the
segments first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from automl.cluster.orders import Setup
from automl.database.catalog import temporary
from automl.database.dialect import segments_up
from automl.database.names import quoted
from automl.database.session import CallerDatabase
from automl.database.settings import THREADS, read_setting, settings
from automl.hosts.assignment import of_sessions
from automl.prediction.trained_model import Prediction, WrongRow
from keras_seg.protocol.orders import GatheringOrder, GatheringProblem
from keras_seg.protocol.parts import Raw, cut

_BLOCK = "unnest((block).ids, (block).classes, (block).outputs, (block).ranks) AS q(i, c, o, r)"


def run(db: CallerDatabase, prediction: Prediction) -> None:
    """Predict the rows and write them to the output table."""
    # A process on a segment keeps in mind which table had a name in a transaction that failed: no name of these comes twice.
    weights = temporary(db, "output_table", f"keras_automl_weights_{secrets.token_hex(8)}")
    blocks = temporary(db, "output_table", "keras_automl_blocks")
    db.execute(f"CREATE TEMPORARY TABLE {blocks} (block madlib.automl_block) DISTRIBUTED RANDOMLY")
    _bring(db, weights, prediction.model.definition.weights or b"")
    order = _order(prediction, f"SELECT part FROM pg_temp.{weights} ORDER BY place")
    with settings(db, db.dialect.planner), _rows(db, prediction, blocks) as rows:
        db.execute(statement(blocks, rows), _setups(db, prediction), order, prediction.model.definition.architecture)
    _require_predicted(db, prediction, blocks)
    db.execute(prediction.insert(f"pg_temp.{blocks}, {_BLOCK}"), prediction.class_values)
    db.execute(f"DROP TABLE pg_temp.{blocks}, pg_temp.{weights}")


def statement(blocks: str, rows: str) -> str:
    """Return the statement that fills the table of blocks.

    Args:
        blocks: name of that table.
        rows: the query that hands over the rows.
    """
    return (
        f"INSERT INTO pg_temp.{blocks} SELECT block FROM"
        " (SELECT madlib.automl_gather_begin(($1::text[])[gp_segment_id + 1], $2::text, $3::text) AS block"
        " FROM gp_dist_random('gp_id')"
        f" UNION ALL {rows} UNION ALL SELECT madlib.automl_gather_rest() FROM gp_dist_random('gp_id')) AS calls"
        # A block is not NULL as soon as one of its columns is not; IS NOT NULL asks that of all of them.
        " WHERE NOT (block IS NULL)"
    )


def _bring(db: CallerDatabase, table: str, weights: Raw) -> None:
    """Bring the weights to all segments, in parts: a value of a statement is in memory several times."""
    db.execute(f"CREATE TEMPORARY TABLE {table} (place integer, part bytea) DISTRIBUTED REPLICATED")
    db.execute(f"ALTER TABLE pg_temp.{table} ALTER COLUMN part SET STORAGE EXTERNAL")
    for place, part in enumerate(cut([weights])):
        db.execute(f"INSERT INTO pg_temp.{table} VALUES ($1::integer, $2::bytea)", place, part)


def _setups(db: CallerDatabase, prediction: Prediction) -> list[str]:
    """Return what each segment is told first."""
    segments = segments_up(db)
    threads = read_setting(db, THREADS)
    setup = Setup(replace(prediction.setup, threads=threads), of_sessions(prediction.hosts, len(segments)))
    return [setup.of_session(segment.content).to_json() for segment in segments]


def _order(prediction: Prediction, weights: str) -> str:
    model = prediction.model
    order = GatheringOrder(
        model.called, model.normalizing_const, model.count, prediction.selection, weights, prediction.source.rows
    )
    return order.to_json()


@contextmanager
def _rows(db: CallerDatabase, prediction: Prediction, blocks: str) -> Iterator[str]:
    """Give the query that hands over the rows where they lie: of the table, or of a copy of it on the segments."""
    source = prediction.source
    identity, features = f"{quoted(source.id_column)}::text", source.native
    query = f"SELECT madlib.automl_gather({identity}, {features}) FROM {source.table.sql}"
    if _stay(db, statement(blocks, query)):
        yield query
        return
    copy = temporary(db, "output_table", "keras_automl_rows")
    db.execute(
        f"CREATE TEMPORARY TABLE {copy} AS SELECT {identity} AS id, {features} AS x FROM {source.table.sql}"
        " DISTRIBUTED RANDOMLY"
    )
    yield f"SELECT madlib.automl_gather(id, x) FROM pg_temp.{copy}"
    db.execute(f"DROP TABLE pg_temp.{copy}")


def _stay(db: CallerDatabase, calls: str) -> bool:
    """Return whether nothing moves but the results of the calls."""
    row = db.execute(f"EXPLAIN (FORMAT JSON) {calls}", [], "", "")[0]
    (explained,) = json.loads(row["QUERY PLAN"])
    moves = [node for node in _nodes(explained["Plan"]) if node["Node Type"].endswith("Motion")]
    return len(moves) == 1


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _require_predicted(db: CallerDatabase, prediction: Prediction, blocks: str) -> None:
    """Raise the problem of a segment, if one has told one."""
    rows = db.execute(f"SELECT (block).problem AS problem FROM pg_temp.{blocks} WHERE (block).problem IS NOT NULL LIMIT 1")
    if not rows:
        return
    problem = GatheringProblem.from_json(rows[0]["problem"])
    if problem.network is not None:
        raise prediction.unfit(problem.network)
    if problem.outputs is not None:
        raise prediction.model.unfit(problem.outputs)
    if problem.no_class:
        raise prediction.no_class(problem.row)
    raise WrongRow(prediction.source, problem.row)
