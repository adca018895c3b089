"""Parameters of a configuration as orders carry them to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from automl.search.literals import Call
from automl.search.parameters import CompileParams, FitParams
from keras_seg.protocol.orders import CompileOrder, FitOrder, RateCuts, TensorBoardOrder


def compile_order(compiled: CompileParams) -> CompileOrder:
    """Return compile parameters as an order carries them."""
    return CompileOrder(
        optimizer=compiled.optimizer,
        params={key: _plain(value) for key, value in compiled.optimizer_params.items()},
        loss=compiled.loss,
        metrics=compiled.all_metrics,
        loss_weight=_weight(compiled.loss_weights),
    )


def fit_order(fit: FitParams, class_weight: Mapping[int, float] | None) -> FitOrder:
    """Return fit parameters as an order carries them.

    Args:
        class_weight: by the number of the class.
    """
    return FitOrder(
        batch_size=fit.batch_size,
        epochs=fit.passes,
        shuffle=fit.shuffle,
        class_weight=None if class_weight is None else {str(key): value for key, value in class_weight.items()},
        steps_per_epoch=fit.steps_per_epoch,
    )


def tensorboard_order(fit: FitParams, run: int = 0, trial: int = 0) -> TensorBoardOrder | None:
    """Return what is to be written for TensorBoard, if the callback is among the parameters.

    Args:
        run, trial: whose files these are.
    """
    return None if fit.board is None else TensorBoardOrder(**asdict(fit.board), run=run, trial=trial)


def rate_cuts(fit: FitParams, count: int) -> RateCuts | None:
    """Return how a learning rate is that has been reduced so often; None where it has not."""
    plateau = fit.called_back.plateau
    return None if plateau is None or not count else RateCuts(count, float(plateau.factor), float(plateau.min_lr))


def _plain(value: object) -> object:
    return value.as_dict() if isinstance(value, Call) else value


def _weight(weights: Any) -> float:
    """Return the factor of the loss: the first number of what was given."""
    numbers = list(weights.values()) if isinstance(weights, dict) else weights if isinstance(weights, list) else [weights]
    return 1.0 if not numbers or numbers[0] is None else float(numbers[0])
