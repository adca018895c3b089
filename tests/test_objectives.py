"""Every loss and metric of Keras that fits the rows, by name or alias: the value of Keras' `evaluate` on the whole table."""

from __future__ import annotations

import inspect
import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from keras_seg.protocol.variables import Variable  # noqa: E402
from keras_seg.training.buffers import Buffer  # noqa: E402
from keras_seg.training.evaluator import Evaluator  # noqa: E402
from keras_seg.training.network import Network  # noqa: E402
from keras_seg.training.objectives import make_loss, make_metric, named, names_of, wants_class_numbers  # noqa: E402
from keras_seg.training.parameters import Compile  # noqa: E402
from keras_seg.training.problems import CompileProblem  # noqa: E402
from keras_seg.training.row_shape import RowShape  # noqa: E402
from keras_seg.training.trainer import Trainer  # noqa: E402

ROWS, CUTS = 1301, (0, 700, 703, 1300, 1301)
CLASSES = RowShape(Variable("y", (3,), "int16", one_hot=True), (3,))
NUMBER = RowShape(Variable("y", (1,), "float32"), (1,))
NUMBERED = RowShape(Variable("y", (1,), "int16"), (3,))
TWO = RowShape(Variable("y", (2,), "int16", one_hot=True), (1,))  # classes, and one output for them
# Reduced over a batch and not over a row: their value depends on how rows fall into batches, in Keras too.
OF_BATCHES = {"dice", "tversky", "circle"}
NO_LOSSES = {"get", "serialize", "deserialize", "Loss", "CTC", "ctc"}
NO_METRICS = {"get", "serialize", "deserialize", "Metric", "MeanMetricWrapper", "Mean", "Sum"}
ARGUMENTS = {
    "IoU": "target_class_ids=[0, 2]",
    "OneHotIoU": "target_class_ids=[1]",
    "PrecisionAtRecall": "recall=0.6",
    "RecallAtPrecision": "precision=0.4",
    "SensitivityAtSpecificity": "specificity=0.5",
    "SpecificityAtSensitivity": "sensitivity=0.5",
}


def names_in(module: Any, without: set[str]) -> list[str]:
    return sorted(name for name, value in vars(module).items() if callable(value) and name[0] != "_" and name not in without)


LOSSES = names_in(keras.losses, NO_LOSSES)
METRICS = [f"{name}({ARGUMENTS[name]})" if name in ARGUMENTS else name for name in names_in(keras.metrics, NO_METRICS)]
ALIASES = ["mse", "MAE", "mape", "MSLE", "bce", "kld"]


def architecture(units: int, activation: str) -> str:
    config = {"units": units, "activation": activation, "batch_input_shape": [None, 4]}
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": config}]})


NETWORKS = {
    CLASSES: Network(architecture(3, "softmax"), None),
    NUMBERED: Network(architecture(3, "softmax"), None),
    NUMBER: Network(architecture(1, "linear"), None),
    TWO: Network(architecture(1, "sigmoid"), None),
}


def rows(shape: RowShape) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    classes = random.integers(0, 3, ROWS)
    if shape == TWO:
        return x, np.eye(2, dtype=np.float32)[np.minimum(classes, 1)]
    if shape == NUMBER:
        return x, (x @ np.array([[1.0], [0.5], [-0.3], [0.0]]) + 0.2 * random.normal(size=(ROWS, 1))).astype(np.float32)
    return x, classes.astype(np.float32)[:, None] if shape == NUMBERED else np.eye(3, dtype=np.float32)[classes]


@cache
def trained(shape: RowShape) -> tuple[Any, keras.Model]:
    """Return weights for the network of a shape, as evaluators take them, and the same network in Keras."""
    network, compiled = NETWORKS[shape], Compile("SGD", {}, "mse", ())
    frozen = network.frozen(Trainer(network, compiled, shape.packed, False).initial(compiled, 1))
    activation = {NUMBER: "linear", TWO: "sigmoid"}.get(shape, "softmax")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(shape.units, activation=activation)])
    model.set_weights([tensor.numpy() for tensor in network.unflatten(frozen[0])])
    return frozen, model


