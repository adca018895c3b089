"""Memory: of a session that trains many trials of many networks, and of the coordinator while large trials rest."""

from __future__ import annotations

import json
from typing import Any

from common import Connection, Peak, Session, memory_mb, own_mb, page_tables, run, schema, start_of_peak, table

TRIALS, FIRST, ARCHITECTURES = 200, 20, 8
RESTING, UNITS = 40, 1300  # two hidden layers of 1300: 1.7 million weights, with Adam's numbers a state of 20 MB


def main() -> None:
    with schema("bench_memory") as connection:
        page_tables(connection)
        after = of_session()
        taken, size = of_coordinator(connection)
    more = 100 * (after[TRIALS] / after[FIRST] - 1)
    table(
        "Memory",
        [
            (f"of a session after {FIRST} trials over {ARCHITECTURES} architectures", f"{after[FIRST]:.0f} MB"),
            (
                f"of a session after {TRIALS} trials",
                f"{after[TRIALS]:.0f} MB: {more:+.1f} %",
            ),
            (f"of the coordinator above its start, {RESTING} trials with a state of {size:.0f} MB", f"{taken:.0f} MB at most"),
        ],
    )


def of_session() -> dict[int, float]:
    """Return the memory of a session in MB, by how many trials it has trained and evaluated."""
    session = Session("bench_memory")
    for number in range(ARCHITECTURES):
        session.define(str(number), network(8 + 4 * number))
    after = {}
    for trial in range(1, TRIALS + 1):
        for _ in session.hops(str(trial % ARCHITECTURES), 4, rate=0.0001 * trial, evaluated=True):
            pass
        after[trial] = memory_mb(session.pid)
    return after


def of_coordinator(connection: Connection) -> tuple[float, float]:
    """Train large trials side by side; return (MB of its own that the caller's backend took at most, MB of a state)."""
    run(connection, "SELECT madlib.load_keras_model('large', %s::json)", network(UNITS))
    rates = [f"optimizer='Adam(lr={0.0001 * (trial + 1):.4f})',loss='categorical_crossentropy'" for trial in range(RESTING)]
    run(
        connection,
        "SELECT madlib.load_model_selection_table('large', 'mst', ARRAY[1], %s, ARRAY['batch_size=60,epochs=1'])",
        rates,
    )
    ((pid,),) = run(connection, "SELECT pg_backend_pid()")
    before = own_mb(pid)
    start_of_peak(pid)
    with Peak(lambda _: pid) as peak:
        run(connection, "SELECT madlib.madlib_keras_fit_multiple_model('iris_train_packed', 'fitted', 'mst', 2, FALSE)")
    ((weights,),) = run(connection, "SELECT max(octet_length(model_weights)) FROM fitted")
    return peak.megabytes - before, 3 * weights / 2**20


def network(units: int) -> str:
    """The JSON of a network with two hidden layers."""
    layers: list[dict[str, Any]] = [{"units": units, "activation": "relu", "batch_input_shape": [None, 4]}]
    layers += [{"units": units, "activation": "relu"}, {"units": 3, "activation": "softmax"}]
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": layer} for layer in layers]})


if __name__ == "__main__":
    main()
