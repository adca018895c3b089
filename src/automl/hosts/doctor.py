"""automl_doctor: looks at every place where networks would train, and says what to mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from automl import __version__
from automl.database.locks import Lock, count_held
from automl.database.session import CallerDatabase
from automl.database.settings import THREADS, read_setting
from keras_seg.protocol.hosts import Inspection
from keras_seg.protocol.limits import SESSION_BYTES
from keras_seg.server.failure import words_of
from keras_seg.server.interrupts import is_cancellation

SERVER = -1
_SESSION_MB = SESSION_BYTES // 2**20
_PACKAGES = ("python", "tensorflow", "keras", "numpy")

Row = tuple[object, ...]


@dataclass(frozen=True)
class Place:
    """A place where networks would train.

    Attributes:
        segment: its number; -1 for the server or coordinator.
        host: where it is.
        found: what it says about itself, or the problem that keeps it from saying anything.
    """

    segment: int
    host: str
    found: Inspection | str

    @property
    def own_host(self) -> str:
        """What the place calls its host, which may have another name in the catalog."""
        return self.host if isinstance(self.found, str) else self.found.host


def automl_doctor(db: CallerDatabase) -> list[Row]:
    """Return a row for the server, and where there are segments one for each of them.

    Each has: segment (-1 for the server or coordinator), host, version of the package, Python, TensorFlow, Keras, NumPy, the
    folder that is imported from, processors, threads of a session, free memory in MB, devices, how many sessions are kept for a
    next call (of the server, NULL for segments), and what to mend (NULL where all is well).
    """
    threads = read_setting(db, THREADS)
    server = Place(SERVER, "", _asked(db, "SELECT madlib.automl_inspect() AS found"))
    segments = list(_segments(db))
    sharing = Counter(place.own_host for place in segments)
    kept = {SERVER: count_held(db, Lock.KEPT)}
    return [
        _row(
            place,
            list(problems(place.found, server.found, threads, sharing[place.own_host])),
            threads,
            kept.get(place.segment),
        )
        for place in (server, *segments)
    ]


def _segments(db: CallerDatabase) -> Iterator[Place]:
    for segment in db.dialect.segments(db):
        statement = db.dialect.on_segments("madlib.automl_inspect()", f"= {segment.content}")
        down = "the segment is down: gpstate shows it, gprecoverseg brings it back"
        yield Place(segment.content, segment.host, _asked(db, statement) if segment.up else down)


def _asked(db: CallerDatabase, statement: str) -> Inspection | str:
    """Return what a place says about itself, or the problem that keeps it from saying anything."""
    try:
        with db.subtransaction():
            return Inspection.from_json(db.execute(statement)[0]["found"])
    except Exception as error:  # the driver's own classes: whatever it is, this row is where it is told
        if is_cancellation(error):
            raise
        return words_of(error)


def _row(place: Place, to_mend: list[str], threads: int, kept: int | None) -> Row:
    found, mend = place.found, "; ".join(to_mend) or None
    if isinstance(found, str):
        return (place.segment, place.host, *(6 * (None,)), None, threads, None, None, kept, mend)
    return (
        place.segment,
        found.host,
        __version__,
        *(getattr(found, package) for package in _PACKAGES),
        found.site,
        found.processors,
        threads,
        found.memory_mb,
        list(found.gpus),
        kept,
        mend,
    )


def problems(found: Inspection | str, server: Inspection | str, threads: int, sharing: int) -> Iterator[str]:
    """Yield what to mend in a place.

    Args:
        found: what it says about itself.
        server: what the server does.
        threads: of TensorFlow in each session.
        sharing: how many segments of Greenplum share the host, each with a session of a search.
    """
    if isinstance(found, str):
        yield found
        return
    for package in _PACKAGES:
        here, there = getattr(found, package), getattr(server, package, None)
        if here is None:
            yield f"{package} is missing in {found.site}: run deploy/install on this host, as root"
        elif here != there and not isinstance(server, str):
            yield f"{package} is {here} here and {there} on the server: run deploy/install on both"
    needed = _SESSION_MB * max(1, sharing)
    if (found.memory_mb or needed) < needed:
        of = f"each of the {sharing} segments of this host takes" if sharing > 1 else "a session takes"
        yield f"only {found.memory_mb} MB of memory are free, {of} {_SESSION_MB}"
    if threads > found.processors:
        yield f"keras_automl.threads is {threads}, and there are {found.processors} processors: RESET keras_automl.threads"
