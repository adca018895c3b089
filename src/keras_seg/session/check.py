"""Checking networks before anything is trained: each is built and compiled once, and every problem is reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from keras_seg.protocol.estimates import Load, Shortage
from keras_seg.protocol.keras_names import reads_logits
from keras_seg.protocol.orders import CheckOrder, CheckReport, NetworkCheck, Part, Problem, TensorBoardOrder
from keras_seg.protocol.outputs import no_probability, stands_for_two, unfit, unfit_features
from keras_seg.server.failure import message_of
from keras_seg.server.interrupts import look
from keras_seg.session import programs
from keras_seg.session.cache import Cache
from keras_seg.session.shortage import ran_out, shortage

if TYPE_CHECKING:
    from keras_seg.training.network import Network
    from keras_seg.training.parameters import Compile


def check(plpy: Any, cache: Cache, order: CheckOrder) -> CheckReport:
    """Build and compile what the order names, without training.

    Raises:
        plpy.SPIError: the statement is cancelled.
    """
    found = list(_found(plpy, cache, order))
    return CheckReport(
        tuple(each for each in found if isinstance(each, Problem)),
        tuple(each for each in found if isinstance(each, Shortage)),
    )


def network_problem(cache: Cache, name: str, model: str) -> Problem | None:
    """Return why a network cannot be built, or does not take the rows; None if it does."""
    given = NetworkCheck(name, model)
    return _network_problem(cache, given) or _rows_problem(cache, given)


def _found(plpy: Any, cache: Cache, order: CheckOrder) -> Iterator[Problem | Shortage]:
    for given in order.networks:
        look(plpy)
        misfit = _network_problem(cache, given) or _rows_problem(cache, given) or _shortage(cache, given, order.load)
        found = [misfit] if misfit else [*_compile_problems(cache, given), _weights_problem(cache, given)]
        yield from (each for each in (*found, _callback_problem(plpy, given.tensorboard)) if each is not None)


def _network_problem(cache: Cache, given: NetworkCheck) -> Problem | None:
    try:
        programs.network(cache, given.model)
    except Exception as error:
        return Problem(Part.ARCHITECTURE, f"{given.name}: {_said(error)}")
    return None


def _rows_problem(cache: Cache, given: NetworkCheck) -> Problem | None:
    try:
        unfit = _unfit(cache, programs.network(cache, given.model), given)
    except Exception as error:  # of the loss, which is asked what rows it reads
        return Problem(Part.COMPILE, _said(error))
    return None if unfit is None else Problem(Part.ROWS, f"{given.name}: {unfit}")


def _shortage(cache: Cache, given: NetworkCheck, load: Load | None) -> Shortage | None:
    with suppress(Exception):  # of an optimizer that cannot be made: that is told with all else that is wrong
        return shortage(cache, given, load)
    return None


def _compile_problems(cache: Cache, given: NetworkCheck) -> list[Problem]:
    """Return what is wrong with compile parameters: each of them is tried where all together cannot be compiled."""
    from keras_seg.training.optimizers import make_optimizer

    if given.compile is None:
        return []
    compiled = programs.compiled(cache, given.compile)
    whole = (
        lambda: make_optimizer(compiled.optimizer, compiled.params),  # its own numbers: a trainer serves others too
        lambda: programs.trainer(cache, given.model, compiled, given.fit, given.tensorboard is not None),
        lambda: programs.evaluator(cache, given.model, compiled),
    )
    together = _failures(whole)
    found = together and (_failures(_single_checks(cache, given.model, compiled)) or together[:1])
    return [Problem(Part.COMPILE, text) for text in found]


def _single_checks(cache: Cache, model: str, compiled: Compile) -> list[Callable[[], object]]:
    """Return what makes the optimizer, the loss and each metric, each by itself."""
    from keras_seg.training.objectives import make_loss, make_metric
    from keras_seg.training.optimizers import make_optimizer

    shape = programs.row_shape(cache, model)
    metrics = [partial(make_metric, name, shape, compiled.functions) for name in compiled.metrics]
    return [
        lambda: make_optimizer(compiled.optimizer, compiled.params),
        lambda: make_loss(compiled.loss, shape, compiled.functions),
        *metrics,
    ]


def _failures(makers: Iterable[Callable[[], object]]) -> list[str]:
    """Return what these say that fail."""
    found = []
    for make in makers:
        try:
            make()
        except Exception as error:
            found.append(_said(error))
    return found


def _said(error: Exception) -> str:
    """Return what an error says: whatever Keras raises is the answer here, unless the machine had too little."""
    if ran_out(error):
        raise error
    return message_of(error)


def _weights_problem(cache: Cache, given: NetworkCheck) -> Problem | None:
    """Return why weights of classes cannot be given: a row must have one class."""
    outputs = programs.network(cache, given.model).output_shape
    if not given.fit.class_weight or len(outputs) < 2 or math.prod(outputs) == 1:
        return None
    text = f'"class_weight" must be left out: the network gives outputs of shape {list(outputs)}, not one class a row'
    return Problem(Part.FIT, f"{given.name}: {text}")


def _callback_problem(plpy: Any, given: TensorBoardOrder | None) -> Problem | None:
    """Return why TensorBoard's files cannot be written; None if they can, or need not be."""
    from keras_seg.training.tensorboard import Board, BoardProblem

    if given is None:
        return None
    try:
        Board.of(plpy, given)
    except BoardProblem as problem:
        return Problem(Part.FIT, f'"callbacks": {problem}')
    return None


def _unfit(cache: Cache, network: Network, given: NetworkCheck) -> str | None:
    """Return why the rows of the session's setup do not fit the network; None if they do."""
    problem = unfit_features(network.input_shape, cache.variables.input.shape)
    if problem is not None:
        return problem
    if cache.variables.output is None or given.compile is None:
        return None
    return _unfit_outputs(cache, network, given.compile.loss)


def _unfit_outputs(cache: Cache, network: Network, loss: str) -> str | None:
    """Return why the outputs do not fit the labels; None if they do."""
    from keras_seg.training.objectives import wants_class_numbers

    labels, custom = cache.variables.labels, loss in cache.functions
    if custom and labels.size == 1 and not labels.one_hot:
        return None  # it knows itself what rows it reads
    problem = unfit(labels, network.output_shape, not custom and wants_class_numbers(loss))
    one = math.prod(network.output_shape) == 1
    always_1 = one and labels.dtype == "int16" and network.activation == "softmax"
    if problem is None and (stands_for_two(labels, network.output_shape) or always_1):
        return no_probability(network.activation, custom or reads_logits(loss))  # what a custom one reads, it knows itself
    return problem
