"""The rules of the house: who may import what, and what every SQL object has. docs/architecture.md gives the reasons."""

from __future__ import annotations

import ast
import json
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

# The rooms from the ground up: a room imports from the floors below its own, and two on one floor do not import each other.
FLOORS = {
    "automl": (
        ("errors",),
        ("database", "search"),
        ("hosts", "models"),
        ("data",),
        ("cluster",),
        ("training", "prediction"),
        ("files", "columns"),
        ("help",),
        ("entry",),
    ),
    "keras_seg": (
        ("protocol",),
        ("server",),
        ("architectures",),
        ("inference", "training"),
        ("files",),
        ("session",),
        ("transition",),
    ),
}
FLOOR_OF = {
    (package, room): floor for package, floors in FLOORS.items() for floor, rooms in enumerate(floors) for room in rooms
}
LATE = re.compile(r"automl\.[\w.]+:\w+")  # a place that is imported later: automl/entry.py
SHARED = ("protocol", "server")  # rooms of keras_seg that automl imports


def imports_of(module: str) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, wherever in it: modules, and what is taken out of them."""
    package = module.removesuffix(".py").removesuffix("/__init__").split("/")
    above = package if module.endswith("/__init__.py") else package[:-1]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = above[: len(above) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and LATE.fullmatch(node.value):
            yield node.value.replace(":", ".")


def tree_of(module: str) -> ast.Module:
    return ast.parse((SRC / module).read_text())


def importers_of(*packages: str) -> set[str]:
    """Return the modules of src that import one of the packages."""
    return {module for module in MODULES if any(name.split(".")[0] in packages for name in imports_of(module))}


def rooms_of(module: str) -> set[tuple[str, str]]:
    """Return the rooms that a module imports from, as (package, room)."""
    parts = [name.split(".") for name in imports_of(module)]
    return {(name[0], name[1]) for name in parts if name[0] in FLOORS and name[1] != "__version__"}


def test_every_room_has_a_floor() -> None:
    there = {(path.parent.name, path.stem) for package in FLOORS for path in (SRC / package).iterdir() if path.stem[:2] != "__"}
    assert there == set(FLOOR_OF)


@pytest.mark.parametrize("module", [module for module in MODULES if module.count("/") > 1 or "__init__" not in module])
def test_a_room_imports_from_the_floors_below_it(module: str) -> None:
    package, room = module.removesuffix(".py").split("/")[:2]
    own = {room for other, room in rooms_of(module) if other == package}
    assert {other for other in own - {room} if FLOOR_OF[package, other] >= FLOOR_OF[package, room]} == set()


def test_keras_seg_never_imports_automl() -> None:
    assert {module for module in importers_of("automl") if module.startswith("keras_seg/")} == set()


def test_of_keras_seg_automl_imports_what_both_share() -> None:
    foreign = [
        (module, room)
        for module in MODULES
        if module.startswith("automl/")
        for package, room in rooms_of(module)
        if package == "keras_seg" and room not in SHARED
    ]
    assert foreign == []


def test_plpy_is_imported_in_one_file_of_automl() -> None:
    assert {module for module in importers_of("plpy") if module.startswith("automl/")} <= {"automl/database/session.py"}


def test_tensorflow_and_keras_are_imported_only_in_keras_seg_and_never_in_its_protocol() -> None:
    importers = importers_of("tensorflow", "keras")
    assert {module for module in importers if not module.startswith("keras_seg/") or "/protocol/" in module} == set()


def test_tensorflow_and_keras_are_not_imported_by_the_forward_pass_in_numpy() -> None:
    assert {module for module in importers_of("tensorflow", "keras") if "/inference/" in module} == set()


def test_hyperopt_is_imported_in_one_adapter() -> None:
    assert importers_of("hyperopt") <= {"automl/search/sampling.py"}


def test_psycopg_is_imported_in_one_file() -> None:
    # It must be loaded in a way of its own, whoever comes first.
    assert importers_of("psycopg") == {"automl/cluster/driver.py"}


PURE = [module for module in MODULES if re.match(r"automl/(search/|cluster/(hopper|paces)|hosts/assignment)", module)]


@pytest.mark.parametrize("module", PURE)
def test_the_search_and_the_hopper_are_pure(module: str) -> None:
    allowed = sys.stdlib_module_names | {"numpy", "hyperopt"}  # which has one adapter, see above
    own = "automl.search." if "/search/" in module else "automl.cluster.paces."
    ours = "automl.errors.", "keras_seg.protocol.", own
    foreign = {name for name in imports_of(module) if name.split(".")[0] not in allowed and not name.startswith(ours)}
    assert foreign == set()


# --- the language between the halves ------------------------------------------------------------------------------------

# Whoever reads or writes JSON, and what that is. Orders and reports are read and written in one file, and their keys are the
# names of fields; what other files need of them they have as dataclasses.
JSON = {
    "keras_seg/protocol/messages.py": "orders and reports",
    "keras_seg/protocol/state.py": "the header of a state",
    "keras_seg/protocol/architecture_files.py": "JSON strings in JSON",
    "keras_seg/architectures/build.py": "Keras' JSON of an architecture",
    "keras_seg/files/outgoing.py": "Keras' JSON of an architecture, and notes about a model",
    "keras_seg/files/keras_file.py": "the parts of a .keras file",
    "keras_seg/files/safetensors.py": "the header of that format",
    "keras_seg/files/onnx_graph.py": "notes about a model",
    "automl/columns/answer.py": "an argument that is JSON, as it is to be given",
    "automl/columns/arguments.py": "arguments that are JSON",
    "automl/columns/networks.py": "Keras' JSON of an architecture",
    "automl/columns/notices.py": "an argument that is JSON, as it is to be given",
    "automl/columns/vocabularies.py": "a vocabulary, as SQL has it",
    "automl/files/export.py": "class values, from the summary table",
    "automl/models/library.py": "Keras' JSON of an architecture",
    "automl/models/outline.py": "Keras' JSON of an architecture",
    "automl/prediction/on_segments.py": "the plan of a statement, from EXPLAIN",
    "automl/training/recording.py": "arguments of a call, for the record; a digest of what is trained",
    "automl/training/results.py": "which tables a call has made, for the record",
    "automl/training/resume.py": "arguments of a call and its tables, from the record",
    "automl/training/estimates.py": "a digest of a call",
    "automl/training/repeat.py": "versions that a run had, from the record",
    "automl/training/statements.py": "columns of the record that are JSON",
}


def test_who_reads_and_writes_json_is_known() -> None:
    assert importers_of("json") == set(JSON)


CLUSTER = [module for module in MODULES if module.startswith("automl/cluster/")]
SQL_WORD = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|SET|LOCK|BEGIN|COMMIT|ROLLBACK|PREPARE|EXECUTE)\b")
SQL_TEXT = {"sql", "query", "feed"}  # what variables and attributes that hold SQL are called there


def texts_of(module: str) -> list[str]:
    """The literal texts of a module, and those between the braces of its f-strings, without docstrings."""
    nodes = list(ast.walk(tree_of(module)))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in alone]
    return [value.decode() if isinstance(value, bytes) else value for value in constants if isinstance(value, (str, bytes))]


def test_sql_of_the_cluster_is_where_calls_are_spelled() -> None:
    assert {module.rpartition("/")[2] for module in CLUSTER if any(map(SQL_WORD.match, texts_of(module)))} == {
        "statements.py",  # a call as a SELECT
        "prepared.py",  # as an EXECUTE
        "segments.py",  # from the row of one buffer, or of all
        "sessions.py",  # transactions, and locks on the packed tables
        "connection.py",  # who calls, and where the server is
        "turns.py",  # locks of sessions
        "channel.py",  # transactions
        "keeping.py",  # what a session drops that stays
        "opening.py",  # whether the record can be written
    }


def holds_sql(node: ast.AST) -> bool:
    """Whether an expression is SQL text: by what it is called, or by how it begins."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    return name in SQL_TEXT or (isinstance(node, ast.Constant) and bool(SQL_WORD.match(str(node.value))))


