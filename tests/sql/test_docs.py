"""The documents say what the code does: their SQL runs, the reference is complete, what they point at exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fix_db import CURRENT_SCHEMA, EXAMPLES, MADLIB, Session

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))]
EVERYTHING = [*DOCUMENTS, "CHANGELOG.md", "CONTRIBUTING.md"]
REFERENCE = "docs/reference.md"
OUT_AND_IN = "docs/out-and-in.md"  # with psql and Python between its SQL


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def blocks_of(document: str) -> list[str]:
    """The SQL blocks of a document, in order."""
    return re.findall(r"^[ ]*```sql\n(.*?)^[ ]*```", text_of(document), re.M | re.S)


def statements_of(block: str) -> list[str]:
    """The statements of a block: each ends with a semicolon at the end of a line, and runs in a transaction of its own."""
    return [statement for statement in re.split(r";[ ]*$", block, flags=re.M) if statement.strip()]


# A search that has a budget takes the whole of it. That the statements run is seen from a few trials as well.
BUDGET = "budget := '1 min'"
FEW = '{"automl_method": "hyperopt", "automl_params": "algorithm=rand, num_configs=2, num_iterations=5, keep=best"}'


def run_blocks(db: Session, document: str, few: bool = True) -> None:
    """Run the blocks of a document; with `few` a search that has a budget makes a few trials only."""
    for number, block in enumerate(blocks_of(document), 1):
        for statement in statements_of(block):
            try:
                db.run(statement.replace(BUDGET, f"{BUDGET}, params := '{FEW}'") if few else statement)
            except Exception as error:
                pytest.fail(f"{document}, SQL block {number}: {error}\n{statement}")


class Psql:
    """A psql in the schema of a session, which runs blocks: one for all, because a new session imports TensorFlow again."""

    _AS_NEW = "\n\\t off\n\\pset format aligned\n\\echo done\n"

    def __init__(self, db: Session) -> None:
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", db.dsn]
        options = {**os.environ, "PGOPTIONS": f"-c search_path={db.value('SELECT current_schema()')}"}
        pipe = subprocess.PIPE
        self._psql = subprocess.Popen(command, env=options, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def __enter__(self) -> Psql:
        return self

    def __exit__(self, *_: object) -> None:
        self._psql.communicate()

    def run(self, block: str) -> None:
        """Run a block; it is a failure of the test if psql says anything but rows, or ends."""
        assert self._psql.stdin is not None and self._psql.stdout is not None
        self._psql.stdin.write(block + self._AS_NEW)
        self._psql.stdin.flush()
        said = []
        for line in self._psql.stdout:
            if line == "done\n":
                return
            said.append(line)
        pytest.fail(f"psql has ended: {''.join(said)}\n{block}")


def sections() -> dict[str, str]:
    """The sections of the reference by their heading of the third level."""
    parts = re.split(r"^### (.*)$", text_of(REFERENCE), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_cells(text: str) -> set[str]:
    """What stands in backticks in the first cells of the rows of all tables."""
    cells = re.findall(r"^\|([^|]*)\|", text, re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


# --- the blocks run -----------------------------------------------------------------------------------------------------


RUN = [each for each in DOCUMENTS if each not in (REFERENCE, OUT_AND_IN)]
WHOLE = [pytest.param(each, False, marks=pytest.mark.soak) for each in RUN if BUDGET in "".join(blocks_of(each))]


@pytest.mark.parametrize(("document", "few"), [*((each, True) for each in RUN), *WHOLE])
def test_every_sql_block_runs(iris: Session, document: str, few: bool) -> None:
    iris.run("SET client_min_messages = warning; " + (EXAMPLES / "penguins.sql").read_text() + "RESET client_min_messages")
    run_blocks(iris, document, few)


OF_ONNX = r"^session = onnxruntime[\s\S]*|^.*onnx.*\n"  # whose packages take many seconds; test_model_files.py has more of it


@pytest.mark.parametrize("onnx", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["without ONNX", "all"])
def test_a_model_goes_out_and_comes_in(iris: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx: bool) -> None:
    import keras

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda _: False)  # XLA takes long, and changes nothing
    known: dict[str, Any] = {}
    with Psql(iris) as psql:
        for kind, whole in re.findall(r"^```(sql|psql|python)\n(.*?)^```", text_of(OUT_AND_IN), re.M | re.S):
            block = whole if onnx else re.sub(OF_ONNX, "", whole, flags=re.M)
            if kind == "sql":
                for statement in statements_of(block):
                    iris.run(statement)
            elif kind == "psql":
                psql.run(block)
            else:
                exec(block, known)
    assert known["after"]["loss"] < known["before"]["loss"]
    saved = keras.models.load_model("winner.keras").get_weights()
    assert all(map(np.array_equal, saved, known["winner"].get_weights()))
    assert not onnx or np.allclose(known["winner"](known["x"]), known["outputs"], atol=1e-5)
    assert json.loads(Path("winner.json").read_text())["keras_automl"] == known["about"]
    right = iris.value("SELECT count(*) FROM later JOIN later_predicted USING (id) WHERE class_text = dependent_var")
    assert right == round(known["after"]["accuracy"] * len(known["rows"]))
    weights = b"".join(array.tobytes() for array in known["model"].get_weights())
    assert bytes(iris.value("SELECT model_weights FROM flower_nets WHERE name = 'better'")) == weights


@pytest.mark.postgresql("a call that reads its arguments FROM a table runs on a segment")
def test_the_reference_runs_and_names_every_column_that_it_makes(iris: Session) -> None:
    iris.run("SET keras_automl.sessions = 1")  # TensorFlow is imported half as often
    run_blocks(iris, REFERENCE)
    made = iris.fetch(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        f" WHERE c.relnamespace = {CURRENT_SCHEMA} AND c.relkind = 'r' AND a.attnum > 0"
    )
    own = {"id", "attributes", "class_text"}  # of the data, not of ours
    variables = {"class_text": "<dependent>", "species": "<dependent>", "attributes": "<independent>"}
    known = first_cells(text_of(REFERENCE))
    assert len({table for table, _ in made}) > 10
    missing = {
        f"{table}.{column}"
        for table, column in made
        if column not in own | known and re.sub("|".join(variables), lambda name: variables[name.group()], column) not in known
    }
    assert missing == set()


def test_the_readme_begins_with_one_statement_and_has_four_for_networks_of_your_own() -> None:
    found = [re.findall(r"madlib\.(\w+)\(", block) for block in blocks_of("README.md")[:6]]
    networks = ["training_preprocessor_dl", "load_keras_model", "madlib_keras_automl", "madlib_keras_predict"]
    assert found == [["automl_train"], [], *([name] for name in networks)]


# --- the reference is complete ------------------------------------------------------------------------------------------


def test_every_function_has_a_comment(db: Session) -> None:
    functions = db.fetch(
        "SELECT oid::regprocedure::text AS name, obj_description(oid, 'pg_proc') AS comment FROM pg_proc"
        f" WHERE pronamespace = {MADLIB}"
    )
    assert len(functions) > 15
    assert [function.name for function in functions if not (function.comment or "").strip()] == []


def test_every_table_and_view_has_a_comment(db: Session) -> None:
    relations = db.fetch(
        "SELECT relname AS name, obj_description(oid, 'pg_class') AS comment FROM pg_class"
        f" WHERE relnamespace = {MADLIB} AND relkind IN ('r', 'v')"
    )
    assert len(relations) == 22
    assert [relation.name for relation in relations if not relation.comment] == []


# Each function tells about itself, and so has one more form, which takes a message; see test_help.py.
NO_HELP = "NOT (proargnames = '{message}' AND prorettype = 'text'::regtype)"


def test_every_function_is_in_the_reference_with_its_arguments(db: Session) -> None:
    functions = db.fetch(
        "SELECT proname AS name, coalesce(proargnames, '{}') AS arguments FROM pg_proc"
        f" WHERE pronamespace = {MADLIB} AND coalesce({NO_HELP}, true)"
    )
    there, internal = sections(), first_cells(sections()["Internal functions"])
    missing = set()
    for name, arguments in functions:
        if name.startswith("automl_") and f"madlib.{name}" not in there:
            missing |= set() if f"{name}({', '.join(arguments)})" in internal else {name}
        else:
            missing |= {f"{name}.{each}" for each in {*arguments} - first_cells(there.get(f"madlib.{name}", ""))}
    assert missing == set()


def test_the_reference_gives_every_default(db: Session) -> None:
    defaults = db.fetch(
        "SELECT DISTINCT proname AS name, trim(argument) AS argument FROM pg_proc,"
        " unnest(string_to_array(pg_get_function_arguments(oid), ', ')) AS argument"
        f" WHERE pronamespace = {MADLIB} AND argument ~ ' DEFAULT ' AND {NO_HELP}"
    )
    there = sections()
    wrong = set()
    for name, argument in defaults:
        column, value = argument.split(" ")[0].strip('"'), re.sub(r"::.*", "", argument.split(" DEFAULT ")[1])
        rows = re.findall(rf"^\| `{column}` \|([^|]*)\|([^|]*)\|", there[f"madlib.{name}"], re.M)
        if not any(value.lower() in default.lower() for _, default in rows):
            wrong.add(f"{name}.{column} = {value}")
    assert wrong == set()


@pytest.mark.parametrize(
    "view",
    ["automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints", "automl_leaderboard", "automl_progress"],
)
def test_every_column_of_the_views_is_in_the_reference(db: Session, view: str) -> None:
    columns = db.fetch("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", f"madlib.{view}")
    assert {name for (name,) in columns} - first_cells(sections()[f"madlib.{view}"]) == set()


@pytest.mark.parametrize("document", ["README.md", REFERENCE])
def test_every_setting_is_documented(document: str) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    settings = set(re.findall(r'"(keras_automl\.[a-z_]+)"', sources))
    assert "keras_automl.sessions" in settings
    assert settings - first_cells(text_of(document)) == set()


# --- what they point at exists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", EVERYTHING)
def test_links_within_the_project_lead_somewhere(document: str) -> None:
    broken = []
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text_of(document)):
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.M) if file.is_file() else []
        anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        if not file.exists() or (anchor and anchor not in anchors):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", EVERYTHING)
def test_files_that_are_named_exist(document: str) -> None:
    named = re.findall(r"`((?:src|sql|tests|docs|deploy|examples|bench|automl|keras_seg)/[\w./*-]*)`", text_of(document))
    missing = [name for name in named if not any(list(base.glob(name)) for base in (ROOT, ROOT / "src"))]
    assert missing == []


def test_the_targets_of_make_are_in_the_readme() -> None:
    targets = re.findall(r"^([a-z][a-z -]*):.*## ", (ROOT / "Makefile").read_text(), re.M)
    named = " ".join(re.findall(r"`make ([^`]*)`", text_of("README.md"))).split()
    assert {target for line in targets for target in line.split()} - {"help"} - set(named) == set()
