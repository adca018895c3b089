"""Prediction: what is predicted, and the table that it is written to. In sessions the rows come to the network
(`in_sessions`); on Greenplum the network comes to the rows (`on_segments`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from automl.data.packed_table import braces
from automl.data.shapes import usual_shape
from automl.data.unfit_rows import Wanted, through_integer
from automl.database.catalog import ColumnType, Relation
from automl.database.names import Name, quoted
from automl.database.session import CallerDatabase, Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, UsageError
from automl.hosts.assignment import Host
from keras_seg.protocol.answers import Answering, packed_model
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.predictions import OneOutput, OutputSelection
from keras_seg.protocol.variables import Variable, Variables

if TYPE_CHECKING:  # who answers for one row gives no orders, and does not wait for their import
    from keras_seg.protocol.orders import Problem, SessionSetup

KEY = "model"
INDEPENDENT = "independent_varname"
_HASHED = "NSDTBIE"  # categories of types that rows of Greenplum can be distributed by


@dataclass(frozen=True)
class Model:
    """A trained model as its tables describe it, or the caller.

    Attributes:
        is_number: whether it predicts a number, and no classes.
        is_array: likewise an array of the shape of its outputs.
        argument: the SQL argument that it came by.
        called: what people call it, for problems.
        named_by_caller: whether the class values are an argument of the call.
        one_output: what one output of it stands for where there are two classes.
    """

    definition: Definition
    dependent: str
    class_type: str
    class_values: tuple[str | None, ...] | None
    normalizing_const: float
    is_number: bool = False
    is_array: bool = False
    argument: str = "model_table"
    called: str = "the model"
    named_by_caller: bool = False
    one_output: OneOutput = OneOutput.PROBABILITY

    @property
    def has_classes(self) -> bool:
        """Whether it predicts classes."""
        return not (self.is_number or self.is_array)

    @property
    def count(self) -> int | None:
        """How many classes are named; None where none are."""
        return None if self.class_values is None else len(self.class_values)

    @property
    def packed(self) -> bytes:
        """The model as one value, for what computes without TensorFlow."""
        about = Answering(
            self.definition.architecture, self.normalizing_const, self.has_classes, self.class_values, self.one_output
        )
        return packed_model(about, self.definition.weights or b"")

    def unfit(self, outputs: Sequence[int]) -> AutomlError:
        """Return the error for outputs of a shape that does not give what is asked for: other classes than those that are
        named, or none at all."""
        columns, hint = math.prod(outputs), None
        if columns == 1 and self.count in (None, 2):
            hint = (
                "pred_type 'value' gives it as it is. One output stands for two classes where it is a probability: let the"
                " network end in activation sigmoid."
            )
        if self.count is None or (hint is not None and not self.named_by_caller):
            rule = f"must be 'value': the network gives {_told(outputs)} for a row, and that tells no class"
            return UsageError("pred_type", rule, hint=hint)
        if self.named_by_caller:
            rule = f"must have one value for each of the network's {columns} outputs"
            return UsageError("class_values", rule, list(self.class_values or ()), hint=hint)
        return AutomlError(f"the network gives {columns} values a row, but its summary names {self.count} classes", hint=hint)


@dataclass(frozen=True)
class Source:
    """The rows to predict.

    Attributes:
        features: column of the arrays that the network takes.
        kind: its type.
        shape: of the first array, which the others must have as well.
    """

    table: Relation
    id_column: str
    id_type: ColumnType
    features: str
    kind: ColumnType
    rows: int
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """Numbers of a row."""
        return int(np.prod(self.shape))

    @property
    def native(self) -> str:
        """The SQL of the bytes of a row's array."""
        integers = through_integer(self.kind.element) if self.kind.element else ""
        return f"madlib.automl_native({quoted(self.features)}{integers}::real[])"

    def wanted(self, divisor: float) -> Wanted:
        """Return what must be in the rows, for a network that takes them divided."""
        return Wanted(INDEPENDENT, self.table, self.features, self.kind, self.shape, divisor, self.id_column)

    def usual(self, db: Database) -> Source | None:
        """Return it with the shape that most rows have, rather than the row that came first; None if all are empty."""
        shape = usual_shape(db, self.table, self.features)
        return None if shape is None else replace(self, shape=shape)


class OtherShape(UsageError):
    """The network takes rows of another shape than that of the row that came first."""


