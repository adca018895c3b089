"""What a search will do, as data, before anything is touched: the trials and the orders that sessions will get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from automl.cluster.hopper import Layout, Leg, Visit
from automl.search.literals import is_number
from automl.search.orders import compile_order, fit_order, rate_cuts, tensorboard_order
from automl.search.parameters import CompileParams, FitParams, parse_compile_params, parse_fit_params
from automl.search.scheduler import Place, Task
from automl.search.space import Configuration
from automl.search.varied import named
from automl.training.request import Request
from keras_seg.protocol.orders import CompileOrder, FitOrder, NetworkCheck, StateForm, VisitOrder


@dataclass(frozen=True)
class Trial:
    """One configuration with its number, or one try of it.

    Attributes:
        number: its own, from 1; mst_key in SQL.
        configuration: model id, compile and fit parameters as text.
        model: the key of its architecture.
        compiled, fit: its parameters, parsed.
        class_weight: by the number of the class.
        varied: those of its parameters, by name, that tell the configurations of its search apart.
        place: which configuration it tries, and which of its tries it is; empty where each is tried once.
        held_out: the partitions that it does not train on, and whose rows are its validation.
    """

    number: int
    configuration: Configuration
    model: str
    compiled: CompileParams
    fit: FitParams
    class_weight: Mapping[int, float] | None = None
    varied: Mapping[str, object] | None = None
    place: Place = field(default_factory=dict)
    held_out: frozenset[int] = frozenset()

    @cached_property
    def program(self) -> tuple[object, ...]:
        """What two trials share that one compiled program can serve: everything but the values of the optimizer's numbers."""
        compiled = self.compiled
        params = tuple((key, repr(value)) for key, value in sorted(compiled.optimizer_params.items()) if not is_number(value))
        names = tuple(sorted(compiled.optimizer_params))
        kind = bool(self.class_weight), self.fit.board is not None
        return self.model, compiled.optimizer.lower(), names, params, compiled.loss, compiled.all_metrics, kind

    @cached_property
    def compile_order(self) -> CompileOrder:
        """Its compile parameters as all its orders carry them."""
        return compile_order(self.compiled)

    @cached_property
    def fit_order(self) -> FitOrder:
        """Its fit parameters as all its orders carry them."""
        return fit_order(self.fit, self.class_weight)

    @property
    def size(self) -> tuple[str, str]:
        """What two trials share that take as much memory: the architecture and the optimizer."""
        return self.model, self.compiled.optimizer.lower()

    def check(self, trials: int) -> NetworkCheck:
        """Return the order that builds and compiles it.

        Args:
            trials: how many there are of its size.
        """
        return NetworkCheck(
            name=f"model_id {self.configuration.model_id}",
            model=self.model,
            compile=self.compile_order,
            fit=self.fit_order,
            tensorboard=tensorboard_order(self.fit),
            trials=trials,
        )


def make_trials(request: Request, numbered: Iterable[tuple[int, Configuration]]) -> tuple[Trial, ...]:
    """Parse configurations that have their numbers."""
    return tuple(_trial(request, number, configuration) for number, configuration in numbered)


def _trial(request: Request, number: int, configuration: Configuration) -> Trial:
    compiled, fit = parse_compile_params(configuration.compile_params), parse_fit_params(configuration.fit_params)
    values = named(configuration.model_id, compiled, fit)
    return Trial(
        number,
        configuration,
        request.architectures[configuration.model_id].key,
        compiled,
        fit,
        request.class_weights.by_number(fit.class_weight),
        {name: value for name, value in values.items() if name in request.varied},
        request.tries.place(number),
        request.tries.held_out(number, request.training.partitions),
    )


def leg(trial: Trial, task: Task, frequency: int | None, *, in_order: bool = False) -> Leg:
    """Return the iterations that a task asks of a trial, on the search's own axis of iterations.

    Args:
        frequency: as in `evaluated`.
        in_order: whether the tasks that retire first are to go first, where the method leaves that open: what has not retired
            when the search is ended was in vain.
    """
    in_turn = tuple(-each for each in task.order) if in_order else ()
    return Leg(
        trial=trial.number,
        program=trial.program,
        first=task.offset + 1,
        iterations=task.iterations,
        evaluated=evaluated(task.offset, task.iterations, frequency),
        iterations_after=task.iterations_after,
        priority=task.priority or in_turn,
        held_out=trial.held_out,
    )


def evaluated(offset: int, iterations: int, frequency: int | None) -> frozenset[int]:
    """Return the iterations after which metrics are computed: every `frequency`-th of a task, and its last.

    >>> sorted(evaluated(0, 5, 2))
    [2, 4, 5]
    """
    every = frequency or iterations
    return frozenset(offset + count for count in range(1, iterations + 1) if count % every == 0 or count == iterations)


def layout(request: Request) -> Layout:
    """Return the partitions of the datasets that are evaluated."""
    return Layout(tuple((name, table.partitions) for name, table in request.datasets.items()))


def visit_order(
    trial: Trial, visit: Visit, seed: int, sums: Mapping[str, Any], state: StateForm, run: int = 0, cuts: int = 0
) -> VisitOrder:
    """Return the order of one visit.

    Args:
        seed: of the search.
        sums: what the trial's evaluation has summed in earlier visits.
        state: what the bytes are that come with it.
        run: the number of the run, which TensorBoard's files stand under.
        cuts: how often its learning rate has been reduced.
    """
    return VisitOrder(
        model=trial.model,
        compile=trial.compile_order,
        fit=trial.fit_order,
        seed=(seed, trial.number),
        stops=visit.stops,
        sums=sums,
        state=state,
        tensorboard=tensorboard_order(trial.fit, run, trial.number),
        rate_cuts=rate_cuts(trial.fit, cuts),
    )
