"""Evaluating a network: every partition on a session, all of them at the same time, by the hopper that serves training too.

Each partition is a trial of its own with one stop. What they have summed up goes to one more visit, which adds it in the order
of the partitions, whoever was ready first: the result is the same bits on any number of sessions.
"""

from __future__ import annotations

from typing import Any, NoReturn

from automl.cluster.hopper import Hopper, Layout, Visit
from automl.cluster.interface import Cluster
from automl.cluster.orders import VisitWork
from automl.cluster.visits import TRIES, Lost, Visits, fault_of
from automl.errors import AutomlError, OperatorError
from keras_seg.protocol.orders import (
    TRAINING,
    CompileOrder,
    EvaluationStop,
    FitOrder,
    Scores,
    StateForm,
    VisitOrder,
    VisitReport,
)

_SEED = (0, 0)  # nothing in an evaluation is random


class Evaluation:
    """The evaluation of one network on one packed table; what visits are made for (`VisitHandler`).

    Args:
        model: key of the network.
        compiled: its loss and metrics.
        weights: float32, as in a model table.
        partitions: of the table, which the sessions know as the training table.
    """

    def __init__(self, cluster: Cluster, model: str, compiled: CompileOrder, weights: bytes, partitions: int) -> None:
        self._model = model
        self._compiled = compiled
        self._weights = weights
        self._partitions = partitions
        self._hopper = Hopper(Layout(((TRAINING, partitions),)), cluster.reaches)
        self._visits = Visits(cluster, self._hopper, self)
        self._sums: dict[int, Any] = {}
        self._scores: dict[str, Scores] = {}

    def scores(self) -> Scores:
        """Return loss and metrics of the whole table.

        Raises:
            AutomlError: the network cannot be evaluated, or a partition is lost too often.
        """
        for partition in range(self._partitions):
            self._hopper.add_stops(partition, self._model, [EvaluationStop(1, partition, TRAINING, False)])
        self._visits.make()
        self._hopper.add_stops(self._partitions, self._model, [EvaluationStop(1, None, TRAINING, True)])
        self._visits.make()
        return self._scores[TRAINING]

    def order(self, visit: Visit) -> VisitWork:
        """Return the order of a partition, or that of the sums of all of them."""
        whole = visit.trial == self._partitions
        order = VisitOrder(
            model=self._model,
            compile=self._compiled,
            fit=FitOrder(),
            seed=_SEED,
            stops=visit.stops,
            partition_sums=tuple(self._sums[partition] for partition in range(self._partitions)) if whole else (),
            state=StateForm.WEIGHTS,
        )
        return VisitWork(order, self._weights)

    def take(self, visit: Visit, answer: tuple[VisitReport, bytes], seconds: float) -> str | None:
        """Take the sums of a partition, or the scores."""
        report, _ = answer
        error = fault_of(report)
        if error is None:
            self._sums[visit.trial] = report.sums.get(TRAINING)
            self._scores.update(report.scores)
        return error

    def finished(self, trial: int) -> None:
        """Nothing follows from a partition that is evaluated."""

    def failed(self, trial: int, error: str) -> None:
        """End the evaluation."""
        raise AutomlError(f"the evaluation failed: {error}")

    def repeated(self, trial: int, why: str) -> None:
        """It is made again, and nobody need know."""

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        """End the evaluation: a partition is missing."""
        raise OperatorError(
            f"the evaluation of partition {trial} failed {TRIES} times, the last with: {lost.why}", sqlstate=lost.sqlstate
        )
