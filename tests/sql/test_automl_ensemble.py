"""madlib.automl_ensemble: the mean of the best models of a search as one of its models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from automl.columns.layout import Layout
from automl.columns.networks import Form, network
from fix_db import Session
from fix_search import dense, load, search

LAYOUT = Layout(((0.0, 0.25, 0.5, 0.75, 1.0),) * 2, 1, (9,), 3, True)
NUMBER = Layout(LAYOUT.edges, 1, (9,), 1, False)
FORMS = (Form(3, 1, 8, 0.0, 4, 2), Form(2, 2, 6, 0.1, 4, 2))
COMPILE = """{{'loss': ['{}'], 'metrics': ['{}'],
    'optimizer_params_list': [{{'optimizer': ['AdamW'], 'lr': [0.03, 0.031, 0.032], 'weight_decay': [0.001]}}]}}"""
GIVEN = {
    "model_id_list": [1, 2],
    "fit_params_grid": "{'batch_size': [32], 'epochs': [2]}",
    "automl_method": "hyperopt",
    "automl_params": "num_configs=6, num_iterations=3, algorithm=rand, keep=best",
    "validation_table": "v",
    "metrics_compute_frequency": 1,
}


@pytest.fixture
def rows(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with `d`: x = {a, b, flag, code}; a class, and a number."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_ensemble CASCADE; CREATE SCHEMA t_ensemble")
    quick.run("SET search_path = t_ensemble; RESET client_min_messages; SELECT setseed(0.5)")
    draw = "('x' || substr(md5(id || '{0}{1}'), 1, 8))::bit(32)::bigint / 4294967296.0::float8 AS {0}"
    salt = "" if quick.is_greenplum else 3  # of partitions as they are there, whose best models have a mean that is better
    drawn = ", ".join(draw.format(name, salt) for name in ("a", "b", "noise", "code"))
    quick.run(
        f"""CREATE TABLE d AS SELECT id, ARRAY[a, b, id % 2, code]::real[] AS x,
            CASE WHEN a + noise > b + 0.3 THEN 'left' WHEN code > 4 THEN 'far' ELSE 'right' END AS class,
            a * code + noise AS number
        FROM (SELECT id, a, b, noise / 2 AS noise, floor(10 * code) AS code
            FROM (SELECT id, {drawn} FROM generate_series(1, 600) AS id) AS q) AS q"""
    )
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_ensemble CASCADE")
    quick.run("RESET client_min_messages; RESET extra_float_digits")


def train(db: Session, label: str, layout: Layout, loss: str, metric: str, params: str = "") -> None:
    """Search over two networks with members, on two thirds of the rows."""
    db.run(f"CREATE VIEW t AS SELECT id, x, {label} AS y FROM d WHERE id > 200")
    db.run(f"CREATE VIEW w AS SELECT id, x, {label} AS y FROM d WHERE id <= 200")
    db.run("SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')")
    db.run("SELECT madlib.validation_preprocessor_dl('w', 'v', 'y', 'x', 'p')")
    load(db, "lib", *(network(layout, form) for form in FORMS))
    given = {**GIVEN, "automl_params": GIVEN["automl_params"] + params}  # type: ignore[operator]
    search(db, "m", source_table="p", compile_params_grid=COMPILE.format(loss, metric), **given)


def values(db: Session, key: int) -> np.ndarray:
    """What a model gives for each row that it was validated on."""
    db.run("SET extra_float_digits = 3")
    return np.array(db.fetch("SELECT madlib.automl_value('m', x, %s) FROM w ORDER BY id", key))[:, 0]


def test_it_is_a_model_like_any_other(rows: Session) -> None:
    train(rows, "class", LAYOUT, "categorical_crossentropy", "accuracy", ", objective=accuracy")
    before = rows.fetch("SELECT md5(model_weights), md5(model_arch::text) FROM m ORDER BY mst_key")
    rows.notices.clear()
    key = rows.value("SELECT madlib.automl_ensemble('m')")
    assert key == 7
    assert rows.fetch("SELECT md5(model_weights), md5(model_arch::text) FROM m WHERE mst_key < 7 ORDER BY mst_key") == before
    said = rows.notices[-1]
    members = [int(each) for each in said.partition("the mean of ")[2].partition(":")[0].split(", ")]
    assert 2 <= len(members) <= 3
    outputs = np.mean([values(rows, each) for each in members], axis=0)
    np.testing.assert_allclose(values(rows, key), outputs, atol=1e-6)
    classes = rows.value("SELECT class_values FROM m_summary")
    truth = np.array([classes.index(each) for (each,) in rows.fetch("SELECT y FROM w ORDER BY id")])
    about = rows.fetch("SELECT validation_loss_final, validation_metrics_final, objective FROM m_info WHERE mst_key = 7")[0]
    loss = -np.log(outputs[np.arange(200), truth]).mean()
    assert about[0] == pytest.approx(loss, abs=1e-5)
    assert about[1] == about[2] == pytest.approx((outputs.argmax(1) == truth).mean(), abs=1e-6)
    alone = [values(rows, each) for each in members]
    right = [(each.argmax(1) == truth).mean() for each in alone]
    # The mean begins with a model of the best objective, and others come in where that makes the loss less.
    assert loss < max(
        -np.log(each[np.arange(200), truth]).mean() for each, share in zip(alone, right, strict=True) if share == max(right)
    )
    rows.run("SELECT madlib.madlib_keras_evaluate('m', 'v', 'e', FALSE, 7)")
    assert rows.value("SELECT loss FROM e") == pytest.approx(loss, abs=1e-5)
    rows.run("SELECT madlib.madlib_keras_predict('m', 'w', 'id', 'x', 'o', 'response', FALSE, 7)")
    predicted = [classes.index(each) for (each,) in rows.fetch("SELECT y FROM o ORDER BY id")]
    assert predicted == outputs.argmax(1).tolist()


def test_numbers_are_averaged_too(rows: Session) -> None:
    train(rows, "number", NUMBER, "mse", "mae")
    key = rows.value("SELECT madlib.automl_ensemble('m', 'v', 2)")
    info = dict(rows.fetch("SELECT mst_key, validation_loss_final FROM m_info"))
    assert info[key] == min(info.values())
    truth = np.array(rows.fetch("SELECT y FROM w ORDER BY id"), np.float64)
    assert info[key] == pytest.approx(((values(rows, key) - truth) ** 2).mean(), rel=1e-4)
    assert rows.value("SELECT madlib.automl_ensemble('m', 'v', 1)") == key  # it is the best of the table now


def test_what_cannot_be_averaged(rows: Session) -> None:
    train(rows, "class", LAYOUT, "categorical_crossentropy", "accuracy")
    rows.run("CREATE TABLE other AS TABLE m; CREATE TABLE other_summary AS TABLE m_summary")
    assert rows.error_of("SELECT madlib.automl_ensemble('m', 'v', 11)")[:2] == (
        "22023",
        "most: must be an integer from 1 to 10, got 11",
    )
    assert rows.error_of("SELECT madlib.automl_ensemble('other')")[:2] == (
        "22023",
        'model_table: must be the model table of a search, "t_ensemble.other" has no model that was ranked',
    )
    rows.run("CREATE TABLE other_info AS TABLE m_info; UPDATE other_summary SET validation_table = NULL")
    assert rows.error_of("SELECT madlib.automl_ensemble('other')").message.startswith("validation_table: must be given")
    rows.run("UPDATE other SET model_arch = %s::json", dense(3))
    message = rows.error_of("SELECT madlib.automl_ensemble('other', 'v')").message
    assert message.startswith("model_table: must be a search over networks of madlib.automl_train; mst_key ")
