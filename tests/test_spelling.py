"""What somebody may have meant."""

from __future__ import annotations

import time

import pytest

from keras_seg.protocol.spelling import closest, did_you_mean


@pytest.mark.parametrize(("name", "text"), [("metric", '; did you mean "metrics"?'), ("zzz", ""), (None, "")])
def test_did_you_mean(name: object, text: str) -> None:
    assert did_you_mean(name, ["loss", "metrics"]) == text


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("adam", ["Adam", "AdamW"], "Adam"),
        ("CLASS_TEXT", ["class_text", "id"], "class_text"),
        ("accuracyy", ["Accuracy", "accuracy"], "accuracy"),
        ("accuracyy", ["accuracy", "Accuracy"], "accuracy"),
        ("x", [], None),
    ],
)
def test_case_does_not_matter(name: str, known: list[str], expected: str | None) -> None:
    assert closest(name, known) == expected


def test_a_name_of_any_length_is_compared_in_no_time() -> None:
    begin = time.monotonic()
    assert closest("lossy" * 1_000_000, ["loss"]) is None
    assert time.monotonic() - begin < 1