def looks_at_sql(node: ast.AST) -> bool:
    """Whether SQL text is compared here, or a method of it is called; to encode it is no look, and psycopg's module is none."""
    if isinstance(node, ast.Compare):
        return any(map(holds_sql, [node.left, *node.comparators]))
    if isinstance(node, ast.Match):
        return holds_sql(node.subject)
    method = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    return method is not None and holds_sql(method.value) and method.attr not in ("encode", "SQL", "Identifier")


def test_nothing_in_the_cluster_is_decided_by_sql_text() -> None:
    looks = [ast.unparse(node) for module in CLUSTER for node in ast.walk(tree_of(module)) if looks_at_sql(node)]
    assert looks == ["statement.sql not in self._names"]  # whether it was prepared


# --- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_short_enough_to_read(module: str) -> None:
    assert len((SRC / module).read_text().splitlines()) <= 400


@pytest.mark.parametrize("package", [module.removesuffix("/__init__.py") for module in MODULES if "__init__" in module])
def test_every_package_is_its_table_of_contents(package: str) -> None:
    contents = (SRC / package / "__init__.py").read_text()
    there = [path.stem for path in (SRC / package).iterdir() if path.stem[:2] != "__"]
    assert [name for name in there if not re.search(rf"^    ([\w, ]+, )?{name}\b", contents, re.M)] == []


