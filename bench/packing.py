"""Packing images of 28 x 28 for training, in turn with `COPY ... TO '/dev/null' (FORMAT binary)` of the same table."""

from __future__ import annotations

from functools import partial

from common import Connection, images, in_turn, ratio, run, schema, spread, table

ROUNDS = {60_000: 5, 600_000: 2}


def main() -> None:
    with schema("bench_packing") as connection:
        pack(connection, warm_up(connection))  # the first call of a session imports the package
        figures = [row for rows, rounds in ROUNDS.items() for row in compare(connection, rows, rounds)]
    table("training_preprocessor_dl, rows of 784 real, in turn with COPY TO '/dev/null' (FORMAT binary)", figures)


def warm_up(connection: Connection) -> str:
    images(connection, "few", 1000)
    return "few"


def compare(connection: Connection, rows: int, rounds: int) -> list[tuple[str, str]]:
    """Return the figures of one size."""
    images(connection, "images", rows)
    seconds = in_turn({"copy": partial(copy, connection, "images"), "pack": partial(pack, connection, "images")}, rounds)
    run(connection, "DROP TABLE images")
    return [
        (f"{rows:,} rows, COPY", spread(seconds["copy"])),
        (f"{rows:,} rows, packing", spread(seconds["pack"])),
        (f"{rows:,} rows, packing takes the time of COPY", ratio(seconds["pack"], seconds["copy"])),
        (f"{rows:,} rows, packing, for 1,000 rows", spread([1000 * each / rows for each in seconds["pack"]], "ms", 1000)),
    ]


def copy(connection: Connection, source: str) -> None:
    run(connection, f"COPY {source} TO '/dev/null' (FORMAT binary)")


def pack(connection: Connection, source: str) -> None:
    run(connection, "DROP TABLE IF EXISTS packed, packed_summary")
    run(connection, "SELECT madlib.training_preprocessor_dl(%s, 'packed', 'digit', 'image', NULL, 255)", source)


if __name__ == "__main__":
    main()
