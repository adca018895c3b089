"""TensorBoard from SQL: who may configure where it is written, and that nobody gets out of there; TensorBoard reads it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fix_db import Session
from fix_orders import ORDER, SETUP, altered
from fix_search import dense, load, make_iris, search
from keras_seg.protocol.orders import TensorBoardOrder, VisitOrder

CALLBACKS = """{'batch_size': [8], 'epochs': [1], 'callbacks': ['[TensorBoard(log_dir="/tmp/logs/fit")]']}"""
PLAIN = "{'batch_size': [8], 'epochs': [1], 'callbacks': [None]}"  # as many draws, so that the configurations are the same
HYPEROPT = {"automl_method": "hyperopt", "automl_params": "num_configs=2, num_iterations=3, algorithm=rand"}


@pytest.fixture
def logs(db: Session) -> Iterator[Path]:
    """The directory that is configured, which everybody can write to."""
    directory = Path(tempfile.mkdtemp(prefix="keras_automl_logs_"))
    directory.chmod(0o777)
    failure = None
    try:
        db.run("SELECT madlib.automl_tensorboard(%s)", str(directory))
    except Exception as error:
        failure = str(error)
    if failure and "must be a directory that the server's OS user can write to" in failure:
        pytest.skip("the server runs on another host")
    assert failure is None
    yield directory
    db.run("RESET ROLE; SELECT madlib.automl_tensorboard(NULL)")
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def packed(db: Session) -> Session:
    """A session with packed tables and a library, whose calls train in one session."""
    make_iris(db)
    db.run("SET keras_automl.sessions = 1")
    load(db, "lib", dense(3))
    return db


def steps(folder: Path) -> dict[str, list[int]]:
    """The steps by tag of what TensorBoard's loader reads in a folder."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator(str(folder))
    accumulator.Reload()
    return {tag: [event.step for event in accumulator.Tensors(tag)] for tag in accumulator.Tags()["tensors"]}


def files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("sessions", [0, 2])
def test_a_folder_for_each_trial(packed: Session, logs: Path, sessions: int) -> None:
    packed.run(f"SET keras_automl.sessions = {sessions}")
    search(packed, "out", fit_params_grid=CALLBACKS, validation_table="val", metrics_compute_frequency=1, **HYPEROPT)
    run = packed.value("SELECT max(run_id) FROM madlib.automl_runs")
    own = logs / "tmp" / "logs" / "fit" / packed.value("SELECT current_user") / f"run_{run}"
    assert sorted(os.listdir(own)) == ["mst_key_1", "mst_key_2"]
    assert not [notice for notice in packed.notices if "TensorBoard" in notice]
    for trial in own.iterdir():
        trained = steps(trial / "train")
        assert trained.pop("keras") == [0]
        assert trained == {key: [0, 1, 2] for key in ("epoch_loss", "epoch_accuracy", "epoch_learning_rate")}
        assert steps(trial / "validation") == {key: [0, 1, 2] for key in ("epoch_loss", "epoch_accuracy")}
    search(packed, "plain", fit_params_grid=PLAIN, validation_table="val", metrics_compute_frequency=1, **HYPEROPT)
    same = "SELECT count(*) FROM out a JOIN plain b USING (mst_key) WHERE a.model_weights = b.model_weights"
    assert packed.value(same) == 2
    assert packed.value("SELECT count(*) FROM out_info WHERE fit_params LIKE '%TensorBoard(log_dir=\"/tmp/logs/fit\")%'") == 2


def test_hyperband_goes_on_where_a_round_ended(packed: Session, logs: Path) -> None:
    search(packed, "out", fit_params_grid=CALLBACKS, automl_params="R=4, eta=2")
    (fit,) = (logs / "tmp" / "logs" / "fit").glob("*/run_*")
    survivors = packed.fetch("SELECT mst_key FROM out_info WHERE s = 2 AND i = 2")
    assert survivors != []
    for (key,) in survivors:
        assert steps(fit / f"mst_key_{key}" / "train")["epoch_loss"] == list(range(7))  # 1 + 2 + 4 iterations


def test_one_model(packed: Session, logs: Path) -> None:
    call = """SELECT madlib.madlib_keras_fit('train', 'one', 'lib', 1,
        'optimizer=Adam(lr=0.01),loss=categorical_crossentropy,metrics=[accuracy]', %s, 2)"""
    packed.run(call, f'batch_size=8,epochs=2,callbacks=[TensorBoard(log_dir="{logs}/mine", histogram_freq=1)]')
    (train,) = (logs / "mine").glob("*/run_*/mst_key_1/train")
    there = steps(train)
    assert there["epoch_loss"] == [0, 1, 2, 3]
    assert [each for tag, each in there.items() if tag.endswith("kernel/histogram")] == [[1, 3]]


# --- who may what -------------------------------------------------------------------------------------------------------


def test_nothing_is_written_where_nothing_is_configured(packed: Session) -> None:
    with pytest.raises(Exception, match='fit_params_grid: "callbacks": no directory is configured for TensorBoard; a'):
        search(packed, "out", fit_params_grid=CALLBACKS)
    assert packed.fetch("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'out%'") == []


