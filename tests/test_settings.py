"""Which settings are changed to write values as text: none of a server as it is, as parallel workers may set nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest

from automl.database.session import Database
from automl.database.settings import AS_WRITTEN, settings


class Server:
    """Settings, as pg_settings tells them, and what was set."""

    def __init__(self, boot: str, **now: str) -> None:
        self._rows = [{"name": name, "setting": value, "boot_val": boot} for name, value in now.items()]
        self.set: list[tuple[object, ...]] = []

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        if "set_config" not in sql:
            return list(self._rows)
        self.set.append(values)
        return []


@pytest.mark.parametrize(
    ("boot", "name", "now", "wanted"),
    [
        ("1", "DateStyle", "ISO, DMY", None),
        ("1", "DateStyle", "German, DMY", "ISO"),
        ("1", "extra_float_digits", "1", None),
        ("1", "extra_float_digits", "0", "3"),
        ("0", "extra_float_digits", "1", "3"),  # Greenplum 6, where each digit is one more
        ("1", "bytea_output", "escape", "hex"),
    ],
)
def test_what_writes_the_same_is_left_alone(boot: str, name: str, now: str, wanted: str | None) -> None:
    server = Server(boot, **{name: now})
    with settings(cast(Database, server), AS_WRITTEN):
        pass
    assert server.set == ([] if wanted is None else [(name, wanted), (name, now)])
