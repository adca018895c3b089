"""What differs between databases, as the SQL that comes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from automl.data.packing_segments import interleaved
from automl.database.dialect import Dialect, Greenplum6, PostgreSQL, Segment, dialect_of, segments_up
from automl.errors import OperatorError

GREENPLUM = "PostgreSQL 9.4.26 (Greenplum Database 6.27.1 build commit:1) on x86_64-unknown-linux-gnu, compiled by gcc, 64-bit"
POSTGRESQL = "PostgreSQL 15.8 (Debian 15.8-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit"


class Server:
    """A session of a Greenplum cluster of three segments, on which the least keys are 7, 2 and 70."""

    def __init__(self, version: str = GREENPLUM, up: Sequence[bool] = (True, True, True)) -> None:
        self.dialect = dialect_of(version)
        self.up = up
        self.count = 0

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        if "generate_series" in sql:
            self.count = int(re.findall(r"\(1, (\d+)\)", sql)[0])
        if "pg_temp.keras_automl_keys GROUP" in sql:
            return [{"segment": number, "key": key} for number, key in enumerate((7, 2, 70)) if key <= self.count]
        if "gp_segment_configuration" in sql:
            return [
                {"content": number, "dbid": number + 2, "host": f"sdw{number}", "status": "u" if up else "d"}
                for number, up in enumerate(self.up)
            ]
        return []

    def interrupt(self) -> None:
        pass


@pytest.mark.parametrize(("version", "kind"), [(GREENPLUM, Greenplum6), (POSTGRESQL, PostgreSQL)])
def test_the_version_tells_which_it_is(version: str, kind: type) -> None:
    assert type(dialect_of(version)) is kind


@pytest.mark.parametrize(
    ("dialect", "anywhere", "by_columns", "whole"),
    [
        (PostgreSQL(), "", "", ""),
        (Greenplum6(), " DISTRIBUTED RANDOMLY", ' DISTRIBUTED BY ("a", "B c")', " DISTRIBUTED REPLICATED"),
    ],
)
def test_where_rows_lie(dialect: Dialect, anywhere: str, by_columns: str, whole: str) -> None:
    assert (dialect.distributed_by(), dialect.distributed_by("a", "B c"), dialect.replicated) == (anywhere, by_columns, whole)


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        (PostgreSQL(), "SELECT -1 AS segment, f() AS found WHERE -1 = 3"),
        (Greenplum6(), "SELECT gp_segment_id AS segment, f() AS found FROM gp_dist_random('gp_id') WHERE gp_segment_id = 3"),
    ],
)
def test_a_call_on_a_segment(dialect: Dialect, statement: str) -> None:
    assert dialect.on_segments("f()", "= 3") == statement


def test_keys_are_sought_until_each_segment_has_one() -> None:
    server = Server()
    assert server.dialect.keys(server, (1, 0)) == (2, 7)
    assert server.count == 128
    assert server.dialect.keys(server, (0, 1, 2)) == (7, 2, 70)
    assert server.count == 192


def test_segments() -> None:
    assert segments_up(Server())[1] == Segment(content=1, dbid=3, host="sdw1", up=True)
    assert segments_up(Server(POSTGRESQL)) == ()
    with pytest.raises(OperatorError, match=r"^segments of the cluster are down: 1 on sdw1$"):
        segments_up(Server(up=(True, False, True)))


def places(sizes: dict[int, int]) -> dict[int, list[int]]:
    """The places of the rows of each segment, computed by the SQL's own arithmetic."""
    (sum_of,) = re.findall(r"SELECT x, y, (.*) AS place FROM", interleaved("rows", sizes, False, "segment"))
    formula = re.sub(r"::\w+", "", sum_of).replace("/", "//")
    return {
        segment: [eval(formula, {"i": i, "n": n, "segment": segment}) for i in range(1, n + 1)] for segment, n in sizes.items()
    }


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({0: 2, 1: 2}, {0: [0, 2], 1: [1, 3]}),
        ({0: 1, 1: 4}, {0: [2], 1: [0, 1, 3, 4]}),
        ({0: 3, 2: 1, 5: 2}, {0: [0, 2, 5], 2: [3], 5: [1, 4]}),
    ],
)
def test_rows_of_segments_are_merged_in_proportion(sizes: dict[int, int], expected: dict[int, list[int]]) -> None:
    assert places(sizes) == expected
