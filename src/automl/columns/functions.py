"""The functions that predict a row of the source: `<model>(<row>)`, and `<model>_prob(<row>)` where there are classes.

Each is one expression, which asks the network once. In PL/pgSQL, which plans it once a session: in SQL each statement would
plan the features of a row again, which takes longer than to predict it. Where rows lie on segments it is in SQL, and stands in
the place of the call, so that what reads the model is called before the statement is sent to them. All names in it have their
schema, so that they mean the same whoever calls, and after a dump was restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automl.columns import table_model
from automl.columns.arguments import as_identifier
from automl.columns.predicted import of_features, probabilities
from automl.columns.rows import lost_function, row_type
from automl.columns.table_model import FEATURES, TableModel
from automl.database.catalog import Relation, columns
from automl.database.names import Name, dollars, literal, table_name
from automl.database.session import Database
from automl.errors import DUPLICATE_COLUMN, DUPLICATE_FUNCTION, INVALID_FUNCTION_DEFINITION, UNDEFINED_OBJECT, UsageError

PROB = "_prob"  # what the name of the second ends in
BY = "by a model of madlib.automl_train"  # what the comment on each ends in


def automl_functions(db: Database, model: str | None) -> None:
    """Make the functions of a model, or make them again as its tables are now."""
    found = table_model.read(db, model)
    rows = row_type(db, found)
    made = results(found.name, rows.typed(found).target_type, classes=not found.is_number)
    require_none_like_a_column(db, made, rows.source)
    require_free(db, made, rows.source)
    planned_once = not db.dialect.segmented and _has_plpgsql(db)
    # What is temporary only the session itself reads, and no worker of it.
    parallel = "" if (found.name.schema or "").startswith("pg_temp") else db.dialect.parallel(db, asks=True)
    for statement in _statements(rows.typed(found), planned_once=planned_once, parallel=parallel):
        db.execute(statement)


def results(model: Name, target_type: str, *, classes: bool) -> dict[Name, str | None]:
    """Return what the functions of a model return, by their names; None for one that it does not have."""
    return {
        model: target_type,
        model.with_suffix(PROB): "pg_catalog.jsonb" if classes else None,
        model.with_suffix(FEATURES): "real[]",
    }


def require_none_like_a_column(db: Database, made: Mapping[Name, str | None], source: Relation) -> None:
    """Raise if the server would take a function for a column of the rows that it is of.

    Args:
        made: what they return, by name.
        source: whose rows they take.

    Raises:
        UsageError: 42701, as the server has it.
    """
    of_rows = () if db.dialect.functions_like_columns else columns(db, source)
    for name, result in made.items():
        if result is not None and name.table in of_rows:
            call = f"{as_identifier(name)}({as_identifier(source.name)})"
            problem = f'function {call} cannot be made on this server: table "{source.name}" has a column of that name'
            raise UsageError("model", problem, hint="Choose another name for the model.", sqlstate=DUPLICATE_COLUMN)


def require_free(db: Database, made: Mapping[Name, str | None], source: Relation) -> None:
    """Raise unless functions can be made: their names are free, or those of functions of an earlier model that return the same.

    Args:
        made: what they return, by name.
        source: whose rows they take.

    Raises:
        UsageError: 42723 if a function of somebody else's takes these rows; 42P13 if one of an earlier model, whose tables are
            gone, returns something else, which cannot be changed.
    """
    for name, result in made.items():
        rows = db.execute(_FUNCTION, name.table, name.schema, source.oid, result)
        call = f"{as_identifier(name)}({as_identifier(source.name)})"
        drop = f"Choose another name for the model, or DROP FUNCTION {call}."
        if rows and not (rows[0]["comment"] or "").endswith(BY):
            raise UsageError("model", f"function {call} exists already", hint=drop, sqlstate=DUPLICATE_FUNCTION)
        if rows and not rows[0]["same"]:
            now = "has none such" if result is None else f"would return {result.removeprefix('pg_catalog.')}"
            problem = f"function {call} of an earlier model returns {rows[0]['returns']}, and this one {now}"
            raise UsageError("model", problem, hint=drop, sqlstate=INVALID_FUNCTION_DEFINITION)


_FUNCTION = (
    "SELECT pg_catalog.obj_description(p.oid, 'pg_proc') AS comment, p.prorettype = ($4::text)::regtype::oid AS same,"
    " pg_catalog.format_type(p.prorettype, NULL) AS returns FROM pg_catalog.pg_proc p"
    " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_class c ON c.reltype = p.proargtypes[0]"
    " WHERE p.pronargs = 1 AND p.proname = $1::text AND n.nspname = $2::text AND c.oid = ($3::bigint)::oid"
)


def _has_plpgsql(db: Database) -> bool:
    """Return whether the caller may write functions in PL/pgSQL, which an administrator can forbid."""
    return bool(
        db.execute(
            "SELECT 1 AS one FROM pg_catalog.pg_language"
            " WHERE lanname = 'plpgsql' AND pg_catalog.has_language_privilege(oid, 'USAGE')"
        )
    )


def _statements(model: TableModel, *, planned_once: bool, parallel: str) -> Iterator[str]:
    """Yield the statements that make the functions of a model, with a comment on each.

    Args:
        planned_once: whether they are in PL/pgSQL.
        parallel: what is said of parallel plans.
    """
    language = f"{'plpgsql' if planned_once else 'sql'} STABLE{parallel}"
    features = f"{model.features_function}($1)"
    what = f"Predicts {model.dependent_varname}"
    yield from _made(model, model.name, model.target_type, of_features(model, features), what, language)
    if not model.is_number:
        name, body = model.name.with_suffix(PROB), probabilities(model, features)
        what = f"The probability of each class of {model.dependent_varname}"
        yield from _made(model, name, "pg_catalog.jsonb", body, what, language)


def _made(model: TableModel, name: Name, result: str, value: str, what: str, language: str) -> Iterator[str]:
    called = f"FUNCTION {name.sql}({model.source_table})"
    body = _block(model, value) if language.startswith("plpgsql") else f" SELECT {value} "
    yield f"CREATE OR REPLACE {called} RETURNS {result} LANGUAGE {language} AS {dollars(body)}"
    yield f"COMMENT ON {called} IS {literal(f'{what}, {BY}')}"


def _block(model: TableModel, value: str) -> str:
    """Return the body of a function of PL/pgSQL, which says what is missing where the features function is gone."""
    features = f"{model.features_function}({model.source_table})"
    function, source = (table_name("model", each) for each in (model.features_function, model.source_table))
    message, hint = lost_function(model.given, function, source)
    return f"""
BEGIN
    RETURN {value};
EXCEPTION WHEN undefined_function THEN
    IF pg_catalog.to_regprocedure({literal(features)}) IS NULL THEN
        RAISE USING ERRCODE = '{UNDEFINED_OBJECT}', MESSAGE = {literal(message)}, HINT = {literal(hint)};
    END IF;
    RAISE;
END
"""
