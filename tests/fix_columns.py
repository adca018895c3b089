"""Models of ordinary columns made by hand, of known weights: nothing is trained, and no TensorFlow imported.

The table `customers` has eight rows. Its vector is (age - 40) / 10, whether the age is NULL, -1/0/1 for `active`, and 0/1 for
plan a and for plan b. The network is one layer: the logit of 'yes' is 0.5, 1, -0.75, 1 and -1 times these, that of 'no' is 0.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

from automl.columns.functions import BY
from automl.columns.table_model import COLUMN_TYPES, SUMMARY_TYPES
from fix_db import Session
from fix_search import dense

CUSTOMERS = """
CREATE TABLE customers (id integer PRIMARY KEY, age integer, plan text, active boolean, churned text, spent numeric(8,2));
INSERT INTO customers VALUES
    (1, 40, 'a', TRUE, 'yes', 110.25), (2, 20, 'b', TRUE, 'no', 60),
    (3, NULL, 'c', NULL, 'yes', 150), (4, 60, NULL, FALSE, 'yes', 140),
    (5, 30, 'b', FALSE, 'no', 70), (6, 50, 'a', FALSE, 'yes', NULL),
    (7, 70, 'b', TRUE, NULL, 200), (8, 45, 'c', TRUE, 'yes', 100)
"""
FEATURES = """
CREATE FUNCTION {name}(r {source}) RETURNS real[] LANGUAGE sql STABLE AS $body$ SELECT ARRAY[
    CASE WHEN r.{age} IS NULL THEN 0 ELSE (r.{age} - 40) / 10.0::float8 END, (r.{age} IS NULL)::integer::float8,
    CASE r.{active} WHEN TRUE THEN 1 WHEN FALSE THEN -1 ELSE 0 END::float8,
    coalesce((r.{plan}::text = 'a')::integer, 0)::float8, coalesce((r.{plan}::text = 'b')::integer, 0)::float8]::real[] $body$
"""
PLAIN = {name: name for name in ("age", "plan", "active", "churned", "spent")}
LOGITS = (0.5, 1.0, -0.75, 1.0, -1.0)
# Of the customers by id: the vector times LOGITS.
LOGIT_OF = {1: 0.25, 2: -2.75, 3: 1.0, 4: 1.75, 5: -0.75, 6: 2.25, 7: -0.25, 8: -0.5}
COLUMNS = (
    ("id", "integer", "id", None),
    ("age", "integer", "feature", "number"),
    ("plan", "text", "feature", "one_hot"),
    ("active", "boolean", "feature", "boolean"),
    ("churned", "text", "target", None),
    ("spent", "numeric", "excluded", None),
)


def make_customers(db: Session) -> None:
    """Make the table."""
    db.run(CUSTOMERS)


def make_churn(
    db: Session,
    threshold: float | None = 0.4,
    name: str = "churn",
    source: str = "customers",
    names: Mapping[str, str] = PLAIN,
    **summary: object,
) -> None:
    """Make the model `churn` of two classes, as automl_train would.

    Args:
        name, source: of the model and of its table.
        names: of the columns of that, by those of `customers`.
        summary: what the summary has otherwise.
    """
    kernel = [each for logit in LOGITS for each in (0.0, logit)]
    make_model(
        db,
        name,
        dense(2, inputs=5),
        [*kernel, 0.0, 0.0],
        {
            "class_values": ["no", "yes"],
            "num_classes": 2,
            "threshold": threshold,
            "dependent_varname": names["churned"],
            **summary,
        },
        source,
        names,
    )


def make_spent(db: Session) -> None:
    """Make the model `spent` of a number: 100 + 20 times the logit, from 60 to 140."""
    targets = {"target_center": 100.0, "target_scale": 20.0, "target_low": 60.0, "target_high": 140.0}
    make_model(
        db,
        "spent_model",
        dense(1, inputs=5, activation="linear"),
        [*LOGITS, 0.0],
        {"dependent_varname": "spent", "target_type": "numeric(8,2)", **targets},
    )


def make_model(
    db: Session,
    name: str,
    architecture: str,
    weights: Sequence[float],
    summary: Mapping[str, object],
    source: str = "customers",
    names: Mapping[str, str] = PLAIN,
) -> None:
    """Make the tables and the features function of a model, as automl_train would."""
    model, info, function = (quoted(name + suffix) for suffix in ("", "_info", "_features"))
    called = {column: quoted(other) for column, other in names.items()}
    db.run(FEATURES.format(name=function, source=quoted(source), **called))
    db.run(f"COMMENT ON FUNCTION {function}({quoted(source)}) IS 'Features, {BY}'")
    schema = db.value("SELECT current_schema()")
    packed = struct.pack(f"<{len(weights)}f", *weights)
    columns = "1 AS mst_key, %s::bytea AS model_weights, %s::json AS model_arch"
    db.run(f"CREATE TABLE {model} AS SELECT {columns}", packed, architecture)
    db.run(f"CREATE TABLE {info} AS SELECT 1 AS mst_key, 'categorical_crossentropy'::text AS loss_type")
    make_summary(
        db,
        name,
        {
            "dependent_varname": "churned",
            "normalizing_const": 1.0,
            "dependent_vartype": "text",
            "source_table": f"{schema}.{quoted(source)}",
            "features_function": f"{schema}.{function}",
            "id_col": "id",
            "target_type": "text",
            "time_zone": "UTC",
            "split_rule": "by hand",
            "preset": "good",
            "chosen": 1,
            "columns_random_state": 1,
            **dict.fromkeys(("train_rows", "validation_rows", "test_rows"), 8),
            **summary,
        },
    )
    make_columns(db, name, str(summary.get("dependent_varname", "churned")), names)


_SEARCHES = {
    "dependent_varname": "text",
    "class_values": "text[]",
    "num_classes": "integer",
    "normalizing_const": "real",
    "dependent_vartype": "text",
    "source_table": "text",
}


def make_summary(db: Session, name: str, values: Mapping[str, object]) -> None:
    """Make the summary of a model."""
    types = {**_SEARCHES, **SUMMARY_TYPES}
    table = quoted(f"{name}_summary")
    db.run(f"CREATE TABLE {table} ({', '.join(f'{column} {kind}' for column, kind in types.items())})")
    given = [values.get(column) for column in types]
    db.run(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(given))})", *given)


def make_columns(db: Session, name: str, target: str, names: Mapping[str, str] = PLAIN) -> None:
    """Make the table that tells of the columns of the source."""
    table = quoted(f"{name}_columns")
    types = ", ".join(f'"{column}" {kind}' for column, kind in COLUMN_TYPES.items())
    db.run(f"CREATE TABLE {table} ({types})")
    for position, (plain, kind, role, treatment) in enumerate(COLUMNS, 1):
        column = names.get(plain, plain)
        role = "target" if column == target else "excluded" if role == "target" else role
        db.run(
            f"INSERT INTO {table} (position, name, type, role, treatment) VALUES (%s, %s, %s, %s, %s)",
            position, column, kind, role, treatment,
        )  # fmt: skip


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def json_row(**columns: object) -> str:
    """A row as JSON."""
    return json.dumps(columns)
