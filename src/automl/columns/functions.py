"""The functions of SQL that predict a row of the source: `<model>(<row>)`, and `<model>_prob(<row>)` where there are classes.

Each is one expression, which PostgreSQL puts in the place of the call, and which asks the network once. All names in it have
their schema, so that they mean the same whoever calls, and after a dump was restored.
"""

from __future__ import annotations

from dataclasses import replace

from automl.columns import table_model
from automl.columns.predicted import of_features, probabilities
from automl.columns.table_model import TableModel
from automl.database import catalog
from automl.database.names import LONGEST_NAME, Name, literal, table_name
from automl.database.session import Database
from automl.database.settings import settings
from automl.errors import UsageError

PROB = "_prob"  # what the name of the second ends in
_ALONE = {"search_path": "pg_catalog"}  # under which the catalog names every type with its schema


def automl_functions(db: Database, model: str | None) -> None:
    """Make the functions of a model, or make them again as its tables are now."""
    for statement in statements(_in_any_schema(db, table_model.read(db, model))):
        db.execute(statement)


def statements(model: TableModel) -> tuple[str, ...]:
    """Return the statements that make the functions of a model, with a comment on each."""
    features = f"{model.features_function}($1)"
    what = f"Predicts {model.dependent_varname}"
    made = [_statements(model, model.name, model.target_type, of_features(model, features), what)]
    if not model.is_number:
        name = model.name.with_suffix(PROB)
        what = f"The probability of each class of {model.dependent_varname}"
        made.append(_statements(model, name, "pg_catalog.jsonb", probabilities(model, features), what))
    return tuple(statement for pair in made for statement in pair)


def names(model: Name, is_number: bool) -> tuple[Name, ...]:
    """Return what the functions of a model are called.

    Raises:
        UsageError: a name is too long for the database, which would cut it.
    """
    found = (model,) if is_number else (model, model.with_suffix(PROB))
    if len(found[-1].table.encode()) > LONGEST_NAME:
        raise UsageError("model", f'must leave room for "{PROB}" in a name of {LONGEST_NAME} bytes', model.table)
    return found


def _statements(model: TableModel, name: Name, result: str, body: str, what: str) -> tuple[str, str]:
    called = f"FUNCTION {name.sql}({model.source_table})"
    comment = f"{what}, by the model {model.name} of madlib.automl_train."
    return (
        f"CREATE OR REPLACE {called} RETURNS {result} LANGUAGE sql STABLE AS {literal(f' SELECT {body} ')}",
        f"COMMENT ON {called} IS {literal(comment)}",
    )


def _in_any_schema(db: Database, model: TableModel) -> TableModel:
    """Return a model with the type of its target as it is called under any search path."""
    source = catalog.find_table(db, "model", table_name("model", model.source_table))
    with settings(db, _ALONE):
        rows = db.execute(
            "SELECT pg_catalog.format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute"
            " WHERE attrelid = ($1::bigint)::oid AND attname = $2::text AND NOT attisdropped",
            source.oid,
            model.dependent_varname,
        )
    return replace(model, target_type=rows[0]["type"]) if rows else model
