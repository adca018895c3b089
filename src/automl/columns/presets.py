"""What is searched for a table of columns: networks, ranges, the method, and how it spends its time.

Ranges and sizes are those of the authors of the networks (Gorishniy et al., "TabM", 2025, appendix D; Holzmueller et al.,
"RealMLP", 2024), narrowed to what pays within minutes on few processors. What hangs on time goes by the rows, the network and the
budget alone, and never by the machine: the same statement searches the same on any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl.columns.layout import Layout
from automl.columns.networks import Form, network, products
from automl.errors import UsageError

_SPEED = 8e9  # products a second that a processor trains with, about: forwards and backwards
_PROCESSORS = 2
_BATCH_SIZES = ((2_800, 32), (4_500, 64), (6_400, 128), (32_000, 256), (108_000, 512), (math.inf, 1024))
_PASSES_OF = 1_500  # rows that an iteration goes through at least: going to and fro must not take longer than training


@dataclass(frozen=True)
class Preset:
    """How much is tried.

    Attributes:
        forms: of the networks.
        share: of the budget that the search takes; the rest is for what comes before it and behind it.
        longest: seconds that it takes at most.
        averaged: how many models are averaged at most.
    """

    forms: tuple[Form, ...]
    share: float
    longest: float
    averaged: int


@dataclass(frozen=True)
class Architecture:
    """A network of a library."""

    name: str
    text: str


@dataclass(frozen=True)
class SearchArguments:
    """What madlib_keras_automl is called with, but for the names of tables.

    Attributes:
        averaged: how many of the best models are averaged when it is over; 1 for none.
    """

    architectures: tuple[Architecture, ...]
    compile_params_grid: str
    fit_params_grid: str
    automl_method: str
    automl_params: str
    metrics_compute_frequency: int
    random_state: int | None
    averaged: int


def _forms(members: int, sizes: Sequence[tuple[int, int]], dropouts: Sequence[float]) -> tuple[Form, ...]:
    return tuple(Form(members, blocks, width, dropout) for blocks, width in sizes for dropout in dropouts)


PRESETS: Mapping[str, Preset] = {
    "fast": Preset((Form(1, 2, 256, 0.1, bins=32, embedding=8),), 0.5, 30.0, 1),
    "good": Preset(_forms(16, ((2, 128), (2, 256), (3, 256)), (0.1, 0.3)), 0.85, math.inf, 3),
    "best": Preset(_forms(32, ((2, 256), (2, 512), (3, 256), (3, 512)), (0.0, 0.1, 0.3)), 0.9, math.inf, 5),
}


def find_preset(value: str | None) -> Preset:
    """Return the preset of a name, in any case.

    Raises:
        UsageError: there is none.
    """
    name = "" if value is None else value.strip().lower()
    if name not in PRESETS:
        raise UsageError("preset", f"must be one of {', '.join(map(repr, PRESETS))}", value)
    return PRESETS[name]


def architectures(layout: Layout, preset: str) -> tuple[Architecture, ...]:
    """Return the networks of a preset for rows of a layout."""
    return tuple(Architecture(str(form), network(layout, form)) for form in find_preset(preset).forms)


def search_arguments(
    preset: str, layout: Layout, rows: int, budget_seconds: float, objective: str | None, random_state: int | None
) -> SearchArguments:
    """Return what a search is called with.

    Args:
        preset: its name.
        rows: to train on.
        budget_seconds: for everything.
        objective: loss, or the name of a metric; None for the loss.
    """
    chosen = find_preset(preset)
    seconds = min(chosen.share * budget_seconds, chosen.longest)
    epochs = max(1, math.ceil(_PASSES_OF / rows))
    method, params = _method(chosen, layout, rows * epochs, seconds)
    loss, metric, ranked = _objective(objective, layout.classes)
    return SearchArguments(
        architectures(layout, preset),
        f"{{'loss': ['{loss}'], 'metrics': [{metric!r}], 'optimizer_params_list': [{{'optimizer': ['AdamW'],"
        " 'learning_rate': [0.0005, 0.005, 'log'], 'weight_decay': [0.00001, 0.1, 'log']}]}",
        f"{{'batch_size': [{batch_size(rows)}], 'epochs': [{epochs}]}}",
        method,
        f"{params}, objective={ranked}, keep=best, trial_patience=16, max_time={seconds:g} s",
        1,
        random_state,
        chosen.averaged,
    )


def batch_size(rows: int) -> int:
    """Return the batch size for so many rows.

    >>> batch_size(150), batch_size(4000), batch_size(43_000)
    (32, 64, 512)
    """
    return next(size for most, size in _BATCH_SIZES if rows < most)


def _method(preset: Preset, layout: Layout, rows: int, seconds: float) -> tuple[str, str]:
    """Return the method and its own parameters: halving where many iterations fit in, else a few configurations in full.

    Args:
        rows: that an iteration goes through.
    """
    costs = sorted(products(layout, form) for form in preset.forms)
    usual = costs[len(costs) // 2] * rows / _SPEED
    iterations = _PROCESSORS * seconds / usual
    if iterations >= 324:
        return "asha", "R=27, eta=3, sampler=tpe"
    if iterations >= 81:
        return "asha", "R=27, eta=3"
    return "hyperopt", f"algorithm=rand, num_configs=100, num_iterations={max(1, min(40, int(iterations / 2)))}"


def _objective(objective: str | None, classes: bool) -> tuple[str, str, str]:
    """Return the loss, the metric beside it, and what ranks trials."""
    loss, usual = ("categorical_crossentropy", "accuracy") if classes else ("mean_squared_error", "mean_absolute_error")
    named = (objective or "loss").strip()
    if named.lower() in ("loss", "log_loss", "logloss", "mse", "rmse", loss):
        return loss, usual, "loss"
    if not classes and named.lower() in ("mae", "mean_absolute_error"):
        return "mean_absolute_error", "mean_squared_error", "loss"
    return loss, named, named