def found(shape: RowShape, loss: str, metrics: list[str]) -> list[float]:
    """Return loss and metrics as ours are merged from uneven partitions."""
    x, y = rows(shape)
    evaluator = Evaluator(NETWORKS[shape], Compile("SGD", {}, loss, tuple(metrics)), shape.packed)
    sums = evaluator.zeros()
    for start, stop in pairwise(CUTS):
        part = Buffer(tf.constant(x[start:stop]), tf.constant(y[start:stop]))
        added = evaluator.add(evaluator.zeros(), trained(shape)[0], part, lambda: None)
        sums = [a + b for a, b in zip(sums, added, strict=True)]
    value, values = evaluator.results(sums)
    return [value, *values]


def of_all_rows(shape: RowShape, loss: str) -> float:
    """Return a loss of ours for the whole table at once."""
    x, y = rows(shape)
    return float(make_loss(loss, shape)(shape.given(tf.constant(y)), trained(shape)[1](x)))


def in_keras(text: str, shape: RowShape, module: Any) -> Any:
    """Return Keras' own object, made as a user of Keras makes it for class numbers or one-hot rows."""
    given = named("metric", text)
    name = "CategoricalGeneralizedCrossEntropy" if given.name.endswith("generalized_cross_entropy") else given.name
    each = getattr(module, name, None) or module.get(name)
    if not isinstance(each, type) or name == "Accuracy":
        return name if name == "Accuracy" else each
    arguments = dict(given.arguments)
    if "IoU" in name and name != "BinaryIoU":
        arguments["num_classes"] = 3
    if name in ("IoU", "MeanIoU"):
        arguments |= {"sparse_y_true": shape.numbered, "sparse_y_pred": False}
    if name in ("F1Score", "FBetaScore") and shape == TWO:
        arguments.setdefault("threshold", 0.5)
    return each(**arguments)


def labels_in_keras(shape: RowShape, text: str) -> np.ndarray:
    """Return the labels of the table as a loss or metric of Keras takes them."""
    y = rows(shape)[1]
    if shape == TWO:
        y = y[:, 1:]  # the column that a user of Keras has
    if wants_class_numbers(text) or text.lower().startswith("sparse"):
        y = y if shape.numbered else y.argmax(-1)[:, None]
    return y


def expected_loss(shape: RowShape, text: str) -> float:
    """Return what Keras' own loss says of the whole table."""
    y_pred = trained(shape)[1](rows(shape)[0])
    y_true = labels_in_keras(shape, text)
    y_true = y_true[:, 0] if shape.units > 1 and y_true.shape[1] == 1 else y_true  # which losses of class numbers want so
    return float(np.mean(in_keras(text, shape, keras.losses)(y_true, y_pred)))


def expected_metrics(shape: RowShape, texts: list[str]) -> dict[str, float]:
    """Return what Keras' `evaluate` says of the whole table, of all metrics that want the same labels at once."""
    found: dict[str, Any] = {}
    labels = {text: labels_in_keras(shape, text) for text in texts}
    model = trained(shape)[1]
    for width in {y.shape[1] for y in labels.values()}:
        of_width = [text for text in texts if labels[text].shape[1] == width]
        made = [named_as(text, in_keras(text, shape, keras.metrics)) for text in of_width]
        model.compile(loss="mse", metrics=made, run_eagerly=True)
        found |= model.evaluate(rows(shape)[0], labels[of_width[0]], batch_size=500, verbose=0, return_dict=True)
    return {text: float(np.mean(found[text])) for text in texts}


def named_as(text: str, made: Any) -> Any:
    """Return a metric of Keras by whose name its value is found; "Accuracy" has it already."""
    if inspect.isfunction(made):
        return keras.metrics.MeanMetricWrapper(made, name=text)
    if not isinstance(made, str):
        made.name = text
    return made


def fits(make: Any, text: str, shape: RowShape) -> bool:
    try:
        make(text, shape)
    except CompileProblem:
        return False
    return True


