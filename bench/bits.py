"""The bits that small searches come to, one line each, to see whether a change or another server changes them.

Runs against the DSN given, else against `make bench`'s PostgreSQL. What is random on the way to the packed tables is not so on
Greenplum after setseed(), so the rows are put into the buffers by this script; a line shows what packing itself had made. With
as many partitions as PARTITIONS both servers come to the same bits, but after setseed(), which starts other numbers on each.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable

import numpy as np
import psycopg2.extras
from common import EXAMPLES, Connection, page_tables, run, schema
from sklearn.datasets import load_digits

PARTITIONS = 3
RANDOM_STATE = 7
_FLOATS = "training_loss, training_metrics, validation_loss, validation_metrics"
_LAYERS = [
    ("Conv2D", {"filters": 8, "kernel_size": 3, "activation": "relu", "batch_input_shape": [None, 8, 8, 1]}),
    ("BatchNormalization", {}),
    ("MaxPooling2D", {}),
    ("Dropout", {"rate": 0.25}),
    ("Flatten", {}),
    ("Dense", {"units": 10, "activation": "softmax"}),
]
_CNN = json.dumps({"class_name": "Sequential", "config": [{"class_name": name, "config": config} for name, config in _LAYERS]})
_COMPILE = """{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'],
    'optimizer_params_list': [{'optimizer': ['Adam', 'RMSprop'], 'lr': [0.002, 0.02, 'log']}]}"""
_FIT = "{'batch_size': [16, 32], 'epochs': [1, 2]}"
_FIXED = "optimizer='{}(lr=0.05)',loss='categorical_crossentropy',metrics=['accuracy']"


def main() -> None:
    dsn = sys.argv[1] if len(sys.argv) > 1 else os.environ["AUTOML_DSN"]
    with schema("bench_bits", dsn) as connection:
        run(connection, "SET extra_float_digits = 3")  # all digits, on Greenplum as well
        is_greenplum = "Greenplum" in run(connection, "SELECT version()")[0][0]
        if not is_greenplum:
            run(connection, f"SET keras_automl.partitions = {PARTITIONS}")
        iris(connection, is_greenplum)
        page(connection, "hyperband")
        page(connection, "hyperopt")
        several(connection)
        thirty(connection)
        digits(connection, is_greenplum)


def iris(connection: Connection, is_greenplum: bool) -> None:
    page_tables(connection)
    show_packed(connection, "split and packed by setseed(0)", ("iris_train_packed", "iris_test_packed"), is_greenplum)
    run(connection, "DROP TABLE iris_train, iris_test")
    pack(connection, "iris", "class_text", "attributes")
    show_packed(connection, "rows of iris", ("iris_train_packed", "iris_test_packed"))


def page(connection: Connection, method: str) -> None:
    """Run one of the page's searches with a random_state."""
    search = (EXAMPLES / f"{method}.sql").read_text().split("\\echo == The search")[1].split("\\echo")[0]
    assert search.count("NULL, -- random state") == 1
    run(connection, search.replace("NULL, -- random state", f"{RANDOM_STATE}, -- random state"))
    show(connection, f"the page's {method}", "automl_output")


def several(connection: Connection) -> None:
    """Train four configurations by madlib_keras_fit_multiple_model, which takes its seed from the session's random()."""
    run(
        connection,
        "SELECT madlib.load_model_selection_table('model_arch_library', 'mst', ARRAY[1, 2], %s, %s)",
        [_FIXED.format("Adam"), _FIXED.format("SGD")],
        ["batch_size=8", "batch_size=16,epochs=2"],
    )
    run(connection, "SELECT setseed(0.5)")
    run(
        connection,
        "SELECT madlib.madlib_keras_fit_multiple_model('iris_train_packed', 'several', 'mst', 3, FALSE, 'iris_test_packed', 1)",
    )
    show(connection, "fit_multiple after setseed(0.5)", "several")


def thirty(connection: Connection) -> None:
    """Search by thirty trials, and predict all 150 rows by three of the models."""
    run(
        connection,
        "SELECT madlib.madlib_keras_automl('iris_train_packed', 'thirty', 'model_arch_library', 'chosen', ARRAY[1, 2],"
        f" %s, %s, 'hyperopt', 'num_configs=30, num_iterations=3', {RANDOM_STATE}, NULL, FALSE, 'iris_test_packed', 1)",
        _COMPILE,
        _FIT,
    )
    show(connection, "thirty trials", "thirty")
    rows = []
    for key in (1, 2, 3):
        run(connection, "DROP TABLE IF EXISTS predicted")
        run(
            connection,
            f"SELECT madlib.madlib_keras_predict('thirty', 'iris_data', 'id', 'attributes', 'predicted', 'prob', FALSE, {key})",
        )
        rows += run(connection, "SELECT * FROM predicted ORDER BY id")
    print(f"{'predictions':32} {hashlib.md5(repr(rows).encode()).hexdigest()}, {len(rows)} rows", flush=True)