class WrongRow(UsageError):
    """A batch has a row that cannot be predicted.

    Args:
        identity: the id of that row, or of one before it in the batch.
    """

    def __init__(self, source: Source, identity: str | None) -> None:
        super().__init__(
            INDEPENDENT,
            f'a row of column "{source.features}" is no array of shape {braces(source.shape)} without NULL, NaN or infinity',
            hint=f"It was at {source.id_column} = {identity} or behind it. Call again when nobody writes to the table.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )


@dataclass(frozen=True)
class Prediction:
    """What is predicted, with what, and where it goes.

    Attributes:
        hosts: where it runs, if it is to run on GPUs: of each segment of Greenplum, or one for all sessions.
    """

    model: Model
    source: Source
    output: Name
    selection: OutputSelection
    hosts: tuple[Host, ...] | None = None

    def unfit(self, problem: Problem) -> UsageError:
        """Return the error for a network that cannot be built, or that does not take the rows."""
        from keras_seg.protocol.orders import Part

        if problem.part is Part.ROWS:
            return OtherShape(INDEPENDENT, f'column "{self.source.features}": {problem.text}')
        return UsageError(self.model.argument, problem.text)

    def no_class(self, identity: str | None) -> UsageError:
        """Return the error for a row of this id for which the network gives NaN."""
        rule = f"the network gives NaN at {self.source.id_column} = {identity}, and that tells no class"
        return UsageError(self.model.argument, rule, hint="pred_type 'value' gives it as it is.")

    @property
    def setup(self) -> SessionSetup:
        """What a session is told that predicts, but for what is its own."""
        from keras_seg.protocol.orders import SessionSetup

        return SessionSetup(variables=self._variables, one_output=None if self.selection.raw else self.model.one_output)

    def require_fit(self, outputs: Sequence[int]) -> None:
        """Raise unless what is asked for can be taken of outputs of this shape."""
        if not self.selection.fits(outputs, self.model.count):
            raise self.model.unfit(outputs)

    @property
    def _variables(self) -> Variables:
        """What the network takes for one row."""
        return Variables((Variable(self.source.features, self.source.shape, "float32"),))

    def create(self, db: CallerDatabase) -> None:
        """Make the output table."""
        model, source, selection = self.model, self.source, self.selection
        self._require_names()
        rank = ", rank integer" if selection.ranked else ""
        predicted = self.raw_type if selection.raw else f"{model.class_type}, prob real{rank}"
        db.execute(
            f"CREATE TABLE {self.output.sql} ({quoted(source.id_column)} {source.id_type.sql},"
            f" {quoted(model.dependent)} {predicted})"
            + db.dialect.distributed_by(*((source.id_column,) if source.id_type.category in _HASHED else ()))
        )

    def _require_names(self) -> None:
        """Raise unless the columns of the output have different names."""
        names = (self.model.dependent, *self.others)
        if len({self.source.id_column, *names}) <= len(names):
            rule = f'must differ from "{self.model.dependent}", "prob" and "rank", the other columns of the output'
            raise UsageError("id_col", rule, self.source.id_column)

    @property
    def others(self) -> tuple[str, ...]:
        """The columns behind that of what is predicted."""
        return () if self.selection.raw else ("prob", "rank")

    @property
    def raw_type(self) -> str:
        """The type of the column of outputs as they are; what stands behind it are the others with theirs."""
        return "real" if self.model.is_number else "real[]"

    @property
    def raw_value(self) -> str:
        """The SQL of what is written of outputs as they are: of `o`, their text."""
        return "(o::real[])[1]" if self.model.is_number else "o::real[]"

    def insert(self, blocks: str) -> str:
        """Return the statement that writes predictions to the table; it takes `class_values` as $1.

        Args:
            blocks: what gives rows (i, c, o, r): id, class, output and rank.
        """
        identity = f"i::{self.source.id_type.sql}"
        # Statements take $1 whether they need it or not.
        where = "WHERE $1::text[] IS NULL OR true"
        if self.selection.raw:
            return f"INSERT INTO {self.output.sql} SELECT {identity}, {self.raw_value} FROM {blocks} {where}"
        value = "c::text" if self.model.class_values is None else "($1::text[])[c + 1]"
        rank = ", r" if self.selection.ranked else ""
        return (
            f"INSERT INTO {self.output.sql} SELECT {identity}, ({value})::{self.model.class_type}, o::real{rank}"
            f" FROM {blocks} {where}"
        )

    @property
    def class_values(self) -> list[str | None] | None:
        """The classes as a parameter."""
        return None if self.model.class_values is None else list(self.model.class_values)


def _told(outputs: Sequence[int]) -> str:
    return "one number" if math.prod(outputs) == 1 else f"an array of shape {list(outputs)}"
