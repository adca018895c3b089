"""What differs between databases, as the SQL that comes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from automl.data.packing_segments import interleaved
from automl.database.dialect import Cloudberry, Dialect, Greenplum6, Greenplum7, PostgreSQL, Segment, dialect_of, segments_up
from automl.errors import OperatorError

GREENPLUM = "PostgreSQL 9.4.26 (Greenplum Database 6.27.1 build commit:1) on x86_64-unknown-linux-gnu, compiled by gcc, 64-bit"
# What the servers' own sources, and the documents of those who run them, show. We have never seen one.
GREENPLUM_7 = "PostgreSQL 12.12 (Greenplum Database 7.4.0 build commit:27de6dc6d00607a5630a41fd2c0ad489f40e2ad4) on x86_64"
CLOUDBERRY = (
    "PostgreSQL 14.4 (Apache Cloudberry 2.0.0-incubating build 1) on aarch64-unknown-linux-gnu, compiled by gcc, 64-bit"
)
CLOUDBERRY_BEFORE_APACHE = (
    "PostgreSQL 14.4 (Cloudberry Database 1.5.4 build dev) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit"
)
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


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        (GREENPLUM, Greenplum6),
        (GREENPLUM_7, Greenplum7),
        (CLOUDBERRY, Cloudberry),
        (CLOUDBERRY_BEFORE_APACHE, Cloudberry),
        (POSTGRESQL, PostgreSQL),
    ],
)
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


@pytest.mark.parametrize("dialect", [Greenplum7(), Cloudberry()])
def test_what_comes_after_greenplum_6_says_it_likewise(dialect: Dialect) -> None:
    six = Greenplum6()
    assert dialect.segmented
    assert dialect.distributed_by("a", "B c") == six.distributed_by("a", "B c")
    assert dialect.on_segments("f()", "= 3") == six.on_segments("f()", "= 3")
    assert (dialect.replicated, dialect.discard, dialect.planner) == (six.replicated, six.discard, six.planner)


@pytest.mark.parametrize(
    ("dialect", "keyed", "append_only", "setting"),
    [
        (PostgreSQL(), "", "false", "pg_catalog.current_setting($1::text, true)"),
        (Greenplum6(), " WITH (appendonly=false)", "c.relstorage IN ('a', 'c')", "pg_catalog.current_setting($1::text)"),
        (
            Greenplum7(),
            " USING heap",
            "c.relam IN (SELECT a.oid FROM pg_catalog.pg_am a WHERE a.amname IN ('ao_row', 'ao_column'))",
            "pg_catalog.current_setting($1::text, true)",
        ),
        (
            Cloudberry(),
            " USING heap",
            "c.relam IN (SELECT a.oid FROM pg_catalog.pg_am a WHERE a.amname IN ('ao_row', 'ao_column', 'pax'))",
            "pg_catalog.current_setting($1::text, true)",
        ),
    ],
)
def test_how_rows_are_stored(dialect: Dialect, keyed: str, append_only: str, setting: str) -> None:
    assert (dialect.keyed, dialect.append_only, dialect.setting) == (keyed, append_only, setting)


@pytest.mark.parametrize("version", [POSTGRESQL, GREENPLUM_7, CLOUDBERRY])
def test_the_extension_is_kept_by_the_lock_that_its_address_takes(version: str) -> None:
    said: list[str] = []

    class Noted(Server):
        def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
            said.append(sql)
            return []

    server = Noted(version)
    server.dialect.keep(server, "keras_automl")
    assert said == [
        "SELECT 1 AS one FROM pg_catalog.pg_get_object_address('extension', ARRAY[$1::text], ARRAY[]::pg_catalog.text[])"
    ]


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
    (sum_of,) = re.findall(r"SELECT x, y, (.*) AS place FROM", interleaved("rows", sizes, 0, "segment"))
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
