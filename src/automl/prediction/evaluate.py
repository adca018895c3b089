"""Evaluation of a trained model on a packed table: here where it is little work, else every partition on a session."""

from __future__ import annotations

from dataclasses import dataclass

from automl.cluster.interface import Cluster, ask
from automl.cluster.opening import SessionNeeds, fingerprints, open_cluster
from automl.cluster.orders import CheckWork
from automl.cluster.resources import available, hosts_of_training
from automl.cluster.same_rows import same_rows
from automl.data import packed_table
from automl.data.packed_table import PackedTable
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import Problems, UsageError
from automl.hosts.assignment import Host
from automl.hosts.machine import this_machine
from automl.models import custom_functions
from automl.models.custom_functions import FunctionTable
from automl.prediction import evaluated_here
from automl.prediction.evaluation import Evaluation
from automl.prediction.model_tables import companion, definition_of, keys_of, row_of, suffix_of
from automl.prediction.trained_model import KEY
from automl.search.orders import compile_order
from automl.search.parameters import CompileParams, parse_compile_params
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import (
    TRAINING,
    CheckOrder,
    CheckReport,
    NetworkCheck,
    Part,
    Scores,
)


@dataclass(frozen=True)
class Trained:
    """A trained model as its tables describe it."""

    architecture: str
    weights: bytes
    compiled: CompileParams
    functions: FunctionTable | None


def madlib_keras_evaluate(
    db: CallerDatabase,
    model_table: str | None,
    test_table: str | None,
    output_table: str | None,
    use_gpus: bool | None = False,
    mst_key: int | None = None,
) -> None:
    """Compute loss and metrics of a model on the rows of a packed table, and write them to `output_table`."""
    problems = Problems()
    model = problems.attempt(lambda: trained(db, model_table, mst_key))
    table = problems.attempt(lambda: packed_table.read(db, "test_table", test_table))
    name = problems.attempt(lambda: table_name("output_table", output_table))
    output = problems.attempt(lambda: catalog.require_absent(db, "output_table", name.value))
    hosts = problems.attempt(lambda: hosts_of_training(db, use_gpus, table.or_none))
    problems.stop()
    _evaluate(db, model.value, table.value, output.value[0], hosts.value)


def _evaluate(db: CallerDatabase, model: Trained, table: PackedTable, output: Name, hosts: tuple[Host, ...] | None) -> None:
    """Evaluate a model on a packed table, and write what comes of it."""
    _write(db, output, model.compiled, scores_of(db, model, table, hosts))


def scores_of(db: CallerDatabase, model: Trained, table: PackedTable, hosts: tuple[Host, ...] | None = None) -> Scores:
    """Return loss and metrics of a model on a packed table.

    Args:
        hosts: where it is computed, if on GPUs.
    """
    scores = _scores_here(db, model, table) if hosts is None and model.functions is None else None
    return scores or _scores_of_sessions(db, model, table, hosts)


def _scores_here(db: CallerDatabase, model: Trained, table: PackedTable) -> Scores | None:
    return evaluated_here.scores(db, model.architecture, model.weights, compile_order(model.compiled), table)


def _scores_of_sessions(db: CallerDatabase, model: Trained, table: PackedTable, hosts: tuple[Host, ...] | None) -> Scores:
    # On Greenplum the first dataset is the one whose segments the sessions reach.
    resources = available(db, this_machine(), hosts)
    definitions = (Definition(KEY, model.architecture),)
    needs = SessionNeeds({TRAINING: table}, definitions, resources, hosts=hosts, functions=model.functions, trains=False)
    rows = fingerprints(db, needs)
    with open_cluster(db, needs, table.partitions, "the evaluation", rows) as (cluster, journal):
        _require_fit(cluster, model)
        with same_rows(db, journal, needs, rows, "the evaluation"):
            return Evaluation(cluster, KEY, compile_order(model.compiled), model.weights, table.partitions).scores()


def trained(db: CallerDatabase, model_table: str | None, mst_key: int | None) -> Trained:
    """Return a trained model of a model table; the best of a search if none is named."""
    table = catalog.readable_table(db, "model_table", model_table)
    catalog.require_column(db, "model_table", table, "model_weights", "model_arch")
    key = keys_of(db, table, mst_key)
    params = compile_params(db, table, key)
    definition = definition_of(db, table, key, mst_key)
    return Trained(definition.architecture, bytes(definition.weights or b""), params, _functions(db, table, params))


def compile_params(db: Database, table: Relation, key: int | None) -> CompileParams:
    """Return the compile parameters that a model was trained with.

    Args:
        table: the model table.
        key: of the model, as `keys_of` gives it.
    """
    about = companion(db, table, suffix_of(key))
    catalog.require_column(db, "model_table", about, "compile_params")
    rows = db.execute(f"SELECT compile_params FROM {about.sql} WHERE {row_of(key)}")
    if not rows:
        raise UsageError("mst_key", f'has no row in table "{about.name}"')
    return parse_compile_params(rows[0]["compile_params"], f"model_table: compile_params in {about.name}")


def _functions(db: Database, table: Relation, params: CompileParams) -> FunctionTable | None:
    """Return the table of custom functions that the model was trained with, if it needs one."""
    if custom_functions.are_known(params):
        return None
    about = companion(db, table, "_summary")
    catalog.require_column(db, "model_table", about, "object_table")
    rows = db.execute(f"SELECT object_table::text AS name FROM {about.sql} LIMIT 1")
    functions = custom_functions.find(db, rows[0]["name"] if rows else None, f"model_table: object_table in {about.name}")
    custom_functions.require_names(
        f"model_table: compile_params of {table.name}", custom_functions.objectives_of(params), functions
    )
    return functions


def _require_fit(cluster: Cluster, model: Trained) -> None:
    order = CheckOrder((NetworkCheck("the model", KEY, compile_order(model.compiled)),))
    report: CheckReport = ask(cluster, CheckWork(order))
    if report.problems:
        problem = report.problems[0]
        raise UsageError("test_table" if problem.part is Part.ROWS else "model_table", problem.text)


def _write(db: Database, output: Name, compiled: CompileParams, scores: Scores) -> None:
    """Write the one row; of several metrics the first is `metric`."""
    db.execute(
        f"CREATE TABLE {output.sql} (loss double precision, metric double precision, metrics_type text[], loss_type text,"
        f" metrics double precision[]){db.dialect.distributed_by()}"
    )
    db.execute(
        f"INSERT INTO {output.sql} VALUES ($1::double precision, $2::double precision, $3::text[], $4::text,"
        " $5::double precision[])",
        scores.loss,
        scores.metrics[0] if scores.metrics else None,
        list(compiled.all_metrics) or None,
        compiled.loss,
        list(scores.metrics) or None,
    )
