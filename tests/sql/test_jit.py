"""TensorFlow and PostgreSQL's JIT compiler in one process: both hold an LLVM, and the server must not crash."""

from __future__ import annotations

import pytest

from fix_db import Session, connect_to
from fix_search import search

COMPILED = """SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
    SELECT sum(2 * i + 1) FROM generate_series(1, 1000) i WHERE i % 3 = 1; SET jit_above_cost = 1e9"""


@pytest.mark.postgresql("Greenplum 6 has no JIT compiler")
@pytest.mark.parametrize(
    "order", [("compile", "train", "compile"), pytest.param(("train", "compile", "train"), marks=pytest.mark.soak)]
)
def test_training_and_compiled_queries_share_a_session(quick: Session, database: str, order: tuple[str, ...]) -> None:
    if not quick.value("SELECT pg_jit_available()"):
        pytest.skip("this server has no JIT compiler")
    session = connect_to(database)
    session.run("SET search_path = t_quick; SET keras_automl.sessions = 0")
    for number, what in enumerate(order):
        if what == "compile":
            session.run(COMPILED)
        else:
            search(session, f"jit_{order[0]}_{number}")
    session.close()
