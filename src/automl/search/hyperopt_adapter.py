"""The one file that knows hyperopt: its tree of Parzen estimators over the coordinates of our space.

hyperopt sees choices by their number and ranges by their quantile, so one distribution serves every scale: in quantiles all of
them are uniform. It is asked for one proposal at a time from a history that is handed over anew, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperopt import hp, tpe
from hyperopt.base import JOB_STATE_DONE, STATUS_OK, Domain, Trials

from automl.search.space import BRANCH, Axis, Coordinates


class Tpe:
    """Proposes points where good trials lie denser than bad ones (Bergstra, Bardenet, Bengio, Kégl 2011, section 4).

    Args:
        axes: of the space.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._domain = Domain(None, _expression(axes), pass_expr_memo_ctrl=False)

    def propose(self, seed: int, history: Sequence[tuple[Coordinates, float]]) -> Coordinates:
        """Return the coordinates of a point to try.

        Args:
            seed: of its random draws; no global generator is touched.
            history: coordinates and losses of the trials so far, in their order; infinite for failed and pending ones.
        """
        trials = Trials()
        trials._trials = [self._document(number, *trial) for number, trial in enumerate(history, 1)]
        (proposed,) = tpe.suggest([len(history) + 1], self._domain, trials, seed, n_startup_jobs=0, verbose=False)
        # hyperopt's numbers are numpy's.
        return {label: values[0].item() for label, values in proposed["misc"]["vals"].items() if len(values)}

    def _document(self, number: int, coordinates: Coordinates, loss: float) -> dict[str, Any]:
        """Return a trial as hyperopt writes it down."""
        labels = self._domain.params
        return {
            "tid": number,
            "state": JOB_STATE_DONE,
            "result": {"status": STATUS_OK, "loss": loss},
            "misc": {
                "tid": number,
                "idxs": {label: [number] if label in coordinates else [] for label in labels},
                "vals": {label: [coordinates[label]] if label in coordinates else [] for label in labels},
            },
        }


def _expression(axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the space in hyperopt's terms: the axes of a branch are there only where the branch is chosen."""
    shared = {axis.label: _node(axis) for axis in axes if axis.branch is None and axis.label != BRANCH}
    branches = next((axis.size or 0 for axis in axes if axis.label == BRANCH), 0)
    own = [{axis.label: _node(axis) for axis in axes if axis.branch == branch} for branch in range(branches)]
    return {**shared, BRANCH: hp.choice(BRANCH, own)} if own else shared


def _node(axis: Axis) -> Any:
    return hp.uniform(axis.label, 0, 1) if axis.size is None else hp.randint(axis.label, axis.size)
