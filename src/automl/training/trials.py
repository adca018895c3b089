"""What a search will do, as data, before anything is touched: the trials and the orders that sessions will get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from automl.cluster.hopper import Layout, Leg, Stop, Visit
from automl.search.literals import Call, is_number
from automl.search.parameters import CompileParams, FitParams, parse_compile_params, parse_fit_params
from automl.search.scheduler import Task
from automl.search.space import Configuration
from automl.training.request import Request


@dataclass(frozen=True)
class Trial:
    """One configuration with its number.

    Attributes:
        mst_key: its number, from 1.
        configuration: model id, compile and fit parameters as text.
        model: the key of its architecture.
        compiled, fit: its parameters, parsed.
    """

    mst_key: int
    configuration: Configuration
    model: str
    compiled: CompileParams
    fit: FitParams

    @property
    def program(self) -> tuple[object, ...]:
        """What two trials share that one compiled program can serve: everything but the values of the optimizer's numbers."""
        compiled = self.compiled
        params = tuple((key, repr(value)) for key, value in sorted(compiled.optimizer_params.items()) if not is_number(value))
        names = tuple(sorted(compiled.optimizer_params))
        kind = bool(self.fit.class_weight), self.fit.board is not None
        return self.model, compiled.optimizer.lower(), names, params, compiled.loss, compiled.all_metrics, kind

    def order(self) -> dict[str, Any]:
        """Return the part of an order that is the same in every visit."""
        order = {"model": self.model, "compile": compile_order(self.compiled), "fit": fit_order(self.fit)}
        return order if self.fit.board is None else {**order, "tensorboard": asdict(self.fit.board)}


def make_trials(request: Request, numbered: Iterable[tuple[int, Configuration]]) -> tuple[Trial, ...]:
    """Parse configurations that have their numbers."""
    return tuple(
        Trial(
            number,
            configuration,
            request.architectures[configuration.model_id].key,
            parse_compile_params(configuration.compile_params),
            parse_fit_params(configuration.fit_params),
        )
        for number, configuration in numbered
    )


def leg(trial: Trial, task: Task, frequency: int | None) -> Leg:
    """Return the iterations that a task asks of a trial, on the search's own axis of iterations.

    Args:
        frequency: as in `evaluated`.
    """
    return Leg(
        trial=trial.mst_key,
        program=trial.program,
        first=task.offset + 1,
        iterations=task.iterations,
        evaluated=evaluated(task.offset, task.iterations, frequency),
        iterations_after=task.iterations_after,
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
    names = ("training", "validation")
    return Layout(tuple((name, table.partitions) for name, table in zip(names, request.tables, strict=False)))


def visit_order(trial: Trial, visit: Visit, seed: int, labels: int, sums: Mapping[str, Any], run: int = 0) -> dict[str, Any]:
    """Return the order of one visit.

    Args:
        run: the number of the run, which TensorBoard's files stand under.
        seed: of the search.
        labels: width of the dependent variable.
        sums: what the trial's evaluation has summed in earlier visits.
    """
    stops = [_stop(stop) for stop in visit.stops]
    order = {**trial.order(), "seed": [seed, trial.mst_key], "labels": labels, "stops": stops, "sums": dict(sums)}
    if "tensorboard" in order:
        order["tensorboard"] = {**order["tensorboard"], "run": run, "trial": trial.mst_key}
    return order


def _stop(stop: Stop) -> dict[str, Any]:
    if stop.dataset is None:
        return {"train": stop.partition, "iteration": stop.iteration, "last": stop.last}
    return {"evaluate": stop.dataset, "partition": stop.partition, "iteration": stop.iteration, "last": stop.last}


def compile_order(compiled: CompileParams) -> dict[str, Any]:
    """Return compile parameters as an order carries them."""
    return {
        "optimizer": compiled.optimizer,
        "params": {key: _plain(value) for key, value in compiled.optimizer_params.items()},
        "loss": compiled.loss,
        "metrics": list(compiled.all_metrics),
        "loss_weight": _weight(compiled.loss_weights),
    }


def fit_order(fit: FitParams) -> dict[str, Any]:
    """Return fit parameters as an order carries them."""
    return {
        "batch_size": fit.batch_size,
        "epochs": fit.passes,
        "shuffle": fit.shuffle,
        "class_weight": None if fit.class_weight is None else {str(key): value for key, value in fit.class_weight.items()},
        "steps_per_epoch": fit.steps_per_epoch,
    }


def _plain(value: object) -> object:
    return value.as_dict() if isinstance(value, Call) else value


def _weight(weights: object) -> float:
    if isinstance(weights, (list, tuple)) and weights:
        return float(weights[0])
    if isinstance(weights, dict) and weights:
        return float(next(iter(weights.values())))
    return 1.0
