"""What is searched for a table of columns: networks, ranges, the method, and how it spends its time.

Ranges and sizes are those of the authors of the networks (Gorishniy et al., "TabM", 2025, appendix D; Holzmueller et al.,
"RealMLP", 2024), narrowed to what pays within minutes on few processors. What hangs on time goes by the rows, the network and
the budget alone, and never by the machine: the same statement searches the same on any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from automl.columns.layout import Layout
from automl.columns.networks import Form, network, products
from automl.columns.ranking import OF_CLASSES, ranking
from automl.errors import UsageError

_SPEED = 1e10  # products a second that a processor trains with, about: forwards and backwards
_STEP = 0.001  # seconds that a batch takes besides
_PROCESSORS = 2
_BATCH_SIZES = ((2_800, 32), (4_500, 64), (6_400, 128), (108_000, 256), (400_000, 512), (math.inf, 1024))
_PASSES_OF = 1_500  # rows that an iteration goes through at least: going to and fro must not take longer than training
_R, _ETA, _RUNGS = 27, 3, 4  # configurations train for 1, 3, 9 and 27 more iterations
_ITERATIONS = 2 * _R * _RUNGS  # that there is time for at least: two come to the top of the ladder, and what leads there
_MOST_EPOCHS = 2  # of an iteration, where there is time for them
_PATIENCE = 12
_CUTS = '[ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=4, min_delta=0.0)]'
_DROPOUTS = {True: (0.1, 0.3, 0.5), False: (0.0, 0.1, 0.3)}  # of classes, which small tables tell little of; of numbers
_ENOUGH = 200  # rows to choose by, about, that tell for themselves how certain a network may be
_FEWEST = 4  # members of a network that has some


@dataclass(frozen=True)
class Preset:
    """How much is tried.

    Attributes:
        members: of each network.
        sizes: of the networks: blocks and width.
        share: of the budget that the search takes; the rest is for what comes before it and behind it.
        longest: seconds that it takes at most.
        averaged: how many models are averaged at most.
    """

    members: int
    sizes: tuple[tuple[int, int], ...]
    share: float
    longest: float
    averaged: int
    bins: int = 48
    embedding: int = 16

    def forms(self, classes: bool) -> tuple[Form, ...]:
        """Return the networks: each size with several shares of dropout, by whether classes are predicted."""
        dropouts = _DROPOUTS[classes] if self.members > 1 else _DROPOUTS[classes][1:2]
        return tuple(
            Form(self.members, blocks, width, dropout, self.bins, self.embedding)
            for blocks, width in self.sizes
            for dropout in dropouts
        )


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
        ranked: what ranks models, as `automl_params` has it.
    """

    architectures: tuple[Architecture, ...]
    compile_params_grid: str
    fit_params_grid: str
    automl_method: str
    automl_params: str
    metrics_compute_frequency: int
    random_state: int | None
    averaged: int
    ranked: str


PRESETS: Mapping[str, Preset] = {
    "fast": Preset(1, ((2, 256),), 0.55, 32.0, 1, bins=32, embedding=8),
    "good": Preset(16, ((2, 256),), 0.9, math.inf, 3),
    "best": Preset(32, ((2, 256), (2, 512), (3, 256), (3, 512)), 0.92, math.inf, 5),
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


def search_arguments(
    preset: str,
    layout: Layout,
    rows: int,
    validation: int,
    budget_seconds: float,
    objective: str | None,
    random_state: int | None,
    elapsed: float = 0.0,
) -> SearchArguments:
    """Return what a search is called with.

    Args:
        preset: its name.
        rows: to train on.
        validation: rows that models are chosen by.
        budget_seconds: for everything.
        objective: loss, or the name of a measure or metric; None for the loss.
        elapsed: how many of these seconds are over. Nothing but the end of the search hangs on that.
    """
    chosen = find_preset(preset)
    seconds = min(chosen.share * budget_seconds, chosen.longest)
    pace = _pace(chosen, layout, rows, seconds)
    by = ranking(objective, classes=layout.classes)
    loss = _smoothed(by.loss, validation)
    left = max(1.0, seconds - elapsed)
    return SearchArguments(
        tuple(Architecture(str(form), network(layout, form)) for form in pace.forms),
        f"{{'loss': ['{loss}'], 'metrics': [{by.metric!r}], 'optimizer_params_list': [{{'optimizer': ['AdamW'],"
        " 'learning_rate': [0.0005, 0.004, 'log'], 'weight_decay': [0.0001, 0.3, 'log']}]}",
        pace.fit_params_grid,
        "asha",
        f"R={_R}, eta={_ETA}, sampler=tpe, objective={by.objective}, keep=best, trial_patience={_PATIENCE},"
        f" max_time={left:.1f} s",
        1,
        random_state,
        chosen.averaged,
        by.objective,
    )


def _smoothed(loss: str, validation: int) -> str:
    """Return a loss that does not reward more certainty than rows to choose by can tell.

    Of n rows that were all told right, Laplace's rule of succession has the next one wrong with 1 / (n + 2): nobody can know
    better, but the log loss of these rows goes on falling while a network becomes more certain of them. So about that share of
    each label is for all classes alike, less and less of it, and nothing where rows are many.
    """
    share = 1 / (validation + 2) - 1 / (_ENOUGH + 2)
    return f"CategoricalCrossentropy(label_smoothing={share:.3f})" if loss == OF_CLASSES and share >= 0.001 else loss


def batch_size(rows: int) -> int:
    """Return the batch size for so many rows.

    >>> batch_size(150), batch_size(4000), batch_size(43_000)
    (32, 64, 256)
    """
    return next(size for most, size in _BATCH_SIZES if rows < most)


@dataclass(frozen=True)
class _Pace:
    """How a search spends its time.

    Attributes:
        forms: of the networks.
        fit_params_grid: how many rows an iteration goes through.
    """

    forms: tuple[Form, ...]
    fit_params_grid: str


def _pace(preset: Preset, layout: Layout, rows: int, seconds: float) -> _Pace:
    """Return it: fewer members where rows are many, and where that is not enough iterations that go through a part of them."""
    size, forms = batch_size(rows), preset.forms(layout.classes)
    while (passes := _in_time(forms, layout, size, seconds) / rows) < _ITERATIONS and forms[0].members > _FEWEST:
        forms = tuple(replace(form, members=form.members // 2) for form in forms)
    epochs = max(1, min(_MOST_EPOCHS, int(passes / _ITERATIONS)), math.ceil(_PASSES_OF / rows))
    grid = f"'batch_size': [{size}], 'epochs': [{epochs}], 'callbacks': [{_CUTS!r}]"
    if passes < _ITERATIONS:
        steps = max(1, math.ceil(passes / _ITERATIONS * rows / size / _PROCESSORS))  # of each of so many partitions
        grid += f", 'steps_per_epoch': [{steps}]"
    return _Pace(forms, f"{{{grid}}}")


def _in_time(forms: Sequence[Form], layout: Layout, size: int, seconds: float) -> float:
    """Return how many rows can be trained on in a time, by the larger half of the networks."""
    costs = sorted(products(layout, form) for form in forms)
    return _PROCESSORS * seconds / (costs[len(costs) // 2] / _SPEED + _STEP / size)
