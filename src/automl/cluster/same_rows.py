"""Whether the sessions of a call have read one and the same thing: who wrote to it meanwhile changed some of what they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from automl.cluster.opening import SessionNeeds, fingerprints
from automl.database.names import Name
from automl.database.session import CallerDatabase, Journal
from automl.database.transaction import keeps_its_snapshot
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, RowGone


@contextmanager
def same_rows(db: CallerDatabase, journal: Journal, needs: SessionNeeds, before: Sequence[str], what: str) -> Iterator[None]:
    """Raise if packed tables or custom functions have been written to while sessions read them: in the block, or before.

    Args:
        journal: another session, for a transaction of the caller's that does not see what others commit. It may have to wait
            for who waits for our sessions' locks; the caller's own session has its locks already.
        before: what `fingerprints` told before the sessions were opened.
        what: has read them, for the error.

    Raises:
        AutomlError: what has been trained, or computed, is of some rows as they were and others as they are.
    """
    try:
        yield
    except RowGone:
        _require_same(db, journal, needs, before, what)
        raise
    _require_same(db, journal, needs, before, what)


def _require_same(db: CallerDatabase, journal: Journal, needs: SessionNeeds, before: Sequence[str], what: str) -> None:
    looks: Journal = journal if keeps_its_snapshot(db) else db
    names = [table.relation.name for table in needs.datasets.values()]
    if needs.functions is not None:
        names.append(needs.functions.name)
    now = fingerprints(looks, needs)
    changed = [name for name, was, found in zip(names, before, now, strict=True) if was != found]
    if changed:
        raise _changed(list(dict.fromkeys(changed)), what)


def _changed(names: Sequence[Name], what: str) -> AutomlError:
    tables = " and ".join(f'table "{name}"' for name in names)
    return AutomlError(
        f"rows of {tables} were written while {what} read them; nothing has been made",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        hint="Call the function again. To keep writers out meanwhile, call it in a transaction that begins with LOCK TABLE"
        f" {', '.join(name.sql for name in names)} IN SHARE MODE",
    )
