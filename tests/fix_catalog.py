"""What the catalogs of a database tell of the extension, as lines that are the same wherever the same was made.

Nothing that differs from one database to the next is in them (OIDs, the time, statistics), and everything else that a user, a
dump or an update can meet is: a line that only one of two databases has is a difference between them.
"""

from __future__ import annotations

from fix_db import MADLIB, Session

_EXTENSION = "(SELECT oid FROM pg_extension WHERE extname = 'keras_automl')"
_DEPENDS = (
    f"SELECT objid FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = {_EXTENSION}"
)
# Joined, not selected from: "SELECT *" leaves a row's oid out on Greenplum 6.
_RELATIONS = f"(pg_class c JOIN ({_DEPENDS} AND classid = 'pg_class'::regclass) mine ON mine.objid = c.oid)"
_FUNCTIONS = f"(pg_proc p JOIN ({_DEPENDS} AND classid = 'pg_proc'::regclass) mine ON mine.objid = p.oid)"
_TYPES = f"(pg_type t JOIN ({_DEPENDS} AND classid = 'pg_type'::regclass) mine ON mine.objid = t.oid)"
# Of the columns, constraints, indexes and rules: whichever relation of the schema has them, composite types too.
_THEIRS = f"(pg_class c JOIN (SELECT {MADLIB} AS madlib) here ON c.relnamespace = here.madlib AND c.relkind <> 'i')"
# Debian's PostgreSQL 17.12 numbers the states of an attribute by itself.
_OPTIONS = "ARRAY(SELECT given FROM unnest(a.attoptions) given WHERE given !~ '^pg_attver=' ORDER BY given)"


def _sorted_acl(acl: str) -> str:
    return f"(SELECT string_agg(item::text, ' ' ORDER BY item::text) FROM unnest({acl}) item)"


_QUERIES = {
    "member": f"""SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
        WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = {_EXTENSION}""",
    "of the schema": f"""SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = {MADLIB}""",
    "extension": f"""SELECT extversion, extrelocatable, pg_get_userbyid(extowner),
        (SELECT nspname FROM pg_namespace n WHERE n.oid = extnamespace),
        obj_description(oid, 'pg_extension') FROM pg_extension WHERE oid = {_EXTENSION}""",
    "needs": f"""SELECT pg_describe_object(refclassid, refobjid, refobjsubid), deptype FROM pg_depend
        WHERE classid = 'pg_extension'::regclass AND objid = {_EXTENSION}""",
    "dumped": f"""SELECT config::regclass, condition FROM (SELECT unnest(extconfig) AS config,
        unnest(extcondition) AS condition FROM pg_extension WHERE oid = {_EXTENSION}) configured""",
    "schema": f"""SELECT nspname, {_sorted_acl("nspacl")}, obj_description(oid, 'pg_namespace') FROM pg_namespace
        WHERE oid = {MADLIB}""",
    "function": f"""SELECT pg_get_functiondef(p.oid), {_sorted_acl("p.proacl")}, obj_description(p.oid, 'pg_proc')
        FROM {_FUNCTIONS}""",
    "type": f"""SELECT format_type(t.oid, NULL), t.typtype, {_sorted_acl("t.typacl")}, obj_description(t.oid, 'pg_type')
        FROM {_TYPES}""",
    "cast": f"""SELECT format_type(castsource, NULL), castfunc, castcontext, castmethod
        FROM pg_cast JOIN {_TYPES} ON t.oid = casttarget""",
    "relation": f"""SELECT c.relname, c.relkind, c.relpersistence, c.reloptions, {_sorted_acl("c.relacl")},
        obj_description(c.oid, 'pg_class') FROM {_RELATIONS}""",
    "view": f"SELECT c.relname, pg_get_viewdef(c.oid) FROM {_RELATIONS} WHERE c.relkind = 'v'",
    "column": f"""SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attstorage,
        (SELECT collname FROM pg_collation l WHERE l.oid = a.attcollation),
        a.attstattarget, {_OPTIONS}, {_sorted_acl("a.attacl")}, col_description(c.oid, a.attnum)
        FROM {_THEIRS} JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": f"""SELECT c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated
        FROM {_THEIRS} JOIN pg_constraint k ON k.conrelid = c.oid WHERE k.contype <> 'n'""",  # 18 has NOT NULL here as well
    "index": f"SELECT pg_get_indexdef(i.indexrelid), i.indisclustered FROM {_THEIRS} JOIN pg_index i ON i.indrelid = c.oid",
    "rule": f"""SELECT c.relname, pg_get_ruledef(r.oid) FROM {_THEIRS} JOIN pg_rewrite r ON r.ev_class = c.oid
        WHERE c.relkind <> 'v'""",
    "trigger": f"""SELECT c.relname, pg_get_triggerdef(t.oid), t.tgenabled FROM {_THEIRS} JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE NOT t.tgisinternal""",
    "sequence": """SELECT sequence_name, data_type, start_value, minimum_value, maximum_value, increment, cycle_option
        FROM information_schema.sequences WHERE sequence_schema = 'madlib'""",
    "owned": f"""SELECT pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid)
        FROM pg_depend JOIN {_THEIRS} ON c.oid = objid AND classid = 'pg_class'::regclass WHERE deptype = 'a'""",
}
_POSTGRESQL = {  # what pg_dump leaves out of the grants, because the script has made them
    "granted": f"""SELECT pg_describe_object(classoid, objoid, objsubid), {_sorted_acl("initprivs")} FROM pg_init_privs
        WHERE privtype = 'e' AND objoid IN ({_DEPENDS})""",
}
_GREENPLUM = {
    "distribution": f"""SELECT c.relname, g.policytype, g.distkey FROM {_RELATIONS}
        JOIN gp_distribution_policy g ON g.localoid = c.oid""",
}


def catalog_of(session: Session) -> set[str]:
    """Return a line for each thing that belongs to the extension."""
    queries = {**_QUERIES, **(_GREENPLUM if session.is_greenplum else _POSTGRESQL)}
    found: set[str] = set()
    for what, sql in queries.items():
        found |= {" | ".join([what, *map(str, row)]) for row in session.fetch(sql)}
    return found