@pytest.mark.parametrize("shape", [CLASSES, NUMBERED, NUMBER, TWO], ids=["one-hot", "class numbers", "number", "two classes"])
def test_every_loss_that_fits_equals_keras(shape: RowShape) -> None:
    names = [name for name in LOSSES + ALIASES if fits(make_loss, name, shape) and name.lower() not in OF_BATCHES]
    assert len(names) > (20 if shape == CLASSES else 2)
    for name in names:
        if shape == NUMBERED and not wants_class_numbers(name):
            continue  # refused with the network: three outputs and one number a row
        # A function is wrapped into what a class is, so it need not be compiled to see that it is the right one.
        value = found(shape, name, [])[0] if name[0].isupper() else of_all_rows(shape, name)
        assert value == pytest.approx(expected_loss(shape, name), abs=1e-5, rel=1e-5, nan_ok=True), name


@pytest.mark.parametrize("shape", [CLASSES, NUMBERED, NUMBER, TWO], ids=["one-hot", "class numbers", "number", "two classes"])
def test_every_metric_that_fits_equals_keras(shape: RowShape) -> None:
    names = [name for name in METRICS + ALIASES if fits(make_metric, name, shape)]
    if shape == NUMBERED:
        names = [name for name in names if "parse" in name or name == "MeanIoU" or name.startswith("IoU")]
    values = found(shape, "sparse_categorical_crossentropy" if shape == NUMBERED else "mse", names)[1:]
    expected = pytest.approx(expected_metrics(shape, names), abs=1e-5, rel=1e-5, nan_ok=True)
    assert dict(zip(names, values, strict=True)) == expected
    assert len(names) > (45 if shape == CLASSES else 5)


def test_losses_of_batches_are_those_of_keras_for_one_batch() -> None:
    random = np.random.default_rng(1)
    y_true = np.eye(3, dtype=np.float32)[random.integers(0, 3, 64)]
    y_pred = keras.ops.softmax(random.normal(size=(64, 3)).astype(np.float32))
    for name in ("Dice", "Tversky"):
        assert float(make_loss(name, CLASSES)(y_true, y_pred)) == float(getattr(keras.losses, name)()(y_true, y_pred))
    circle = float(keras.losses.Circle()(y_true.argmax(-1), y_pred))
    assert float(make_loss("Circle", CLASSES)(y_true, y_pred)) == pytest.approx(circle)


def test_arguments_reach_keras() -> None:
    assert make_metric("AUC(num_thresholds=50, curve='PR')", CLASSES).num_thresholds == 50
    y_true, y_pred = np.array([[0.0], [4.0]], np.float32), np.zeros((2, 1), np.float32)
    loss = float(make_loss("Huber(delta=2.0)", NUMBER)(y_true, y_pred))
    assert loss == float(keras.losses.Huber(delta=2.0)(y_true, y_pred)) == 3.0


def test_the_name_of_a_metric_is_one_for_tensorboard_and_changes_nothing() -> None:
    values = found(CLASSES, "Huber(name='mine')", ["AUC", "AUC(name='auc')"])
    assert values[1] == values[2]
    assert names_of(["AUC(name='area')", "AUC", "Precision(name='area', top_k=1)"]) == ["area", "auc", "area_1"]


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (NUMBER, "binary_accuracy"),
        (TWO, "binary_accuracy"),
        (CLASSES, "categorical_accuracy"),
        (NUMBERED, "sparse_categorical_accuracy"),
    ],
)
@pytest.mark.parametrize("alias", ["accuracy", "acc", "Accuracy"])
def test_accuracy_is_the_one_that_fits(shape: RowShape, name: str, alias: str) -> None:
    values = found(shape, "mse" if shape.units == 1 else "sparse_categorical_crossentropy", [alias, name])
    assert values[1] == values[2]


