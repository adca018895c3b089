"""The rules of the house: who may import what, and what every SQL object has. docs/architecture.md gives the reasons."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import automl

ROOT = Path(__file__).resolve().parent.parent
SRC, SQL = ROOT / "src", ROOT / "sql"
MODULES = sorted(path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py"))
SCRIPTS = sorted(path.name for path in SQL.glob("[0-9]*.sql"))

# --- imports ------------------------------------------------------------------------------------------------------------


def imports_of(module: str) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, wherever in it."""
    package = module.removesuffix(".py").removesuffix("/__init__").split("/")
    above = package if module.endswith("/__init__.py") else package[:-1]
    for node in ast.walk(ast.parse((SRC / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = above[: len(above) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def importers_of(*packages: str) -> set[str]:
    """Return the modules of src that import one of the packages."""
    return {module for module in MODULES if any(name.split(".")[0] in packages for name in imports_of(module))}


def test_plpy_is_imported_in_one_file_of_automl() -> None:
    assert {module for module in importers_of("plpy") if module.startswith("automl/")} <= {"automl/database/session.py"}


def test_tensorflow_and_keras_are_imported_only_in_keras_seg() -> None:
    assert {module for module in importers_of("tensorflow", "keras") if not module.startswith("keras_seg/")} == set()


def test_hyperopt_is_imported_in_one_adapter() -> None:
    assert importers_of("hyperopt") <= {"automl/search/hyperopt.py"}


def test_psycopg_is_imported_in_one_file() -> None:
    # It must be loaded in a way of its own, whoever comes first.
    assert importers_of("psycopg") == {"automl/cluster/driver.py"}


def test_keras_seg_never_imports_automl() -> None:
    assert {module for module in importers_of("automl") if module.startswith("keras_seg/")} == set()


PURE = [module for module in MODULES if re.match(r"automl/(search/|cluster/hopper|hosts/assignment)", module)]


@pytest.mark.parametrize("module", PURE)
def test_the_search_and_the_hopper_are_pure(module: str) -> None:
    allowed = sys.stdlib_module_names | {"numpy"} | ({"hyperopt"} if module == "automl/search/hyperopt.py" else set())
    ours = ("automl.search", "automl.errors", "keras_seg.protocol")
    foreign = {name for name in imports_of(module) if name.split(".")[0] not in allowed and not name.startswith(ours)}
    assert foreign == set()


@pytest.mark.parametrize("module", [module for module in MODULES if not module.endswith("__init__.py")])
def test_every_module_has_a_room_and_stands_in_the_table_of_contents(module: str) -> None:
    assert f"`{module}`" in (ROOT / "docs/architecture.md").read_text()
    path = SRC / module
    assert re.search(rf"^    .*\b{path.stem}\b", (path.parent / "__init__.py").read_text(), re.M)


def test_every_benchmark_is_told_of() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    assert [path.name for path in (ROOT / "bench").glob("*.py") if f"`bench/{path.name}`" not in told] == []


# --- SQL ----------------------------------------------------------------------------------------------------------------


def test_who_calls_is_asked_in_words_that_a_caller_cannot_define() -> None:
    # A type "text" or an operator "=" on the search path goes before PostgreSQL's own.
    who = re.compile(r"([=<>] )?\b(?:current|session)_user\b([:.\w]*)")
    asked = [said for module in MODULES for said in who.findall((SRC / module).read_text())]
    assert asked
    assert set(asked) == {("", "::pg_catalog.text")}


# A statement that a loop makes by format() names its object by %I.
KINDS = r"(FUNCTION|AGGREGATE|TABLE|VIEW|TYPE|SEQUENCE)\s+([\w.%]+)"
MADE = re.compile(r"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+)?" + KINDS, re.I | re.M)
COMMENTED = re.compile(r"^\s*COMMENT\s+ON\s+" + KINDS, re.I | re.M)
FUNCTION = re.compile(r"^\s*CREATE\s[^;(]*FUNCTION\s+([\w.%]+)([^$]*)\$(\w*)\$(.*?)\$\3\$([^;]*);", re.I | re.M | re.S)


def named(pattern: re.Pattern[str], text: str) -> dict[tuple[str, str], int]:
    """Count what a pattern finds, by kind and name: overloaded functions stand there more than once."""
    found: dict[tuple[str, str], int] = {}
    for kind, name in pattern.findall(text):
        found[kind.upper(), name.lower()] = found.get((kind.upper(), name.lower()), 0) + 1
    return found


def statements(script: str) -> str:
    """The script without its comment lines."""
    return re.sub(r"^\s*--.*$", "", (SQL / script).read_text(), flags=re.M)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_sql_object_has_a_comment(script: str) -> None:
    assert named(MADE, statements(script)) == named(COMMENTED, statements(script))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_sql_object_names_its_schema(script: str) -> None:
    # The script runs with nothing but pg_catalog on its search path, where an object without a schema would land.
    assert {name for _, name in named(MADE, statements(script)) if not name.startswith("madlib.")} == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_python_in_sql_is_two_lines(script: str) -> None:
    functions = FUNCTION.findall(statements(script))
    lines = {name: len(body.strip().splitlines()) for name, head, _, body, tail in functions if "plpython3u" in head + tail}
    lines.pop("madlib.automl_load", None)  # it finds the package that the others call
    assert {name: count for name, count in lines.items() if count > 2} == {}


def test_one_script_asks_which_database_this_is() -> None:
    assert [script for script in SCRIPTS if re.search(r"\bversion\(\)", statements(script))] == [SCRIPTS[-1]]


def test_the_guard_line_comes_first() -> None:
    assert (
        r'\echo Use "CREATE EXTENSION keras_automl" to load this file. \quit' in (SQL / SCRIPTS[0]).read_text().splitlines()[:3]
    )


# --- one version number -------------------------------------------------------------------------------------------------


def test_the_control_file_has_the_version_of_the_package() -> None:
    control = (SQL / "keras_automl.control").read_text()
    assert re.findall(r"^default_version = '(.*)'$", control, re.M) == [automl.__version__]


def test_pyproject_reads_the_version_from_the_package() -> None:
    assert 'version = { attr = "automl.__version__" }' in (ROOT / "pyproject.toml").read_text()


def test_there_is_a_way_from_every_version_to_this_one() -> None:
    steps = sorted(path.stem.split("--")[1:] for path in (SQL / "upgrade").glob("keras_automl--*.sql"))
    kept = sorted(path.stem.partition("--")[2] for path in (ROOT / "tests/upgrade").glob("keras_automl--*.sql"))
    begin, end = zip(*steps, strict=True)
    assert [*begin, automl.__version__] == [begin[0], *end]
    assert kept == list(begin)  # tests/sql/test_upgrade.py goes it
