"""Which settings are changed to write values as text: none of a server as it is, as parallel workers may set nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from automl.database.session import Database
from automl.database.settings import AS_WRITTEN, settings


class Server:
    """Settings, as pg_settings tells them, and what was set."""

    def __init__(self, boot: str, now: Mapping[str, str], *, keeps_local_settings: bool = True) -> None:
        self.dialect = SimpleNamespace(keeps_local_settings=keeps_local_settings, hidden_settings=())
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
    server = Server(boot, {name: now})
    with settings(cast(Database, server), AS_WRITTEN):
        pass
    assert server.set == ([] if wanted is None else [(name, wanted, True), (name, now, True)])


@pytest.mark.parametrize("local", [True, False])
def test_what_the_transaction_does_not_hold_everywhere_is_held_by_the_session_and_put_back_after_an_error(local: bool) -> None:
    server = Server("1", {"DateStyle": "German, DMY", "lock_timeout": "10"}, keeps_local_settings=local)
    with pytest.raises(ZeroDivisionError), settings(cast(Database, server), {**AS_WRITTEN, "lock_timeout": "0"}):
        raise ZeroDivisionError
    begun = [("DateStyle", "ISO", local), ("lock_timeout", "0", True)]
    assert server.set == (begun if local else [*begun, ("DateStyle", "German, DMY", False)])


def test_a_cancellation_between_two_settings_puts_the_first_one_back() -> None:
    class Cancelled(Server):
        def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
            if values == ("bytea_output", "hex", False):
                raise KeyboardInterrupt
            return super().execute(sql, *values)

    server = Cancelled("1", {"DateStyle": "German, DMY", "bytea_output": "escape"}, keeps_local_settings=False)
    with pytest.raises(KeyboardInterrupt), settings(cast(Database, server), AS_WRITTEN):
        pytest.fail("nothing is done under half of the settings")
    assert server.set[:2] == [("DateStyle", "ISO", False), ("DateStyle", "German, DMY", False)]