@pytest.mark.parametrize(
    ("make", "text", "problem"),
    [
        (make_loss, "no_such", 'loss "no_such" is not one of Keras'),
        (make_loss, "categorical_crossentropi", 'is not one of Keras; did you mean "categorical_crossentropy"?'),
        (make_loss, "ctc", 'loss "ctc" compares sequences'),
        (make_loss, "mse(delta=2)", 'loss "mse" takes no arguments; its class in Keras may'),
        (make_loss, "Huber(delt=2)", 'loss "Huber" has no argument "delt"; did you mean "delta"?'),
        (make_loss, "Huber(2)", "must be a name, or a class with arguments by name such as Huber(delta=2.0)"),
        (make_loss, "__import__('os').getcwd()", "must be a name, or a class with arguments by name"),
        (make_metric, "Mean", 'metric "Mean" averages values, not predictions'),
        (make_metric, "MeanMetricWrapper(fn='x')", 'metric "MeanMetricWrapper" is the class of metrics that are functions'),
        (make_metric, "AUC(dtype='float16')", 'metric "AUC": "dtype" is not for a trial to choose, leave it out'),
        (make_loss, "Huber(reduction='sum')", 'loss "Huber": "reduction" is not for a trial to choose, leave it out'),
        (make_metric, "AUC(num_thresholds=100000)", '"num_thresholds" must be at most 10000, got 100000'),
        (make_metric, "AUC(curve='X')", 'metric "AUC": '),
        (make_metric, "PrecisionAtRecall", 'metric "PrecisionAtRecall" needs "recall": write PrecisionAtRecall(recall=...)'),
    ],
)
def test_what_is_refused_and_why(make: Any, text: str, problem: str) -> None:
    with pytest.raises(CompileProblem) as caught:
        make(text, CLASSES)
    assert problem in str(caught.value)


Y_TWO = np.array([[1.0], [1.0], [1.0], [0.0], [0.0]], np.float32)
P_TWO = np.array([[0.9], [0.6], [0.2], [0.7], [0.1]], np.float32)  # 2 rightly positive, 1 wrongly, 1 missed, 1 rightly negative
Y_THREE = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
P_THREE = np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]


@pytest.mark.parametrize(
    ("shape", "text", "value"),
    [
        (TWO, "BinaryIoU", (1 / 3 + 2 / 4) / 2),
        (TWO, "BinaryIoU(target_class_ids=[1])", 2 / 4),
        (TWO, "F1Score(threshold=0.5)", 2 / 3),
        (TWO, "FBetaScore(beta=2.0, threshold=0.65)", 5 / 14),  # precision 1/2, recall 1/3
        (CLASSES, "MeanIoU", (1 / 2 + 1 / 2 + 1) / 3),
        (CLASSES, "IoU(target_class_ids=[0, 2])", (1 / 2 + 1) / 2),
        (NUMBERED, "MeanIoU", (1 / 2 + 1 / 2 + 1) / 3),
    ],
)
def test_overlaps_and_scores_are_those_by_hand(shape: RowShape, text: str, value: float) -> None:
    y, outputs = (Y_TWO, P_TWO) if shape == TWO else (Y_THREE, P_THREE)
    metric = make_metric(text, shape)
    metric.update_state(y.argmax(-1)[:, None] if shape == NUMBERED else y, outputs)
    assert np.mean(metric.result()) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("text", ["MeanIoU", "MeanIoU(num_classes=2)", "IoU(target_class_ids=[1])", "OneHotMeanIoU"])
@pytest.mark.parametrize("shape", [TWO, NUMBER], ids=["two classes", "number"])
def test_overlaps_of_one_output_are_refused(shape: RowShape, text: str) -> None:
    with pytest.raises(CompileProblem, match=r'a single output; for two classes "BinaryIoU" does'):
        make_metric(text, shape)


@pytest.mark.parametrize("text", ["F1Score", "FBetaScore(beta=2.0)"])
def test_scores_of_one_output_want_a_threshold_unless_it_stands_for_two_classes(text: str) -> None:
    with pytest.raises(
        CompileProblem, match=r'without a threshold takes every row .*; give it one, as in "\w+\(threshold=0.5\)"'
    ):
        make_metric(text, NUMBER)
    assert make_metric(text, CLASSES).threshold is None
    assert make_metric(text, TWO).threshold == 0.5


