"""What TensorBoard is told: read by its own loader, compared with what Keras' `fit` writes, and the same weights with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

from fix_training import (  # noqa: E402
    FIT,
    PLAIN,
    Server,
    Trial,
    buffer,
    compile_with,
    dense,
    evaluate,
    rows,
    train,
    weights_into,
)
from keras_seg.protocol.messages import MessageError  # noqa: E402
from keras_seg.protocol.orders import CompileOrder, FitOrder, Stop, TensorBoardOrder, VisitOrder  # noqa: E402
from keras_seg.training.objectives import names_of  # noqa: E402
from keras_seg.training.tensorboard import Board, BoardProblem  # noqa: E402

ADAM = compile_with("Adam", {"lr": 0.01}, metrics=("accuracy", "AUC"))
GIVEN = TensorBoardOrder("fit", run=5, trial=1)
OWN = ("fit", "a%2Fb", "run_5", "mst_key_1")


class Configured(Server):
    """A server on which a directory is configured, and whose session has the rights of role a/b."""

    directory: str | None = None

    def execute(self, sql: str) -> Any:
        if "automl_tensorboard_setting" in sql:
            return [] if self.directory is None else [{"directory": self.directory}]
        if "current_user" in sql:
            return [{"role": "a/b"}]
        return super().execute(sql)


class Watched(Trial):
    """A trial whose orders have the callback, unless `given` is None."""

    def __init__(self, tables: Any, directory: Path, given: TensorBoardOrder | None, architecture: str = PLAIN) -> None:
        super().__init__(architecture, tables)
        self.server: Configured = Configured(tables)
        self.server.directory = str(directory)
        self.given = given
        self.sums: Mapping[str, Any] = {}

    def go(self, *stops: Stop, fit: FitOrder = FIT, compiled: CompileOrder = ADAM) -> None:
        self.order(VisitOrder("m", compiled, fit, (7, 1), stops, self.sums, tensorboard=self.given))
        assert self.report.error is None
        self.sums = self.report.sums


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's loader reads of the scalars in a folder: (step, value) by tag."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
        if tag.startswith("epoch_")
    }


def tags(folder: Path) -> dict[str, list[int]]:
    """The steps by tag of what else is there."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    found = accumulator.Tags()["tensors"]
    return {tag: [event.step for event in accumulator.Tensors(tag)] for tag in found if not tag.startswith("epoch_")}


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """Two partitions to train on, of one buffer each, and one to validate on."""
    x, y = rows(1, 53)
    return {
        "training": [[buffer(x[:29], y[:29])], [buffer(x[29:], y[29:])]],
        "validation": [[buffer(*rows(2, 21))]],
        "one": [[buffer(x, y)]],
    }


def test_epochs_are_passes_over_all_partitions(tables: Any, tmp_path: Path) -> None:
    trial = Watched(tables, tmp_path, GIVEN)
    for iteration in (1, 2):
        trial.go(train(0, iteration, False), fit=replace(FIT, epochs=2))
        assert {name: sums[0] for name, sums in trial.sums.items()} == {"epoch 0": 29.0, "epoch 1": 29.0}
        trial.go(train(1, iteration, True), *evaluate("validation", 1, iteration), fit=replace(FIT, epochs=2))
        assert trial.sums == {}
    there = scalars(tmp_path.joinpath(*OWN, "train"))
    assert set(there) == {"epoch_loss", "epoch_accuracy", "epoch_auc", "epoch_learning_rate"}
    assert [step for step, _ in there["epoch_loss"]] == [0, 1, 2, 3]
    assert [step for step, _ in there["epoch_learning_rate"]] == [1, 3]
    assert there["epoch_learning_rate"][0][1] == pytest.approx(0.01)
    assert there["epoch_loss"][0][1] > there["epoch_loss"][3][1]
    validation = scalars(tmp_path.joinpath(*OWN, "validation"))
    assert validation["epoch_loss"][-1] == pytest.approx((3, trial.report.scores["validation"].loss), rel=1e-6)
    assert [step for step, _ in validation["epoch_accuracy"]] == [1, 3]
    assert tags(tmp_path.joinpath(*OWN, "train")) == {"keras": [0]}  # the graph


def test_the_values_are_those_that_keras_writes(tables: Any, tmp_path: Path) -> None:
    """One partition of one buffer in its order: what `fit` does on the same rows, from the same weights."""
    trial = Watched({**tables, "training": tables["one"]}, tmp_path / "ours", replace(GIVEN, histogram_freq=2))
    (tmp_path / "ours").mkdir()
    begun = Trial(PLAIN, {"training": tables["one"]})
    begun.visit([train()], compile_with("SGD", {"lr": 0.0}, metrics=()))
    model = keras.models.model_from_json(PLAIN)
    weights_into(model, begun.state or b"")
    for iteration in (1, 2, 3):
        trial.go(train(0, iteration, True), *evaluate("validation", 1, iteration))
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=metrics, jit_compile=False)
    x, y = rows(1, 53)
    callback = keras.callbacks.TensorBoard(str(tmp_path / "keras"), histogram_freq=2)
    validation = rows(2, 21)
    model.fit(x, y, 8, 3, 0, [callback], shuffle=False, validation_data=validation)
    for kind in ("train", "validation"):
        ours, theirs = scalars(tmp_path.joinpath("ours", *OWN, kind)), scalars(tmp_path / "keras" / kind)
        assert set(ours) == set(theirs)
        for tag in theirs:
            assert [step for step, _ in ours[tag]] == [0, 1, 2]
            assert [value for _, value in ours[tag]] == pytest.approx([value for _, value in theirs[tag]], abs=1e-5), tag
    for folder in (tmp_path.joinpath("ours", *OWN, "train"), tmp_path / "keras" / "train"):
        there = tags(folder)
        assert there.pop("keras") == [0]
        assert [tag.rsplit("/", 2)[1:] for tag in there] == [["kernel", "histogram"], ["bias", "histogram"]] * 2
        assert list(there.values()) == [[0, 2]] * 4


