"""Memory of training VGG16 (134 million weights, Adam): of each process, and of writing the result above what training held.

Takes some 6 GB and a few minutes, and does nothing where less than 8 GB are free.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from common import Connection, Peak, own_mb, run, schema, table

from keras_seg.server.memory import free_memory

SIDE, ROWS, CLASSES, NEEDED = 224, 8, 10, 8 * 2**30
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions, filters
COMPILE = "loss='sparse_categorical_crossentropy', optimizer='Adam(lr=0.0001)'"

# Writes down in the caller's backend what it has of its own before results are written, and at most while they are.
WATCH = """DO $do$
plpy.execute('SELECT madlib.automl_load()')
from automl.training.fit_tables import SingleTables

def memory():
    lines = (line.split() for line in open('/proc/self/status'))
    found = {line[0]: int(line[1]) / 1024 for line in lines if line[0] in ('VmHWM:', 'RssAnon:', 'RssFile:', 'RssShmem:')}
    return found['RssAnon:'], found['VmHWM:'] - found['RssFile:'] - found['RssShmem:']

def watched(*arguments):
    held, training = memory()
    open('/proc/self/clear_refs', 'w').write('5')
    fill(*arguments)
    GD['bench_large'] = [training, memory()[1] - held]

fill, SingleTables.fill = SingleTables.fill, watched
$do$ LANGUAGE plpython3u;
CREATE FUNCTION noted() RETURNS double precision[] LANGUAGE plpython3u AS $$ return GD['bench_large'] $$"""


def main() -> None:
    if free_memory() < NEEDED:
        print(f"bench/large.py needs {NEEDED // 2**30} GB of free memory")
        return
    with schema("bench_large") as connection:
        prepare(connection)
        ((pid,),) = run(connection, "SELECT pg_backend_pid()")
        start = own_mb(pid)
        with ExitStack() as stack:
            session, record = (stack.enter_context(Peak(process(name))) for name in ("session 1", "record"))
            run(connection, f"SELECT madlib.madlib_keras_fit('packed', 'made', 'nets', 1, $${COMPILE}$$, 'batch_size=1', 2)")
        ((size,),) = run(connection, "SELECT octet_length(model_weights) FROM made")
        (((training, writing),),) = run(connection, "SELECT noted()")
    weights = size / 2**20
    table(
        "VGG16 with Adam, one session",
        [
            ("its weights; the state of a trial", f"{weights:.0f} MB; {3 * weights:.0f} MB"),
            ("of the caller's backend above its start, while it trains", f"{training - start:.0f} MB at most"),
            ("more while the result is written", f"{writing:.0f} MB: {writing / weights:.1f} times the weights"),
            ("of the session", f"{session.megabytes:.0f} MB at most"),
            ("of the session that keeps the record", f"{record.megabytes:.0f} MB at most"),
        ],
    )


def prepare(connection: Connection) -> None:
    """Pack rows of an image's shape, load the network, and watch the caller's backend."""
    run(connection, WATCH)
    run(connection, "SET keras_automl.sessions = 1; SET keras_automl.partitions = 1; SELECT setseed(0)")
    values = f"SELECT array_agg(random()::real) FROM generate_series(1, {SIDE * SIDE * 3}) WHERE n > 0"
    run(connection, f"CREATE TABLE flat AS SELECT n, ({values}) AS x FROM generate_series(1, {ROWS}) n")
    run(connection, f"SELECT madlib.load_keras_model('nets', $${network()}$$)")
    run(connection, f"CREATE TABLE rows AS SELECT n, x, n % {CLASSES} AS y FROM flat")
    run(connection, f"SELECT madlib.training_preprocessor_dl('rows', 'packed', 'y', 'x', num_classes := {CLASSES})")


def network() -> str:
    """The JSON of VGG16 (Simonyan & Zisserman 2015), behind a layer that gives flat rows the shape of images."""
    layers: list[tuple[str, dict[str, Any]]] = [
        ("Reshape", {"target_shape": [SIDE, SIDE, 3], "batch_input_shape": [None, SIDE * SIDE * 3]})
    ]
    for count, filters in BLOCKS:
        given = {"filters": filters, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}
        layers += [("Conv2D", given)] * count + [("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2]})]
    layers += [("Flatten", {}), *[("Dense", {"units": 4096, "activation": "relu"})] * 2]
    layers += [("Dense", {"units": CLASSES, "activation": "softmax"})]
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": kind, "config": each} for kind, each in layers]})


def process(name: str) -> Any:
    """Return what finds a process of the search by the end of its name."""

    def find(connection: Connection) -> int | None:
        rows = run(connection, "SELECT pid FROM pg_stat_activity WHERE application_name = %s", f"keras_automl {name}")
        return int(rows[0][0]) if rows else None

    return find


if __name__ == "__main__":
    main()
