"""Loss and metrics in numpy: those of the compiled evaluation, for every loss and metric of Keras and over their arguments."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from keras_seg.inference.evaluation import Evaluation  # noqa: E402
from keras_seg.inference.network import network  # noqa: E402
from keras_seg.inference.problems import NeedsTensorFlow  # noqa: E402
from keras_seg.protocol.orders import CompileOrder, EvaluationOrder, EvaluationReport  # noqa: E402
from keras_seg.protocol.variables import Variable, Variables  # noqa: E402
from keras_seg.session.evaluating import evaluate  # noqa: E402
from keras_seg.training.buffers import in_parts  # noqa: E402
from keras_seg.training.network import Network  # noqa: E402
from keras_seg.training.objectives import make_loss, make_metric  # noqa: E402
from keras_seg.training.problems import CompileProblem  # noqa: E402
from keras_seg.training.row_shape import RowShape  # noqa: E402
from keras_seg.training.sums import results, with_batch, zeros  # noqa: E402
from test_objectives import METRICS, NO_LOSSES, names_in  # noqa: E402

ROWS = 600
LOSSES = [
    *names_in(keras.losses, NO_LOSSES),
    *("mse", "MAE", "mape", "MSLE", "bce", "kld", "crossentropy", "logcosh", "kullback_leibler_divergence", "cosine"),
    "Huber(delta=0.3, name='mine')",
    *("BinaryCrossentropy(label_smoothing=0.2)", "BinaryCrossentropy(from_logits=True)"),
    *("CategoricalCrossentropy(label_smoothing=0.1)", "CategoricalCrossentropy(from_logits=True)"),
    "SparseCategoricalCrossentropy(from_logits=True)",
    *("BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.4, gamma=1.5)", "BinaryFocalCrossentropy(from_logits=True)"),
    "CategoricalFocalCrossentropy(alpha=0.4, gamma=1.5)",
    "CategoricalFocalCrossentropy(from_logits=True, label_smoothing=0.1)",
    "CategoricalGeneralizedCrossEntropy(q=0.3)",
]
ALL_METRICS = [
    *METRICS,
    *("mse", "MAE", "mape", "MSLE", "bce", "accuracy", "crossentropy", "BinaryAccuracy(threshold=0.3)"),
    *("TopKCategoricalAccuracy(k=2)", "SparseTopKCategoricalAccuracy(k=2)", "BinaryCrossentropy(from_logits=True)"),
    *("AUC(num_thresholds=20)", "AUC(curve='PR')", "AUC(curve='PRGAIN')", "AUC(summation_method='minoring')"),
    *("AUC(curve='pr', summation_method='Majoring')", "AUC(thresholds=[0.7, 0.1])", "AUC(thresholds=[0.25, 0.5, 0.75])"),
    *("AUC(from_logits=True)", "Precision(thresholds=[0.8, 0.2])", "Recall(thresholds=[0, 0.5, 1])", "Recall(class_id=1)"),
    *("Precision(class_id=0, thresholds=0.4)", "TruePositives(thresholds=[0.1, 0.9])", "FalseNegatives(thresholds=0.7)"),
    *("SensitivityAtSpecificity(specificity=0.3, num_thresholds=1)", "PrecisionAtRecall(recall=0.2, class_id=1)"),
    *("F1Score(average='macro')", "F1Score(average='micro', threshold=0.4)", "FBetaScore(beta=2.0, average='weighted')"),
    *("FBetaScore(beta=0.5, threshold=0.4)", "F1Score(threshold=0.6)", "CategoricalCrossentropy(label_smoothing=0.1)"),
]
SOME_METRICS = [
    *("accuracy", "crossentropy", "AUC", "AUC(from_logits=True)", "Precision(thresholds=[0.8, 0.2])", "Recall", "F1Score"),
    *("SparseTopKCategoricalAccuracy(k=2)", "TopKCategoricalAccuracy(k=2)", "R2Score", "RootMeanSquaredError", "MeanIoU"),
]
# What is for TensorFlow, where it fits the rows: it depends on batches, or is rare.
NOT_HERE = {"Circle", "Dice", "Tversky", "circle", "dice", "tversky"}
NO_METRICS_HERE = {
    *("BinaryIoU", "IoU(target_class_ids=[0, 2])", "MeanIoU", "OneHotIoU(target_class_ids=[1])", "OneHotMeanIoU"),
    *("ConcordanceCorrelation", "PearsonCorrelation", "concordance_correlation", "pearson_correlation"),
}
MARGINS = {"Hinge", "SquaredHinge", "hinge", "squared_hinge"}  # of what are no classes


@dataclass(frozen=True)
class Case:
    """A network and the labels that it is compared with.

    Attributes:
        layers: behind an input of four numbers: class and arguments.
        sharp: by what its weights are multiplied, so that outputs are far from each other.
    """

    labels: Variable
    outputs: tuple[int, ...]
    layers: tuple[tuple[str, dict[str, Any]], ...]
    sharp: float = 0.5

    @property
    def by_numbers(self) -> bool:
        """Whether labels are the numbers of classes."""
        return self.labels.dtype == "int16" and not self.labels.one_hot

    @property
    def of_logits(self) -> bool:
        """Whether one output for two classes is a logit, which few losses read."""
        return self.labels == TWO and self.outputs == (1,) and self.layers[-1][1].get("activation") == "linear"

    @property
    def architecture(self) -> str:
        first = {**self.layers[0][1], "batch_input_shape": [None, 4]}
        config = [{"class_name": kind, "config": given} for kind, given in ((self.layers[0][0], first), *self.layers[1:])]
        return json.dumps({"class_name": "Sequential", "config": config})

    @property
    def weights(self) -> bytes:
        units = self.layers[0][1]["units"]
        drawn = np.random.default_rng(4).normal(0, self.sharp, (5, units)).astype(np.float32)
        return bytes(drawn.tobytes())  # the kernel, and behind it the bias

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Features, and labels that have to do with them."""
        random = np.random.default_rng(5)
        x = random.normal(size=(ROWS, 4)).astype(np.float32)
        noisy = x + random.normal(size=x.shape)
        shape = self.labels.shape
        if self.labels.one_hot:
            return x, np.eye(shape[0], dtype=np.int16)[noisy[:, : shape[0]].argmax(-1)]
        if self.by_numbers:
            return x, np.stack([noisy[:, at : at + self.outputs[-1]].argmax(-1) for at in range(shape[0])], 1).astype(np.int16)
        return x, np.concatenate([noisy, noisy], 1)[:, : math.prod(shape)].reshape(ROWS, *shape).astype(np.float32)


