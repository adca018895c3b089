"""automl_doctor: looks at every place where networks would train, and says what to mend."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from automl import __version__
from automl.database.catalog import whole_setting
from automl.database.dialect import is_greenplum
from automl.database.session import CallerDatabase
from keras_seg.protocol.limits import MOST_THREADS, SESSION_BYTES
from keras_seg.server.interrupts import is_cancellation

SERVER = -1
_SESSION_MB = SESSION_BYTES // 2**20
_PACKAGES = ("python", "tensorflow", "keras", "numpy")
_SEGMENTS = """SELECT content, hostname::text AS host, status::text AS status FROM pg_catalog.gp_segment_configuration
    WHERE role = 'p' AND content >= 0 ORDER BY content"""

Row = tuple[object, ...]


def automl_doctor(db: CallerDatabase) -> list[Row]:
    """Return a row for the server, and on Greenplum one for each segment.

    Each has: segment (-1 for the server or coordinator), host, version of the package, Python, TensorFlow, Keras, NumPy, the
    folder that is imported from, processors, threads a session, free memory in MB, devices, and what to mend (NULL where all
    is well).
    """
    threads = whole_setting(db, "keras_automl.threads", 1, 1, MOST_THREADS)
    places = [(SERVER, "", _asked(db, "SELECT madlib.automl_inspect() AS found")), *_segments(db)]
    (_, _, server), *segments = places
    sharing = Counter(found.get("host", host) for _, host, found in segments)
    return [
        _row(segment, host, found, list(_problems(found, server, threads, sharing[found.get("host", host)])), threads)
        for segment, host, found in places
    ]


def _segments(db: CallerDatabase) -> Iterator[tuple[int, str, dict[str, Any]]]:
    if not is_greenplum(db):
        return
    for segment in db.execute(_SEGMENTS):
        statement = (
            "SELECT madlib.automl_inspect() AS found FROM gp_dist_random('gp_id')"
            f" WHERE gp_segment_id = {int(segment['content'])}"
        )
        down = {"problem": "the segment is down: gpstate shows it, gprecoverseg brings it back"}
        yield segment["content"], segment["host"], _asked(db, statement) if segment["status"] == "u" else down


def _asked(db: CallerDatabase, statement: str) -> dict[str, Any]:
    """Return what a place says about itself, or the problem that keeps it from saying anything."""
    try:
        with db.subtransaction():
            found: dict[str, Any] = json.loads(db.execute(statement)[0]["found"])
    except Exception as error:  # the driver's own classes: whatever it is, this row is where it is told
        if is_cancellation(error):
            raise
        return {"problem": str(error).strip()}
    return found


def _row(segment: int, host: str, found: dict[str, Any], problems: list[str], threads: int) -> Row:
    return (
        segment,
        found.get("host", host),
        None if "problem" in found else __version__,
        *(found.get(package) for package in _PACKAGES),
        found.get("site"),
        found.get("processors"),
        threads,
        found.get("memory_mb"),
        found.get("gpus"),
        "; ".join(problems) or None,
    )


def _problems(found: dict[str, Any], server: dict[str, Any], threads: int, sharing: int) -> Iterator[str]:
    """Yield what to mend.

    Args:
        sharing: how many segments of Greenplum share the host, each with a session of a search.
    """
    if "problem" in found:
        yield found["problem"]
        return
    for package in _PACKAGES:
        if found[package] is None:
            yield f"{package} is missing in {found['site']}: run deploy/install on this host, as root"
        elif found[package] != server.get(package, found[package]):
            yield f"{package} is {found[package]} here and {server[package]} on the server: run deploy/install on both"
    needed = _SESSION_MB * max(1, sharing)
    if (found["memory_mb"] or needed) < needed:
        of = f"each of the {sharing} segments of this host takes" if sharing > 1 else "a session takes"
        yield f"only {found['memory_mb']} MB of memory are free, {of} {_SESSION_MB}"
    if threads > found["processors"]:
        yield f"keras_automl.threads is {threads}, and there are {found['processors']} processors: RESET keras_automl.threads"
