"""The functions of SQL that predict a row of the source: `<model>(<row>)`, and `<model>_prob(<row>)` where there are classes.

Each is one expression, which PostgreSQL puts in the place of the call, and which asks the network once. All names in it have
their schema, so that they mean the same whoever calls, and after a dump was restored.
"""

from __future__ import annotations

from automl.columns import table_model
from automl.columns.arguments import as_identifier
from automl.columns.predicted import of_features, probabilities
from automl.columns.rows import row_type
from automl.columns.table_model import FEATURES, TableModel
from automl.database.catalog import Relation
from automl.database.names import Name, literal
from automl.database.session import Database
from automl.errors import DUPLICATE_FUNCTION, UsageError

PROB = "_prob"  # what the name of the second ends in
BY = "by a model of madlib.automl_train"  # what the comment on each ends in


def automl_functions(db: Database, model: str | None) -> None:
    """Make the functions of a model, or make them again as its tables are now."""
    found = table_model.read(db, model)
    rows = row_type(db, found)
    require_free(db, found.name, rows.source)
    for statement in statements(rows.typed(found)):
        db.execute(statement)


def require_free(db: Database, model: Name, source: Relation) -> None:
    """Raise unless the names of a model's functions are free, or those of functions that it had before.

    Raises:
        UsageError: 42723 if a function of somebody else's takes the rows of the source under one of the names.
    """
    for name in (model, model.with_suffix(PROB), model.with_suffix(FEATURES)):
        rows = db.execute(_FUNCTION, name.table, name.schema, source.oid)
        if rows and not (rows[0]["comment"] or "").endswith(BY):
            call = f"{as_identifier(name)}({as_identifier(source.name)})"
            raise UsageError(
                "model",
                f"function {call} exists already",
                hint=f"Choose another name for the model, or DROP FUNCTION {call}.",
                sqlstate=DUPLICATE_FUNCTION,
            )


_FUNCTION = (
    "SELECT pg_catalog.obj_description(p.oid, 'pg_proc') AS comment FROM pg_catalog.pg_proc p"
    " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_class c ON c.reltype = p.proargtypes[0]"
    " WHERE p.pronargs = 1 AND p.proname = $1::text AND n.nspname = $2::text AND c.oid = ($3::bigint)::oid"
)


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


def _statements(model: TableModel, name: Name, result: str, body: str, what: str) -> tuple[str, str]:
    called = f"FUNCTION {name.sql}({model.source_table})"
    comment = f"{what}, {BY}"
    return (
        f"CREATE OR REPLACE {called} RETURNS {result} LANGUAGE sql STABLE AS {literal(f' SELECT {body} ')}",
        f"COMMENT ON {called} IS {literal(comment)}",
    )
