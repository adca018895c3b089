"""The GPUs of the hosts that train: asked of each host, and the table of `gpu_configuration`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automl.database import catalog
from automl.database.dialect import Segment, segments_up
from automl.database.names import table_name
from automl.database.session import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, OperatorError, UsageError
from automl.hosts.assignment import Host, hosts_without_gpu
from keras_seg.protocol.hosts import GpuReport

NVIDIA, TENSORFLOW = "nvidia", "tensorflow"
_SOURCES = (TENSORFLOW, NVIDIA)


def gpu_configuration(db: Database, output_table: str | None, source: str | None = TENSORFLOW) -> None:
    """Make a table with a row for each GPU of each host: hostname, gpu_descr."""
    wanted = TENSORFLOW if source is None else source.strip().lower()
    if wanted not in _SOURCES:
        raise UsageError("source", "must be 'tensorflow' or 'nvidia'", source)
    (output,) = catalog.require_absent(db, "output_table", table_name("output_table", output_table))
    found = _by_host(db, wanted)
    problems = [f"{host}: {each.problem}" for host, each in found.items() if each.problem]
    if problems:
        raise OperatorError("; ".join(problems), hint="SELECT * FROM madlib.automl_doctor() shows what is installed where.")
    rows = [(host, gpu.description) for host, each in found.items() for gpu in each.gpus]
    db.execute(f"CREATE TABLE {output.sql} (hostname text, gpu_descr text){db.dialect.distributed_by()}")
    for row in rows:
        db.execute(f"INSERT INTO {output.sql} VALUES ($1::text, $2::text)", *row)


def hosts_of_sessions(db: Database, segments: Sequence[int] | None = None) -> tuple[Host, ...]:
    """Return for each session the host that it trains on, with its GPUs; one host for all sessions where there are no segments.

    Args:
        segments: the number of the segment that each session trains on; None for one on each segment.

    Raises:
        UsageError: a host has no GPU.
    """
    hosts = _hosts_of_segments(db, segments) if db.dialect.segmented else (_host(_server(db, NVIDIA)),)
    without = hosts_without_gpu(hosts)
    if without:
        raise _without_gpu(hosts, without, segments is not None)
    return hosts


def segments_with_gpu(db: Database, segments: Sequence[Segment]) -> tuple[int, ...]:
    """Return the numbers of the segments whose host has a GPU."""
    found = _by_host(db, NVIDIA)
    return tuple(segment.content for segment in segments if found[segment.host].gpus)


def _hosts_of_segments(db: Database, segments: Sequence[int] | None) -> tuple[Host, ...]:
    where = {segment.content: segment.host for segment in segments_up(db)}
    found = _by_host(db, NVIDIA)
    return tuple(_host(found[where[segment]]) for segment in (where if segments is None else segments))


def _without_gpu(hosts: Sequence[Host], without: Sequence[str], repack: bool) -> UsageError:
    every = list(dict.fromkeys(host.name for host in hosts))
    of = f" of {', '.join(every)}" if len(every) > len(without) else ""
    more = " or pack the table for those that have one with distribution_rules => 'gpu_segments'," if repack else ""
    return UsageError(
        "use_gpus",
        f"needs a GPU on every host that takes part, and the driver shows none on {', '.join(without)}{of}",
        True,
        hint=f"Leave it out,{more} or mend the driver: madlib.gpu_configuration('t', 'nvidia') lists what it shows.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )


def _host(found: GpuReport) -> Host:
    return Host(found.host, tuple(gpu.name for gpu in found.gpus))


def _by_host(db: Database, source: str) -> dict[str, GpuReport]:
    """Return what each host says, by its name; of several segments on a host the first is asked."""
    if not db.dialect.segmented:
        found = _server(db, source)
        return {found.host: found}
    first: dict[str, int] = {}
    for segment in segments_up(db):
        first.setdefault(segment.host, segment.content)
    statement = db.dialect.on_segments("madlib.automl_gpus($1::text)", "= ANY ($2::integer[])")
    rows = db.execute(statement, source, list(first.values()))
    said = {row["segment"]: GpuReport.from_json(row["found"]) for row in rows}
    return {host: replace(said[content], host=host) for host, content in first.items()}


def _server(db: Database, source: str) -> GpuReport:
    return GpuReport.from_json(db.execute("SELECT madlib.automl_gpus($1::text) AS found", source)[0]["found"])