def digits(connection: Connection, is_greenplum: bool) -> None:
    """Search among CNNs that drop out and normalise by batches."""
    known = load_digits()
    rows = list(zip(known.images[:600].reshape(-1, 8, 8, 1).tolist(), known.target[:600].tolist(), strict=True))
    run(connection, "CREATE TABLE digits_data (id serial, image real[], digit integer)")
    with connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, "INSERT INTO digits_data (image, digit) VALUES %s", rows, page_size=300)
    run(connection, "SELECT setseed(0.5)")
    pack(connection, "digits", "digit", "image", ", 40, 16", settled=False)
    show_packed(connection, "digits packed by setseed(0.5)", ("digits_train_packed", "digits_test_packed"), is_greenplum)
    for table in ("digits_train_packed", "digits_test_packed"):
        settle(connection, table, "digit", "image")
    show_packed(connection, "rows of digits", ("digits_train_packed", "digits_test_packed"))
    run(connection, "SELECT madlib.load_keras_model('nets', %s)", _CNN)
    run(
        connection,
        "SELECT madlib.madlib_keras_automl('digits_train_packed', 'found', 'nets', 'best', ARRAY[1], %s, %s, 'hyperband',"
        f" 'R=3, eta=3', {RANDOM_STATE}, NULL, FALSE, 'digits_test_packed', 1)",
        _COMPILE,
        _FIT,
    )
    show(connection, "digits", "found")


def pack(connection: Connection, name: str, label: str, features: str, more: str = "", settled: bool = True) -> None:
    """Split the table `<name>_data` by its ids, and pack both parts."""
    for part, condition in (("train", "<>"), ("test", "=")):
        made = f"{name}_{part}"
        run(connection, f"CREATE TABLE {made} AS SELECT * FROM {name}_data WHERE id % 5 {condition} 0 ORDER BY id")
        run(connection, f"DROP TABLE IF EXISTS {made}_packed, {made}_packed_summary")
        if part == "train":
            run(connection, f"SELECT madlib.training_preprocessor_dl('{made}', '{made}_packed', '{label}', '{features}'{more})")
        else:
            run(connection, f"SELECT madlib.validation_preprocessor_dl('{made}', '{made}_packed', '{label}', '{features}',"
                            f" '{name}_train_packed')")  # fmt: skip
        if settled:
            settle(connection, f"{made}_packed", label, features)


def settle(connection: Connection, packed: str, label: str, features: str) -> None:
    """Put the rows of a packed table into its buffers in an order that depends on nothing but the rows."""
    columns = [(name, f"{name}_shape") for name in (features, label)]
    names = ", ".join(f"{values}, {shape}" for values, shape in columns)
    buffers = run(connection, f"SELECT buffer_id, {names} FROM {packed} ORDER BY buffer_id")
    rows = sorted(
        row for _, x, x_shape, y, y_shape in buffers for row in zip(split(x, x_shape), split(y, y_shape), strict=True)
    )
    order = iter(np.random.Generator(np.random.PCG64(1)).permutation(len(rows)))
    for buffer, _, x_shape, _, _ in buffers:
        chosen = [rows[next(order)] for _ in range(x_shape[0])]
        run(
            connection,
            f"UPDATE {packed} SET {features} = %s, {label} = %s WHERE buffer_id = %s",
            *(b"".join(each) for each in zip(*chosen, strict=True)),
            buffer,
        )


def split(values: memoryview, shape: list[int]) -> list[bytes]:
    """Return the bytes of each row of a buffer."""
    size = len(values) // shape[0]
    return [bytes(values[at : at + size]) for at in range(0, len(values), size)]


def show_packed(connection: Connection, what: str, tables: Iterable[str], by_chance: bool = False) -> None:
    """Print the md5 of packed tables, but for Greenplum's chance."""
    if by_chance:
        print(f"{what:32} by chance")
        return
    total = hashlib.md5()
    for name in tables:
        (summary,) = run(connection, f"SELECT partitions, buffer_size, num_classes, class_values FROM {name}_summary")
        total.update(repr(summary).encode())
        columns = run(
            connection,
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attname !~ '^__' ORDER BY 1",
            name,
        )
        listed = ", ".join(column for (column,) in columns)
        for row in run(connection, f"SELECT {listed} FROM {name} ORDER BY buffer_id"):
            total.update(repr([bytes(value) if isinstance(value, memoryview) else value for value in row]).encode())
    print(f"{what:32} {total.hexdigest()}")


def show(connection: Connection, what: str, model: str) -> None:
    """Print what a search or training has come to: md5 of configurations, of weights, of losses and metrics."""
    digest = {}
    for name, table, columns in (
        ("configurations", f"{model}_info", "model_id, compile_params, fit_params"),
        ("weights", model, "md5(model_weights)"),
        ("losses", f"{model}_info", ", ".join(f"{column}::float8[]" for column in _FLOATS.split(", "))),
    ):
        rows = run(connection, f"SELECT mst_key, {columns} FROM {table} ORDER BY mst_key")
        digest[name] = hashlib.md5(repr(rows).encode()).hexdigest()
    rows = run(connection, f"SELECT count(*) FROM {model}")
    ((seed,),) = run(connection, "SELECT random_state FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1")
    each = ", ".join(f"{name} {value}" for name, value in digest.items())
    print(f"{what:32} {each}, {rows[0][0]} models, seed {seed}", flush=True)


if __name__ == "__main__":
    main()
