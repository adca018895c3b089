"""The columns of the table that a model is trained on, and what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from automl.columns.kinds import Kind, kind_of
from automl.database import catalog
from automl.database.catalog import ColumnType, Relation
from automl.database.session import Database
from automl.errors import UsageError

_EXCLUDE = "exclude"
_WORDS = (Kind.NUMBER, Kind.CATEGORY)  # that any column can be made whose type allows it
_NAMED = ("id", "uuid", "guid", "key", "rowid", "rownum", "rownames", "index")


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    SPLIT = "split"
    TIME = "time"
    WEIGHT = "weight"
    EXCLUDED = "excluded"
    DROPPED = "dropped"


@dataclass(frozen=True)
class SourceColumn:
    """A column of the source.

    Attributes:
        position: its place, from 1.
        type: domains seen through.
        shown: its type, as `format_type` writes it.
        kind: what its values are taken as.
        role: what it is for; features may turn out to be of no use.
        forced: whether the caller has said what it is.
        numbered: whether nothing but its name, or an index, tells that it numbers rows.
    """

    position: int
    name: str
    type: ColumnType
    shown: str
    kind: Kind
    role: Role
    forced: bool = False
    numbered: bool = False


@dataclass(frozen=True)
class Source:
    """The table, and what its columns are for.

    Attributes:
        key: the columns that tell rows apart; none where only the whole row does.
    """

    relation: Relation
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...]

    def of_role(self, role: Role) -> SourceColumn | None:
        """Return the column that has a role which one column has at most."""
        return next((column for column in self.columns if column.role is role), None)

    @property
    def target(self) -> SourceColumn:
        """The column that is predicted."""
        found = self.of_role(Role.TARGET)
        assert found is not None
        return found

    @property
    def candidates(self) -> tuple[SourceColumn, ...]:
        """The columns that may become features."""
        return tuple(column for column in self.columns if column.role is Role.FEATURE)


@dataclass(frozen=True)
class Uses:
    """Which columns the caller has named for what.

    Attributes:
        features: None for all others.
        types: what columns are to be taken as.
    """

    target: str
    features: tuple[str, ...] | None
    excluded: tuple[str, ...]
    id: str | None
    split: str | None
    time: str | None
    weight: str | None
    types: Mapping[str, str]

    def role(self, name: str) -> Role:
        """Return what a column is for, as far as its name tells."""
        named = {
            self.target: Role.TARGET,
            self.id: Role.ID,
            self.split: Role.SPLIT,
            self.time: Role.TIME,
            self.weight: Role.WEIGHT,
        }
        if name in named:
            return named[name]
        outside = self.features is not None and name not in self.features
        return Role.EXCLUDED if outside or name in self.excluded or self.types.get(name) == _EXCLUDE else Role.FEATURE


def read_source(db: Database, relation: Relation, uses: Uses) -> Source:
    """Return the columns of a table with what they are for.

    Raises:
        UsageError: a type that the caller wants a column to be taken as is unknown, or impossible.
    """
    primary, numbered = _primary_key(db, relation), _numbering(db, relation)
    alone = primary[0] if len(primary) == 1 else None
    found = []
    for position, (name, shown) in enumerate(catalog.columns(db, relation).items(), 1):
        kind = catalog.column_type(db, relation, name)
        natural = kind_of(kind, is_vector=_is_vector(db, kind))
        wanted = uses.types.get(name)
        role = uses.role(name)
        if role is Role.FEATURE and uses.id is None and name == alone and wanted is None:
            role = Role.ID
        taken = _taken_as(name, kind, natural, wanted)
        found.append(
            SourceColumn(position, name, kind, shown, taken, role, wanted is not None, name in numbered or _names(name))
        )
    return Source(relation, tuple(found), (uses.id,) if uses.id is not None else primary)


def _names(name: str) -> bool:
    """Return whether a name is one that numbers of rows have: `id`, `customer_id`, `customerId`."""
    lower = name.lower().strip("_ .")
    return lower in _NAMED or lower.endswith(("_id", "_key", "_uuid")) or name.endswith(("Id", "ID"))


def _taken_as(name: str, kind: ColumnType, natural: Kind, wanted: str | None) -> Kind:
    """Return what a column is taken as.

    Args:
        natural: what its type tells.
        wanted: what the caller says.
    """
    if wanted is None or wanted in (_EXCLUDE, natural):
        return natural
    allowed = [str(natural), *(str(word) for word in _WORDS if _possible(word, kind, natural)), _EXCLUDE]
    if wanted not in allowed:
        rule = f"must be one of {', '.join(dict.fromkeys(allowed))} for a column of type {kind.name}"
        raise UsageError(f'column_types: "{name}"', rule, wanted)
    return Kind(wanted)


def _possible(word: Kind, kind: ColumnType, natural: Kind) -> bool:
    if word is Kind.NUMBER:
        return natural is Kind.NUMBER or kind.category == "S"
    return kind.element is None


def _is_vector(db: Database, kind: ColumnType) -> bool:
    """Return whether a type that is none of PostgreSQL's own has a cast to arrays of reals."""
    if kind.schema == "pg_catalog" or kind.element is not None:
        return False
    sql = (
        "SELECT 1 AS one FROM pg_catalog.pg_cast WHERE castsource = ($1::text)::regtype::oid"
        " AND casttarget = 'pg_catalog.float4[]'::regtype::oid"
    )
    return bool(db.execute(sql, kind.sql))


def _primary_key(db: Database, relation: Relation) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT a.attname::text AS name FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY (i.indkey) WHERE i.indrelid = ($1::bigint)::oid AND i.indisprimary ORDER BY a.attnum",
        relation.oid,
    )
    return tuple(row["name"] for row in rows)


def _numbering(db: Database, relation: Relation) -> frozenset[str]:
    """Return the columns that have a unique index of their own, or take their values from a sequence."""
    rows = db.execute(
        "SELECT a.attname::text AS name FROM pg_catalog.pg_attribute a WHERE a.attrelid = ($1::bigint)::oid AND (EXISTS ("
        " SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisunique"
        " AND i.indnatts = 1 AND i.indpred IS NULL) OR EXISTS ("
        " SELECT 1 FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%') OR EXISTS ("  # a sequence of its own: an identity
        " SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
        " WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass"
        " AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))",
        relation.oid,
    )
    return frozenset(row["name"] for row in rows)
