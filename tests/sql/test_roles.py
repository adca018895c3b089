"""What a membership is good for, which PostgreSQL 16 has divided into SET, INHERIT and ADMIN."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fix_db import Session, connect_to
from keras_seg.protocol.roles import ACTS_FOR, BECOMES

MEMBER, ROLE = "automl_roles_member", "automl_roles_role"
ASKED = f"SELECT pg_has_role('{MEMBER}', '{ROLE}', {BECOMES}), pg_has_role('{MEMBER}', '{ROLE}', {ACTS_FOR})"


@pytest.fixture
def roles(database: str) -> Iterator[Session]:
    """A superuser's session, and two roles that have nothing to do with each other."""
    session = connect_to(database)
    session.run(f"DROP ROLE IF EXISTS {MEMBER}; DROP ROLE IF EXISTS {ROLE}; CREATE ROLE {MEMBER}; CREATE ROLE {ROLE}")
    yield session
    session.run(f"DROP ROLE {MEMBER}; DROP ROLE {ROLE}")
    session.close()


@pytest.mark.parametrize(
    ("version", "becomes", "acts_for"),
    [
        ("90426", "MEMBER", "MEMBER"),
        ("150012", "MEMBER", "MEMBER"),
        ("160000", "SET", "SET, USAGE"),
        ("180000", "SET", "SET, USAGE"),
    ],
)
def test_what_each_version_is_asked(roles: Session, version: str, becomes: str, acts_for: str) -> None:
    asked = "pg_catalog.current_setting('server_version_num')"
    said = [expression.replace(asked, f"'{version}'") for expression in (BECOMES, ACTS_FOR)]
    assert version in said[0]
    assert roles.fetch(f"SELECT {said[0]}, {said[1]}") == [(becomes, acts_for)]


def test_whoever_is_no_member_has_nothing_of_a_role(roles: Session) -> None:
    assert roles.fetch(ASKED) == [(False, False)]


def test_a_member_as_it_has_always_been(roles: Session) -> None:
    roles.run(f"GRANT {ROLE} TO {MEMBER}")
    assert roles.fetch(ASKED) == [(True, True)]


@pytest.mark.parametrize(
    ("options", "becomes", "acts_for"),
    [
        ("SET FALSE, INHERIT FALSE, ADMIN FALSE", False, False),
        ("SET FALSE, INHERIT FALSE, ADMIN TRUE", False, False),
        ("SET FALSE, INHERIT TRUE, ADMIN FALSE", False, True),
        ("SET TRUE, INHERIT FALSE, ADMIN FALSE", True, True),
        ("SET TRUE, INHERIT TRUE, ADMIN TRUE", True, True),
    ],
)
def test_a_membership_that_says_what_it_is_good_for(roles: Session, options: str, becomes: bool, acts_for: bool) -> None:
    if roles.info.server_version < 160000:
        pytest.skip("memberships have options since PostgreSQL 16")
    roles.run(f"GRANT {ROLE} TO {MEMBER} WITH {options}")
    assert roles.fetch(ASKED) == [(becomes, acts_for)]


@pytest.mark.parametrize("passed_on", ["SET FALSE, INHERIT FALSE", "SET FALSE, INHERIT TRUE"])
def test_what_a_member_s_member_has(roles: Session, passed_on: str) -> None:
    if roles.info.server_version < 160000:
        pytest.skip("memberships have options since PostgreSQL 16")
    roles.run(f"CREATE ROLE automl_roles_between; GRANT automl_roles_between TO {MEMBER}")
    try:
        roles.run(f"GRANT {ROLE} TO automl_roles_between WITH {passed_on}")
        assert roles.fetch(ASKED) == [(False, passed_on.endswith("TRUE"))]
    finally:
        roles.run("DROP ROLE automl_roles_between")
