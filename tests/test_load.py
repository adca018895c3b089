"""The way from the extension to its Python package, and what is said where it is broken."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automl import __version__
from fix_db import Session

pytestmark = pytest.mark.keeps_none  # what is imported first in a session is looked at


def loader(db: Session) -> str:
    """The source of madlib.automl_load()."""
    return str(db.value("SELECT prosrc FROM pg_proc WHERE oid = 'madlib.automl_load'::regproc"))


def constants(source: str) -> dict[str, str]:
    """What the installer has written into it."""
    match = re.search(r"PREFIX, VERSION, BUILD = '(.*)', '(.*)', '(.*)'", source)
    assert match
    return dict(zip(("prefix", "version", "build"), match.groups(), strict=True))


def python_of(db: Session) -> str:
    """The version of the server's Python, as folders are named after it."""
    body = "import sys; return '%d.%d' % sys.version_info[:2]"
    db.run("CREATE OR REPLACE FUNCTION pg_temp.python() RETURNS text LANGUAGE plpython3u AS %s", body)
    return str(db.value("SELECT pg_temp.python()"))


def site_of(db: Session) -> str:
    """The folder that the server's Python imports from."""
    prefix = constants(loader(db))["prefix"]
    version = python_of(db)
    beside = f"{prefix}-python{version}"
    return f"{beside if Path(beside).is_dir() else prefix}/lib/python{version}/site-packages"


def loader_like_it(db: Session, **replaced: str) -> None:
    """Make `loader()`, a copy of madlib.automl_load() where other values are written into."""
    source = loader(db)
    written = ", ".join(f"'{value}'" for value in {**constants(source), **replaced}.values())
    source = re.sub(r"PREFIX, VERSION, BUILD = .*", f"PREFIX, VERSION, BUILD = {written}", source)
    db.run("CREATE FUNCTION loader() RETURNS void LANGUAGE plpython3u AS %s", source)


def test_the_installed_script_has_no_token_left(db: Session) -> None:
    assert not re.search(r"@[A-Z_]+@", loader(db))


def test_extension_and_package_agree(db: Session) -> None:
    assert db.value("SELECT extversion FROM pg_extension WHERE extname = 'keras_automl'") == __version__


def test_a_missing_package_is_named_with_place_and_remedy(db: Session) -> None:
    loader_like_it(db, prefix="/nowhere")
    assert db.error_of("SELECT loader()") == (
        "55000",
        f"the Python package automl is not in /nowhere/lib/python{python_of(db)}/site-packages",
        f"Run deploy/install of keras_automl {__version__} on the host of the server, as root.",
    )


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("99.0.0", "Run deploy/install of keras_automl 99.0.0 on the host of the server, as root."),
        ("0.0.9", f"Run in this database, as a superuser: ALTER EXTENSION keras_automl UPDATE TO '{__version__}'"),
    ],
)
def test_another_version_names_both_and_the_remedy(db: Session, version: str, hint: str) -> None:
    site = site_of(db)
    loader_like_it(db, version=version)
    both = f"the extension is version {version}, but the Python package in {site} is version {__version__}"
    for _ in range(2):  # nothing of it is left in the session
        assert db.error_of("SELECT loader()") == ("55000", f"{both}", hint)
    db.run("SELECT madlib.automl_load()")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's OS user can read, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="keras_automl_"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_an_environment_of_this_python_goes_before_one_that_all_share(db: Session, folder: Path) -> None:
    """As pg_upgrade leaves it, with the environment of the new server's Python beside that of the old one's."""
    own = f"python{python_of(db)}"
    shared, beside = (folder / name / "lib" / own / "site-packages" for name in ("venv", f"venv-{own}"))
    shared.mkdir(parents=True)
    loader_like_it(db, prefix=str(folder / "venv"))
    assert db.error_of("SELECT loader()").message == f"the Python package automl is not in {shared}"
    beside.mkdir(parents=True)
    assert db.error_of("SELECT loader()").message == f"the Python package automl is not in {beside}"


