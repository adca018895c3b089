"""What deploy/install decides before it does anything: which environment, which Python, which TensorFlow, whose folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parent.parent / "deploy"
LINES = "PREFIX, VERSION, BUILD = '{}', '0.2.0', '0123456789ab'\n"
PYTHON = "#!/bin/sh\necho {}\n"
PG_CONFIG = """#!/bin/sh
case $1 in
  --version) echo "PostgreSQL ${MAJOR:-15}.3" ;;
  --sharedir) echo "$SHARE" ;;
  --bindir) echo "$BIN" ;;
esac
"""
PSQL = """#!/bin/sh
case "$*" in
  *pg_database*) printf 'now\\nearlier\\nbetween\\nwithout\\n' ;;
  *'-d now '*) echo current ;;
  *'-d earlier '*) echo 0.1.0 ;;
  *'-d between '*) echo 0.2.0 ;;
esac
"""

Shell = Callable[..., tuple[int, str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A function that runs a command with the functions of deploy/ at hand, as deploy/install has them."""
    config = tmp_path / "pg_config"
    config.write_text(PG_CONFIG)
    config.chmod(0o755)
    (tmp_path / "share" / "extension").mkdir(parents=True)

    def run(command: str, **given: str) -> tuple[int, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOML", "PG"))}
        folders = {"SHARE": "share", "BIN": "bin", "HOME": "home"}
        variables = {**clean, "PG_CONFIG": str(config), **{name: str(tmp_path / folder) for name, folder in folders.items()}}
        files = "; ".join(f"source {DEPLOY / name}" for name in ("common.sh", "environment.sh", "servers.sh"))
        script = f"set -euo pipefail; {files}; extras=() tensorflow=; pg_config=$PG_CONFIG; {command}"
        ended = subprocess.run(["bash", "-c", script], env={**variables, **given}, capture_output=True, text=True)
        return ended.returncode, ended.stdout + ended.stderr

    return run


def environment(folder: Path, version: str) -> Path:
    """Make what is an environment of a Python, as far as the installer looks."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(version))
    python.chmod(0o755)
    return folder


# --- which environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "version", "expected"),
    [
        ({}, "3.13", "venv"),
        ({"venv": "3.13"}, "3.13", "venv"),
        ({"venv": "3.11"}, "3.13", "venv-python3.13"),  # another server's, which stays
        ({"venv": "3.13", "venv-python3.13": "3.13"}, "3.13", "venv-python3.13"),
        ({"venv": "3.11", "venv-python3.13": "3.13"}, "3.11", "venv"),
    ],
)
def test_each_python_has_an_environment(
    shell: Shell, tmp_path: Path, there: dict[str, str], version: str, expected: str
) -> None:
    for folder, its in there.items():
        environment(tmp_path / folder, its)
    assert shell(f"prefix={tmp_path}/venv python_version={version}; find_environment") == (0, f"{tmp_path}/{expected}\n")


def test_an_environment_whose_python_is_gone_is_free(shell: Shell, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", "3.11") / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.10")
    assert shell(f"prefix={tmp_path}/venv python_version=3.13; find_environment") == (0, f"{tmp_path}/venv\n")


# --- which prefix -------------------------------------------------------------------------------------------------------


def install_extension(share: Path, prefix: str) -> None:
    """Put the files of an extension there, as far as the installer looks."""
    share.mkdir(parents=True, exist_ok=True)
    (share / "keras_automl.control").write_text("default_version = '0.2.0'\n")
    (share / "keras_automl--0.2.0.sql").write_text(LINES.format(prefix))


def test_the_prefix_of_the_extension_that_is_installed_is_remembered(shell: Shell, tmp_path: Path) -> None:
    assert shell("find_prefix; echo $default_prefix")[1].split()[0] != "/elsewhere/venv"
    install_extension(tmp_path / "share" / "extension", "/elsewhere/venv")
    assert shell("find_prefix") == (0, "/elsewhere/venv\n")
    assert shell("find_prefix", AUTOML_PREFIX="/given") == (0, "/given\n")


def test_where_no_server_is_the_prefix_is_the_usual_one(shell: Shell) -> None:
    status, said = shell("find_prefix; echo $default_prefix", PG_CONFIG="/nowhere/pg_config")
    assert status == 0
    assert len(set(said.split())) == 1


# --- whose folder -------------------------------------------------------------------------------------------------------

NOBODY = "is_root() { false; }; "


@pytest.mark.parametrize(
    ("who", "major", "writable", "own"),
    [
        (NOBODY, "17", False, False),
        (NOBODY, "18", False, True),
        (NOBODY, "18", True, False),
        ("is_root() { true; }; ", "18", False, False),
    ],
)
def test_a_server_that_looks_in_other_folders(
    shell: Shell, tmp_path: Path, who: str, major: str, writable: bool, own: bool
) -> None:
    share = str(tmp_path / "share") if writable else "/proc/nowhere"
    expected = f"{tmp_path}/home/.local/share/keras_automl/postgresql-18" if own else share
    assert shell(f"{who}extension_folder", MAJOR=major, SHARE=share) == (0, f"{expected}/extension\n")


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_downloaded(shell: Shell) -> None:
    status, said = shell("environment=/proc/nowhere/venv; require_place")
    assert status == 1
    assert said.endswith("/proc/nowhere/venv cannot be written: run this as root, or choose another place with --prefix\n")


def test_a_folder_that_is_too_small_is_told_before_anything_is_downloaded(shell: Shell, tmp_path: Path) -> None:
    status, said = shell(f"server_users() {{ :; }}; needed_mb[cpu]=99999999 environment={tmp_path}/venv; require_place")
    assert status == 1
    assert "and 99999999 are needed: choose another --prefix" in said


def test_the_environment_of_a_package_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    (environment(tmp_path / "venv", "3.13") / "packaged").touch()
    status, said = shell(f"environment={tmp_path}/venv; require_place")
    assert status == 1
    assert "is that of a package of the system" in said


# --- which Python and TensorFlow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "works"), [("3.10", False), ("3.11", True), ("3.12", True), ("3.13", True), ("3.14", False)]
)
def test_a_python_without_tensorflow_is_one_line(shell: Shell, version: str, works: bool) -> None:
    said = (
        f"keras_automl: PL/Python of PostgreSQL is linked to Python {version} here, and there is a TensorFlow for"
        " 3.11, 3.12, 3.13 only\n"
    )
    assert shell(f"require_python {version}") == ((0, "") if works else (1, said))


@pytest.mark.parametrize(
    ("stamp", "dist", "given", "expected"),
    [
        (None, None, "", "cpu"),
        (None, None, "gpu", "gpu"),
        ("cpu,test", "tensorflow_cpu-2.21.0", "", "cpu,test"),
        ("gpu", "tensorflow-2.21.0", "", "gpu"),
        ("test", "tensorflow-2.21.0", "", "gpu,test"),  # of 0.1.0, which had one only
        ("gpu,test", "tensorflow-2.21.0", "cpu", "cpu,test"),
    ],
)
def test_an_environment_keeps_its_tensorflow(
    shell: Shell, tmp_path: Path, stamp: str | None, dist: str | None, given: str, expected: str
) -> None:
    venv = environment(tmp_path / "venv", "3.13")
    if stamp is not None:
        (venv / "stamp-extras").write_text(f"{stamp}\n")
    if dist is not None:
        (venv / "lib" / "python3.13" / "site-packages" / f"{dist}.dist-info").mkdir(parents=True)
    assert shell(f"environment={venv} tensorflow={given}; wanted_extras") == (0, f"{expected}\n")


def test_why_pip_finds_no_versions_is_shown(shell: Shell, tmp_path: Path) -> None:
    pip = """#!/bin/sh
echo 'Collecting a'
echo 'ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.' >&2
echo 'The conflict is caused by:'
echo '    a 1 depends on c<2'
exit 1
"""
    (environment(tmp_path / "venv", "3.13") / "bin" / "python").write_text(pip)
    status, said = shell(f"environment={tmp_path}/venv; pip a b")
    assert status == 1
    assert said.startswith("ERROR: Cannot install a==1 and b==2")
    assert "    a 1 depends on c<2\n" in said
    assert "Collecting" not in said


# --- which databases ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as that of a running server, and psql, which answers for four databases."""
    psql = tmp_path / "bin" / "psql"
    psql.parent.mkdir()
    psql.write_text(PSQL)
    psql.chmod(0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").write_text("1\n/data\n0\n5433\n/run\n")
    return tmp_path / "data"


TELL = f"{NOBODY}prefix=/opt/venv version=0.2.0 build=0123456789ab; tell_databases_of "


def test_databases_that_need_an_update_are_named(shell: Shell, data: Path) -> None:
    status, said = shell(f"{TELL}{data}")
    assert status == 0
    earlier, between = said.splitlines()
    assert earlier == (
        "keras_automl: the database earlier at port 5433 has version 0.1.0:"
        " psql -p 5433 -d 'earlier' -c 'ALTER EXTENSION keras_automl UPDATE'"
    )
    assert between == (
        "keras_automl: the database between at port 5433 has another state of version 0.2.0:"
        f" psql -p 5433 -d 'between' -f {DEPLOY}/again.sql"
    )


def test_a_server_that_lets_nobody_in_is_named(shell: Shell, data: Path) -> None:
    (data.parent / "bin" / "psql").write_text("#!/bin/sh\nexit 2\n")
    status, said = shell(f"{TELL}{data}")
    assert status == 0
    assert said.startswith("keras_automl: the server at port 5433 was not asked what its databases have")


@pytest.mark.parametrize(("content", "lines"), [("-1", 1), ("0", 0), ("12", 0)])
def test_segments_of_greenplum_are_not_asked(shell: Shell, data: Path, content: str, lines: int) -> None:
    (data / "postgresql.conf").write_text(f"port=5433\ngp_contentid={content}\n")
    (data.parent / "bin" / "psql").write_text("#!/bin/sh\nexit 2\n")
    status, said = shell(f"{TELL}{data}")
    assert (status, len(said.splitlines())) == (0, lines)
