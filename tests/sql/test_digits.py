"""Images: handwritten digits of scikit-learn, a CNN with batch normalisation and dropout, on sessions of their own."""

from __future__ import annotations

import json

import psycopg2.extras
import pytest

from fix_db import Session

datasets = pytest.importorskip("sklearn.datasets")

LAYERS = [
    ("Conv2D", {"filters": 16, "kernel_size": 3, "activation": "relu", "batch_input_shape": [None, 8, 8, 1]}),
    ("BatchNormalization", {}),
    ("MaxPooling2D", {}),
    ("Dropout", {"rate": 0.25}),
    ("Flatten", {}),
    ("Dense", {"units": 10, "activation": "softmax"}),
]
CNN = json.dumps({"class_name": "Sequential", "config": [{"class_name": name, "config": config} for name, config in LAYERS]})
COMPILE = """{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'],
    'optimizer_params_list': [{'optimizer': ['Adam', 'RMSprop'], 'lr': [0.002, 0.02, 'log']}]}"""
FIT = "{'batch_size': [16, 32], 'epochs': [1, 2]}"


def test_a_cnn_learns_to_read_digits(db: Session) -> None:
    digits = datasets.load_digits()
    images, labels = digits.images.reshape(-1, 8, 8, 1).tolist(), digits.target.tolist()
    db.run("SET client_min_messages = warning; CREATE TABLE digits (id serial, image real[], digit integer)")
    with db.cursor() as cursor:
        rows = list(zip(images, labels, strict=True))
        psycopg2.extras.execute_values(cursor, "INSERT INTO digits (image, digit) VALUES %s", rows, page_size=300)
    db.run("SET keras_automl.partitions = 3; SET keras_automl.sessions = 2; SELECT setseed(0.5)")
    db.run("SELECT madlib.train_test_split('digits', 'digits', 0.8, NULL, 'digit', NULL, NULL, TRUE)")
    db.run("SELECT madlib.training_preprocessor_dl('digits_train', 'packed', 'digit', 'image', 200, 16)")
    db.run("SELECT madlib.validation_preprocessor_dl('digits_test', 'packed_test', 'digit', 'image', 'packed')")
    db.run("SELECT madlib.load_keras_model('nets', %s)", CNN)
    db.run(
        "SELECT madlib.madlib_keras_automl('packed', 'found', 'nets', 'best', ARRAY[1], %s, %s, 'hyperband', 'R=3, eta=3',"
        " 11, NULL, FALSE, 'packed_test')",
        COMPILE,
        FIT,
    )
    winner, iterations, accuracy = db.fetch(
        "SELECT mst_key, metrics_iters, validation_metrics_final FROM found_info JOIN best USING (mst_key)"
    )[0]
    assert len(iterations) <= 2
    assert accuracy >= 0.9  # chance is 0.1
    db.run("SELECT madlib.madlib_keras_predict('found', 'digits_test', 'id', 'image', 'read', 'response', FALSE, %s)", winner)
    right = db.value("SELECT avg((r.digit = t.digit)::integer)::float8 FROM read r JOIN digits_test t USING (id)")
    assert right == pytest.approx(accuracy, abs=0.004)
