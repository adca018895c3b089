"""The language between the two halves: what is said comes back as it was, and what is no message is refused with a reason."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fix_orders import altered
from keras_seg import transition
from keras_seg.protocol import estimates, file_orders, hosts, orders
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.estimates import Footprint, Load, Shortage
from keras_seg.protocol.file_orders import ExportOrder, FileFormat, FileReport
from keras_seg.protocol.hosts import Gpu, GpuReport, Inspection, Readiness
from keras_seg.protocol.messages import Message, MessageError
from keras_seg.protocol.orders import (
    CheckOrder,
    CheckReport,
    CompileOrder,
    EvaluationOrder,
    EvaluationReport,
    EvaluationStop,
    FitOrder,
    GatheringOrder,
    GatheringProblem,
    NetworkCheck,
    Part,
    Problem,
    RateCuts,
    Scores,
    SessionSetup,
    StateForm,
    TensorBoardOrder,
    TrainingStop,
    VisitOrder,
    VisitReport,
)
from keras_seg.protocol.predictions import OneOutput, OutputSelection
from keras_seg.protocol.variables import Variable, Variables

SCHEDULE = {"schedule": "ExponentialDecay", "positional": [0.1, 100], "keywords": {"staircase": True, "name": None}}
COMPILE = CompileOrder("Adam", {"lr": SCHEDULE, "beta_1": 0.8, "amsgrad": True}, "mse", ("accuracy", "AUC(curve='PR')"), 0.5)
FIT = FitOrder(4, 2, False, {"0": 2.0, "2": 0.5}, 7)
TENSORBOARD = TensorBoardOrder("logs/fit", 2, False, True, 12, 3)
VARIABLES = Variables((Variable('it\'s "x"', (28, 28, 1), "float32", True),), Variable("digit", (10,), "int16", True))

# A message of each kind, and each kind of part of one, none of its fields as it is by default.
VISIT = VisitOrder(
    model="m",
    compile=COMPILE,
    fit=FIT,
    seed=(42, 3),
    stops=(TrainingStop(4, 1, True), EvaluationStop(4, None, "training", False), EvaluationStop(4, 1, "validation", True)),
    sums={"training": [[1.5, 2.0], 3.0]},
    partition_sums=([[0.5, 1.0], 2.0], [[1.0, 1.0], 1.0]),
    state=StateForm.WEIGHTS,
    tensorboard=TENSORBOARD,
    rate_cuts=RateCuts(2, 0.5, 0.001),
)
EXAMPLES: tuple[Message, ...] = (
    SessionSetup(
        datasets={"training": "SELECT 1 WHERE $1 = 0"},
        variables=VARIABLES,
        threads=2,
        caching=True,
        gpus=("GPU-aa",),
        functions="t",
        one_output=OneOutput.LOGIT,
    ),
    VISIT,
    VisitReport(
        size=2**40,
        scores={"training": Scores(0.25, (0.5, 1.0))},
        sums={"epoch 0": [[1.0]]},
        trained=2,
        rows=60,
        setup_seconds=0.5,
        training_seconds=1.25,
        evaluation_seconds=2.5,
        memory_mb=700,
        warning="a folder is missing",
        error='ValueError: "x" \n ü',
        shortage=True,
        astray=True,
    ),
    CheckOrder((NetworkCheck("model_id 1", "m", COMPILE, FIT, TENSORBOARD, 20),), Load(4, 2**27)),
    CheckReport(
        (Problem(Part.ROWS, "model_id 1: no"), Problem(Part.FIT, "neither")),
        (Shortage("model_id 1", Footprint(400, 1200), 20, 3000),),
    ),
    EvaluationOrder('{"class_name": "Sequential"}', COMPILE, "SELECT value_0", VARIABLES, 30, True),
    EvaluationReport(Scores(0.25, (0.5, 1.0)), "DataError: no"),
    GatheringOrder("model_id 1", 255.0, 10, OutputSelection(3, 0.5, False, True, True), "SELECT part", 30),
    GatheringProblem(Problem(Part.ARCHITECTURE, "cannot be built"), (5, 3), "7", True),
    ExportOrder("m", FileFormat.ONNX, COMPILE, {"keras_automl": {"class_values": ["no", None]}}),
    FileReport(2**30, '{"class_name": "Sequential"}', Problem(Part.FILE, "is damaged")),
    GpuReport("h", (Gpu("GPU-aa", "GPU 0: made up"),), "the driver has lost one"),
    Inspection("h", "/s", 4, 2500, "3.11.2", "2.21", None, "2.2", ("GPU 0: made up",)),
    Readiness("3.11.2", "2.21", "3.15", "2.2", 1, ("GPU-aa",), 4711, 3.25, 600),
)
NOT_SENT = (Definition,)  # its fields go as arguments of a call, for weights are bytes


def kinds() -> list[type]:
    """The dataclasses that are declared in `orders`, `file_orders`, `estimates` and `hosts`."""
    return [
        kind
        for module in (orders, file_orders, estimates, hosts)
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    ]


def parts_of(value: Any) -> Iterator[Any]:
    """Yield a dataclass, and all dataclasses that it holds."""
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts_of(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from parts_of(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from parts_of(each)


# --- round trips --------------------------------------------------------------------------------------------------------


def test_every_kind_has_an_example() -> None:
    shown = {type(part) for example in EXAMPLES for part in parts_of(example)}
    assert [kind.__name__ for kind in kinds() if kind not in shown and kind not in NOT_SENT] == []
    assert {type(example) for example in EXAMPLES} == {kind for kind in kinds() if issubclass(kind, Message)}


def test_no_field_of_an_example_is_as_it_is_by_default() -> None:
    plain = [
        (type(part).__name__, field.name)
        for example in EXAMPLES
        for part in parts_of(example)
        for field in fields(part)
        if getattr(part, field.name) == field.default
    ]
    assert plain == []


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    again = type(message).from_json(message.to_json())
    assert again == message
    assert [list(map(type, vars(part).values())) for part in parts_of(again)] == [
        list(map(type, vars(part).values())) for part in parts_of(message)
    ]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_is_frozen(message: Message) -> None:
    for part in parts_of(message):
        with pytest.raises(AttributeError, match="cannot assign to field"):
            setattr(part, fields(part)[0].name, None)


def test_what_is_left_out_is_as_by_default() -> None:
    assert SessionSetup.from_json("{}") == SessionSetup()
    assert VisitReport.from_json("{}") == VisitReport()
    left_out = "tensorboard", "sums", "state", "rate_cuts"
    assert replace(VISIT, tensorboard=None, sums={}, state=StateForm.TRIAL, rate_cuts=None) == VisitOrder.from_json(
        json.dumps({key: value for key, value in json.loads(VISIT.to_json()).items() if key not in left_out})
    )


def test_not_a_number_and_infinity_survive() -> None:
    numbers = (math.inf, -math.inf, 1e-320, 0.1 + 0.2)
    report = VisitReport(scores={"training": Scores(math.nan, numbers)}, sums={"training": [[math.nan, -math.inf]]})
    again = VisitReport.from_json(report.to_json())
    assert math.isnan(again.scores["training"].loss)
    assert again.scores["training"].metrics == numbers
    assert math.isnan(again.sums["training"][0][0])
    assert again.sums["training"][0][1] == -math.inf


def test_a_whole_number_may_stand_for_a_number() -> None:
    loss = Scores(1)  # as JSON has it where somebody else has written it
    (scores,) = VisitReport.from_json(VisitReport(scores={"training": loss}).to_json()).scores.values()
    assert (scores.loss, type(scores.loss)) == (1.0, float)


GOLDEN = """{
"model": "m",
"compile": {"optimizer": "Adam", "params": {"lr": {"schedule": "ExponentialDecay", "positional": [0.1, 100], "keywords":
{"staircase": true, "name": null}}, "beta_1": 0.8, "amsgrad": true}, "loss": "mse", "metrics": ["accuracy", "AUC(curve='PR')"],
"loss_weight": 0.5},
"fit": {"batch_size": 4, "epochs": 2, "shuffle": false, "class_weight": {"0": 2.0, "2": 0.5}, "steps_per_epoch": 7},
"seed": [42, 3],
"stops": [{"kind": "train", "iteration": 4, "partition": 1, "last": true},
{"kind": "evaluate", "iteration": 4, "partition": null, "dataset": "training", "last": false},
{"kind": "evaluate", "iteration": 4, "partition": 1, "dataset": "validation", "last": true}],
"sums": {"training": [[1.5, 2.0], 3.0]},
"partition_sums": [[[0.5, 1.0], 2.0], [[1.0, 1.0], 1.0]],
"state": "weights",
"tensorboard": {"log_dir": "logs/fit", "histogram_freq": 2, "write_graph": false, "write_images": true, "run": 12, "trial": 3},
"rate_cuts": {"count": 2, "factor": 0.5, "least": 0.001}
}"""


def test_what_is_sent_is_this() -> None:
    assert json.loads(VISIT.to_json()) == json.loads(GOLDEN)
    assert VisitOrder.from_json(GOLDEN) == VISIT


# --- what is no message -------------------------------------------------------------------------------------------------


SETUP, REPORT, CHECK, FOUND = EXAMPLES[0], EXAMPLES[2], EXAMPLES[3], EXAMPLES[4]
REFUSED: list[tuple[Message, str, dict[str, Any], str]] = [
    (VISIT, "", {"evil": 1}, 'VisitOrder must not have "evil"'),
    (VISIT, "fit", {"evil": 1}, 'VisitOrder.fit must not have "evil"'),
    (VISIT, "stops 0", {"evil": 1}, 'VisitOrder.stops must not have "evil"'),
    (VISIT, "stops 0", {"dataset": "training"}, 'VisitOrder.stops must not have "dataset"'),  # only the other kind has one
    (SETUP, "variables inputs 0", {"evil": 1}, 'SessionSetup.variables.inputs must not have "evil"'),
    (REPORT, "scores training", {"evil": 1}, 'VisitReport.scores must not have "evil"'),
    (VISIT, "", {"model": ...}, 'VisitOrder must have "model"'),
    (VISIT, "compile", {"loss": ...}, 'VisitOrder.compile must have "loss"'),
    (VISIT, "stops 1", {"dataset": ...}, 'VisitOrder.stops must have "dataset"'),
    (CHECK, "networks 0", {"name": ...}, 'CheckOrder.networks must have "name"'),
    (VISIT, "fit", {"batch_size": True}, "VisitOrder.fit.batch_size must be a whole number, got true"),
    (VISIT, "fit", {"batch_size": 4.0}, "VisitOrder.fit.batch_size must be a whole number, got 4.0"),
    (VISIT, "fit", {"batch_size": "4"}, 'VisitOrder.fit.batch_size must be a whole number, got "4"'),
    (VISIT, "fit", {"batch_size": None}, "VisitOrder.fit.batch_size must be a whole number, got null"),
    (VISIT, "fit", {"steps_per_epoch": 1.5}, "VisitOrder.fit.steps_per_epoch must be a whole number, got 1.5"),
    (VISIT, "fit", {"shuffle": 1}, "VisitOrder.fit.shuffle must be true or false, got 1"),
    (VISIT, "fit", {"class_weight": [2.0]}, "VisitOrder.fit.class_weight must be an object, got [2.0]"),
    (VISIT, "fit", {"class_weight": {"0": "2"}}, 'VisitOrder.fit.class_weight must be a number, got "2"'),
    (VISIT, "compile", {"loss_weight": "1"}, 'VisitOrder.compile.loss_weight must be a number, got "1"'),
    (VISIT, "compile", {"loss_weight": True}, "VisitOrder.compile.loss_weight must be a number, got true"),
    (VISIT, "compile", {"loss_weight": 10**400}, f"VisitOrder.compile.loss_weight must be a number, got 1{'0' * 99}..."),
    (VISIT, "compile", {"optimizer": 3}, "VisitOrder.compile.optimizer must be a text, got 3"),
    (VISIT, "compile", {"metrics": "AUC"}, 'VisitOrder.compile.metrics must be a list, got "AUC"'),
    (VISIT, "compile", {"metrics": [["AUC"]]}, 'VisitOrder.compile.metrics must be a text, got ["AUC"]'),
    (VISIT, "", {"fit": 3}, "VisitOrder.fit must be an object, got 3"),
    (VISIT, "", {"fit": None}, "VisitOrder.fit must be an object, got null"),
    (VISIT, "", {"seed": [1, True]}, "VisitOrder.seed must be a whole number, got true"),
    (VISIT, "tensorboard", {"run": "../.."}, 'VisitOrder.tensorboard.run must be a whole number, got "../.."'),
    (VISIT, "", {"state": "state"}, 'VisitOrder.state must be one of trial, weights, got "state"'),
    (VISIT, "", {"state": ["trial"]}, 'VisitOrder.state must be one of trial, weights, got ["trial"]'),
    (FOUND, "problems 0", {"part": "model"},
     'CheckReport.problems.part must be one of architecture, rows, compile, fit, file, got "model"'),
    (VISIT, "", {"stops": [3]}, 'VisitOrder.stops must be an object whose "kind" is one of train, evaluate, got 3'),
    (VISIT, "", {"stops": [{"kind": "import"}]},
     'VisitOrder.stops must be an object whose "kind" is one of train, evaluate, got {"kind": "import"}'),
    (VISIT, "", {"stops": [{"iteration": 1}]},
     'VisitOrder.stops must be an object whose "kind" is one of train, evaluate, got {"iteration": 1}'),
    (VISIT, "", {"stops": [{"kind": ["train"]}]},
     'VisitOrder.stops must be an object whose "kind" is one of train, evaluate, got {"kind": ["train"]}'),
    (SETUP, "", {"functions": {"evil": "80"}}, 'SessionSetup.functions must be a text, got {"evil": "80"}'),
    (SETUP, "", {"functions": "x" * 200, "gpus": "x" * 200}, f'SessionSetup.gpus must be a list, got "{"x" * 99}...'),
    # What no session could end: a batch of less than one row.
    (VISIT, "fit", {"batch_size": -1}, "batch_size and epochs must be at least 1, got -1 and 2"),
    (VISIT, "fit", {"epochs": 0}, "batch_size and epochs must be at least 1, got 4 and 0"),
    (VISIT, "rate_cuts", {"count": 0}, "count must be from 1 to 1000000 and factor from 0 to below 1, got 0 and 0.5"),
    (VISIT, "rate_cuts", {"factor": 1}, "count must be from 1 to 1000000 and factor from 0 to below 1, got 2 and 1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "path", "changed", "text"), REFUSED, ids=[text for *_, text in REFUSED])
def test_what_is_no_message_is_refused(message: Message, path: str, changed: dict[str, Any], text: str) -> None:
    with pytest.raises(MessageError) as caught:
        type(message).from_json(altered(message, path, **changed))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"VisitOrder must be JSON: Expecting value: .*"),
        ('{"model": }', r"VisitOrder must be JSON: Expecting value: .*"),
        ("[" * 100_000, r"VisitOrder must be JSON: maximum recursion depth exceeded.*"),
        ("[]", r"VisitOrder must be an object, got \[\]"),
        ("null", r"VisitOrder must be an object, got null"),
    ],
    ids=["nothing", "cut off", "deep", "a list", "null"],
)
def test_what_is_no_object_is_refused(text: str, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        VisitOrder.from_json(text)
    assert re.fullmatch(problem, str(caught.value))


# --- what it stands on --------------------------------------------------------------------------------------------------

SRC = Path(__file__).resolve().parent.parent / "src"
IMPORTING = """
import importlib, pkgutil, sys
for package in {packages!r}:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "tensorboard")))
"""


@pytest.mark.parametrize("packages", [("keras_seg.protocol",), ("automl",)], ids=["the protocol", "the coordinator"])
def test_neither_tensorflow_nor_keras_is_imported(packages: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", IMPORTING.format(packages=packages)]
    done = subprocess.run(command, env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("[]", "", 0)


def test_null_is_no_message() -> None:
    with pytest.raises(MessageError, match=r"SessionSetup must be JSON: .*NoneType"):
        SessionSetup.from_json(None)  # type: ignore[arg-type]  # SQL's NULL comes like this


def test_parts_of_a_statement_that_never_came_are_no_weights_of_the_next_definition() -> None:
    gd: dict[str, Any] = {}
    transition.put(gd, b"lost", True)
    transition.define(gd, "without", "{}", None)
    transition.define(gd, "whole", "{}", b"whole")
    definitions = gd[transition.CACHE].definitions
    assert (definitions["without"].weights, definitions["whole"].weights) == (None, b"whole")


def test_a_session_that_nobody_has_opened_has_nothing_and_says_so() -> None:
    gd: dict[str, Any] = {}
    transition.define(gd, "m", "{}", None)
    assert transition.take(gd) == b""
    assert transition.gather(gd, "1", None) is None and transition.gather_rest(gd) is None
