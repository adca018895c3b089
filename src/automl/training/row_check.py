"""Whether networks fit the rows of a packed table, as far as their JSON says so: found out before any session is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from automl.data.packed_table import PackedTable
from automl.errors import Problems, UsageError
from automl.models.custom_functions import FunctionTable
from automl.models.outline import Outline, outline
from automl.search.parameters import parse_compile_params
from automl.search.space import Configuration
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.keras_names import CROSSENTROPY, NUMBERS_LOSSES
from keras_seg.protocol.outputs import unfit, unfit_features


def require_fit(
    argument: str,
    configurations: Iterable[Configuration],
    models: Mapping[int, Definition],
    training: PackedTable,
    table: FunctionTable | None,
) -> None:
    """Raise unless each network takes the rows, and gives outputs for their labels that its loss can compare.

    Args:
        argument: of SQL, by which the ids of the models came.

    Raises:
        AutomlError: what does not fit, as a session would say it.
    """
    functions = frozenset() if table is None else table.functions
    outlines = {number: outline(definition.architecture) for number, definition in models.items()}
    pairs = dict.fromkeys((each.model_id, each.compile_params) for each in configurations)
    problems = Problems()
    found = [
        f"model_id {number}: {problem}"
        for number, params in pairs
        if number in outlines
        and (problem := _problem(outlines[number], training, parse_compile_params(params).loss, functions)) is not None
    ]
    for text in dict.fromkeys(found):
        problems.add(UsageError(argument, text))
    problems.stop()


def _problem(found: Outline, training: PackedTable, loss: str, functions: frozenset[str]) -> str | None:
    """Return why a network does not fit, in the words of a session; None if nothing says so."""
    rows = training.variables
    if found.inputs is not None and found.inputs != rows.input.shape:
        return unfit_features(found.inputs, rows.input.shape)
    if found.outputs is None or loss in functions:
        return None
    return unfit(rows.labels, found.outputs, loss.partition("(")[0].strip() in NUMBERS_LOSSES | CROSSENTROPY)
