"""How good a model of ordinary columns is, and what each column is worth to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from fix_columns import LOGIT_OF, make_churn, make_customers, make_spent
from fix_db import Session

TRUTH = {1: "yes", 2: "no", 3: "yes", 4: "yes", 5: "no", 6: "yes", 8: "yes"}
YES = {row: 1 / (1 + math.exp(-LOGIT_OF[row])) for row in TRUTH}
SPENT = {1: 110.25, 2: 60, 3: 150, 4: 140, 5: 70, 7: 200, 8: 100}
PREDICTED = {1: 105, 2: 60, 3: 120, 4: 135, 5: 85, 7: 95, 8: 90}


@pytest.fixture
def models(db: Session) -> Session:
    """The session `db` with eight customers, and the models `churn` and `spent_model`."""
    make_customers(db)
    make_churn(db)
    make_spent(db)
    return db


def part(db: Session, which: str, columns: str, model: str = "churn", table: str = "customers") -> list[Any]:
    """Some columns of a part of an evaluation."""
    return db.fetch(f"SELECT {columns} FROM madlib.automl_evaluate(%s, %s) WHERE part = %s", model, table, which)


def measures(db: Session, model: str = "churn", table: str = "customers") -> dict[str, float]:
    return dict(part(db, "metric", "name, value", model, table))


def test_the_measures_of_two_classes(models: Session) -> None:
    positive, probability = [each == "yes" for each in TRUTH.values()], list(YES.values())
    found = measures(models)
    assert found["rows"] == 7  # one has no target
    assert found["log_loss"] == pytest.approx(sklearn.log_loss(positive, probability), abs=1e-6)
    assert found["roc_auc"] == sklearn.roc_auc_score(positive, probability)
    assert (found["accuracy"], found["precision"], found["recall"]) == pytest.approx((6 / 7, 1.0, 4 / 5), rel=1e-14)
    assert found["f1"] == pytest.approx(8 / 9)


def test_the_constant_guess_stands_beside_them(models: Session) -> None:
    found = dict(part(models, "metric", "name, constant"))
    assert found["accuracy"] == pytest.approx(5 / 7)
    assert found["log_loss"] == pytest.approx(-(5 * math.log(5 / 7) + 2 * math.log(2 / 7)) / 7)
    assert dict(part(models, "metric", "name, constant", "spent_model"))["rmse"] == pytest.approx(np.std(list(SPENT.values())))


def test_the_confusion_matrix(models: Session) -> None:
    assert sorted(part(models, "confusion", "actual, predicted, rows")) == [
        ("no", "no", 2), ("no", "yes", 0), ("yes", "no", 1), ("yes", "yes", 4),
    ]  # fmt: skip


def test_the_table_of_thresholds_has_that_of_the_model(models: Session) -> None:
    models.run("UPDATE churn_summary SET threshold = 0.37")
    found = {row.threshold: row for row in part(models, "threshold", 'threshold, rows, "precision", recall, f1')}
    assert sorted(found) == sorted([*(number / 20 for number in range(1, 20)), 0.37])
    assert found[0.37][1:] == (5, 1.0, 1.0, 1.0)
    assert found[0.05][1:] == (7, pytest.approx(5 / 7), 1.0, pytest.approx(10 / 12))
    assert found[0.95][1:] == (0, None, 0.0, 0.0)


def test_the_measures_of_a_number(models: Session) -> None:
    truth, predicted = list(SPENT.values()), [PREDICTED[row] for row in SPENT]
    found = measures(models, "spent_model")
    assert found["rows"] == 7
    assert found["rmse"] == pytest.approx(sklearn.root_mean_squared_error(truth, predicted))
    assert found["mae"] == pytest.approx(sklearn.mean_absolute_error(truth, predicted))
    assert found["median_absolute_error"] == pytest.approx(10)
    assert found["r2"] == pytest.approx(sklearn.r2_score(truth, predicted))
    assert part(models, "confusion", "1", "spent_model") == part(models, "threshold", "1", "spent_model") == []


def test_another_table_may_have_the_target_as_another_type(models: Session) -> None:
    models.run("CREATE TABLE others AS SELECT age, plan, active, churned::varchar(5), spent::text FROM customers")
    assert measures(models, table="others") == measures(models)
    assert measures(models, "spent_model", "others") == measures(models, "spent_model")


def test_rows_of_classes_that_training_did_not_have_are_left_out_with_a_warning(models: Session) -> None:
    models.run("CREATE TABLE others AS SELECT * FROM customers; UPDATE others SET churned = 'maybe' WHERE id = 1")
    models.notices.clear()
    assert measures(models, table="others")["rows"] == 6
    assert [each for each in models.notices if each.startswith("WARNING")] == [
        "WARNING:  1 of 7 rows are left out: their churned is no class that training had\n"
    ]
    models.run("UPDATE others SET churned = 'maybe'")
    failure = models.error_of("SELECT madlib.automl_evaluate('churn', 'others')")
    assert failure.message == "source_table: must have rows whose churned is a class that training had"


@pytest.mark.parametrize("kind", ["varchar(3)", "char(3)", "answer"])
def test_a_truth_that_the_type_of_training_would_cut_or_refuse_is_no_class(db: Session, kind: str) -> None:
    make_customers(db)
    db.run(f"CREATE TYPE answer AS ENUM ('yes', 'no'); ALTER TABLE customers ALTER churned TYPE {kind} USING churned::{kind}")
    make_churn(db, target_type=kind)
    churned = "CASE id WHEN 1 THEN 'yesterday' ELSE churned::text END AS churned"
    db.run(f"CREATE TABLE others AS SELECT id, age, plan, active, {churned} FROM customers")
    assert measures(db)["rows"] == 7
    assert measures(db, table="others")["rows"] == 6
    assert any("1 of 7 rows are left out" in notice for notice in db.notices)


def test_classes_of_another_style_of_dates_are_the_same(db: Session) -> None:
    make_customers(db)
    dates = "CASE churned WHEN 'yes' THEN date '2020-02-01' WHEN 'no' THEN date '2020-01-02' END"
    db.run(f"ALTER TABLE customers ALTER churned TYPE date USING {dates}")
    make_churn(db, class_values=["2020-01-02", "2020-02-01"], target_type="date")
    db.run("ALTER TABLE churn_summary ALTER class_values TYPE date[] USING class_values::date[]")
    db.run("SET DateStyle = 'SQL, DMY'; SELECT madlib.automl_functions('churn')")
    before = measures(db)
    assert before["rows"] == 7
    assert before["accuracy"] == pytest.approx(6 / 7, rel=1e-14)
    db.run("SET DateStyle = 'SQL, MDY'")
    assert db.value("SELECT count(*) FROM customers c WHERE churn(c) = churned") == 6
    assert db.value("SELECT count(*) FROM customers c WHERE churn(c) IN (date '2020-01-02', date '2020-02-01')") == 8
    db.run("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert db.value("SELECT count(*) FROM customers JOIN scored USING (id, churned)") == 6
    assert measures(db) == before
    row = db.value("SELECT to_json(c)::text FROM customers c WHERE id = 2")
    assert db.value("SELECT madlib.automl_predict('churn', %s::jsonb)", row) == "01/02/2020"
    assert len(db.fetch("SELECT * FROM madlib.automl_importance('churn', 'customers')")) == 3
    db.run("UPDATE churn_summary SET threshold = NULL; SELECT madlib.automl_functions('churn')")
    for style in ("SQL, MDY", "German", "SQL, DMY"):  # in one session, which keeps the model
        db.run(f"SET DateStyle = '{style}'")
        assert db.value("SELECT count(*) FROM customers c WHERE churn(c) IN (date '2020-01-02', date '2020-02-01')") == 8


def test_a_session_keeps_its_style_of_dates(models: Session) -> None:
    models.run("CREATE TABLE days AS SELECT id, date '2020-03-04' + id AS day FROM customers; SET DateStyle = 'SQL, DMY'")
    models.run("CREATE TABLE unknown AS SELECT * FROM customers; UPDATE unknown SET churned = 'maybe'")
    told = "SELECT DISTINCT day::text AS day FROM days ORDER BY 1 LIMIT 2"  # by processes that read for others, on segments
    for end in (measures, lambda _: models.error_of("SELECT madlib.automl_evaluate('churn', 'unknown')")):
        end(models)
        assert [row.day for row in models.fetch(told)] == ["05/03/2020", "06/03/2020"]
        assert models.value("SHOW DateStyle") == "SQL, DMY"


def test_a_table_without_the_target_cannot_be_evaluated(models: Session) -> None:
    models.run("CREATE TABLE others AS SELECT id, age, plan, active FROM customers")
    models.run("CREATE TABLE unknown AS SELECT * FROM customers; UPDATE unknown SET churned = NULL")
    schema = models.value("SELECT current_schema()")
    for function in ("evaluate", "importance"):
        failure = models.error_of(f"SELECT madlib.automl_{function}('churn', 'others')")
        assert failure.sqlstate == "42703"
        assert failure.message == f'source_table: table "{schema}.others" has no column churned, which the model predicts'
    failure = models.error_of("SELECT madlib.automl_evaluate('churn', 'unknown')")
    assert failure.message == f'source_table: table "{schema}.unknown" has no row with a churned'
    failure = models.error_of("SELECT madlib.automl_importance('churn', 'unknown')")
    assert failure.message == "source_table: must have rows with a churned that training had"


def test_the_threshold_takes_rows_by_their_weights(models: Session) -> None:
    models.run(
        "CREATE TABLE churn_rows AS SELECT c.id, 'validation'::text AS part, churn_features(c) AS features,"
        " CASE WHEN c.id IN (3, 6) THEN 'yes' ELSE 'no' END::text AS churned, CASE c.id WHEN 4 THEN 10 ELSE 1 END AS weight"
        " FROM customers c WHERE c.id BETWEEN 3 AND 6"
    )
    found = []
    for statement in ("SELECT 1", "ALTER TABLE churn_rows DROP weight"):
        models.run(statement)
        found.append(models.value("SELECT madlib.automl_threshold('churn', 'churn_rows')"))
    # From the most probable one on: 6 yes, 4 no, 3 yes, 5 no. F1 up to 6 is 2/3, up to 3 it is 4/5; if 4 counts tenfold 4/14.
    chance = {row: 1 / (1 + math.exp(-LOGIT_OF[row])) for row in (3, 4, 5, 6)}
    assert found == pytest.approx([(chance[6] + chance[4]) / 2, (chance[3] + chance[5]) / 2], abs=1e-6)


def test_nothing_is_left_behind(models: Session) -> None:
    measures(models)
    models.fetch("SELECT madlib.automl_importance('churn', 'customers')")
    assert models.value("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()") == 0


# --- importance ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(models: Session) -> Iterator[Session]:
    """The session of `models` with 400 rows whose class hangs on `plan` alone, as the model has it."""
    models.run(
        "CREATE TABLE many AS SELECT n AS id, 40 + n % 3 AS age, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END::text AS plan,"
        " NULL::boolean AS active, CASE n % 2 WHEN 0 THEN 'yes' ELSE 'no' END::text AS churned,"
        " 100 + 20 * CASE n % 2 WHEN 0 THEN 1 ELSE -1 END + 2.5 AS spent FROM generate_series(1, 400) n"
    )
    yield models


def importance(db: Session, call: str = "'churn', 'many'") -> dict[str, Any]:
    return {row.name: row for row in db.fetch(f"SELECT * FROM madlib.automl_importance({call})")}


def test_the_column_that_tells_the_class_is_worth_the_most(many: Session) -> None:
    found = many.fetch("SELECT name, measure FROM madlib.automl_importance('churn', 'many')")
    assert found[0] == ("plan", "log_loss")
    assert {row.name for row in found} == {"age", "plan", "active"}


def test_by_how_much_the_loss_rises(many: Session) -> None:
    found = importance(many, "'churn', 'many', 50, 400")
    # Half of the rows get the other plan. The loss of a row that is right by a logit of x rises by x then, and that is 1 in the
    # mean over both classes, whatever the age adds.
    assert found["plan"].importance == pytest.approx(0.5, rel=0.02)
    assert found["plan"].standard_error < 0.02
    assert abs(found["age"].importance) < 0.01
    assert (found["active"].importance, found["active"].standard_error) == (0.0, 0.0)


def test_of_a_number_it_is_told_in_its_unit(many: Session) -> None:
    found = importance(many, "'spent_model', 'many', 50, 400")
    truth = np.array([100 + 20 * (1 if n % 2 == 0 else -1) + 2.5 for n in range(1, 401)])
    age = np.array([20 * 0.05 * (n % 3) for n in range(1, 401)])
    right = 100 + 20 * np.where(np.arange(1, 401) % 2 == 0, 1, -1) + age
    wrong = 200 - right + 2 * age
    before = np.sqrt(np.mean((right - truth) ** 2))
    after = np.sqrt(np.mean(np.concatenate([(right - truth) ** 2, (wrong - truth) ** 2])))
    assert found["plan"].measure == "rmse"
    assert found["plan"].importance == pytest.approx(after - before, rel=0.02)


def test_the_same_seed_gives_the_same_numbers_and_a_sample_is_enough(many: Session) -> None:
    call = "'churn', 'many', 2, 100"
    assert importance(many, call) == importance(many, call) == importance(many, f"{call}, 0")
    assert importance(many, call) != importance(many, f"{call}, 1")
    assert importance(many, f"{call}, 1")["plan"].importance == pytest.approx(0.5, abs=0.2)


def test_one_row_tells_nothing(many: Session) -> None:
    many.run("DELETE FROM many WHERE id > 1")
    assert {(row.importance, row.standard_error) for row in importance(many).values()} == {(0.0, None)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0", "repeats: must be a whole number from 1 to 1000, got 0"),
        ("5, 0", "sample_size: must be a whole number from 1 to 1000000, got 0"),
        ("2000, -1", "repeats: must be a whole number from 1 to 1000, got 2000"),
    ],
)
def test_numbers_that_are_out_of_range(models: Session, given: str, message: str) -> None:
    failure = models.error_of(f"SELECT madlib.automl_importance('churn', 'customers', {given})")
    assert failure.sqlstate == "22023"
    assert message in failure.message


def test_defaults_stand_for_null(many: Session) -> None:
    assert importance(many, "'churn', 'many', NULL, NULL, NULL") == importance(many)