def dense(units: int, activation: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (("Dense", {"units": units, "activation": activation}),)


THREE, TWO = Variable("y", (3,), "int16", one_hot=True), Variable("y", (2,), "int16", one_hot=True)
NUMBER, NUMBERS = Variable("y", (1,), "float32"), Variable("y", (2, 3), "float32")
CLASS_NUMBER, PLACES = Variable("y", (1,), "int16"), Variable("y", (2,), "int16")
LINEAR_6 = ("Dense", {"units": 6, "activation": "linear"})
IN_2_3 = ("Reshape", {"target_shape": [2, 3]})
CASES = {
    "classes": Case(THREE, (3,), dense(3, "softmax")),
    "classes, sharp": Case(THREE, (3,), dense(3, "softmax"), 40.0),
    "classes, each by itself": Case(THREE, (3,), dense(3, "sigmoid"), 8.0),
    "classes, logits": Case(THREE, (3,), dense(3, "linear"), 2.0),
    "classes, a mean of members": Case(THREE, (3,), (LINEAR_6, IN_2_3, ("Softmax", {}), ("GlobalAveragePooling1D", {}))),
    "two classes": Case(TWO, (2,), dense(2, "softmax")),
    "two classes, one output": Case(TWO, (1,), dense(1, "sigmoid"), 8.0),
    "two classes, one logit": Case(TWO, (1,), dense(1, "linear")),
    "class numbers": Case(CLASS_NUMBER, (3,), dense(3, "softmax")),
    "class numbers of two": Case(CLASS_NUMBER, (2,), (*dense(2, "linear"), ("Activation", {"activation": "softmax"})), 20.0),
    "class numbers of places": Case(PLACES, (2, 3), (LINEAR_6, IN_2_3, ("Softmax", {}))),
    "a number": Case(NUMBER, (1,), dense(1, "linear")),
    "arrays": Case(NUMBERS, (2, 3), (LINEAR_6, IN_2_3)),
}


def of_sessions(case: Case, losses: list[str], metrics: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Return losses and metrics as the sessions compute them, those that fit; not compiled, which would take seconds."""
    shape, made = RowShape(case.labels, case.outputs), Network(case.architecture, case.weights)
    x, y = case.rows()
    vector, other = made.given()
    y_true = shape.given(tf.constant(y, tf.float32))
    y_pred = made.call(made.unflatten(vector), other, tf.constant(x), False)[0]
    found = {text: float(loss(y_true, y_pred)) for text, loss in fitting(make_loss, losses, shape).items()}
    values = {text: value_of(metric, y_true, y_pred) for text, metric in fitting(make_metric, metrics, shape).items()}
    return found, {text: value for text, value in values.items() if value is not None}


def value_of(metric: keras.metrics.Metric, y_true: Any, y_pred: Any) -> float | None:
    """Return a metric of all rows; None where it fits two rows and not as many as these."""
    try:
        sums = with_batch([metric], zeros([metric]), 0.0, y_true, y_pred)
    except tf.errors.InvalidArgumentError:
        return None
    return results([metric], [each.numpy() for each in sums])[1][0]


def fitting(make: Any, texts: list[str], shape: RowShape) -> dict[str, Any]:
    found = {}
    for text in dict.fromkeys(texts):
        try:
            found[text] = make(text, shape)
        except CompileProblem:
            continue
    return found


def here(case: Case, loss: str, *metrics: str) -> tuple[float, ...] | None:
    """Return loss and metrics in numpy, over batches; None where they are for TensorFlow."""
    try:
        made = Evaluation(network(case.architecture, case.weights), CompileOrder("SGD", {}, loss, metrics), case.labels)
    except NeedsTensorFlow:
        return None
    x, y = case.rows()
    for begin, end in ((0, 400), (400, 401), (401, ROWS)):
        made.add(x[begin:end], y[begin:end], lambda: None)
    scores = made.scores()
    return (scores.loss, *scores.metrics)


def require_same(case: Case, texts: list[str]) -> None:
    """Compare all losses, and metrics of these texts, that are computed here; what fits and is not is what is known."""
    losses, metrics = of_sessions(case, LOSSES, texts)
    own = next(loss for loss in ("mse", "crossentropy", "BinaryCrossentropy(from_logits=True)") if here(case, loss))
    found_losses = {text: value[0] for text in LOSSES if (value := here(case, text)) is not None}
    found_metrics = {text: value[1] for text in texts if (value := here(case, own, text)) is not None}
    assert found_losses == pytest.approx({text: losses[text] for text in found_losses}, rel=1e-5, abs=1e-7, nan_ok=True)
    assert found_metrics == pytest.approx({text: metrics[text] for text in found_metrics}, rel=1e-5, abs=1e-7, nan_ok=True)
    if not case.by_numbers and not case.of_logits:
        rest = NOT_HERE | (set() if case.labels.one_hot else MARGINS)
        assert losses.keys() - found_losses.keys() <= rest
        assert metrics.keys() - found_metrics.keys() <= NO_METRICS_HERE | rest


@pytest.mark.parametrize("name", CASES)
def test_losses_are_those_of_the_sessions_and_metrics_of_each_kind(name: str) -> None:
    require_same(CASES[name], SOME_METRICS)


@pytest.mark.parametrize("name", ["classes", "two classes, one output"])
def test_every_metric_is_that_of_the_sessions(name: str) -> None:
    require_same(CASES[name], ALL_METRICS)


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_every_metric_is_that_of_the_sessions_for_every_kind_of_rows(name: str) -> None:
    require_same(CASES[name], ALL_METRICS)


# --- what goes to TensorFlow --------------------------------------------------------------------------------------------

CLASSES = CASES["classes"]


@pytest.mark.parametrize(
    "layers",
    [
        (("Dense", {"units": 3, "activation": "softmax", "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}}),),
        (*dense(3, "softmax"), ("ActivityRegularization", {"l1": 0.1})),
        # Crossentropy finds the logits behind layers that do nothing.
        (*dense(3, "softmax"), ("Dropout", {"rate": 0.5})),
        (*dense(3, "softmax"), ("Activation", {"activation": "linear"})),
        (*dense(3, "linear"), ("Activation", {"activation": "softmax", "dtype": "float64"})),
        dense(4, "softmax"),  # for labels of three classes
        (*dense(3, "softmax"), ("Reshape", {"target_shape": [3, 1]})),
    ],
)
def test_networks_that_are_evaluated_with_tensorflow(layers: tuple[tuple[str, dict[str, Any]], ...]) -> None:
    assert here(Case(THREE, (3,), layers), "categorical_crossentropy") is None


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("Dice", "accuracy"),
        ("no_such", "accuracy"),
        ("mse(delta=2)", "accuracy"),
        ("Huber(delt=2)", "accuracy"),
        ("Huber(2)", "accuracy"),
        ("Huber(delta='2')", "accuracy"),
        ("Huber(reduction='sum')", "accuracy"),
        ("CategoricalGeneralizedCrossEntropy(q=2.0)", "accuracy"),
        ("SparseCategoricalCrossentropy(ignore_class=1)", "accuracy"),
        ("CosineSimilarity(axis=0)", "accuracy"),
        ("mse", "MeanIoU"),
        ("mse", "Mean"),
        ("accuracy", "mse"),
        ("mse", "categorical_generalized_cross_entropy"),
        ("mse", "AUC(multi_label=True)"),
        ("mse", "AUC(num_thresholds=100000)"),
        ("mse", "AUC(num_thresholds=1)"),
        ("mse", "AUC(thresholds=0.5)"),
        ("mse", "AUC(curve='X')"),
        ("mse", "Precision(top_k=1)"),
        ("mse", "Precision(class_id=3)"),
        ("mse", "Precision(thresholds=[2])"),
        ("mse", "PrecisionAtRecall"),
        ("mse", "PrecisionAtRecall(recall=2)"),
        ("mse", "FBetaScore(beta=2)"),
        ("mse", "F1Score(threshold=1)"),
        ("mse", "accuracy(name='a')"),
        ("mse", "TopKCategoricalAccuracy(k=0)"),
        ("mse", "R2Score(class_aggregation=None)"),
    ],
)
def test_losses_and_metrics_that_are_computed_with_tensorflow(loss: str, metric: str) -> None:
    assert here(CLASSES, loss, metric) is None


def test_one_output_for_two_classes_must_be_a_probability() -> None:
    linear = CASES["two classes, one logit"]
    assert here(linear, "binary_crossentropy") is None
    assert here(linear, "BinaryCrossentropy(from_logits=True)") is not None


def test_a_loss_is_weighted() -> None:
    case, made = CLASSES, network(CLASSES.architecture, CLASSES.weights)
    twice = Evaluation(made, CompileOrder("SGD", {}, "mse", ("mse",), 2.0), case.labels)
    twice.add(*case.rows(), lambda: None)
    assert twice.scores().loss == 2 * twice.scores().metrics[0]


def test_work_decides_with_what_is_compared() -> None:
    made = network(CLASSES.architecture, CLASSES.weights)
    plain, many = (Evaluation(made, CompileOrder("SGD", {}, "mse", ("mae",) * count), THREE) for count in (0, 9))
    assert plain.is_worth(10_000_000)
    assert not many.is_worth(10_000_000)


def test_outputs_that_are_no_numbers_have_no_loss() -> None:
    weights = np.full(15, np.nan, np.float32).tobytes()
    made = Evaluation(network(CLASSES.architecture, weights), CompileOrder("SGD", {}, "mse", ("accuracy", "AUC")), THREE)
    made.add(*CLASSES.rows(), lambda: None)
    assert math.isnan(made.scores().loss)


# --- the rows of a table ------------------------------------------------------------------------------------------------

VARIABLES = Variables((Variable("x", (4,), "float32"),), THREE)
QUERY = "SELECT"


class Server:
    """As much of plpy as is used: one cursor over buffers, as the query gives them or in parts."""

    class Error(Exception):
        pass

    class SPIError(Exception):
        pass

    def __init__(self, buffers: list[tuple[np.ndarray, np.ndarray]], part: int | None = None) -> None:
        self._buffers = buffers
        self._part = part
        self.looks = 0

    def execute(self, _: str) -> None:
        self.looks += 1

    def prepare(self, query: str) -> str:
        return query

    def cursor(self, query: str) -> Server:
        assert query == (in_parts(QUERY, VARIABLES) if self._part else QUERY)
        self._rows = [row for buffer in self._buffers for row in self._cut(*buffer)]
        return self

    def fetch(self, count: int) -> list[dict[str, Any]]:
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def _cut(self, x: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
        columns = {"value_0": x.tobytes(), "value_1": y.tobytes()}
        shared: dict[str, Any] = {"shape_0": list(x.shape), "shape_1": list(y.shape)}
        if self._part is None:
            return [{**columns, **shared}]
        shared |= {f"{name}_bytes": len(value) for name, value in columns.items()}
        begins = range(0, max(*map(len, columns.values()), 1), self._part)
        return [{**shared, **{name: value[at : at + self._part] for name, value in columns.items()}} for at in begins]


def report(server: Server, rows: int = ROWS, metrics: tuple[str, ...] = ("accuracy",)) -> EvaluationReport:
    compiled = CompileOrder("Adam", {"lr": 0.1}, "categorical_crossentropy", metrics)
    in_parts = server._part is not None
    order = EvaluationOrder(CLASSES.architecture, compiled, QUERY, VARIABLES, rows, in_parts)
    return evaluate(server, EvaluationOrder.from_json(order.to_json()), CLASSES.weights)


@pytest.mark.parametrize("part", [None, 100, 2**20])
def test_buffers_of_any_size_are_read(part: int | None) -> None:
    x, y = CLASSES.rows()
    cuts = [(0, 0), (0, 500), (500, 503), (503, 503), (503, ROWS)]
    server = Server([(x[begin:end], y[begin:end]) for begin, end in cuts], part)
    found = report(server).scores
    assert found is not None
    assert (found.loss, *found.metrics) == pytest.approx(here(CLASSES, "categorical_crossentropy", "accuracy"))
    assert server.looks >= len(cuts)


@pytest.mark.parametrize("part", [None, 100])
def test_a_table_of_no_rows_has_no_loss(part: int | None) -> None:
    x, y = CLASSES.rows()
    found = report(Server([(x[:0], y[:0])], part), 0).scores
    assert found is not None
    assert math.isnan(found.loss)
    assert EvaluationReport.from_json(EvaluationReport(found).to_json()).error is None


def test_too_many_rows_are_for_tensorflow() -> None:
    assert report(Server([]), 10**9) == EvaluationReport()
    assert report(Server([]), metrics=("MeanIoU",)) == EvaluationReport()


def test_bytes_that_are_no_buffer_are_an_error() -> None:
    x, y = CLASSES.rows()
    said = report(Server([(x, y[:1])])).error
    assert said == 'DataError: a buffer must have as many rows of each variable, it has 600 of "x", 1 of "y"'


def test_what_the_server_says_ends_the_statement() -> None:
    server = Server([CLASSES.rows()])

    def cancelled(_: str) -> None:
        raise server.SPIError("canceling statement due to user request")

    server.execute = cancelled  # type: ignore[method-assign]
    with pytest.raises(server.SPIError):
        report(server)