def test_the_rooms_are_told_of_with_their_floors() -> None:
    told = re.findall(r"^\| (\d+) \| `(\w+)/(\w+)(?:\.py)?` \|", (ROOT / "docs/architecture.md").read_text(), re.M)
    assert {(package, room): int(floor) - 1 for floor, package, room in told} == FLOOR_OF


def test_every_benchmark_is_told_of() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    assert [path.name for path in (ROOT / "bench").glob("*.py") if f"`bench/{path.name}`" not in told] == []


def fields_of(node: ast.AST) -> list[str]:
    """The types of the fields of a dataclass that compares by them, as they are written; none for anything else."""
    if not isinstance(node, ast.ClassDef):
        return []
    made = [ast.unparse(each) for each in node.decorator_list]
    compares = any(each.startswith("dataclass") and "eq=False" not in each for each in made)
    return [ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign)] if compares else []


@pytest.mark.parametrize("module", MODULES)
def test_no_dataclass_compares_arrays(module: str) -> None:
    # Up to Python 3.12 fields that are the same object were equal unseen.
    fields = [field for node in ast.walk(tree_of(module)) for field in fields_of(node)]
    assert [field for field in fields if "ndarray" in field and not field.startswith("Callable")] == []


# --- SQL ----------------------------------------------------------------------------------------------------------------


def test_who_calls_is_asked_in_words_that_a_caller_cannot_define() -> None:
    # A type "text" or an operator "=" on the search path goes before PostgreSQL's own.
    who = re.compile(r"([=<>] )?\b(?:current|session)_user\b([:.\w]*)")
    asked = [said for module in MODULES for said in who.findall((SRC / module).read_text())]
    assert asked
    assert set(asked) == {("", "::pg_catalog.text")}


# A statement that a loop makes by format() names its object by %I.
KINDS = r"(FUNCTION|AGGREGATE|TABLE|VIEW|TYPE|SEQUENCE)\s+([\w.%]+)"
# A type of its own stands there twice: first its name alone, for the functions that read and write it.
MADE = re.compile(r"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+)?" + KINDS + r"(?![\w.%;])", re.I | re.M)
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
    scripts = [path.relative_to(SQL).as_posix() for path in SQL.rglob("*.sql")]
    assert [script for script in scripts if re.search(r"\bversion\(\)", statements(script))] == [SCRIPTS[-1]]


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


def test_what_pgxn_is_told_has_the_version_of_the_package() -> None:
    told = json.loads((ROOT / "META.json").read_text())
    assert {told["version"], *(each["version"] for each in told["provides"].values())} == {automl.__version__}
    assert all((ROOT / each[file]).is_file() for each in told["provides"].values() for file in ("file", "docfile"))


def test_there_is_a_way_from_every_version_to_this_one() -> None:
    steps = sorted(path.stem.split("--")[1:] for path in (SQL / "upgrade").glob("keras_automl--*.sql"))
    kept = sorted(path.stem.partition("--")[2] for path in (ROOT / "tests/upgrade").glob("keras_automl--*.sql"))
    begin, end = zip(*steps, strict=True)
    assert [*begin, automl.__version__] == [begin[0], *end]
    assert kept == list(begin)  # tests/sql/test_upgrade.py goes it
