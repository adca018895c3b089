"""Memory of the caller's backend: what writing results takes, and what is refused because there is too little."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fix_db import Session
from fix_search import load, make_iris, sequential

pytestmark = pytest.mark.postgresql("rows go from the coordinator to segments, and checks run there")

# 5,220,403 weights, 20,881,612 bytes; with Adam a state of 62,644,836 bytes and a few.
LARGE = sequential(
    ("Dense", {"units": 2000, "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 2600}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
WEIGHTS = 20_881_612
FIT = """SELECT madlib.madlib_keras_fit('train', %s, 'large', 1,
    $$loss='categorical_crossentropy', optimizer=%s$$, 'batch_size=60', 2)"""

# What the process has of its own at most while a function runs, above what it had before: files and the server's buffers are
# not counted. The kernel notes the peak of all of them together, so what these are at its end is taken from it.
WATCH = """DO $do$
def memory():
    lines = (line.split() for line in open('/proc/self/status'))
    found = {line[0]: 1024 * int(line[1]) for line in lines if line[0] in ('VmHWM:', 'RssAnon:', 'RssFile:', 'RssShmem:')}
    return found['RssAnon:'], found['VmHWM:'] - found['RssFile:'] - found['RssShmem:']

def watched(name, function):
    def called(*arguments):
        before, peak = memory()
        GD['peak'] = max(GD.get('peak', 0), peak)  # of who called this, for it is forgotten now
        open('/proc/self/clear_refs', 'w').write('5')
        function(*arguments)
        peak = memory()[1]
        GD[name] = max(peak, GD['peak'] if name == 'all' else 0) - before
    return called

plpy.execute('SELECT madlib.automl_load()')
from automl.training import fit, fit_tables
fit.run.execute = watched('all', fit.run.execute)
fit_tables.SingleTables.fill = watched('results', fit_tables.SingleTables.fill)
$do$ LANGUAGE plpython3u;
CREATE FUNCTION taken(name text) RETURNS bigint LANGUAGE plpython3u AS $$ return GD[name] $$"""


@pytest.mark.parametrize(("sessions", "optimizer", "state"), [(0, "SGD", WEIGHTS), (1, "Adam", 3 * WEIGHTS)])
@pytest.mark.soak
def test_a_result_is_written_in_three_times_its_state(
    db: Session, connect: Callable[..., Session], sessions: int, optimizer: str, state: int
) -> None:
    make_iris(db)
    load(db, "large", LARGE)
    caller = connect()
    caller.run(WATCH)
    caller.run(f"SET keras_automl.sessions = {sessions}; SET keras_automl.state_memory_mb = 100")  # room for one
    caller.run(FIT, "made", optimizer)
    assert caller.value("SELECT octet_length(model_weights) FROM made") == WEIGHTS
    assert caller.value("SELECT taken('results')") < 3 * WEIGHTS
    if sessions:  # else it trains itself
        assert caller.value("SELECT taken('all')") < 3 * state


LITTLE = """DO $do$
from keras_seg.session import shortage
shortage.free_with_swap, shortage._LITTLE = lambda: 50 * 2**20, 2**20
$do$ LANGUAGE plpython3u"""
PLENTY = """DO $do$
from keras_seg.server.memory import free_with_swap
from keras_seg.session import shortage
shortage.free_with_swap, shortage._LITTLE = free_with_swap, 2**28
$do$ LANGUAGE plpython3u"""


def test_what_has_no_room_is_refused_before_it_trains(quick: Session) -> None:
    load(quick, "large", LARGE)
    quick.run(LITTLE)
    failure = quick.error_of(FIT, "too_large", "Adam")
    quick.run(PLENTY)
    assert failure == (
        "53000",
        "model_arch_table: training model_id 1 takes at least 180 MB of memory in 1 session, and 50 MB are free",
        "Free memory of the server: a session that trains takes 120 MB, and a trial that rests 60 MB.",
    )
    assert quick.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'too_large%%'") == 0
    quick.run("DROP TABLE large")
