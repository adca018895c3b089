"""Help in SQL: every function tells about itself what the reference says."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from fix_db import MADLIB, Session

REFERENCE = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text()
FUNCTIONS = f"""SELECT proname AS name, array_agg(DISTINCT argument) AS arguments FROM pg_proc, unnest(proargnames) AS argument
    WHERE pronamespace = {MADLIB} AND proname !~ '^automl_' AND argument <> 'message' GROUP BY 1 ORDER BY 1"""
# What links lead to, and heads of tables, which are lists in the help.
HEADS = r"\]\([^)]*\)|argument \| type \| default \| rule|key \| default \| meaning|column \| type \| meaning|```\w*"


@cache
def usage(db: Session, name: str) -> str:
    """The help of a function; that which takes one text, a table's name, tells it without an argument."""
    argument = "" if name == "gpu_configuration" else "'usage'"
    text: str = db.value(f"SELECT madlib.{name}({argument})")
    return text


def test_every_function_tells_its_arguments(db: Session) -> None:
    functions = db.fetch(FUNCTIONS)
    assert len(functions) >= 18
    for name, arguments in functions:
        text = usage(db, name)
        assert [each for each in arguments if not re.search(rf"^    ([\w, ]+, )?{each}\b", text, re.M)] == [], name
        assert not re.search(r"[|`]|\*\*|\]\(", text), name


def test_all_words_of_the_reference_are_in_the_help(db: Session) -> None:
    for name, _ in db.fetch(FUNCTIONS):
        section = re.search(rf"^### madlib\.{name}\n(.*?)(?=^###? )", REFERENCE, re.M | re.S)
        assert section is not None
        ours = re.sub(HEADS, "", section.group(1))
        words = set(re.findall(r"\w+", ours))
        assert words - set(re.findall(r"\w+", usage(db, name))) == set(), name


@pytest.mark.parametrize("message", ["usage", "USAGE", "help", "?"])
def test_usage_in_any_case_and_other_words(db: Session, message: str) -> None:
    assert db.value("SELECT madlib.delete_keras_model(%s)", message).startswith("madlib.delete_keras_model\n\nDeletes a model")


def test_a_summary_says_how_to_get_more(db: Session) -> None:
    assert db.value("SELECT madlib.madlib_keras_fit()") == (
        "Trains one model, and makes two tables.\n\nMore: SELECT madlib.madlib_keras_fit('usage'), or 'example'"
    )
    assert db.value("SELECT madlib.madlib_keras_fit(NULL)") == db.value("SELECT madlib.madlib_keras_fit()")


def test_functions_without_a_text_tell_about_themselves_too(db: Session) -> None:
    assert db.value("SELECT madlib.automl_doctor('usage')").startswith("madlib.automl_doctor\n\nLooks at every place")
    assert db.value("SELECT madlib.automl_doctor('example')").startswith("SELECT segment, host, tensorflow")
    assert db.value("SELECT madlib.automl_tensorboard()").startswith("madlib.automl_tensorboard\n\nConfigures the directory")


@pytest.mark.parametrize("function", ["gpu_configuration", "automl_tensorboard"])
@pytest.mark.parametrize("word", ["usage", "Help", "?", "example"])
def test_a_word_that_asks_for_help_names_no_table_and_no_directory(db: Session, function: str, word: str) -> None:
    db.notices.clear()
    db.run(f"SELECT madlib.{function}(%s)", word)
    assert db.notices[-1].startswith("INFO:  SELECT madlib." if word == "example" else f"INFO:  madlib.{function}\n")
    assert db.value("SELECT count(*) FROM pg_class WHERE relname = lower(%s)", word) == 0
    assert db.value("SELECT count(*) FROM madlib.automl_tensorboard_setting") == 0


def test_what_a_text_refers_to_is_in_it(db: Session) -> None:
    text = db.value("SELECT madlib.generate_model_configs('usage')")
    assert "A grid is the text of a Python dict" in text
    assert "Losses and metrics of your own" in text
    byom = db.value("SELECT madlib.madlib_keras_predict_byom('usage')")
    assert "    SELECT madlib.madlib_keras_predict('usage')" in byom.splitlines()[-2:][0] + byom.splitlines()[-1]
    whole = db.value("SELECT madlib.madlib_keras_automl('usage')")
    assert whole.count("A grid is the text of a Python dict") == 1


def test_examples_are_statements(db: Session) -> None:
    assert db.value("SELECT madlib.hyperband_schedule('example')") == (
        "SELECT madlib.hyperband_schedule('hb_schedule', 9, 3, 0);\nSELECT * FROM hb_schedule ORDER BY s DESC, i;"
    )


def test_another_message_is_an_error(db: Session) -> None:
    failure = db.error_of("SELECT madlib.madlib_keras_automl('usag')")
    assert (failure.sqlstate, failure.message) == (
        "22023",
        "message: must be 'usage', 'example' or nothing, got 'usag'",
    )
