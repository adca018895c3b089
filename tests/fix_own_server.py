"""A PostgreSQL server of a test's own: what kills it, or makes it begin again, disturbs nobody else's test.

It is made of the programs that stand first on PATH, which `make test` puts there, and of the extension that is installed beside
them. It runs as the OS user postgres if root runs the tests, as deploy/cluster does, and listens on a socket in its own folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from fix_db import connect_to, is_running

_OWNER = "postgres"
_CLEAN = ("env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8")
_PLACE, _PREFIX = Path("/tmp"), "keras_automl_own_"  # a socket's path has 107 bytes at most
_LONGEST_START = 60  # seconds
_GONE_WITHIN = 10  # seconds, for what is left of a server that was killed
_HEARS_WITHIN = 0.3  # seconds, of a process that has crashed
_CONF = """
listen_addresses = ''
port = 5432
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
max_connections = 40
shared_buffers = 64MB
fsync = off
log_line_prefix = '%m [%p] %u@%d '
"""


class OwnServer:
    """A cluster in a folder of its own, which also has its socket and its log.

    Args:
        folder: an empty one that belongs to the OS user of the server.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"

    @property
    def dsn(self) -> str:
        """The DSN of the database postgres, for a superuser."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port=5432"

    @property
    def postmaster(self) -> int:
        """The process id of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    @property
    def processes(self) -> list[int]:
        """The processes of the server, whether their postmaster lives or not: they all work in the data directory."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def initialise(self) -> None:
        """Make the cluster, with the extension in its database."""
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.configure()
        self.start()
        session = connect_to(self.dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        session.close()

    def configure(self) -> None:
        """Let the server listen in this folder."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_CONF.format(folder=self.folder))

    def start(self) -> None:
        """Start the server and wait until it can be connected to."""
        self._pg_ctl("-l", self.log, "-t", _LONGEST_START, "start")

    def stop(self, mode: str) -> None:
        """Stop the server.

        Args:
            mode: fast or immediate.
        """
        self._pg_ctl("-m", mode, "stop")

    def promote(self) -> None:
        """Make a primary server of a standby."""
        self._pg_ctl("promote")

    def kill(self) -> None:
        """Kill the postmaster, which cannot take its children with it then."""
        os.kill(self.postmaster, signal.SIGKILL)

    def answers(self) -> bool:
        """Whether it lets somebody in, and not because it has not heard yet that a process of its has crashed."""
        with suppress(psycopg2.OperationalError):
            session = connect_to(self.dsn)
            time.sleep(_HEARS_WITHIN)
            session.run("SELECT 1")
            session.close()
            return True
        return False

    def has_postmaster(self) -> bool:
        """Whether somebody lives who begins again after a crash."""
        with suppress(OSError):
            return self._is_ours(self.postmaster)
        return False

    def copy_to(self, other: OwnServer) -> None:
        """Make of another folder a standby of this server, and start it."""
        self._run("pg_basebackup", "-d", self.dsn, "-D", other.data, "-X", "stream", "-c", "fast", "-R", "--no-sync")
        other.configure()
        other.start()

    def mend(self) -> None:
        """Wait for a server that begins again by itself; start one that does not, whatever is left of it."""
        while self.has_postmaster():
            if self.answers():
                return
        self._end_processes()
        end = time.monotonic() + _GONE_WITHIN
        while not self._started():
            if time.monotonic() > end:
                raise RuntimeError(f"the server cannot be started: {self.log.read_text()[-1000:]}")
            time.sleep(0.2)

    def _started(self) -> bool:
        """Start the server; False where that cannot be, as long as threads of a process that has ended have its memory."""
        for lock in (self.data / "postmaster.pid", self.folder / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)  # its number may be somebody else's by now, or of one that nobody has asked about
        with suppress(RuntimeError):
            self.start()
            return True
        return False

    def destroy(self) -> None:
        """End all processes of the server, and delete its folder."""
        self._end_processes()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_processes(self) -> None:
        while pids := self.processes:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _is_ours(self, pid: int) -> bool:
        with suppress(OSError):
            return os.readlink(f"/proc/{pid}/cwd") == str(self.data)
        return False

    def _pg_ctl(self, *words: object) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", *words)

    def _run(self, program: str, *words: object) -> None:
        """Run a program of the server as its owner; what it says is in the error if it fails."""
        path = shutil.which(program)
        assert path is not None
        owner = ("runuser", "-u", _OWNER, "--") if os.geteuid() == 0 else ()
        command = [*owner, *_CLEAN, path, *map(str, words)]
        with tempfile.TemporaryFile("w+") as said:  # not a pipe: the server would keep it open
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", timeout=120)
            said.seek(0)
            if ended.returncode:
                raise RuntimeError(f"{program}: {said.read()}")


def new_server() -> OwnServer:
    """Return a server that has a folder and nothing in it; whoever asks for it destroys it."""
    _destroy_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}_", dir=_PLACE))
    os.chown(folder, _owner(), -1)
    return OwnServer(folder)


def _destroy_left_behind() -> None:
    """Destroy the servers of test runs that were killed before they could."""
    for folder in _PLACE.glob(f"{_PREFIX}*_*"):
        number = folder.name.removeprefix(_PREFIX).partition("_")[0]
        if number.isdigit() and folder.stat().st_uid == _owner() and not is_running(int(number)):
            OwnServer(folder).destroy()


def _owner() -> int:
    """The OS user of our servers."""
    return pwd.getpwnam(_OWNER).pw_uid if os.geteuid() == 0 else os.geteuid()


def _require_programs() -> None:
    """Skip where there is no PostgreSQL with the extension on PATH."""
    config = shutil.which("pg_config")
    if config is None or shutil.which("initdb") is None:
        pytest.skip("initdb and pg_config are not on PATH; make test puts them there")
    share = Path(subprocess.run([config, "--sharedir"], capture_output=True, text=True, check=True).stdout.strip())
    if not (share / "extension" / "keras_automl.control").is_file():
        pytest.skip(f"the extension is not installed in {share}")


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A server of the tests of one file, with the extension in its database postgres."""
    _require_programs()
    server = new_server()
    try:
        server.initialise()
        yield server
    finally:
        server.destroy()


@pytest.fixture
def standby(own_server: OwnServer) -> Iterator[OwnServer]:
    """A standby of that server; it is gone afterwards."""
    server = new_server()
    try:
        own_server.copy_to(server)
        yield server
    finally:
        server.destroy()
