"""The search: madlib_keras_automl."""

from __future__ import annotations

from dataclasses import asdict

from automl.database.session import CallerDatabase
from automl.hosts.machine import this_machine
from automl.training import request, run
from automl.training.request import Arguments, Origin, Request
from automl.training.search_tables import SearchTables


def madlib_keras_automl(db: CallerDatabase, *arguments: object) -> None:
    """Search, and make the five tables."""
    given = Arguments(*arguments)  # type: ignore[arg-type]  # SQL has checked their types
    run.execute(db, *search(db, given), asdict(given))


def search(db: CallerDatabase, given: Arguments, origin: Origin | None = None) -> tuple[Request, SearchTables]:
    """Check the arguments and return what is to be trained, and the tables to be made.

    Args:
        origin: of the run that these arguments are from, if it is to go on.
    """
    asked, about = request.parse(db, given, this_machine(), origin)
    return asked, SearchTables(asked, about)
