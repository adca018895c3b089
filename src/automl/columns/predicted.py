"""What the outputs of a network become, as SQL: the same expression wherever a row is predicted.

What is answered names the outputs once, so that PostgreSQL can put it in the place of a function's call.
"""

from __future__ import annotations

from automl.columns.table_model import TableModel
from automl.database.names import literal

NUMBER = "pg_catalog.float8"
MONEY = "money"  # to and from which only numeric has a cast


def of_features(model: TableModel, features: str) -> str:
    """Return the SQL of what is answered for a row: the class or the number, in the label's own type.

    Args:
        features: the SQL of the row's vector.
    """
    if model.is_number:
        return answer(model, asked(model, "value", features))
    if has_threshold(model):
        return answer(model, asked(model, "prob", features))
    return f"{asked(model, 'response', features)}::{model.target_type}"


def probabilities(model: TableModel, features: str) -> str:
    """Return the SQL of the probability of each class for a row, a `jsonb`."""
    classes = ", ".join("NULL" if value is None else literal(value) for value in model.class_values or ())
    return f"madlib.automl_named(ARRAY[{classes}]::pg_catalog.text[], {asked(model, 'prob', features)})"


def asked(model: TableModel, kind: str, features: str) -> str:
    """Return the SQL of what the network of a model gives for a row.

    Args:
        kind: prob, response or value.
    """
    return f"madlib.automl_{kind}({literal(model.name.sql)}, {features}, {model.chosen})"


def answer(model: TableModel, outputs: str) -> str:
    """Return the SQL of what is answered for a row: the number, or the class by the threshold of two.

    Args:
        outputs: the SQL of what the network gives for the row, a `real[]`.
    """
    if model.is_number:
        through = "::pg_catalog.numeric" if model.target_type == MONEY else ""
        return f"({number(model, outputs)}){through}::{model.target_type}"
    first, second = (_label(model, value) for value in model.class_values or ())
    return f"CASE WHEN ({outputs})[2] >= {_float(model.threshold)} THEN {second} ELSE {first} END"


def probability(model: TableModel, outputs: str) -> str:
    """Return the SQL of the probability of the one of two classes that is answered."""
    return f"CASE WHEN ({outputs})[2] >= {_float(model.threshold)} THEN ({outputs})[2] ELSE ({outputs})[1] END"


def number(model: TableModel, outputs: str) -> str:
    """Return the SQL of the number that is predicted, in its own unit and within the range that training has seen.

    NaN stays NaN: PostgreSQL takes it for the largest number there is, so that LEAST would make the upper bound of it.
    """
    value = f"({outputs})[1]::{NUMBER} * {_float(model.target_scale)} + {_float(model.target_center)}"
    bounded = f"-GREATEST(-({value}), -{_float(model.target_high)})"
    return f"GREATEST({bounded}, {_float(model.target_low)})"


def has_threshold(model: TableModel) -> bool:
    """Return whether the answer is that of two classes which is on its side of a threshold."""
    return model.threshold is not None and len(model.class_values or ()) == 2


def _label(model: TableModel, value: str | None) -> str:
    return f"{'NULL' if value is None else literal(value)}::{model.target_type}"


def _float(value: float | None) -> str:
    """Return a float8, to its last bit; Python writes as few digits as tell it from its neighbours."""
    return f"'{value!r}'::{NUMBER}"
