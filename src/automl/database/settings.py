"""Settings: those of keras_automl, which anybody may SET, and others that are held for some statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from automl.database.session import Database
from automl.errors import INVALID_PARAMETER_VALUE, UNDEFINED_OBJECT, AutomlError
from keras_seg.protocol.limits import MOST_THREADS

_MB = 2**20


@dataclass(frozen=True)
class Setting:
    """A setting that is a whole number.

    Attributes:
        name: as it is SET.
        default: where nobody has set it; None where that depends on the machine, and whoever reads it gives it.
        least, most: the bounds.
        unit: what one of it stands for: bytes, or 1.
    """

    name: str
    default: int | None
    least: int
    most: int
    unit: int = 1


# fmt: off
SESSIONS = Setting("keras_automl.sessions", None, 0, 256)  # that train at the same time; 0 for the caller's own
TOTAL_SESSIONS = Setting("keras_automl.total_sessions", None, 1, 100_000)  # that train on the server, of all callers together
KEEP_SESSIONS = Setting("keras_automl.keep_sessions", 300, 0, 86_400)  # seconds that sessions stay after a call
KEPT_SESSIONS = Setting("keras_automl.kept_sessions", None, 0, 10_000)  # that stay on the server, of all callers together
THREADS = Setting("keras_automl.threads", 1, 1, MOST_THREADS)  # of TensorFlow in a session
STATE_MEMORY = Setting("keras_automl.state_memory_mb", 128, 1, 1_000_000, _MB)  # of resting states in the coordinator
CHECKPOINT_BYTES = Setting("keras_automl.checkpoint_mb_per_hour", 2048, 0, 100_000_000, _MB)  # that need not be written
CACHE_MEMORY = Setting("keras_automl.cache_memory_mb", None, 1, 100_000_000, _MB)  # of decoded rows in all sessions together
PARTITIONS = Setting("keras_automl.partitions", None, 1, 1024)  # of a packed table, where segments do not give them
# fmt: on

# What a value is written as: the text of it, and the hash of a row, must be the same for every session.
AS_WRITTEN = {"DateStyle": "ISO", "IntervalStyle": "postgres", "extra_float_digits": "3", "bytea_output": "hex"}

# Planning a statement for one call copies its parameters several times, which counts where they are weights.
OF_LARGE_VALUES = {"plan_cache_mode": "force_generic_plan"}


def read_setting(db: Database, setting: Setting, default: int = 0) -> int:
    """Return the value of a setting, in bytes if it is of memory.

    Args:
        default: where nobody has set it, in the unit of the value; for settings that have no default of their own.

    Raises:
        AutomlError: it is no whole number within the bounds.
    """
    usual = default // setting.unit if setting.default is None else setting.default
    text = _current(db, setting.name) or str(usual)
    if not text.isascii() or not text.isdigit() or not setting.least <= int(text) <= setting.most:
        raise AutomlError(
            f"setting {setting.name} must be a whole number from {setting.least} to {setting.most}, is '{text}'",
            sqlstate=INVALID_PARAMETER_VALUE,
            hint=f"RESET {setting.name}",
        )
    return int(text) * setting.unit


_NOW = (
    "SELECT name, setting, boot_val FROM pg_catalog.pg_settings WHERE name = ANY ($1::text[])"
    " UNION ALL SELECT h.name, pg_catalog.current_setting(h.name), NULL FROM pg_catalog.unnest($2::text[]) AS h(name)"
)


@contextmanager
def settings(db: Database, wanted: Mapping[str, str]) -> Iterator[None]:
    """Hold settings for some statements; those that are so already, or that this server does not know, are left alone.

    After an error nothing needs to be put back: the rollback does it, except where processes of segments take no part in it.
    A worker of a parallel plan may change no setting, so what a server has by itself must do there.
    """
    rows = db.execute(_NOW, list(wanted), [name for name in wanted if name in db.dialect.hidden_settings])
    before = {row["name"]: row["setting"] for row in rows if not _is_so(row, wanted[row["name"]])}
    try:
        for name in before:
            _set(db, name, wanted[name])
        yield
    except BaseException:
        with suppress(Exception):  # what went wrong is to be told
            _put_back(db, {name: value for name, value in before.items() if not _is_local(db, name)})
        raise
    _put_back(db, before)


def _put_back(db: Database, before: Mapping[str, str]) -> None:
    for name, value in before.items():
        _set(db, name, value)


def _is_so(row: Mapping[str, str], wanted: str) -> bool:
    """Return whether a setting writes values as it is wanted to."""
    now = row["setting"]
    if row["name"] == "DateStyle":  # the order of day and month stands behind the format, and is for reading only
        return now.split(",")[0] == wanted
    if row["name"] == "extra_float_digits" and int(row["boot_val"]) > 0:  # from PostgreSQL 12 on 1 to 3 are all digits
        return int(now) > 0
    return now == wanted


def _current(db: Database, name: str) -> str:
    """Return a setting of the server or session, nothing where nobody has set it."""
    try:
        return str(db.execute(f"SELECT {db.dialect.setting} AS value", name)[0]["value"] or "")
    except Exception as error:  # the driver's own class
        if getattr(error, "sqlstate", None) != UNDEFINED_OBJECT:
            raise
        return ""


def _set(db: Database, name: str, value: str) -> None:
    db.execute("SELECT pg_catalog.set_config($1::text, $2::text, $3::boolean)", name, value, _is_local(db, name))


def _is_local(db: Database, name: str) -> bool:
    """Return whether a setting is held by the transaction, and not by the session."""
    return name not in AS_WRITTEN or db.dialect.keeps_local_settings
