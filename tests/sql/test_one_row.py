"""madlib.automl_prob, automl_response and automl_value: answers for one row."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from fix_db import Session
from fix_search import dense

# One layer of four inputs and three units: the logit of class k is feature k; the fourth counts for nothing.
WEIGHTS = struct.pack("<15f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
TURNED = struct.pack("<15f", 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)  # the logit of class k is feature 2 - k
CLASSES = "'kind'::text AS dependent_varname, '{ant,bee,cat}'::varchar[] AS class_values, 1.0::real AS normalizing_const"
NUMBERS = "'y'::text AS dependent_varname, NULL::text[] AS class_values, 1.0::real AS normalizing_const, NULL::integer"


def make(db: Session, name: str, architecture: str, weights: bytes, summary: str = CLASSES) -> None:
    """Make the tables of a model that fit has made."""
    db.run(f"CREATE TABLE {name} AS SELECT %s AS model_weights, %s::json AS model_arch", weights, architecture)
    db.run(f"CREATE TABLE {name}_summary AS SELECT {summary}")


@pytest.fixture
def model(db: Session) -> Session:
    """The session `db` with a table `model` of known weights."""
    make(db, "model", dense(3), WEIGHTS)
    return db


def rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]


def test_prob_is_the_probability_of_each_class(model: Session) -> None:
    assert rounded(model.value("SELECT madlib.automl_prob('model', ARRAY[0, 2, 1, 9]::real[])")) == [0.09, 0.6652, 0.2447]


def test_response_is_the_most_probable_class(model: Session) -> None:
    assert model.value("SELECT madlib.automl_response('model', ARRAY[0, 2, 1, 9]::real[])") == "bee"
    assert model.value("SELECT madlib.automl_response('model', ARRAY[0, 0, 0, 9]::real[])") == "ant"


def test_value_is_what_the_network_gives(model: Session) -> None:
    assert rounded(model.value("SELECT madlib.automl_value('model', ARRAY[0, 2, 1, 9]::real[])")) == [0.09, 0.6652, 0.2447]


@pytest.mark.parametrize("kind", ["real", "float8", "numeric", "integer", "bigint", "smallint"])
def test_arrays_of_every_type_of_number(model: Session, kind: str) -> None:
    assert model.value(f"SELECT madlib.automl_response('model', ARRAY[0, 2, 1, 9]::{kind}[])") == "bee"
    model.run(f"CREATE TABLE rows AS SELECT 1 AS id, ARRAY[0, 2, 1, 9]::{kind}[] AS x")
    assert model.value("SELECT madlib.automl_response('model', x) FROM rows") == "bee"


@pytest.mark.parametrize("x", ["'{0, 2, 1, 9}'", "'[2:5]={0, 2, 1, 9}'::real[]", "ARRAY[0, 2.0, 1, 9]", "'{0,2,1,9}'::text"])
def test_arrays_as_they_are_typed(model: Session, x: str) -> None:
    assert model.value(f"SELECT madlib.automl_response('model', {x})") == "bee"
