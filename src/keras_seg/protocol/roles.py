"""What one role is to another, as SQL that means the same on every server.

Up to PostgreSQL 15 who is a member of a role can become it. From 16 on a membership says what it is good for: with SET a member
can become the role, with INHERIT it has the role's rights, with ADMIN it can make others members. One that has none of these
still counts as MEMBER. `pg_has_role` reads its last argument when it runs, and any of several that it names will do.
"""

from __future__ import annotations

_GRADED = "pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 160000"

# Whether the member can become the role. Neither INHERIT nor ADMIN makes a superuser of a member of one: the attribute is not
# inherited, and only a superuser lets others into the role of one.
BECOMES = f"CASE WHEN {_GRADED} THEN 'SET' ELSE 'MEMBER' END"
# Whether the member may do what the role may, as itself or by becoming it.
ACTS_FOR = f"CASE WHEN {_GRADED} THEN 'SET, USAGE' ELSE 'MEMBER' END"
