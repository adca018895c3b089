"""hyperband_schedule: the schedule of a Hyperband run as a table, before anything is run."""

from __future__ import annotations

from automl.database.catalog import require_absent
from automl.database.names import table_name
from automl.database.session import CallerDatabase
from automl.search.hyperband import schedule_params


def hyperband_schedule(
    db: CallerDatabase, schedule_table: str | None, r: int | None, eta: int | None = 3, skip_last: int | None = 0
) -> None:
    """Write the schedule to a new table: one row a round, brackets from the most configurations to the fewest.

    Args:
        db: the caller's session.
        schedule_table: the new table, with columns s, i, n_i and r_i.
        r: iterations that one configuration gets at most in a round.
        eta: one in `eta` configurations goes on to the next round.
        skip_last: rounds that each bracket leaves out at its end.
    """
    rungs = schedule_params(r, eta, skip_last).rungs
    (name,) = require_absent(db, "schedule_table", table_name("schedule_table", schedule_table))
    db.execute(f"CREATE TABLE {name.sql} (s integer, i integer, n_i integer, r_i integer, UNIQUE (s, i)){db.dialect.keyed}")
    for rung in rungs:
        db.execute(
            f"INSERT INTO {name.sql} VALUES ($1::integer, $2::integer, $3::integer, $4::integer)",
            rung.bracket,
            rung.round,
            rung.configurations,
            rung.iterations,
        )
