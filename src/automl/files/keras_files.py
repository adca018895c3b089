"""A model that Keras has saved, into a library: load_keras_model of a .keras file."""

from __future__ import annotations

from automl.cluster.interface import ask
from automl.cluster.opening import one_session
from automl.cluster.orders import ImportWork
from automl.database.names import table_name
from automl.database.session import CallerDatabase
from automl.errors import NULL_VALUE_NOT_ALLOWED, UsageError
from automl.models import library


def load_keras_model(
    db: CallerDatabase,
    keras_model_arch_table: str | None,
    keras_file: bytes | None,
    model_weights: bytes | None = None,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Add a model with its weights to a library, which is made if it does not exist.

    Args:
        db: the caller's session.
        keras_model_arch_table: the library.
        keras_file: what `model.save("model.keras")` of Keras wrote.
        model_weights: nothing: the file has its own.
        name: free text.
        description: free text.
    """
    table_name("keras_model_arch_table", keras_model_arch_table)  # a wrong one is told before anything is read
    if keras_file is None:
        raise UsageError("keras_file", "must be the bytes of a .keras file", None, sqlstate=NULL_VALUE_NOT_ALLOWED)
    if model_weights is not None:
        raise UsageError("model_weights", "must be NULL: the file has weights of its own", f"{len(model_weights)} bytes")
    with one_session(db, (), "the file") as cluster:
        report, weights = ask(cluster, ImportWork(keras_file))
    if report.problem is not None:
        raise UsageError("keras_file", report.problem.text)
    library.load_keras_model(db, keras_model_arch_table, report.architecture, bytes(weights) or None, name, description)
