"""What a search will do, as data, before anything is touched: the trials, their brackets, the orders that sessions will get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from automl.hopper import Layout, Leg, Stop, Visit
from automl.request import Request
from automl.search.grammar import Call, CompileParams, FitParams, is_number, parse_compile_params, parse_fit_params
from automl.search.hyperband import Assignment
from automl.search.space import Configuration


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
        weighted = bool(self.fit.class_weight)
        return self.model, compiled.optimizer.lower(), names, params, compiled.loss, compiled.all_metrics, weighted

    def order(self) -> dict[str, Any]:
        """Return the part of an order that is the same in every visit."""
        return {"model": self.model, "compile": compile_order(self.compiled), "fit": fit_order(self.fit)}


def make_trials(request: Request, configurations: Iterable[Configuration], first: int = 1) -> tuple[Trial, ...]:
    """Number the configurations and parse them."""
    return tuple(
        Trial(
            number,
            configuration,
            request.architectures[configuration.model_id].key,
            parse_compile_params(configuration.compile_params),
            parse_fit_params(configuration.fit_params),
        )
        for number, configuration in enumerate(configurations, first)
    )


def leg(trial: Trial, assignment: Assignment, ahead: int, frequency: int | None) -> Leg:
    """Return the iterations that a rung asks of a trial, on the search's own axis of iterations.

    Args:
        ahead: iterations that the trial makes in later rungs if it survives.
        frequency: as in `evaluated`.
    """
    rung = assignment.rung
    return Leg(
        trial=trial.mst_key,
        program=trial.program,
        first=rung.offset + 1,
        iterations=rung.iterations,
        evaluated=evaluated(rung.offset, rung.iterations, frequency),
        ahead=ahead,
    )


def evaluated(offset: int, iterations: int, frequency: int | None) -> frozenset[int]:
    """Return the iterations after which metrics are computed: every `frequency`-th of this round, and its last.

    >>> sorted(evaluated(0, 5, 2))
    [2, 4, 5]
    """
    every = frequency or iterations
    return frozenset(offset + count for count in range(1, iterations + 1) if count % every == 0 or count == iterations)


def layout(request: Request) -> Layout:
    """Return the partitions of the datasets that are evaluated."""
    names = ("training", "validation")
    return Layout(tuple((name, table.partitions) for name, table in zip(names, request.tables, strict=False)))


def visit_order(trial: Trial, visit: Visit, seed: int, labels: int, sums: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order of one visit.

    Args:
        seed: of the search.
        labels: width of the dependent variable.
        sums: what the trial's evaluation has summed in earlier visits.
    """
    stops = [_stop(stop) for stop in visit.stops]
    return {**trial.order(), "seed": [seed, trial.mst_key], "labels": labels, "stops": stops, "sums": dict(sums)}


def _stop(stop: Stop) -> dict[str, Any]:
    if stop.dataset is None:
        return {"train": stop.partition, "iteration": stop.iteration}
    return {"evaluate": stop.dataset, "partition": stop.partition, "last": stop.last}


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
