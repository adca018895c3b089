"""madlib.automl_export, and madlib.load_keras_model of a .keras file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import safetensors.numpy
from keras import layers

from fix_db import Session
from fix_files import archive, network, parts_of
from fix_search import Searched, search

FIT = """SELECT madlib.madlib_keras_fit('train', %s, 'lib', 1, $$loss='categorical_crossentropy',
    optimizer='Adam(lr=0.01)', metrics=['accuracy']$$, 'batch_size=8', 1)"""
EXPORT = "SELECT madlib.automl_export(%s, %s, %s)"
LOAD = "SELECT madlib.load_keras_model('files', %s::bytea, NULL, %s)"


@pytest.fixture(scope="module")
def trained(quick: Session) -> Session:
    """A session that has the model of a fit, those of a fit of several and those of a search."""
    quick.run(FIT, "files_fit")
    quick.run("""SELECT madlib.load_model_selection_table('lib', 'files_mst', ARRAY[1, 2],
        ARRAY[$$loss='categorical_crossentropy', optimizer='SGD(lr=0.01)', metrics=['accuracy']$$], ARRAY['batch_size=8'])""")
    quick.run("SELECT madlib.madlib_keras_fit_multiple_model('train', 'files_several', 'files_mst', 1)")
    search(quick, "files_search")
    return quick


@pytest.fixture
def clean(trained: Session) -> Session:
    """The same, without what the test before has made."""
    trained.run("DROP TABLE IF EXISTS files, of_table, of_file")
    trained.notices.clear()
    return trained


def exported(db: Session, table: str, key: int | None, form: str) -> bytes:
    return bytes(db.value(EXPORT, table, key, form))


def header_of(file: bytes) -> Any:
    """The metadata of a file of the format safetensors."""
    return json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]


# --- out ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table, key", [("files_fit", None), ("files_several", 2), ("files_search", 1), ("files_search", None)])
def test_a_model_that_goes_out_and_comes_in_has_its_bits_and_predicts_the_same(
    clean: Session, table: str, key: int | None
) -> None:
    clean.run(LOAD, exported(clean, table, key, "keras"), "back")
    best = clean.value("SELECT mst_key FROM files_search_best")
    where = "true" if table == "files_fit" else f"mst_key = {key or best}"
    md5 = clean.value(f"SELECT md5(model_weights) FROM {table} WHERE {where}")
    assert clean.fetch("SELECT model_id, md5(model_weights), name FROM files") == [(1, md5, "back")]
    arguments = "'iris_test', 'id', 'attributes'"
    clean.run(f"SELECT madlib.madlib_keras_predict('{table}', {arguments}, 'of_table', 'prob', FALSE, {key or 'NULL'})")
    clean.run(
        f"SELECT madlib.madlib_keras_predict_byom('files', 1, {arguments}, 'of_file', 'prob',"
        " class_values := ARRAY['Iris-setosa', 'Iris-versicolor', 'Iris-virginica'])"
    )
    rows = "SELECT id, {}, prob, rank FROM {} ORDER BY 1, 4"
    assert clean.fetch(rows.format("class_text", "of_table")) == clean.fetch(rows.format("dependent_var", "of_file"))
    assert clean.value("SELECT count(*) FROM of_file") == 90


def test_keras_loads_what_was_exported(clean: Session, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(exported(clean, "files_fit", None, "keras"))
    model = keras.models.load_model(tmp_path / "model.keras")
    weights = b"".join(array.tobytes() for array in model.get_weights())
    assert weights == bytes(clean.value("SELECT model_weights FROM files_fit"))
    assert (type(model.optimizer).__name__, model.loss) == ("Adam", "categorical_crossentropy")
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.01)


def test_the_best_of_a_search_goes_out_where_none_is_named(searched: Searched) -> None:
    db = searched.db
    best = db.value("SELECT mst_key FROM automl_mst_table")
    db.notices.clear()
    file = exported(db, "automl_output", None, "SafeTensors")
    assert [notice for notice in db.notices if f"mst_key {best} is used, the best of the 15 models" in notice]
    assert file == exported(db, "automl_output", best, "safetensors")
    order = json.loads(header_of(file)["order"])
    weights = b"".join(safetensors.numpy.load(file)[name].tobytes() for name in order)
    assert weights == bytes(db.value("SELECT model_weights FROM automl_output WHERE mst_key = %s", best))


def test_what_belongs_to_the_network_is_in_the_metadata(clean: Session) -> None:
    schema = clean.value("SELECT current_schema()")
    file = exported(clean, "files_several", 2, "keras")
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        about = json.loads(opened.read("metadata.json"))["keras_automl"]
    assert about == {
        "version": clean.value("SELECT extversion FROM pg_extension WHERE extname = 'keras_automl'"),
        "model_table": f"{schema}.files_several",
        "mst_key": 2,
        "dependent_varname": "class_text",
        "independent_varname": "attributes",
        "dependent_vartype": "character varying",
        "normalizing_const": 1.0,
        "class_values": ["Iris-setosa", "Iris-versicolor", "Iris-virginica"],
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    for form in ("json", "safetensors", "onnx"):
        given = exported(clean, "files_several", 2, form)
        if form == "json":
            assert json.loads(given)["keras_automl"] == about
        elif form == "safetensors":
            assert json.loads(header_of(given)["keras_automl"]) == about
        else:
            assert json.dumps(about).encode() in given


def test_classes_are_of_their_type(db: Session) -> None:
    db.run("SET keras_automl.sessions = 0")
    db.run("CREATE TABLE t AS SELECT n AS id, ARRAY[n, 1] AS x, n % 3 AS y FROM generate_series(1, 9) n")
    db.run("SELECT madlib.training_preprocessor_dl('t', 'train', 'y', 'x', NULL, 2.5, 4)")
    layer = {"units": 4, "activation": "softmax", "batch_input_shape": [None, 2]}
    model = json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": layer}]})
    db.run("SELECT madlib.load_keras_model('lib', %s)", model)
    db.run(FIT, "m")
    about = json.loads(exported(db, "m", None, "json"))["keras_automl"]
    assert about["class_values"] == [0, 1, 2, None]
    assert about["normalizing_const"] == 2.5
    assert about["mst_key"] is None


def test_custom_functions_are_left_out_of_compile_parameters(clean: Session, tmp_path: Path) -> None:
    clean.run("SELECT madlib.load_top_k_accuracy_function('files_functions', 2)")
    try:
        clean.run(
            "SELECT madlib.madlib_keras_fit('train', 'files_custom', 'lib', 1, $$loss='categorical_crossentropy',"
            " optimizer='Adam()', metrics=['top_2_accuracy', 'accuracy']$$, 'batch_size=8', 1,"
            " object_table := 'files_functions')"
        )
        (tmp_path / "model.keras").write_bytes(exported(clean, "files_custom", None, "keras"))
    finally:
        clean.run("DROP TABLE IF EXISTS files_custom, files_custom_summary, madlib.files_functions")
    assert [
        each for each in clean.notices if "the file's compile parameters leave out top_2_accuracy: custom functions" in each
    ]
    assert keras.models.load_model(tmp_path / "model.keras").get_compile_config()["metrics"] == ["accuracy"]


@pytest.mark.parametrize(
    "arguments, sqlstate, said",
    [
        (("files_fit", None, None), "22004", "format: must be one of keras, json, safetensors, onnx, got NULL"),
        (("files_fit", None, "h5"), "22023", "format: must be one of keras, json, safetensors, onnx, got 'h5'"),
        (("files_fit", None, ""), "22023", "format: must be one of keras, json, safetensors, onnx, got ''"),
        (("files_fit", 1, "json"), "22023", 'mst_key: must be left out: "t_quick.files_fit" holds one model, got 1'),
        (
            ("files_several", 9, "json"),
            "22023",
            'mst_key: must be one of table "t_quick.files_several", which has [1, 2], got 9',
        ),
        (("files_several", None, "json"), "22023", 'mst_key: must say which of the 2 models of "t_quick.files_several" to use'),
        ((None, None, "json"), "22004", "model_table: must be the name of a table, got NULL"),
        (("nowhere", None, "json"), "42P01", 'model_table: table "nowhere" does not exist'),
        (("train", None, "json"), "42703", 'model_table: column "model_weights" does not exist in table "t_quick.train"'),
        (("one_row", None, "json"), "22023", 'model_table: table "t_quick.one_row" is empty'),
        (("files_search; --", None, "json"), "22023", "model_table: must be the name of a table"),
    ],
)
def test_bad_input_of_export(clean: Session, arguments: tuple[Any, ...], sqlstate: str, said: str) -> None:
    clean.run("CREATE TABLE one_row AS SELECT * FROM files_fit LIMIT 0")
    clean.run("CREATE TABLE one_row_summary AS SELECT * FROM files_fit_summary")
    try:
        failure = clean.error_of(EXPORT, *arguments)
    finally:
        clean.run("DROP TABLE one_row, one_row_summary")
    assert failure.sqlstate == sqlstate
    assert failure.message.startswith(said)


def test_a_model_that_failed_cannot_go_out(clean: Session) -> None:
    clean.run("CREATE TABLE failed AS SELECT mst_key, NULL::bytea AS model_weights, model_arch FROM files_search")
    clean.run("CREATE TABLE failed_summary AS SELECT * FROM files_search_summary")
    failure = clean.error_of(EXPORT, "failed", 1, "json")
    clean.run("DROP TABLE failed, failed_summary")
    assert failure.message == "mst_key: must be a model that has been trained; this one failed, got 1"


def test_a_format_that_a_network_does_not_allow_names_the_layer(clean: Session) -> None:
    gate = {"name": "gate", "units": 3, "activation": "hard_sigmoid", "batch_input_shape": [None, 4]}
    old = {"class_name": "Sequential", "keras_version": "2.2.4", "config": [{"class_name": "Dense", "config": gate}]}
    clean.run("CREATE TABLE old AS SELECT model_weights, %s::json AS model_arch FROM files_fit", json.dumps(old))
    clean.run("CREATE TABLE old_summary AS SELECT * FROM files_fit_summary")
    failure = clean.error_of(EXPORT, "old", None, "keras")
    in_onnx = exported(clean, "old", None, "onnx")
    clean.run("DROP TABLE old, old_summary")
    assert failure.sqlstate == "0A000"
    assert failure.message.startswith('format: cannot be written as keras: layer "gate" has the function hard_sigmoid')
    assert b"keras_automl" in in_onnx


def test_export_reads_with_the_rights_of_the_role_and_writes_nothing(
    db: Session, trained: Session, role: str, connect: Callable[..., Session]
) -> None:
    trained.run(f"GRANT USAGE ON SCHEMA t_quick TO {role}; GRANT SELECT ON files_fit TO {role}")
    other = connect(user=role)
    assert other.error_of(EXPORT, "t_quick.files_fit", None, "json").sqlstate == "42501"  # the table beside it
    trained.run(f"GRANT SELECT ON files_fit_summary TO {role}")
    other.run("SET default_transaction_read_only = on; SET keras_automl.sessions = 0")
    assert json.loads(exported(other, "t_quick.files_fit", None, "json"))["class_name"] == "Sequential"


# --- in -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model that Keras has saved."""
    path = tmp_path_factory.mktemp("files") / "model.keras"
    network((4,), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")).save(path)
    return path.read_bytes()


def test_a_file_of_keras_predicts_and_trains_on(clean: Session, saved: bytes, tmp_path: Path) -> None:
    clean.run(LOAD, saved, "mine")
    clean.run("SELECT madlib.madlib_keras_predict_byom('files', 1, 'iris_test', 'id', 'attributes', 'of_file', 'value')")
    (tmp_path / "model.keras").write_bytes(saved)
    rows = clean.fetch("SELECT attributes::float8[] AS x, dependent_var AS y FROM iris_test JOIN of_file USING (id)")
    expected = np.asarray(keras.models.load_model(tmp_path / "model.keras")(np.array([row.x for row in rows])))
    assert np.allclose([row.y for row in rows], expected, atol=1e-6)
    clean.run(FIT.replace("'lib', 1", "'files', 1"), "of_table")
    clean.run("DROP TABLE of_table_summary")


def test_a_file_in_a_session_of_its_own(db: Session, saved: bytes) -> None:
    db.run("SELECT madlib.load_keras_model('files', %s::bytea, name := 'mine', description := 'about it')", saved)
    assert db.fetch("SELECT model_id, name, description, octet_length(model_weights) FROM files") == [
        (1, "mine", "about it", 4 * (4 * 5 + 5 + 4 * 5 + 5 * 3 + 3))
    ]


def with_lambda(saved: bytes) -> bytes:
    """The same model, with code in the place of its layers."""
    parts = parts_of(saved)
    return archive({**parts, "config.json": parts["config.json"].replace(b'"Dense"', b'"Lambda"')})


@pytest.mark.parametrize(
    "made, said",
    [
        (lambda saved: b"PK", "keras_file: is no .keras file, which is a zip archive; save the model with model.save('model"),
        (lambda saved: saved[:-30], "keras_file: is no .keras file, which is a zip archive"),
        (lambda saved: archive({**parts_of(saved), "/x": b""}), 'keras_file: has a part "/x", which a .keras file of built-in'),
        (lambda saved: archive({**parts_of(saved), "model.weights.h5": b"x"}), "keras_file: has weights that are no HDF5"),
        (with_lambda, 'keras_file: layer "dense'),
        (lambda saved: None, "keras_file: must be the bytes of a .keras file, got NULL"),
    ],
)  # fmt: skip
def test_files_that_are_refused(clean: Session, saved: bytes, made: Callable[[bytes], bytes | None], said: str) -> None:
    failure = clean.error_of(LOAD, made(saved), "x")
    assert failure.message.startswith(said)
    assert failure.sqlstate == ("22004" if made(saved) is None else "22023")
    assert clean.value("SELECT to_regclass('files')") is None


def test_a_file_has_weights_of_its_own(clean: Session, saved: bytes) -> None:
    failure = clean.error_of("SELECT madlib.load_keras_model('files', %s::bytea, %s::bytea)", saved, b"\0\0\0\0")
    assert failure.message == "model_weights: must be NULL: the file has weights of its own, got '4 bytes'"


MODEL = """'{"class_name": "Sequential", "config": []}'"""


@pytest.mark.parametrize(
    "arguments",
    [
        MODEL,
        f"{MODEL}, NULL",
        f"{MODEL}, NULL, 'a'",
        f"{MODEL}, NULL, 'a', 'b'",
        f"{MODEL}, '\\x00000000'::bytea, 'a', 'b'",
        f"{MODEL}::json, NULL, 'a', 'b'",
        f"{MODEL}::json",
        f"{MODEL}::text, name := 'a'",
        f"{MODEL}::varchar",
        f"{MODEL}, description := 'b'",
    ],
)
def test_an_architecture_is_taken_in_every_form(db: Session, arguments: str) -> None:
    db.run(f"SELECT madlib.load_keras_model('lib', {arguments})")
    assert db.value("SELECT model_arch::text FROM lib") == MODEL.strip("'")


def test_an_architecture_as_a_parameter_without_a_type(db: Session) -> None:
    db.run("PREPARE load AS SELECT madlib.load_keras_model('lib', $1, $2, $3, $4)")
    db.run(f"EXECUTE load ({MODEL}, NULL, 'a', 'b')")
    assert db.fetch("SELECT name, description FROM lib") == [("a", "b")]


# --- the internal functions, which any role can call --------------------------------------------------------------------


@pytest.mark.parametrize(
    "order", ["", "{}", '{"model": "x", "format": "exe"}', '{"model": "x", "format": "json", "path": "/etc"}']
)
def test_an_order_that_is_none_is_refused(quick: Session, order: str) -> None:
    assert quick.error_of("SELECT madlib.automl_to_file(%s)", order).sqlstate == "22023"


def test_what_is_no_file_is_told_in_the_report(quick: Session) -> None:
    answer = bytes(quick.value("SELECT madlib.automl_from_file('\\x00')"))
    report = json.loads(answer[4:])
    assert report["problem"]["text"].startswith("is no .keras file")
