"""Modules of ours that are imported when a session needs them first."""

from __future__ import annotations

import sys

import pytest

from automl import entry
from automl.errors import OperatorError
from keras_seg import transition
from keras_seg.server import late_import
from keras_seg.server.late_import import LateProblem, late

ENTRIES = {name: value for name, value in vars(entry).items() if isinstance(value, entry.Entry)}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_leads_to_a_function(name: str) -> None:
    assert callable(ENTRIES[name].function)


def test_an_entry_point_of_sessions_is_found_and_nothing_else() -> None:
    assert callable(transition.visit)
    with pytest.raises(AttributeError):
        transition.nothing  # noqa: B018
    assert not hasattr(transition, "__path__")


def test_a_package_that_was_installed_again_is_not_mixed_with_what_was_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "automl.training.schedule", raising=False)
    monkeypatch.setattr(late_import, "_LOADED", (0, 0))
    assert late("automl.entry") is entry
    with pytest.raises(OperatorError, match="installed again since this session loaded it") as problem:
        _ = entry.Entry("automl.training.schedule:hyperband_schedule").function
    assert (problem.value.sqlstate, problem.value.hint) == ("55000", "Reconnect.")


def test_a_package_that_is_missing_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "automl.training.schedule", None)  # makes its import an error
    with pytest.raises(LateProblem, match=r"the Python package automl.training.schedule cannot be imported") as problem:
        late("automl.training.schedule")
    assert problem.value.hint.startswith("Run deploy/install")