def test_a_directory_that_is_gone_is_told_before_training(packed: Session, logs: Path) -> None:
    shutil.rmtree(logs)
    packed.run("SET keras_automl.sessions = 0")  # those that are kept end with a call that fails
    with pytest.raises(Exception, match="the server's OS user cannot write to the directory configured for TensorBoard, "):
        search(packed, "out", fit_params_grid=CALLBACKS)


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("'logs'", "directory: must be an absolute path, got 'logs'"),
        ("''", "directory: must be an absolute path, got ''"),
        ("E'/tmp/a\\nb'", "directory: must be an absolute path, got '/tmp/a\\nb'"),
        ("'/nowhere/at/all'", "directory: must be a directory that the server's OS user can write to, got '/nowhere/at/all'"),
        ("'/etc/passwd'", "directory: must be a directory that the server's OS user can write to, got '/etc/passwd'"),
    ],
)
def test_a_directory_that_cannot_be(db: Session, directory: str, message: str) -> None:
    assert db.error_of(f"SELECT madlib.automl_tensorboard({directory})").message == message


def test_the_data_directory_is_none(db: Session) -> None:
    failure = db.error_of("SELECT madlib.automl_tensorboard(current_setting('data_directory') || '/base')")
    assert failure.message.startswith("directory: must not lie in the server's data directory, nor hold it, got ")


def test_only_a_superuser_configures(db: Session, role: str, connect: Callable[..., Session], logs: Path) -> None:
    session = connect(user=role)
    table = "madlib.automl_tensorboard_setting"
    assert session.fetch(f"SELECT directory FROM {table}") == [(str(logs),)]
    for statement in (
        "SELECT madlib.automl_tensorboard('/tmp')",
        "SELECT madlib.automl_tensorboard(NULL)",
        f"INSERT INTO {table} VALUES ('/tmp')",
        f"UPDATE {table} SET directory = '/tmp'",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"ALTER TABLE {table} RENAME TO other",
        f"DROP TABLE {table}",
        f"CREATE RULE r AS ON SELECT TO {table} DO INSTEAD SELECT '/tmp'::text AS directory",
        "ALTER SCHEMA madlib RENAME TO other",
    ):
        assert session.error_of(statement).sqlstate == "42501", statement
    assert db.value(f"SELECT directory FROM {table}") == str(logs)


def test_not_even_who_may_write_to_every_table(db: Session, role: str, connect: Callable[..., Session], logs: Path) -> None:
    if db.info.server_version < 140000:
        pytest.skip("pg_write_all_data exists since PostgreSQL 14")
    db.run(f"GRANT pg_write_all_data TO {role}")
    session = connect(user=role)
    for statement in ("INSERT INTO {} VALUES ('/tmp')", "UPDATE {} SET directory = '/tmp'", "DELETE FROM {}"):
        failure = session.error_of(statement.format("madlib.automl_tensorboard_setting"))
        assert (failure.sqlstate, failure.message) == (
            "42501",
            "only a superuser may write to madlib.automl_tensorboard_setting",
        )
    assert db.value("SELECT directory FROM madlib.automl_tensorboard_setting") == str(logs)


VISIT = "SELECT madlib.automl_visit(%s, NULL)"


def watched(log_dir: str) -> VisitOrder:
    return replace(ORDER, tensorboard=TensorBoardOrder(log_dir, run=1, trial=1))


def test_an_order_of_one_s_own_does_not_get_out(db: Session, role: str, connect: Callable[..., Session], logs: Path) -> None:
    session = connect(user=role)
    make_iris(session)
    session.run("SELECT madlib.automl_open(%s)", SETUP.to_json())
    session.run("SELECT madlib.automl_define('m', %s, NULL)", dense(3))
    (logs / "link").symlink_to("/tmp")
    out = f"{logs.name}_out"
    for log_dir in (f"../../{out}", f"/tmp/../{out}", f"a/../../{out}", "link", f"link/{out}"):
        session.run(VISIT, watched(log_dir).to_json())
    for key, forged in (("run", "../.."), ("trial", "../../..")):
        failure = session.error_of(VISIT, altered(watched("a"), "tensorboard", **{key: forged}))
        rule = f'VisitOrder.tensorboard.{key} must be a whole number, got "{forged}"'
        assert (failure.sqlstate, failure.message) == ("22023", f"{rule}")
    assert files(logs) == []
    assert not [path for path in (logs.parent / out, Path("/tmp") / out, Path("/") / out, Path("/tmp") / role) if path.exists()]
    session.run(VISIT, watched("/etc").to_json())
    assert files(logs) == [f"etc/{role}/run_1/mst_key_1/train/events.out.tfevents.0000000001.v2"]
    # What a role is called decides where it writes: not the order, nor a setting.
    session.run("CREATE TEMPORARY TABLE automl_tensorboard_setting AS SELECT '/tmp'::text AS directory")
    session.run("SET keras_automl.tensorboard = '/tmp'; SET search_path = pg_temp, " + session.value("SELECT current_schema()"))
    session.run(VISIT, watched("/etc").to_json())
    for key, forged in (("role", "postgres"), ("directory", "/")):
        failure = session.error_of(VISIT, altered(watched("/etc"), "tensorboard", **{key: forged}))
        rule = f'VisitOrder.tensorboard must not have "{key}"'
        assert (failure.sqlstate, failure.message) == ("22023", f"{rule}")
    assert len(files(logs)) == 1
