"""Compile and fit parameters, and those of a method, as text and as values: what is read and written, what a slip is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl.errors import AutomlError, UsageError
from automl.search.callbacks import Board, Callbacks
from automl.search.grids import parse_dict
from automl.search.literals import Call
from automl.search.pairs import parse_pairs
from automl.search.parameters import (
    CompileParams,
    FitParams,
    parse_compile_params,
    parse_fit_params,
    render_call,
    render_compile_params,
    render_fit_params,
)
from automl.search.plateaus import EarlyStopping, ReduceLROnPlateau

DECAY = Call("ExponentialDecay", (0.1,), (("decay_steps", 100), ("decay_rate", 0.9)))

# --- rendering ----------------------------------------------------------------------------------------------------------


def test_render_compile_params_as_the_page_does() -> None:
    others = [("loss", "categorical_crossentropy"), ("metrics", ["accuracy"])]
    text = render_compile_params("Adam", [("lr", 0.010380168878772663)], others)
    assert text == "optimizer='Adam(lr=0.010380168878772663)',loss='categorical_crossentropy',metrics=['accuracy']"


def test_render_an_optimizer_without_parameters() -> None:
    assert render_compile_params("Adam", [], [("loss", "mse")]) == "optimizer='Adam()',loss='mse'"


def test_render_call_keeps_the_types() -> None:
    params = [("lr", 1), ("momentum", 1.0), ("nesterov", False), ("clipnorm", None), ("name", "x")]
    assert render_call("SGD", params) == "SGD(lr=1,momentum=1.0,nesterov=False,clipnorm=None,name='x')"


def test_render_fit_params() -> None:
    assert render_fit_params([("batch_size", 8), ("epochs", 1), ("shuffle", False)]) == "batch_size=8,epochs=1,shuffle=False"


def test_what_is_rendered_is_read_back_whatever_quotes_it_holds() -> None:
    text = render_compile_params("SGD", [("name", 'it\'s "1", a=b'), ("nesterov", False)], [("loss", "mse")])
    assert parse_compile_params(text) == CompileParams("SGD", {"name": 'it\'s "1", a=b', "nesterov": False}, "mse")


# --- compile_params -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (
            "optimizer='Adam(lr=0.0059)',metrics=['accuracy'],loss='categorical_crossentropy'",
            CompileParams("Adam", {"lr": 0.0059}, "categorical_crossentropy", ("accuracy",)),
        ),
        (
            "loss=categorical_crossentropy, optimizer='SGD(lr=0.01, nesterov=True)', metrics=[accuracy]",
            CompileParams("SGD", {"lr": 0.01, "nesterov": True}, "categorical_crossentropy", ("accuracy",)),
        ),
        ("optimizer='SGD(nesterov=False)',loss='mse'", CompileParams("SGD", {"nesterov": False}, "mse")),
        ("optimizer=SGD(),loss='mse'", CompileParams("SGD", {}, "mse")),
        ("optimizer=SGD(lr=0.1),loss='mse'", CompileParams("SGD", {"lr": 0.1}, "mse")),
        ("optimizer=adam,\n loss=mse,", CompileParams("adam", {}, "mse")),
        ("optimizer='AdamW',loss='mse',metrics=None", CompileParams("AdamW", {}, "mse")),
        ("optimizer='Adam()',loss='mse',metrics=[]", CompileParams("Adam", {}, "mse")),
        (
            "optimizer='Adam(lr=-1e-3)',loss='mse',loss_weights=[0.5],weighted_metrics=['mae'],sample_weight_mode=temporal",
            CompileParams("Adam", {"lr": -0.001}, "mse", (), [0.5], ("mae",), "temporal"),
        ),
        (
            "optimizer='Adam(learning_rate=ExponentialDecay(0.1, decay_steps=100, decay_rate=0.9))',loss='mse'",
            CompileParams("Adam", {"learning_rate": DECAY}, "mse"),
        ),
        (
            "optimizer=\"Adam(lr='ExponentialDecay(0.1, decay_steps=100, decay_rate=0.9)')\",loss='mse'",
            CompileParams("Adam", {"lr": DECAY}, "mse"),
        ),
    ],
)
def test_parse_compile_params(text: str, params: CompileParams) -> None:
    assert parse_compile_params(text) == params


def test_a_schedule_as_json_can_hold_it() -> None:
    keywords = {"decay_steps": 100, "decay_rate": 0.9}
    assert DECAY.as_dict() == {"schedule": "ExponentialDecay", "positional": [0.1], "keywords": keywords}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer='SGD'", 'compile_params: "loss" is required'),
        ("loss='mse'", 'compile_params: "optimizer" is required'),
        ("optimizer='SGD',loss=3", 'compile_params: "loss" must be the name of a loss, got 3'),
        ("optimizer='SGD',loss=a.b", "compile_params: \"loss\" must be a literal or a name, got 'a.b'"),
        (
            "optimizer='SGD',loss='mse',metrics='mae'",
            "compile_params: \"metrics\" must be a list of names of metrics, or None, got 'mae'",
        ),
        (
            "optimizer='SGD',loss='mse',metric=['mae']",
            'compile_params: "metric" is not one of optimizer, loss, metrics, loss_weights, weighted_metrics,'
            ' sample_weight_mode; did you mean "metrics"?',
        ),
        ("optimizer='SGD',loss='mse',loss='mae'", 'compile_params: "loss" must be given once'),
        (
            "optimizer='SGD(lr=0.1',loss='mse'",
            "compile_params: \"optimizer\" must be an optimizer with its parameters, such as 'SGD(lr=0.01)', got 'SGD(lr=0.1'",
        ),
        (
            "optimizer='SGD(0.1)',loss='mse'",
            "compile_params: \"optimizer\" must have its parameters by name: SGD(lr=0.01), got 'SGD(0.1)'",
        ),
        (
            "optimizer='SGD(lr=None)',loss='mse'",
            "compile_params: \"lr\" must be a number or a schedule such as 'ExponentialDecay(0.1, 100, 0.9)', got NULL",
        ),
        (
            "optimizer='SGD(momentum=[0.9])',loss='mse'",
            'compile_params: "momentum" must be a number, True, False, None or text, got [0.9]',
        ),
        (
            "optimizer='SGD(momentum=1e999)',loss='mse'",
            'compile_params: "momentum" must be a number, True, False, None or text, got inf',
        ),
        ("'SGD'", "compile_params: must be key=value pairs separated by commas, got \"'SGD'\""),
        ("loss='mse') + (1", "compile_params: must be key=value pairs separated by commas, got \"loss='mse') + (1\""),
        ("loss='mse')(a=1", "compile_params: must be key=value pairs separated by commas, got \"loss='mse')(a=1\""),
        ("**{'loss': 1}", "compile_params: must be key=value pairs separated by commas, got \"**{'loss': 1}\""),
    ],
)
def test_compile_params_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(AutomlError) as error:
        parse_compile_params(text)
    assert (error.value.message, error.value.sqlstate) == (message, "22023")


def test_nothing_is_evaluated(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    hostile = f"__import__('pathlib').Path({str(touched)!r}).touch()"
    for text in (f"optimizer=SGD(lr={hostile}),loss=mse", f"optimizer=SGD,loss={hostile}"):
        with pytest.raises(AutomlError):
            parse_compile_params(text)
    with pytest.raises(AutomlError):
        parse_dict("grid", "{'a': [" + hostile + "]}")
    assert not touched.exists()


# --- fit_params ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("batch_size=8,epochs=1", FitParams(8, 1)),
        ("epochs=3", FitParams(32, 3, True)),
        (
            "batch_size=4, epochs=5, shuffle=False, class_weight={0: 1, 1: 2.5},\n"
            "steps_per_epoch=10, initial_epoch=2, verbose=1",
            FitParams(4, 5, False, {0: 1, 1: 2.5}, 10, 2, 1),
        ),
        ("class_weight='balanced'", FitParams(class_weight="balanced")),
        ("class_weight={'a': 2, None: 0, True: 1, -1.5: 3}", FitParams(class_weight={"a": 2, None: 0, True: 1, -1.5: 3})),
        ("batch_size=1, class_weight=None, steps_per_epoch=None, verbose='auto'", FitParams(1)),
    ],
)
def test_parse_fit_params(text: str, params: FitParams) -> None:
    assert parse_fit_params(text) == params


def test_passes_are_the_epochs_from_the_initial_one() -> None:
    assert parse_fit_params("epochs=5, initial_epoch=2").passes == 3


@pytest.mark.parametrize(
    ("text", "message", "sqlstate"),
    [
        (None, "fit_params: must be key=value pairs separated by commas, got NULL", "22004"),
        ("", "fit_params: must be key=value pairs separated by commas, got ''", "22004"),
        ("batch_size=0", 'fit_params: "batch_size" must be an integer of at least 1, got 0', "22023"),
        ("batch_size=23.7", 'fit_params: "batch_size" must be an integer of at least 1, got 23.7', "22023"),
        ("batch_size=True", 'fit_params: "batch_size" must be an integer of at least 1, got True', "22023"),
        ("epochs='2'", "fit_params: \"epochs\" must be an integer of at least 1, got '2'", "22023"),
        ("shuffle=1", 'fit_params: "shuffle" must be True or False, got 1', "22023"),
        ("steps_per_epoch=0", 'fit_params: "steps_per_epoch" must be an integer of at least 1, or None, got 0', "22023"),
        ("initial_epoch=1", 'fit_params: "initial_epoch" must be less than "epochs", 1, got 1', "22023"),
        *(
            (
                f"class_weight={given}",
                "fit_params: \"class_weight\" must be 'balanced', a dict from classes or their numbers to weights of at least"
                f" 0, or None, got {given}",
                "22023",
            )
            for given in ("'balance'", "{(0, 1): 1}", "{0: -1}", "{0: 'a'}", "[1, 2]")
        ),
        ("verbose=3", "fit_params: \"verbose\" must be 0, 1, 2 or 'auto', got 3", "22023"),
        (
            "batchsize=8",
            'fit_params: "batchsize" is not one of batch_size, epochs, verbose, shuffle, class_weight, initial_epoch,'
            ' steps_per_epoch, callbacks; did you mean "batch_size"?',
            "22023",
        ),
    ],
)
def test_fit_params_that_break_a_rule(text: str | None, message: str, sqlstate: str) -> None:
    with pytest.raises(AutomlError) as error:
        parse_fit_params(text)
    assert (error.value.message, error.value.sqlstate) == (message, sqlstate)


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ('[TensorBoard(log_dir="/tmp/logs/fit")]', Board("/tmp/logs/fit")),
        ("""'[TensorBoard(log_dir="/tmp/logs/fit")]'""", Board("/tmp/logs/fit")),
        ("[TensorBoard()]", Board("logs")),
        ("['TensorBoard()']", Board("logs")),
        ('[TensorBoard("fit", 2, write_graph=False, write_images=True)]', Board("fit", 2, False, True)),
        ('[TensorBoard("fit", histogram_freq=2, write_graph=False, write_images=True)]', Board("fit", 2, False, True)),
        ("[TensorBoard(update_freq='epoch', profile_batch=0, embeddings_freq=0, write_steps_per_second=False)]", Board()),
        ("None", ...),
        ("[]", ...),
        ("'[]'", ...),
        ("'None'", ...),
        ("[EarlyStopping(patience=3), TensorBoard('fit')]", Board("fit")),
        ("[ModelCheckpoint('x')]", None),
        ("[EarlyStopping(patience=3), EarlyStopping()]", None),
        ("[EarlyStopping(patience=-1)]", None),
        ("[EarlyStopping(monitor='val loss')]", None),
        ("[EarlyStopping(mode='most')]", None),
        ("[ReduceLROnPlateau(factor=1.0)]", None),
        ("[ReduceLROnPlateau(min_lr=-1)]", None),
        ("[ReduceLROnPlateau(rate=2)]", None),
        ("[TerminateOnNaN(raise_error=True)]", None),
        ("[TensorBoard(), TensorBoard()]", None),
        ("[TensorBoard(log_dir='..')]", None),
        ("[TensorBoard(log_dir='/tmp/../etc')]", None),
        ("[TensorBoard(log_dir='')]", None),
        ("[TensorBoard(log_dir='a\\x00b')]", None),
        ("[TensorBoard(log_dir='a\\nb')]", None),
        ("[TensorBoard(log_dir=3)]", None),
        ("[TensorBoard('a', log_dir='b')]", None),
        ("[TensorBoard(histogram_freq=-1)]", None),
        ("[TensorBoard(histogram_freq=True)]", None),
        ("[TensorBoard(write_graph=1)]", None),
        ("[TensorBoard(update_freq='batch')]", None),
        ("[TensorBoard(profile_batch=2)]", None),
        ("[TensorBoard(embeddings_freq=1)]", None),
        ("[TensorBoard(patience=3)]", None),
        ("TensorBoard()", None),
        ("'[TensorBoard('", None),
        ("'__import__(\"os\")'", None),
        ("5", None),
    ],
)
def test_callbacks(callbacks: str, expected: object) -> None:
    if expected is not None:
        params = parse_fit_params(f"batch_size=4,callbacks={callbacks}")
        assert (params.batch_size, params.board) == (4, None if expected is ... else expected)
        return
    with pytest.raises(UsageError, match="no other callback is supported, got ") as error:
        parse_fit_params(f"batch_size=4,callbacks={callbacks}")
    assert error.value.sqlstate == "0A000"


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ("None", Callbacks()),
        ("[TerminateOnNaN()]", Callbacks()),
        ("[keras.callbacks.EarlyStopping('loss', 0.01, 3)]", Callbacks(stopping=EarlyStopping("loss", 0.01, 3))),
        (
            "'[EarlyStopping(monitor=\"val_auc\", mode=\"max\", restore_best_weights=True, verbose=1, start_from_epoch=2)]'",
            Callbacks(stopping=EarlyStopping("val_auc", mode="max", restore_best_weights=True, start_from_epoch=2)),
        ),
        (
            "[ReduceLROnPlateau(factor=0.5, patience=2, min_lr=1e-5), EarlyStopping(baseline=0.7)]",
            Callbacks(stopping=EarlyStopping(baseline=0.7), plateau=ReduceLROnPlateau(factor=0.5, patience=2, min_lr=1e-5)),
        ),
        ("[ReduceLROnPlateau('loss', 0.2, 5, 0, 'min', 0.001, 2, 0.01)]",
         Callbacks(plateau=ReduceLROnPlateau("loss", 0.2, 5, "min", 0.001, 2, 0.01))),
    ],
)  # fmt: skip
def test_callbacks_are_read_as_keras_takes_them(callbacks: str, expected: Callbacks) -> None:
    assert parse_fit_params(f"batch_size=4,callbacks={callbacks}").called_back == expected


# --- pairs --------------------------------------------------------------------------------------------------------------


def test_parse_pairs_spells_keys_as_they_are_known() -> None:
    assert parse_pairs("automl_params", "NUM_configs = 20,algorithm=tpe", ["num_configs", "algorithm"]) == {
        "num_configs": "20",
        "algorithm": "tpe",
    }


def test_what_stands_in_brackets_or_quotes_belongs_to_a_value() -> None:
    text = "objective=AUC(curve='PR', num_thresholds=50), stop='a, b=c', R=9"
    assert parse_pairs("automl_params", text, ["objective", "stop", "R"]) == {
        "objective": "AUC(curve='PR', num_thresholds=50)",
        "stop": "'a, b=c'",
        "R": "9",
    }
