"""`class_weight`: by class, by the number of a class, and balanced."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from fix_db import Session
from fix_search import dense, load

COMPILED = "optimizer='SGD(lr=0.1)',loss='categorical_crossentropy'"
NOT_ONE = '"class_weight" must not be \'balanced\': column "y" holds arrays that are not one class each'
FIT = "SELECT madlib.madlib_keras_fit('p', %s, 'lib', 1, %s, %s, 1)"


@pytest.fixture
def uneven(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with `d`: 60 rows of a, 30 of b, 10 of c, and a network of three units that begins with
    zeros."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_weights CASCADE; CREATE SCHEMA t_weights")
    quick.run("SET search_path = t_weights; RESET client_min_messages; SELECT setseed(0.5)")
    quick.run(
        "CREATE TABLE d AS SELECT id, ARRAY[1.0]::real[] AS x, CASE WHEN id <= 60 THEN 'a' WHEN id <= 90 THEN 'b' ELSE 'c' END"
        " AS y FROM generate_series(1, 100) AS id"
    )
    load(quick, "lib", dense(3, 1))
    quick.run("UPDATE lib SET model_weights = %s", struct.pack("<6f", *[0.0] * 6))
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_weights CASCADE")
    quick.run("RESET client_min_messages")


def pack(db: Session, label: str = "y") -> None:
    db.run(f"CREATE VIEW rows AS SELECT id, x, {label} AS y FROM d")
    db.run("SELECT madlib.training_preprocessor_dl('rows', 'p', 'y', 'x')")


def biases(db: Session, weights: str) -> list[float]:
    """Return the biases after one step over all rows together, in one partition."""
    db.run("DROP TABLE IF EXISTS m, m_summary")
    db.run(FIT, "m", COMPILED, f"batch_size=1000,shuffle=False,class_weight={weights}")
    return list(struct.unpack("<6f", db.value("SELECT model_weights FROM m")))[3:]


# One step of SGD from zeros, where each class has probability 1/3: with weights w the bias of class k gets
# 0.1 * (w_k n_k - sum_j w_j n_j / 3) / 100.
PLAIN = [0.1 * (60 - 100 / 3) / 100, 0.1 * (30 - 100 / 3) / 100, 0.1 * (10 - 100 / 3) / 100]
C_TEN_TIMES = [0.1 * (60 - 190 / 3) / 100, 0.1 * (30 - 190 / 3) / 100, 0.1 * (100 - 190 / 3) / 100]


@pytest.mark.postgresql("steps are those of one partition")
@pytest.mark.parametrize(
    ("label", "given", "expected"),
    [
        ("y", "None", PLAIN),
        ("y", "{'c': 10.0}", C_TEN_TIMES),
        ("y", "{2: 10}", C_TEN_TIMES),
        pytest.param("y", "{'a': 1, 'b': 1, 'c': 10}", C_TEN_TIMES, marks=pytest.mark.soak),
        ("y", "'balanced'", [0.0, 0.0, 0.0]),
        ("nullif(y, 'a')", "{'c': 10.0, None: 1.0}", C_TEN_TIMES),  # NULL is the first class
        pytest.param("ascii(y) - ascii('a')", "{2: 10.0}", C_TEN_TIMES, marks=pytest.mark.soak),
        ("ascii(y) - ascii('a') + 1", "{3: 10.0, 1: 1.0}", C_TEN_TIMES),  # the classes are 1, 2 and 3
        ("ascii(y) - ascii('a') + 1", "{0: 1.0, 2: 10.0}", C_TEN_TIMES),  # 0 is none, so these are their numbers
        ("ascii(y) - ascii('c')", "{0: 10.0, -2: 1.0}", C_TEN_TIMES),
        ("date '2024-01-01' + ascii(y)", "{'2024-04-09': 10.0}", C_TEN_TIMES),
        pytest.param("(ascii(y) - ascii('a'))::money", "{'$2.00': 10.0}", C_TEN_TIMES, marks=pytest.mark.soak),
        (
            "CASE y WHEN 'a' THEN 'pg_attribute'::regclass WHEN 'b' THEN 'pg_class' ELSE 'pg_trigger' END",
            "{'pg_trigger': 10.0}",
            C_TEN_TIMES,
        ),
        pytest.param("(ascii(y) - ascii('a') + 7)::oid", "{9: 10.0}", C_TEN_TIMES, marks=pytest.mark.soak),
        ("ARRAY[(y = 'a')::integer, (y = 'b')::integer, (y = 'c')::integer]", "{2: 10.0}", C_TEN_TIMES),
        ("ARRAY[(y = 'a')::integer, (y = 'b')::integer, (y = 'c')::integer]", "'balanced'", [0.0, 0.0, 0.0]),
    ],
)
def test_the_weights_that_classes_get(uneven: Session, label: str, given: str, expected: list[float]) -> None:
    uneven.run("SET keras_automl.partitions = 1")
    try:
        pack(uneven, label)
        assert biases(uneven, given) == pytest.approx(expected, abs=1e-6)
    finally:
        uneven.run("SET keras_automl.partitions = 2")


def test_balanced_in_a_search_and_over_partitions(uneven: Session) -> None:
    pack(uneven)
    uneven.run(
        """SELECT madlib.madlib_keras_automl('p', 's', 'lib', 'b', ARRAY[1],
        $${'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.1]}]}$$,
        $${'batch_size': [1000], 'class_weight': ['balanced', {'a': 0.5, 'c': 3}, None]}$$, 'hyperband', 'R=3, eta=3')"""
    )
    params = {text.partition("class_weight=")[2] for (text,) in uneven.fetch("SELECT fit_params FROM s_info")}
    assert params == {"'balanced'", "{'a': 0.5, 'c': 3}", "None"}
    counts = uneven.fetch("SELECT madlib.automl_count_classes(y, y_shape, 'int16') FROM p")
    assert [sum(each) for each in zip(*(row for (row,) in counts), strict=True)] == [60, 30, 10]


def test_the_classes_of_a_selection_table(uneven: Session) -> None:
    pack(uneven)
    uneven.run("SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], ARRAY[%s], ARRAY[%s, %s])", COMPILED,
               "class_weight={'c': 2}", "class_weight='balanced'")  # fmt: skip
    uneven.run("SELECT madlib.madlib_keras_fit_multiple_model('p', 'several', 'mst', 1)")
    uneven.run("SELECT madlib.load_model_selection_table('lib', 'bad', ARRAY[1], ARRAY[%s], ARRAY[%s, %s])", COMPILED,
               "class_weight={'d': 2}", "class_weight={3: 1}")  # fmt: skip
    failure = uneven.error_of("SELECT madlib.madlib_keras_fit_multiple_model('p', 'more', 'bad', 1)")
    rule = """"class_weight" must have classes of column "y" for keys ('a', 'b', 'c'), or their numbers from 0 to 2, got"""
    assert failure.message.splitlines()[1:] == [
        f"  model_selection_table: mst_key {key}: fit_params: {rule} {got}" for key, got in ((1, "'d'"), (2, "3"))
    ]


@pytest.mark.parametrize(
    ("label", "given", "problem"),
    [
        ("y || 'nt'", "{'bntt': 2.0}", """'cnt'), or their numbers from 0 to 2, got 'bntt'; did you mean "bnt"?"""),
        ("y = 'a'", "{'true': 2.0}", "for keys ('false', 'true'), or their numbers from 0 to 1, got 'true'"),
        ("ARRAY[1, 2]", "{'a': 2.0}", 'numbers of classes from 0 to 1000000 for keys: column "y" holds arrays, got \'a\''),
        ("1.5", "{0: 2.0}", '"class_weight" must be left out: "y" is a number, which has no classes'),
        ("(2 + 0 * length(y))::money", "{2: 2.0}", "for keys ('$2.00'), or their numbers from 0 to 0, got 2"),
        ("ARRAY[3, 1, 2]", "'balanced'", NOT_ONE),
        ("ARRAY[1, 1, 0]", "'balanced'", NOT_ONE),
        ("ARRAY[0.5, 0.25, 0.25]::real[]", "'balanced'", NOT_ONE),
        ("ARRAY[-1]", "'balanced'", NOT_ONE),
        ("1.5", "'balanced'", '"class_weight" must be left out: "y" is a number, which has no classes'),
    ],
)  # fmt: skip
def test_classes_that_there_are_not(uneven: Session, label: str, given: str, problem: str) -> None:
    pack(uneven, label)
    failure = uneven.error_of(FIT, "m", COMPILED, f"class_weight={given}")
    assert failure.sqlstate == "22023"
    told = failure.message.splitlines()  # other things may be wrong as well: the last layer's units
    assert any(line.strip().startswith("fit_params: ") and problem in line for line in told)
