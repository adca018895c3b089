"""Whether configurations can be tried as often as is asked for: so many trials, and folds of the rows."""

from __future__ import annotations

from automl.data.packed_table import PackedTable
from automl.database.session import CallerDatabase
from automl.errors import UsageError
from automl.search.limits import MOST_CONFIGURATIONS
from automl.search.pairs import AUTOML_PARAMS
from automl.search.scheduler import Plan
from automl.search.steering import Steering
from automl.search.tries import TriesPlan

_FOLDS = '"folds"'


def require_folds(db: CallerDatabase, folds: int | None, training: PackedTable, *, validated: bool) -> None:
    """Raise unless the rows of a packed table can be divided into so many parts, each of whole partitions.

    Args:
        validated: whether there is a validation table.
    """
    if folds is None:
        return
    if validated:
        hint = "With folds a configuration is scored on rows of source_table that it was not trained on. Leave one of them out."
        raise UsageError(AUTOML_PARAMS, f"{_FOLDS} must be left out where there is a validation_table", folds, hint=hint)
    if folds > training.partitions:
        hint = (
            "A partition of a packed table is a segment that has some of its rows: pack it with other distribution_rules."
            if db.dialect.segmented
            else f"SET keras_automl.partitions = {folds} and pack the table again."
        )
        rule = f'must be at most the number of partitions of "{training.relation.name}", {training.partitions}'
        raise UsageError(AUTOML_PARAMS, f"{_FOLDS} {rule}", folds, hint=hint)


def several(plan: Plan, steering: Steering) -> Plan:
    """Return a plan with as many tries of each configuration as is asked for.

    Raises:
        UsageError: these are too many trials, where somebody does not end them by their time.
    """
    tries = steering.tries
    if not tries.several:
        return plan
    trials = plan.planned_trials * tries.count
    if trials > MOST_CONFIGURATIONS and steering.max_time is None:
        key = "trials_per_config" if tries.each > 1 else "folds"
        planned = f"{trials} with {plan.planned_trials} configurations"
        rule = f'"{key}" must plan at most {MOST_CONFIGURATIONS} trials, and plans {planned}'
        raise UsageError(AUTOML_PARAMS, rule, getattr(steering, key))
    return TriesPlan(plan, tries)