def test_another_state_of_the_same_version_is_told(db: Session) -> None:
    loader_like_it(db, build="0123456789ab")
    of_another = f"the extension in this database was made from another state of version {__version__}"
    assert db.error_of("SELECT loader()") == (
        "55000",
        f"{of_another} than the Python package in {site_of(db)}",
        "Make it again, with the runs that it has, as a superuser: psql -d (this database) -f deploy/again.sql",
    )
    db.run("SELECT madlib.automl_load()")


CALLS = ["hyperband_schedule('schedule', 9)", "hyperband_schedule()", "automl_close()"]


@pytest.mark.parametrize("call", CALLS)
def test_a_session_that_was_open_while_the_extension_was_updated_must_reconnect(db: Session, call: str) -> None:
    # What is left of an earlier version in such a session: its package, and what its automl_load has put into GD.
    package = f"sys.modules['automl'] = old = types.ModuleType('automl'); old.__file__ = '{site_of(db)}/automl/__init__.py'"
    left = f"import sys, types; {package}; old.__version__ = '0.0.9'; GD['automl'] = GD['keras_seg'] = old"
    db.run(f"DO LANGUAGE plpython3u $$ {left} $$")
    failure = db.error_of(f"SELECT madlib.{call}")
    both = f"this session has loaded version 0.0.9 of the Python package, the extension is version {__version__}"
    assert failure.message.endswith(f"{both}")
    assert (failure.sqlstate, failure.hint) == ("55000", "Reconnect.")


def test_a_package_of_the_same_name_from_elsewhere_is_refused(db: Session) -> None:
    other = "import sys, types; sys.modules['automl'] = other = types.ModuleType('automl'); other.__file__ = '/tmp/automl.py'"
    db.run(f"DO LANGUAGE plpython3u $$ {other} $$")
    failure = db.error_of("SELECT madlib.automl_load()")
    assert failure.message.endswith("another Python package automl was loaded in this session, from /tmp/automl.py")
    assert failure.hint == "Reconnect."


def test_imports_come_from_the_installed_folder_first_and_from_no_relative_one(db: Session) -> None:
    db.run("DO LANGUAGE plpython3u $$ import sys; sys.path[:0] = ['', 'lib', '.'] $$")
    db.run("SELECT madlib.automl_load()")
    db.run("CREATE FUNCTION paths() RETURNS SETOF text LANGUAGE plpython3u AS 'import sys; return sys.path'")
    first, *others = (path for (path,) in db.fetch("SELECT paths()"))
    assert first == site_of(db)
    assert all(Path(path).is_absolute() for path in others)


def test_a_plain_role_can_load_but_changes_nothing(connect: Callable[..., Session], role: str) -> None:
    plain = connect(user=role)
    plain.run("SELECT madlib.automl_load()")
    assert plain.error_of("CREATE FUNCTION madlib.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'").sqlstate == "42501"


def test_dropping_the_extension_leaves_nothing(db: Session) -> None:
    objects = """SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^(t_|pg_)'
                 UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE oid >= 16384
                 UNION ALL SELECT 'relation ' || oid::regclass FROM pg_class WHERE oid >= 16384 ORDER BY 1"""
    db.autocommit = False
    db.run("DROP EXTENSION keras_automl CASCADE")
    bare = db.fetch(objects)
    db.run("CREATE EXTENSION keras_automl")
    assert len(db.fetch(objects)) > len(bare)
    db.run("DROP EXTENSION keras_automl")
    assert db.fetch(objects) == bare
    assert db.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'madlib'") == 0
    db.rollback()


def test_without_plpython_the_server_says_what_is_missing(db: Session) -> None:
    db.autocommit = False
    db.run("DROP EXTENSION plpython3u CASCADE")
    failure = db.error_of("CREATE EXTENSION keras_automl")
    assert failure.message == 'required extension "plpython3u" is not installed'
    db.rollback()