@pytest.mark.parametrize("optimizer", ["Adam", "Lamb"])  # one flat vector, and a variable a weight
def test_the_weights_are_the_same_bits_with_the_callback(tables: Any, tmp_path: Path, optimizer: str) -> None:
    layers = dense(keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.3))
    compiled = compile_with(optimizer, {"lr": 0.01})
    states = []
    for given in (replace(GIVEN, histogram_freq=1, write_images=True), None):
        trial = Watched(tables, tmp_path, given, layers)
        for iteration in (1, 2, 3):
            for partition in (0, 1):
                trial.go(train(partition, iteration, partition == 1), fit=replace(FIT, shuffle=True), compiled=compiled)
        states.append(trial.state)
    assert states[0] == states[1]


def test_a_visit_that_is_repeated_writes_the_same_file(tables: Any, tmp_path: Path) -> None:
    trial = Watched(tables, tmp_path, GIVEN)
    folder = tmp_path.joinpath(*OWN, "train")
    trial.go(train(0, 1, False))
    state, sums = trial.state, trial.sums
    for _ in range(2):
        trial.state, trial.sums = state, sums
        trial.go(train(1, 1, True))
    assert os.listdir(folder) == ["events.out.tfevents.0000000001.v2"]
    assert len(scalars(folder)["epoch_loss"]) == 1
    assert tags(folder) == {"keras": [0]}
    trial.go(train(0, 2, False))
    trial.go(train(1, 2, True))
    assert len(scalars(folder)["epoch_loss"]) == 2
    assert tags(folder) == {"keras": [0]}


def test_images_of_the_weights(tables: Any, tmp_path: Path) -> None:
    given = replace(GIVEN, histogram_freq=1, write_images=True, write_graph=False)
    trial = Watched(tables, tmp_path, given)
    trial.go(train(0, 1, False))
    trial.go(train(1, 1, True))
    found = tags(tmp_path.joinpath(*OWN, "train"))
    assert len([tag for tag in found if tag.endswith("/image")]) == 4
    assert "keras" not in found


def test_files_that_cannot_be_written_are_a_warning(tables: Any, tmp_path: Path) -> None:
    trial = Watched(tables, tmp_path, GIVEN)
    (tmp_path / "fit").symlink_to("/tmp")
    trial.go(train(0, 1, False))
    assert trial.report.warning is None
    trial.go(train(1, 1, True))
    assert (trial.report.warning or "").startswith("TensorBoard's files are not written: ")
    assert trial.report.rows == 24
    trial.server.directory = None
    trial.go(train(0, 2, True))
    assert "no directory is configured for TensorBoard" in (trial.report.warning or "")


# --- where it may be written --------------------------------------------------------------------------------------------


def board_of(directory: str | None, **given: Any) -> Board:
    server = Configured({})
    server.directory = directory
    return Board.of(server, replace(GIVEN, **given))


def test_a_folder_for_each_trial_of_each_role(tmp_path: Path) -> None:
    assert board_of(str(tmp_path)).parts == OWN
    assert board_of(str(tmp_path), log_dir=f"{tmp_path}/x").parts == ("x", *OWN[1:])
    assert board_of(str(tmp_path), log_dir="/etc").parts == ("etc", *OWN[1:])


def test_a_board_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(BoardProblem, match=r"a superuser configures one: SELECT madlib\.automl_tensorboard\("):
        board_of(None)
    with pytest.raises(BoardProblem, match=r"the server.s OS user cannot write to the directory configured for .*, /no"):
        board_of("/nowhere")
    with pytest.raises(BoardProblem, match=r"log_dir: a path must have names of .*, and not '\.\.', got '\.\.'"):
        board_of(str(tmp_path), log_dir="a/../../b")


@pytest.mark.parametrize("forged", ["../../x", "1/../../x", None, [1]])
def test_a_run_is_a_number(forged: Any) -> None:
    order = VisitOrder("m", ADAM, FIT, (7, 1), (), tensorboard=replace(GIVEN, run=forged))
    with pytest.raises(MessageError, match=r"VisitOrder\.tensorboard\.run must be a whole number, got "):
        VisitOrder.from_json(order.to_json())


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["accuracy"], ["accuracy"]),
        (["categorical_accuracy", "acc"], ["categorical_accuracy", "acc"]),
        (["AUC", "AUC(num_thresholds=50)", "AUC(curve='PR')"], ["auc", "auc_1", "auc_2"]),
        (["TopKCategoricalAccuracy(k=2)"], ["top_k_categorical_accuracy"]),
        (["F1Score", "R2Score"], ["f1_score", "r2_score"]),
        (["MeanIoU(num_classes=3)"], ["mean_io_u"]),
        ([], []),
    ],
)
def test_metrics_are_called_what_keras_calls_them(metrics: list[str], expected: list[str]) -> None:
    assert names_of(metrics) == expected