def test_what_does_not_fit_the_rows_says_so_at_once() -> None:
    with pytest.raises(CompileProblem, match=r'metric "AUC" does not fit labels of length 1 and outputs of shape \[3\]'):
        make_metric("AUC", NUMBERED)


# --- one class of two ---------------------------------------------------------------------------------------------------

# Ten rows of which three are positive; the network finds two of these, and takes two others for positive.
RARE = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
SURE = np.array([0.9, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2, 0.2, 0.1, 0.1], np.float32)
TWO_OUTPUTS = RowShape(Variable("y", (2,), "int16", one_hot=True), (2,))
TWO_NUMBERED = RowShape(Variable("y", (1,), "int16"), (2,))


def of_two(text: str, shape: RowShape) -> float:
    """The value of a metric for the rows above."""
    metric = make_metric(text, shape)
    labels = RARE[:, None] if shape in (TWO_NUMBERED, TWO) else np.eye(2)[RARE]
    outputs = SURE[:, None] if shape == TWO else np.stack([1 - SURE, SURE], 1)
    metric.update_state(tf.constant(labels, tf.float32), tf.constant(outputs))
    return float(np.mean(metric.result()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Precision", 2 / 4),
        ("Recall", 2 / 3),
        ("TruePositives", 2),
        ("FalsePositives", 2),
        ("TrueNegatives", 5),
        ("FalseNegatives", 1),
        ("Precision(thresholds=0.75)", 1),
        ("F1Score", 2 * 2 / (2 * 2 + 2 + 1)),
        ("F1Score(threshold=0.75)", 2 * 2 / (2 * 2 + 0 + 1)),
        ("FBetaScore(beta=2.0)", 5 * 2 / (5 * 2 + 4 * 1 + 2)),
        ("AUC(num_thresholds=2000)", 18 / 21),  # pairs of a positive and a negative row in the right order
        ("BinaryIoU(target_class_ids=[1])", 2 / 5),
        ("RecallAtPrecision(precision=0.9)", 2 / 3),
        ("accuracy", 7 / 10),
    ],
)
@pytest.mark.parametrize("shape", [TWO_OUTPUTS, TWO_NUMBERED, TWO], ids=["one-hot", "class numbers", "one output"])
def test_a_metric_of_one_class_of_two_is_that_of_the_second(shape: RowShape, text: str, value: float) -> None:
    assert of_two(text, shape) == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize(
    "text", ["AUC(curve='PR')", "AUC", "SensitivityAtSpecificity(specificity=0.5)", "PrecisionAtRecall(recall=0.6)"]
)
def test_two_outputs_have_the_value_of_one(text: str) -> None:
    assert of_two(text, TWO_OUTPUTS) == of_two(text, TWO_NUMBERED) == of_two(text, TWO)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Precision(class_id=0)", 5 / 6),
        ("Recall(class_id=1)", 2 / 3),
        ("Precision(top_k=1)", 7 / 10),
        ("F1Score(average='macro')", (2 * 5 / (2 * 5 + 1 + 2) + 2 * 2 / (2 * 2 + 2 + 1)) / 2),
        ("F1Score(average='micro')", 7 / 10),
    ],
)
def test_an_argument_says_which_class_is_meant(text: str, value: float) -> None:
    assert of_two(text, TWO_OUTPUTS) == pytest.approx(value, abs=1e-6)


def test_a_curve_over_logits_is_that_over_their_probabilities() -> None:
    logits, metric = (
        np.random.default_rng(3).normal(size=(200, 2)).astype(np.float32),
        make_metric("AUC(from_logits=True)", TWO_OUTPUTS),
    )
    labels = np.eye(2, dtype=np.float32)[(logits[:, 1] > 0.3).astype(int)]
    probable = make_metric("AUC", TWO_OUTPUTS)
    metric.update_state(labels, logits)
    probable.update_state(labels, keras.ops.softmax(logits))
    assert float(metric.result()) == pytest.approx(float(probable.result()), abs=1e-5)


def test_of_three_classes_metrics_are_those_of_keras() -> None:
    assert type(make_metric("AUC", CLASSES)) is keras.metrics.AUC
