"""Evaluation in the caller's own session, without TensorFlow: what takes less time than TensorFlow's import would.

One statement reads all rows, so they are those of one moment, whoever writes to the table meanwhile.
"""

from __future__ import annotations

from automl.data.packed_queries import count_rows, whole_query
from automl.data.packed_table import PackedTable
from automl.database.session import CallerDatabase
from automl.errors import AutomlError
from keras_seg.protocol.limits import MOST_WEIGHTS
from keras_seg.protocol.orders import CompileOrder, EvaluationOrder, EvaluationReport, Scores


def scores(db: CallerDatabase, architecture: str, weights: bytes, compiled: CompileOrder, table: PackedTable) -> Scores | None:
    """Return loss and metrics of a model on a packed table; None if they are not to be computed here.

    That hangs on network, loss, metrics and the number of rows alone: the same call gives the same numbers each time.
    """
    if len(weights) > MOST_WEIGHTS:
        return None
    order = EvaluationOrder(
        architecture,
        compiled,
        whole_query(table),
        table.variables,
        count_rows(db, table),
        # On Greenplum only the rows of a whole statement come in an order.
        in_parts=not db.dialect.segmented,
    )
    row = db.execute("SELECT madlib.automl_evaluated($1::text, $2::bytea) AS report", order.to_json(), weights)[0]
    report = EvaluationReport.from_json(row["report"])
    if report.error is not None:
        raise AutomlError(f"the evaluation failed: {report.error}")
    return report.scores
