"""Getting a session ready for a run: its setup, TensorFlow, the custom functions."""

from __future__ import annotations

from typing import Any

from keras_seg.protocol import custom_functions
from keras_seg.protocol.hosts import Readiness
from keras_seg.protocol.limits import MOST_THREADS
from keras_seg.protocol.orders import SessionSetup
from keras_seg.protocol.sqlstates import INSUFFICIENT_PRIVILEGE, INVALID_PARAMETER_VALUE, OBJECT_NOT_IN_PREREQUISITE_STATE
from keras_seg.server.failure import fail
from keras_seg.server.gpus import of_driver
from keras_seg.server.interrupts import look
from keras_seg.server.runtime import Runtime, RuntimeProblem
from keras_seg.session.cache import Cache


def open_session(plpy: Any, cache: Cache, setup: SessionSetup) -> Readiness:
    """Drop what an earlier run left but its programs, remember the setup of this one and wait for TensorFlow."""
    cache.begin()
    cache.setup = setup
    _read_functions(plpy, cache)
    wanted = Runtime(_threads(plpy, setup.threads), setup.gpus)
    cache.runtime = cache.runtime or _begin(plpy, wanted)
    _require_same(plpy, cache.runtime, wanted)
    try:
        cache.runtime.wait(lambda: look(plpy))
    except RuntimeProblem as problem:
        fail(plpy, f"keras_automl: {problem}", OBJECT_NOT_IN_PREREQUISITE_STATE, problem.hint)
    return cache.runtime.readiness()


def _threads(plpy: Any, given: int) -> int:
    """Return the number of threads if TensorFlow survives it: another one ends the process, and all sessions of the server."""
    if not 1 <= given <= MOST_THREADS:
        fail(plpy, f"keras_automl.threads: must be an integer from 1 to {MOST_THREADS}, got {given}", INVALID_PARAMETER_VALUE)
    return given


def _begin(plpy: Any, wanted: Runtime) -> Runtime:
    """Return a runtime that may begin here: its GPUs are among those that the server may use."""
    there = {gpu.name for gpu in of_driver(lambda: look(plpy))} if wanted.gpus else set()
    unknown = [gpu for gpu in wanted.gpus if gpu not in there]
    if unknown:
        rule = f"there is no GPU {unknown[0]} on this host, which has {', '.join(sorted(there)) or 'none'}"
        fail(plpy, f"use_gpus: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Call again: the driver may have lost it since.")
    return wanted


def _require_same(plpy: Any, began: Runtime, wanted: Runtime) -> None:
    """End the statement unless TensorFlow began in this session as it is wanted now: it cannot change."""
    if began.threads != wanted.threads:
        rule = f"TensorFlow began in this session with {began.threads} threads and cannot change to {wanted.threads}"
        fail(plpy, f"keras_automl.threads: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Reconnect, or set it back.")
    if began.gpus != wanted.gpus:
        here, there = (f"on {', '.join(each.gpus)}" if each.gpus else "without a GPU" for each in (began, wanted))
        rule = f"TensorFlow began in this session {here} and cannot change to run {there}"
        fail(plpy, f"use_gpus: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Reconnect.")


def _read_functions(plpy: Any, cache: Cache) -> None:
    table = cache.setup.functions
    if table is None:
        return
    try:
        cache.functions = custom_functions.read(plpy, table)
    except custom_functions.CustomProblem as problem:
        fail(plpy, f'object_table: table "{custom_functions.SCHEMA}.{table}" {problem}', INSUFFICIENT_PRIVILEGE)
