"""Bad input: an error that names argument, rule, value and remedy, and nothing is created. First a search, then the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from fix_db import Session, connect_to
from fix_search import FOUR_CLASSES, LAMBDA, NOTHING, SMALL, WEIGHTED, WIDE, search

INVALID, NULL, NO_TABLE, NO_COLUMN, EXISTS = "22023", "22004", "42P01", "42703", "42P07"
NOT_READY, NOT_THERE_YET, NO_RIGHT, NO_SCHEMA, WRONG_TYPE = "55000", "0A000", "42501", "3F000", "42804"
Case = tuple[str, Any, str, str]  # argument, value, SQLSTATE, the message after "argument: "


def loss(value: str) -> str:
    return f"{{'loss': {value}, 'optimizer_params_list': [{{'optimizer': ['SGD'], 'lr': [0.01, 0.1, 'log']}}]}}"


def optimizer(entry: str) -> str:
    return f"{{'loss': ['mse'], 'optimizer_params_list': [{entry}]}}"


def fit(entry: str) -> str:
    return f"{{'batch_size': [8], {entry}}}"


DICT = r"must be a dict of lists in Python's notation"
TABLE = "must be the name of a table"
SGD = "optimizer=SGD,loss=mse"

TABLES: list[Case] = [
    ("source_table", None, NULL, rf"{TABLE}, got NULL"),
    ("source_table", "", NULL, rf"{TABLE}, got ''"),
    ("source_table", "a.b.c", INVALID, rf"{TABLE}, perhaps with its schema, got 'a\.b\.c'"),
    ("source_table", "nowhere", NO_TABLE, r'table "nowhere" does not exist'),
    ("source_table", "s.train", NO_TABLE, r'table "s\.train" does not exist'),
    ("source_table", "iris_train", NOT_READY,
     r'table "\w+\.iris_train" has no summary table "\w+\.iris_train_summary" beside it'),
    ("source_table", "lone", NOT_READY, r'table "\w+\.lone" has no summary table "\w+\.lone_summary" beside it'),
    ("source_table", "odd", NOT_READY, r'table "\w+\.odd" has a summary table without the column "\w+"'),
    ("source_table", "plain", NOT_READY, r'table "\w+\.plain" has no packed column "attributes"'),
    ("source_table", "hollow", INVALID, r'table "\w+\.hollow" is empty'),
    ("source_table", "headless", NOT_READY,
     r'table "\w+\.headless" must have one row in its summary table "\w+\.headless_summary"'),
    ("validation_table", "nowhere", NO_TABLE, r'table "nowhere" does not exist'),
    ("validation_table", "iris_test", NOT_READY,
     r'table "\w+\.iris_test" has no summary table "\w+\.iris_test_summary" beside it'),
    ("validation_table", "narrow", INVALID,
     r'table "\w+\.narrow" must have features of shape \{4\} as "\w+\.train" has, not \{2\}'),
    ("validation_table", "two_classes", INVALID,
     r'table "\w+\.two_classes" must have labels of length 3 as "\w+\.train" has, not 2'),
    ("model_output_table", None, NULL, rf"{TABLE}, got NULL"),
    ("model_output_table", "taken", EXISTS, r'table "\w+\.taken" already exists'),
    ("model_output_table", "half", EXISTS, r'table "\w+\.half_info" already exists'),
    ("model_output_table", "third", EXISTS, r'table "\w+\.third_summary" already exists'),
    ("model_output_table", "pg_temp.out", INVALID, "pg_temp is not allowed as the schema of an output table"),
    ("model_output_table", "nowhere.out", NO_SCHEMA, 'schema "nowhere" does not exist'),
    ("model_output_table", "o" * 56, INVALID, rf"""must leave room for "{"o" * 56}_summary" in 63 bytes, got '{"o" * 56}'"""),
    ("model_selection_table", None, NULL, rf"{TABLE}, got NULL"),
    ("model_selection_table", "taken", EXISTS, r'table "\w+\.taken" already exists'),
    ("model_selection_table", "third", EXISTS, r'table "\w+\.third_summary" already exists'),
    ("model_selection_table", "pg_temp.best", INVALID, "pg_temp is not allowed as the schema of an output table"),
    ("model_selection_table", "bad", INVALID, r'must not name the same table as model_output_table: "\w+\.bad"'),
    ("model_selection_table", "bad_info", INVALID, r'must not name the same table as model_output_table: "\w+\.bad_info"'),
    ("model_arch_table", None, NULL, rf"{TABLE}, got NULL"),
    ("model_arch_table", "nowhere", NO_TABLE, r'table "nowhere" does not exist'),
    ("model_arch_table", "train", NO_COLUMN, r'column "model_id" does not exist in table "\w+\.train"'),
    ("model_arch_table", "no_models", INVALID, r'table "\w+\.no_models" is empty'),
]  # fmt: skip

MODELS: list[Case] = [
    ("model_id_list", None, NULL, "must be a list of model ids, got NULL"),
    ("model_id_list", [], INVALID, r"must have at least one model id, got \[\]"),
    ("model_id_list", [1, None], NULL, r"must not hold NULL, got \[1, None\]"),
    ("model_id_list", [2, 1, 2, 1], INVALID, "must have each model id once; repeated: 1, 2"),
    ("model_id_list", [1, 99], INVALID, r'every id must be in table "\w+\.lib", which has \[1, 2, 3, 4, 5, 6, 7, 8\], got 99'),
    ("model_id_list", [0, 1, -5], INVALID, r'every id must be in table "\w+\.lib", which has \[.*\], got \[-5, 0\]'),
]

GRIDS: list[Case] = [
    *(
        (grid, value, sqlstate, message)
        for grid in ("compile_params_grid", "fit_params_grid")
        for value, sqlstate, message in [
            (None, NULL, rf"{DICT}, got NULL"),
            ("", NULL, rf"{DICT}, got ''"),
            ("{}", INVALID, rf"{DICT}, with one key at least, got '\{{\}}'"),
            ("[1, 2]", INVALID, rf"{DICT}, with one key at least, got '\[1, 2\]'"),
            ("{'a': [1}", INVALID, rf"{DICT}, got .*"),
            ("{'loss': ['mse'], 'loss': ['mae']}", INVALID, "must have each key once; repeated: 'loss'"),
            ("{'loss': [open('/etc/passwd')]}", INVALID, rf"{DICT}, got .*"),
        ]
    ),
    ("compile_params_grid", "{'metrics': ['accuracy']}", INVALID, '"loss" is required'),
    ("compile_params_grid", loss("'mse'"), INVALID, "\"loss\" must be a list of values, got 'mse'"),
    ("compile_params_grid", loss("[]"), INVALID, r'"loss" must have at least one value, got \[\]'),
    ("compile_params_grid", loss("[3]"), INVALID, '"loss" must be the name of a loss, got 3'),
    ("compile_params_grid", loss("['mse'], 'metric': ['accuracy']"), INVALID,
     r'"metric" is not one of .*; did you mean "metrics"\?'),
    ("compile_params_grid", loss("['mse'], 'metrics': [[3]]"), INVALID,
     r'"metrics" must be a list of names of metrics, or None, .*'),
    ("compile_params_grid", optimizer("{}"), INVALID,
     '"optimizer_params_list" entry 1 must be a dict with one key at least, .*'),
    ("compile_params_grid", optimizer("'SGD'"), INVALID, '"optimizer_params_list" entry 1 must be a dict .*, got \'SGD\''),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'lr': 0.1}"), INVALID,
     '"optimizer_params_list" entry 1: "lr" must be a list of values, got 0.1'),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'lr': [0.1, 0.01, 'log']}"), INVALID,
     r'"optimizer_params_list" entry 1: "lr" must have a lower bound below its upper bound, got \[0\.1, 0\.01, \'log\'\]'),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'lr': [0, 0.01, 'log']}"), INVALID,
     r'"optimizer_params_list" entry 1: "lr" must have a lower bound above 0 on the scale "log", .*'),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'momentum': [0.9, 1.0, 'log_near_one']}"), INVALID,
     '.*"momentum" must have bounds from 0 to below 1 on the scale "log_near_one", .*'),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'lr': [0.1, 0.2, 'lin']}"), INVALID,
     ".*must have one of the scales linear, log, log_near_one, not 'lin'.*"),
    ("compile_params_grid", optimizer("{'optimizer': ['SGD'], 'lr': [0.1, 'log']}"), INVALID,
     r'.*"lr" must be \[low, high, scale\] to be drawn from a distribution, got .*'),
    ("fit_params_grid", "{'batch_size': 8}", INVALID, '"batch_size" must be a list of values, got 8'),
    ("fit_params_grid", "{'batch_size': []}", INVALID, r'"batch_size" must have at least one value, got \[\]'),
    ("fit_params_grid", "{'batch_size': [0]}", INVALID, '"batch_size" must be an integer of at least 1, got 0'),
    ("fit_params_grid", "{'batch_size': [8.5]}", INVALID, '"batch_size" must be an integer of at least 1, got 8.5'),
    ("fit_params_grid", fit("'epochs': [True]"), INVALID, '"epochs" must be an integer of at least 1, got True'),
    ("fit_params_grid", fit("'epoch': [1]"), INVALID, r'"epoch" is not one of .*; did you mean "epochs"\?'),
    ("fit_params_grid", fit("'epochs': [1.5, 3, 'linear']"), INVALID, '"epochs" must have integers as bounds, got 1.5'),
    ("fit_params_grid", fit("'callbacks': ['[ModelCheckpoint()]']"), NOT_THERE_YET,
     '"callbacks" must be .*; no other callback is supported, got .*'),
    ("fit_params_grid", fit("'callbacks': ['[TensorBoard(log_dir=\"../out\")]']"), NOT_THERE_YET,
     '"callbacks" must be .*; no other callback is supported, got .*'),
]  # fmt: skip

METHODS: list[Case] = [
    ("automl_method", "random", INVALID, "must be 'hyperband'.*, got 'random'"),
    ("automl_params", "R=1, eta=3", INVALID, '"R" must be an integer of at least eta.*got 1'),
    ("automl_params", "R=9, eta=1", INVALID, '"eta" must be an integer of at least 2, got 1'),
    ("automl_params", "R=9, skip_last=3", INVALID, '"skip_last" .*, got 3'),
    ("automl_params", "R=9, skip_last=-1", INVALID, '"skip_last" must be .*, got -1'),
    ("automl_params", "R=9.5", INVALID, "\"R\" must be an integer of at least eta, got '9.5'"),
    ("automl_params", "R=ten", INVALID, "\"R\" must be an integer of at least eta, got 'ten'"),
    ("automl_params", "R=99999999999999999999", INVALID, '"R" must be .*'),
    ("automl_params", "R=9, skip=1", INVALID, '"skip" is not one of R, eta, skip_last.*'),
    ("automl_params", "R=9, R=27", INVALID, '"R" must be given once'),
    ("automl_params", "R", INVALID, "must be key=value pairs separated by commas, got 'R'"),
    ("automl_params", "num_configs=20", INVALID, '"num_configs" is not one of R, eta, skip_last.*'),
    ("automl_params", "R=2, algorithm=tpe", INVALID, '"algorithm" is not one of R, eta, skip_last.*'),
    ("metrics_compute_frequency", 0, INVALID, "must be from 1 to 2, the iterations of the longest round, or NULL, got 0"),
    ("metrics_compute_frequency", -1, INVALID, "must be from 1 to 2, the iterations of the longest round, or NULL, got -1"),
    ("metrics_compute_frequency", 3, INVALID, "must be from 1 to 2, the iterations of the longest round, or NULL, got 3"),
    ("object_table", "custom", NO_TABLE, 'table "madlib.custom" does not exist in the schema madlib'),
    ("object_table", "other.custom", INVALID,
     "must be in the schema madlib, which need not be written before its name, got 'other.custom'"),
    ("object_table", "automl_runs", NO_RIGHT, 'table "madlib.automl_runs" must be a plain table'),
    ("object_table", "automl_run_log", NO_RIGHT,
     'table "madlib.automl_run_log" must not .*: its functions run with the rights of the server'),
    ("use_gpus", True, "55000", "needs a GPU on every host that takes part, and the driver shows none on [^ ]+, got True"),
]  # fmt: skip

HYPEROPT: list[Case] = [
    ("automl_params", "num_configs=0", INVALID, "\"num_configs\" must be an integer from 1 to 100000, got '0'"),
    ("automl_params", "num_configs=2.5", INVALID, "\"num_configs\" must be an integer from 1 to 100000, got '2.5'"),
    ("automl_params", "num_iterations=0", INVALID, "\"num_iterations\" must be an integer from 1 to 1000000, got '0'"),
    ("automl_params", "num_iters=3", INVALID, '"num_iters" is not one of .*; did you mean "num_iterations"\\?'),
    ("automl_params", "algorithm=atpe", INVALID, "\"algorithm\" must be 'tpe' or 'rand', got 'atpe'"),
    ("automl_params", "R=9", INVALID, '"R" is not one of num_configs, num_iterations, algorithm.*'),
    ("metrics_compute_frequency", 0, INVALID, "must be from 1 to 5, the iterations of a trial, or NULL, got 0"),
    ("metrics_compute_frequency", 6, INVALID, "must be from 1 to 5, the iterations of a trial, or NULL, got 6"),
]

# What only Keras knows: found on a session, before anything is trained.
KERAS: list[Case] = [
    (
        "compile_params_grid",
        loss("['categorical_crosentropy']"),
        INVALID,
        '.*"?categorical_crosentropy.*"categorical_crossentropy".*',
    ),
    ("compile_params_grid", loss("['mse'], 'metrics': ['acuracy']"), INVALID, '(?i:.*acuracy.*"accuracy".*)'),
    ("compile_params_grid", optimizer("{'optimizer': ['RMSProb']}"), INVALID, '.*RMSProb.*"RMSprop".*'),
    ("compile_params_grid", optimizer("{'optimizer': ['Adam'], 'beta1': [0.9]}"), INVALID, '.*beta1.*"beta_1".*'),
]


# The other functions, in the order of the reference: call, SQLSTATE, the whole message.
OTHERS: list[tuple[str, str, str]] = [
    ("train_test_split(NULL, 'o', 0.8)", NULL, "source_table: must be the name of a table, got NULL"),
    ("train_test_split('nowhere', 'o', 0.8)", NO_TABLE, 'source_table: table "nowhere" does not exist'),
    ("train_test_split('hollow', 'o', 0.8)", INVALID, 'source_table: table "t_bad.hollow" is empty'),
    ("train_test_split('iris_train', 'taken', 0.8)", EXISTS, 'output_table: table "t_bad.taken" already exists'),
    ("train_test_split('iris_train', 'o', 1.5)", INVALID, "train_proportion: must be greater than 0 and less than 1, got 1.5"),
    ("train_test_split('iris_train', 'o', 0.8, 0.8)", INVALID,
     "test_proportion: must not add up to more than 1 with train_proportion 0.8, got 0.8"),
    ("training_preprocessor_dl('', 'o', 'class_text', 'attributes')", NULL,
     "source_table: must be the name of a table, got ''"),
    ("training_preprocessor_dl('nowhere', 'o', 'class_text', 'attributes')", NO_TABLE,
     'source_table: table "nowhere" does not exist'),
    ("training_preprocessor_dl('hollow', 'o', 'class_text', 'attributes')", INVALID,
     'source_table: table "t_bad.hollow" is empty'),
    ("training_preprocessor_dl('iris_train', 'taken', 'class_text', 'attributes')", EXISTS,
     'output_table: table "t_bad.taken" already exists'),
    ("training_preprocessor_dl('iris_train', '1o', 'class_text', 'attributes')", INVALID,
     "output_table: must be the name of a table, perhaps with its schema, got '1o'"),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text', 'attributes', 0)", INVALID,
     "buffer_size: must be at least 1, got 0"),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text', 'attributes', 8, 0)", INVALID,
     "normalizing_const: must be greater than 0, got 0.0"),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text', 'attributes', 8, 1, 2)", INVALID,
     'num_classes: must be at least 3, the number of distinct values in column "class_text", got 2'),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text', 'attributes', 8, 1, NULL, 'nobody')", NO_TABLE,
     'distribution_rules: table "nobody" does not exist'),
    ("training_preprocessor_dl('iris_train', 'o', 'clas_text', 'attributes')", NO_COLUMN,
     'dependent_varname: column "clas_text" does not exist in table "t_bad.iris_train"'),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text', 'id')", WRONG_TYPE,
     'independent_varname: column "id" must be an array of numbers, it is integer'),
    ("training_preprocessor_dl('iris_train', 'o', 'class_text, id', 'attributes')", NOT_THERE_YET,
     "dependent_varname: must name one column, got 'class_text, id'"),
    ("validation_preprocessor_dl('iris_test', 'o', 'class_text', 'attributes', 'iris_train')", NOT_READY,
     'training_preprocessor_table: table "t_bad.iris_train" has no summary table "t_bad.iris_train_summary" beside it'),
    ("validation_preprocessor_dl('iris_test', 'o', 'class_text', 'attributes', 'odd')", NOT_READY,
     'training_preprocessor_table: table "t_bad.odd" has a summary table without the column "source_table"'),
    ("validation_preprocessor_dl('narrow_data', 'o', 'class_text', 'attributes', 'train')", INVALID,
     'independent_varname: every value of column "attributes" must be an array of shape {4} without NULL, NaN or infinity,'
     " found shape {2} in 120 rows (first in row 1)"),
    ("load_keras_model('l', NULL)", NULL, "model_arch: must be the JSON of a Keras model, got NULL"),
    ("load_keras_model('l', '[]')", INVALID, "model_arch: must be a JSON object with class_name and config, got []"),
    ("load_keras_model('train', '{\"class_name\": \"Sequential\", \"config\": []}')", NO_COLUMN,
     'keras_model_arch_table: column "model_id" does not exist in table "t_bad.train"'),
    ("delete_keras_model('nowhere', 1)", NO_TABLE, 'keras_model_arch_table: table "nowhere" does not exist'),
    ("delete_keras_model('lib', 99)", INVALID, 'model_id: must be one of the models in "t_bad.lib", got 99'),
    ("delete_keras_model('lib', NULL)", NULL, "model_id: must be the id of a model, got NULL"),
    ("hyperband_schedule('taken', 9)", EXISTS, 'schedule_table: table "t_bad.taken" already exists'),
    ("hyperband_schedule('o', 2, 3)", INVALID, "R: must be an integer of at least eta (3), got 2"),
    ("hyperband_schedule('o', NULL)", NULL, "R: must be an integer of at least eta, got NULL"),
    ("hyperband_schedule('o', 9, 3, 3)", INVALID, "skip_last: must be an integer from 0 to 2, got 3"),
    ("generate_model_configs('lib', 'o', ARRAY[1], '{''loss'': [''mse'']}', NULL)", NULL,
     "fit_params_grid: must be a dict of lists in Python's notation, got NULL"),
    ("generate_model_configs('lib', 'o', ARRAY[1], '{''loss'': [''mine'']}', '{''epochs'': [1]}')", INVALID,
     'compile_params_grid: loss "mine" is not one of Keras; did you mean "hinge"?'),
    ("generate_model_configs('lib', 'o', ARRAY[99], '{''loss'': [''mse'']}', '{''epochs'': [1]}')", INVALID,
     'model_id_list: every id must be in table "t_bad.lib", which has [1, 2, 3, 4, 5, 6, 7, 8], got 99'),
    ("generate_model_configs('lib', 'o', ARRAY[1], '{''loss'': [''mse'']}', '{''epochs'': [1]}', 'greed')", INVALID,
     "search_type: must be 'grid' or 'random', got 'greed'"),
    ("load_model_selection_table('lib', 'taken', ARRAY[1], ARRAY['optimizer=SGD,loss=mse'], ARRAY['batch_size=8'])", EXISTS,
     'model_selection_table: table "t_bad.taken" already exists'),
    ("load_model_selection_table('lib', 'o', ARRAY[1], NULL, ARRAY['batch_size=8'])", NULL,
     "compile_params_list: must have at least one text of parameters, got NULL"),
    ("load_model_selection_table('lib', 'o', ARRAY[1], ARRAY['loss=mse'], ARRAY['batch_size=8'])", INVALID,
     'compile_params_list: element 1: "optimizer" is required'),
    ("load_model_selection_table('lib', 'o', ARRAY[1], ARRAY['optimizer=SGD,loss=mse,metrics=mae'], ARRAY['batch_size=8'])",
     INVALID, "compile_params_list: element 1: \"metrics\" must be a list of names of metrics, or None, got 'mae'"),
    ("load_model_selection_table('lib', 'o', ARRAY[1], ARRAY['optimizer=SGD,loss=mse'], ARRAY['batch=8'])", INVALID,
     'fit_params_list: element 1: "batch" is not one of batch_size, epochs, verbose, shuffle, class_weight, initial_epoch,'
     ' steps_per_epoch, callbacks; did you mean "batch_size"?'),
    ("load_custom_function('f', NULL, 'f')", NULL, "object: must be a function as dill.dumps gives it, got NULL"),
    ("load_custom_function('f', '\\x00', 'f')", INVALID, "object: must be a function as dill.dumps gives it, got '1 bytes'"),
    ("load_custom_function('t_bad.f', '\\x00', 'f')", INVALID,
     "2 problems were found:\n  object_table: must be in the schema madlib, which need not be written before its"
     " name, got 't_bad.f'\n  object: must be a function as dill.dumps gives it, got '1 bytes'"),
    ("load_top_k_accuracy_function('f', 0)", INVALID, "k: must be an integer from 1 to 10000, got 0"),
    ("delete_custom_function('nowhere', 1)", NO_TABLE, 'object_table: table "madlib.nowhere" does not exist'),
    ("madlib_keras_fit_multiple_model('train', 'o', 'lone_mst', 1)", NO_TABLE,
     'model_selection_table: table "t_bad.lone_mst_summary" does not exist'),
    ("madlib_keras_fit_multiple_model('train', 'o', 'mst', 0)", INVALID,
     "num_iterations: must be an integer from 1 to 1000000, got 0"),
    ("madlib_keras_fit_multiple_model('train', 'o', 'mst', 2, FALSE, NULL, 0)", INVALID,
     "metrics_compute_frequency: must be from 1 to 2, the value of num_iterations, or NULL, got 0"),
    ("madlib_keras_fit_multiple_model('plain', 'o', 'mst', 2)", NOT_READY,
     'source_table: table "t_bad.plain" has no packed column "attributes"'),
    ("madlib_keras_fit_multiple_model('train', 'o', 'mst_no_lib', 2)", NO_TABLE,
     'model_selection_table: model_arch_table: table "nowhere" does not exist'),
    ("madlib_keras_fit_multiple_model('train', 'o', 'mst_no_rows', 2)", INVALID,
     'model_selection_table: table "t_bad.mst_no_rows" is empty'),
    ("madlib_keras_fit_multiple_model('train', 'o', 'mst', 2, warm_start := TRUE)", NOT_READY,
     'warm_start: needs the tables of an earlier training, and there is no "o", got True'),
    ("madlib_keras_fit('train', 'o', 'lib', 1, NULL, 'epochs=1', 1)", NULL,
     "compile_params: must be key=value pairs separated by commas, got NULL"),
    ("madlib_keras_fit('train', 'o', 'lib', 1, 'optimizer=SGD,loss=mine', 'epochs=1', 1)", INVALID,
     'compile_params: loss "mine" is not one of Keras; did you mean "hinge"?'),
    ("madlib_keras_fit('train', 'o', 'lib', 1, 'optimizer=SGD', 'epochs=1', 1)", INVALID, 'compile_params: "loss" is required'),
    ("madlib_keras_fit('train', 'o', 'lib', 99, 'optimizer=SGD,loss=mse', 'epochs=1', 1)", INVALID,
     'model_id: every id must be in table "t_bad.lib", which has [1, 2, 3, 4, 5, 6, 7, 8], got 99'),
    ("madlib_keras_fit('train', 'o', 'lib', 7, 'optimizer=SGD,loss=mse', 'epochs=1', 1)", INVALID,
     "model_arch_table: model_arch of model_id 7 must not be NULL"),
    ("madlib_keras_fit('train', 'o', 'lib', 8, 'optimizer=SGD,loss=mse', 'epochs=1', 1)", INVALID,
     "model_arch_table: model_id 8: the weights hold 0.25 numbers of float32 (1 bytes), but the architecture has"
     " 15 weights (60 bytes)"),
    ("madlib_keras_evaluate('lib', 'val', 'o')", INVALID,
     'model_table: table "t_bad.lib" has no table "t_bad.lib_summary" beside it'),
    ("madlib_keras_evaluate('one_alone', 'val', 'o')", INVALID,
     'model_table: table "t_bad.one_alone" has no table "t_bad.one_alone_summary" beside it'),
    ("madlib_keras_evaluate('one', 'iris_test', 'o')", NOT_READY,
     'test_table: table "t_bad.iris_test" has no summary table "t_bad.iris_test_summary" beside it'),
    ("madlib_keras_evaluate('one', 'narrow', 'o')", INVALID,
     "test_table: the model: the network takes rows of shape [4], the table holds rows of shape [2]"),
    ("madlib_keras_evaluate('one', 'val', 'taken')", EXISTS, 'output_table: table "t_bad.taken" already exists'),
    ("madlib_keras_predict('lib', 'iris_test', 'id', 'attributes', 'o')", INVALID,
     'model_table: table "t_bad.lib" has no table "t_bad.lib_summary" beside it'),
    ("madlib_keras_predict('one', 'iris_test', 'nr', 'attributes', 'o')", NO_COLUMN,
     'id_col: column "nr" does not exist in table "t_bad.iris_test"'),
    ("madlib_keras_predict('one', 'iris_test', 'id', 'nr', 'o')", NO_COLUMN,
     'independent_varname: column "nr" does not exist in table "t_bad.iris_test"'),
    ("madlib_keras_predict('one', 'iris_test', 'id', 'attributes', 'o', 'best')", INVALID,
     "pred_type: must be 'prob', 'response', 'value', a whole number of at least 1, or a threshold from 0 to"
     " below 1, got 'best'"),
    ("madlib_keras_predict('one', 'iris_test', 'id', 'attributes', 'o', 'prob', FALSE, 1)", INVALID,
     'mst_key: must be left out: "t_bad.one" holds one model, got 1'),
    ("madlib_keras_predict_byom('lib', 1, 'iris_test', 'id', 'attributes', 'o')", INVALID,
     "model_id: must be a model with weights, got 1"),
    ("madlib_keras_predict_byom('lib', 99, 'iris_test', 'id', 'attributes', 'o')", INVALID,
     'model_id: every id must be in table "t_bad.lib", which has [1, 2, 3, 4, 5, 6, 7, 8], got 99'),
    ("madlib_keras_predict_byom('own_short', 1, 'iris_test', 'id', 'attributes', 'o')", INVALID,
     "model_arch_table: model_id 1: the weights hold 1 numbers of float32 (4 bytes), but the architecture has 15 weights"
     " (60 bytes)"),
    ("madlib_keras_predict_byom('own', 1, 'narrow_data', 'class_text', 'attributes', 'o')", INVALID,
     'independent_varname: column "attributes": model_id 1: the network takes rows of shape [4], the table holds rows of'
     " shape [2]"),
    ("madlib_keras_predict('one_short', 'iris_test', 'id', 'attributes', 'o')", INVALID,
     "model_table: the model: the weights hold 1 numbers of float32 (4 bytes), but the architecture has 15 weights (60 bytes)"),
    ("madlib_keras_predict_byom('own', 1, 'iris_test', 'id', 'attributes', 'o', class_values := ARRAY['a'])", INVALID,
     "class_values: must have one value for each of the network's 3 outputs, got ['a']"),
    ("madlib_keras_predict_byom('own', 1, 'iris_test', 'id', 'attributes', 'o', normalizing_const := 0)", INVALID,
     "normalizing_const: must be a number above 0 in the range of real, or NULL for 1, got 0.0"),
    ("madlib_keras_predict_byom('own', 1, 'iris_test', 'id', 'attributes', 'o', dependent_count := 2)", NOT_THERE_YET,
     "dependent_count: must be 1: models with several outputs are not supported, got 2"),
    ("gpu_configuration('taken')", EXISTS, 'output_table: table "t_bad.taken" already exists'),
]  # fmt: skip


def created(db: Session) -> list[Any]:
    """Everything that has a name among tables, and the runs that are not over."""
    names = db.fetch(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'v', 'S') ORDER BY 1, 2"
    )
    return [*names, *db.fetch("SELECT run_id FROM madlib.automl_runs WHERE status = 'running'")]


@pytest.fixture(scope="module")
def bad(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with tables that are wrong in many ways beside good ones."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_bad CASCADE; CREATE SCHEMA t_bad")
    quick.run("RESET client_min_messages; SET search_path = t_bad")
    for table in ("train", "train_summary", "lib", "iris_train", "iris_test", "val", "val_summary"):
        quick.run(f"CREATE TABLE {table} AS TABLE t_quick.{table}")
    quick.run("CREATE TABLE lone AS TABLE train")
    quick.run("CREATE TABLE odd AS TABLE train; CREATE TABLE odd_summary AS SELECT 1 AS one")
    quick.run("CREATE TABLE plain AS TABLE iris_train; CREATE TABLE plain_summary AS TABLE train_summary")
    quick.run("CREATE TABLE hollow AS SELECT * FROM train LIMIT 0; CREATE TABLE hollow_summary AS TABLE train_summary")
    quick.run("CREATE TABLE headless AS TABLE train; CREATE TABLE headless_summary AS SELECT * FROM train_summary LIMIT 0")
    quick.run("CREATE TABLE taken (); CREATE TABLE half_info (); CREATE TABLE third_summary ()")
    quick.run("CREATE TABLE no_models AS SELECT * FROM lib LIMIT 0")
    quick.run("CREATE TABLE narrow_data AS SELECT attributes[1:2] AS attributes, class_text FROM iris_train")
    quick.run("SELECT madlib.training_preprocessor_dl('narrow_data', 'narrow', 'class_text', 'attributes')")
    quick.run("CREATE TABLE two_data AS SELECT * FROM iris_train WHERE class_text <> 'Iris-setosa'")
    quick.run("SELECT madlib.training_preprocessor_dl('two_data', 'two_classes', 'class_text', 'attributes')")
    quick.run("SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], ARRAY[%s], ARRAY['epochs=1'])", SGD)
    quick.run("CREATE TABLE lone_mst AS TABLE mst")
    quick.run("CREATE TABLE mst_no_rows AS SELECT * FROM mst LIMIT 0; CREATE TABLE mst_no_rows_summary AS TABLE mst_summary")
    quick.run("CREATE TABLE mst_no_lib AS TABLE mst; CREATE TABLE mst_no_lib_summary AS TABLE mst_summary")
    quick.run("UPDATE mst_no_lib_summary SET model_arch_table = 'nowhere'")
    quick.run("SELECT madlib.madlib_keras_fit('train', 'one', 'lib', 1, %s, 'epochs=1', 1)", SGD)
    quick.run("CREATE TABLE one_alone AS TABLE one")
    quick.run("CREATE TABLE own AS SELECT 1 AS model_id, model_arch, model_weights FROM one")
    quick.run(r"CREATE TABLE own_short AS SELECT 1 AS model_id, model_arch, '\x00000000'::bytea AS model_weights FROM one")
    quick.run("CREATE TABLE one_short AS TABLE own_short; CREATE TABLE one_short_summary AS TABLE one_summary")
    yield quick
    quick.run("SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_bad CASCADE")
    quick.run("RESET client_min_messages")


def failure_of(db: Session, **given: Any) -> tuple[str, str]:
    """SQLSTATE and message of a search into `bad` and `bad_best`, which must leave nothing behind."""
    before = created(db)
    with pytest.raises(psycopg2.Error) as caught:
        search(db, "bad", **given)
    assert created(db) == before
    failure = db.failure(caught.value)
    return failure.sqlstate, failure.message


def identity(value: object) -> str:
    return re.sub(r"\W+", "-", str(value))[:60]


@pytest.mark.parametrize(
    ("argument", "value", "sqlstate", "message"), [*TABLES, *MODELS, *GRIDS, *METHODS, *KERAS], ids=identity
)
def test_an_error_names_argument_rule_and_value(bad: Session, argument: str, value: Any, sqlstate: str, message: str) -> None:
    found = failure_of(bad, **{argument: value})
    assert found[0] == sqlstate
    assert re.fullmatch(f"{argument}: {message}", found[1], re.S), found[1]


@pytest.mark.parametrize(("argument", "value", "sqlstate", "message"), HYPEROPT, ids=identity)
def test_an_error_of_hyperopt(bad: Session, argument: str, value: Any, sqlstate: str, message: str) -> None:
    found = failure_of(bad, **{"automl_method": "hyperopt", "automl_params": None, argument: value})
    assert found[0] == sqlstate
    assert re.fullmatch(f"{argument}: {message}", found[1], re.S), found[1]


@pytest.mark.parametrize(("call", "sqlstate", "message"), OTHERS, ids=identity)
def test_an_error_of_another_function(bad: Session, call: str, sqlstate: str, message: str) -> None:
    before = created(bad)
    failure = bad.error_of(f"SELECT madlib.{call}")
    assert (failure.sqlstate, failure.message) == (sqlstate, message)
    assert created(bad) == before


NETWORKS: list[tuple[int, str]] = [
    (WIDE, "model_id_list: model_id 3: the network takes rows of shape [5], the table holds rows of shape [4]"),
    (
        FOUR_CLASSES,
        "model_id_list: model_id 4: the network's last layer has 4 units, the dependent variable has 3 classes;"
        " give it units=3 and activation softmax",
    ),
    (NOTHING, "model_arch_table: model_arch of model_id 7 must not be NULL"),
]


@pytest.mark.parametrize(("model_id", "message"), NETWORKS)
def test_a_network_that_does_not_fit(bad: Session, model_id: int, message: str) -> None:
    assert failure_of(bad, model_id_list=[SMALL, model_id]) == (INVALID, message)


@pytest.mark.parametrize(("model_id", "word"), [(LAMBDA, "Lambda"), (WEIGHTED, "weights")])
def test_a_network_that_cannot_be_built(bad: Session, model_id: int, word: str) -> None:
    sqlstate, message = failure_of(bad, model_id_list=[SMALL, model_id])
    assert sqlstate == INVALID
    assert message.startswith(f"model_arch_table: model_id {model_id}: ")
    assert word in message


def test_what_keras_refuses_is_found_wherever_the_trials_train(bad: Session) -> None:
    grid = loss("['mse'], 'metrics': ['AUC(curv=1)']")
    message = 'compile_params_grid: metric "AUC" has no argument "curv"; did you mean "curve"?'
    bad.run("SET keras_automl.sessions = 1")
    try:
        assert failure_of(bad, compile_params_grid=grid) == (INVALID, message)
    finally:
        bad.run("SET keras_automl.sessions = 0")
    sql = "SELECT status, error FROM madlib.automl_runs WHERE model_output_table = 't_bad.bad'"
    assert bad.fetch(sql) == [("failed", message)]


def test_several_problems_are_reported_at_once(bad: Session) -> None:
    sqlstate, message = failure_of(
        bad,
        source_table="nowhere",
        model_output_table="taken",
        model_id_list=[1, 1],
        compile_params_grid="{'metrics': 3, 'lost': ['mse']}",
        fit_params_grid="{'batch_size': [0], 'epoch': [1]}",
        automl_params="R=x, eta=0.5",
    )
    first, *lines = message.splitlines()
    assert sqlstate == INVALID
    assert re.fullmatch(r"\d+ problems were found:", first)
    joined = "\n".join(lines)
    for part in (
        "automl_params: \"R\" must be an integer of at least eta, got 'x'",
        "automl_params: \"eta\" must be an integer of at least 2, got '0.5'",
        "model_id_list: must have each model id once; repeated: 1",
        'compile_params_grid: "loss" is required',
        'compile_params_grid: "metrics" must be a list of values, got 3',
        'compile_params_grid: "lost" is not one of ',
        'fit_params_grid: "batch_size" must be an integer of at least 1, got 0',
        'fit_params_grid: "epoch" is not one of ',
        'model_output_table: table "t_bad.taken" already exists',
        'source_table: table "nowhere" does not exist',
    ):
        assert part in joined


def test_problems_of_all_arguments_form_one_list(bad: Session) -> None:
    message = failure_of(bad, source_table="nowhere", automl_params="R=x, eta=0.5")[1]
    assert message.splitlines() == [
        "3 problems were found:",
        "  automl_params: \"R\" must be an integer of at least eta, got 'x'",
        "  automl_params: \"eta\" must be an integer of at least 2, got '0.5'",
        '  source_table: table "nowhere" does not exist',
    ]


def test_the_usual_name_of_a_metric_is_the_one_suggested(bad: Session) -> None:
    assert 'did you mean "accuracy"?' in failure_of(bad, compile_params_grid=loss("['mse'], 'metrics': ['acuracy']"))[1]


def test_several_problems_of_keras_are_reported_at_once(bad: Session) -> None:
    grid = loss("['mse', 'mean_squred_error'], 'metrics': ['acuracy']")
    sqlstate, message = failure_of(bad, compile_params_grid=grid, model_id_list=[SMALL, WIDE])
    assert sqlstate == INVALID
    for part in ("mean_squred_error", "acuracy", "model_id 3"):
        assert part in message


@pytest.mark.parametrize(
    ("missing", "argument"),
    [
        ("train", "source_table"),
        ("train_summary", "source_table"),
        ("val", "validation_table"),
        ("val_summary", "validation_table"),
        ("lib", "model_arch_table"),
    ],
)
def test_a_role_without_rights_on_a_table(bad: Session, database: str, role: str, missing: str, argument: str) -> None:
    bad.run(f"GRANT USAGE, CREATE ON SCHEMA t_bad TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA t_bad TO {role}")
    bad.run(f"REVOKE SELECT ON {missing} FROM {role}")
    other = connect_to(database, user=role)
    other.run("SET search_path = t_bad; SET keras_automl.sessions = 0")
    expected = NO_RIGHT, f'{argument}: role "{role}" has no SELECT privilege on table "t_bad.{missing}"'
    assert failure_of(other, validation_table="val") == expected
    other.close()


def test_a_role_that_may_not_make_tables(bad: Session, database: str, role: str) -> None:
    bad.run(f"GRANT USAGE ON SCHEMA t_bad TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA t_bad TO {role}")
    other = connect_to(database, user=role)
    other.run("SET search_path = t_bad")
    sqlstate, message = failure_of(other)
    assert sqlstate == NO_RIGHT
    assert f'model_output_table: role "{role}" may not create tables in schema "t_bad"' in message
    other.close()


@pytest.mark.parametrize(
    ("setting", "value"), [("sessions", "-1"), ("threads", "0"), ("threads", "many"), ("state_memory_mb", "0")]
)
def test_a_setting_out_of_range(bad: Session, setting: str, value: str) -> None:
    bad.run(f"BEGIN; SET LOCAL keras_automl.{setting} = '{value}'")
    try:
        with pytest.raises(psycopg2.Error) as caught:
            search(bad, "bad")
    finally:
        bad.run("ROLLBACK")
    assert caught.value.pgcode == INVALID
    assert f"setting keras_automl.{setting} must be a whole number from " in str(caught.value)
