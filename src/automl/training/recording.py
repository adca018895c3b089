"""What the record has of a run as a whole: what was called, where it runs, how it ended."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from automl.cluster.interface import Cluster
from automl.training.record import RunRecord
from automl.training.request import Request
from automl.training.rows import Best, Call, End, Estimate, RunStatus, Where
from keras_seg.server.failure import words_of
from keras_seg.server.interrupts import is_cancellation


def digest(rows: Sequence[str], request: Request) -> str:
    """Return a digest of what is trained on, and begun from: another one says that it may have changed.

    Args:
        rows: what the packed tables hold, told by who wrote it where: that is read in no time.
    """
    keys = sorted((number, definition.key) for number, definition in request.architectures.items())
    begun = [] if request.warm_start is None else [request.warm_start.fingerprint]
    return hashlib.sha256(json.dumps([list(rows), keys, *begun]).encode()).hexdigest()[:32]


def call(request: Request, arguments: Mapping[str, Any], inputs: str, estimate: Estimate) -> Call:
    """Return what was called."""
    return Call(
        method=request.method,
        params=request.params,
        objective=str(request.objective),
        source_table=str(request.training.relation.name),
        model_output_table=str(request.model),
        arguments=json.dumps(dict(arguments)),
        inputs=inputs,
        random_state=request.seed,
        threads=request.resources.threads,
        partitions=request.training.partitions,
        **vars(estimate),
    )


def where(cluster: Cluster, arguments: Mapping[str, Any], time_from: float) -> Where:
    """Return where a run runs, and by which of its arguments it goes on."""
    in_force = arguments.get("automl_params")
    return Where(cluster.kind, cluster.present, os.getpid(), automl_params=in_force, time_from=time_from)


def close_quietly(record: RunRecord, best: Best, error: BaseException, cluster: Cluster) -> None:
    """Close the record of a run that failed; that this fails too must not hide why."""
    status = RunStatus.CANCELLED if is_cancellation(error) else RunStatus.FAILED
    why = next(iter(words_of(error).splitlines()), type(error).__name__)
    try:
        record.break_off(End(**vars(best), status=status, error=why, versions=cluster.versions()))
    except Exception:
        return
