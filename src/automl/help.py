"""Help in SQL: `SELECT madlib.madlib_keras_automl('usage')`. Its text is the function's section of docs/reference.md.

The installer puts that file beside this one; there is no other copy of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from automl.database.session import CallerDatabase
from automl.errors import OperatorError, UsageError

_PLACES = (Path(__file__).with_name("reference.md"), Path(__file__).parents[2] / "docs" / "reference.md")
_WIDTH = 100
_VIEWS = ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints")  # have sections, too, and no help
_WORDS = {"": "summary", "summary": "summary", "usage": "usage", "help": "usage", "?": "usage",
          "example": "example", "examples": "example"}  # fmt: skip


def usage(db: CallerDatabase, function: str, message: str | None = "") -> str:
    """Return help for a function.

    Args:
        db: the caller's session.
        function: its name, without the schema.
        message: `usage` for everything, `example` for the examples, nothing for a summary; in any case.
    """
    what = _WORDS.get((message or "").strip().lower())
    if what is None:
        raise UsageError("message", "must be 'usage', 'example' or nothing", message)
    section = sections()[function]
    if what == "example":
        return "\n\n".join(_examples(section))
    if what == "usage":
        return f"madlib.{function}\n\n{plain(section + _elsewhere(function, section))}"
    first, *_ = section.strip().split("\n\n")
    return f"{plain(first)}\n\nMore: SELECT madlib.{function}('usage'), or 'example'"


def asks_for_help(value: str | None) -> bool:
    """Return whether what came in the place of a name is a word that asks for help."""
    return value is not None and value.strip().lower() in _WORDS and bool(value.strip())


def sections() -> dict[str, str]:
    """Return the sections of the reference by the name of their function, without the heading."""
    return dict(re.findall(r"^### madlib\.(\w+)\n(.*?)(?=^##+ madlib\.|^## |^### |\Z)", _reference(), re.M | re.S))


def _elsewhere(function: str, section: str) -> str:
    """Return what a section refers to: texts that stand elsewhere in the reference, and how to read about other functions."""
    texts: dict[str, str] = {}
    pending = _anchors(section)
    while pending:
        anchor = pending.pop(0)
        text = _texts().get(anchor)
        if text is not None and text not in section and anchor not in texts:
            texts[anchor] = text
            pending += _anchors(text)
    named = re.findall(r"`(?:madlib\.)?(\w+)`|\(#madlib(\w+)\)", section)
    others = [name for name in dict.fromkeys(map("".join, named)) if name != function and name in _with_help()]
    more = "".join(f"\n    SELECT madlib.{name}('usage')" for name in others)
    return "\n\n".join(("", *texts.values())) + (f"\n\n```\nMore:{more}\n```" if more else "")


def _anchors(text: str) -> list[str]:
    return re.findall(r"\]\(#([\w-]+)\)", text)


def _texts() -> dict[str, str]:
    """Return the parts of the reference that are no functions, with their headings, by the anchor that leads there."""
    found = re.findall(r"^(##+ (?!madlib\.)([^\n]+)\n.*?)(?=^##+ |\Z)", _reference(), re.M | re.S)
    return {heading.lower().replace(" ", "-"): text.strip() for text, heading in found}


def _with_help() -> frozenset[str]:
    """Return the functions that tell about themselves."""
    return frozenset(name for name in sections() if name not in _VIEWS)


@cache
def _reference() -> str:
    for place in _PLACES:
        if place.is_file():
            return place.read_text()
    raise OperatorError(
        f"the reference is not installed: there is no {_PLACES[0]}",
        hint="Run deploy/install of keras_automl on the host of the server, as root.",
    )


def plain(markdown: str) -> str:
    """Return Markdown as text that reads well in psql: tables as lists, code indented, no marks."""
    parts = re.split(r"^```\w*\n(.*?)^```\n?", markdown.strip() + "\n", flags=re.M | re.S)
    texts = [_prose(part) if number % 2 == 0 else _indented(part) for number, part in enumerate(parts)]
    return "\n\n".join(text for text in texts if text)


def _examples(section: str) -> list[str]:
    return [block.strip() for block in re.findall(r"^```sql\n(.*?)^```", section, re.M | re.S)]


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.rstrip().splitlines())


def _prose(markdown: str) -> str:
    blocks = re.split(r"\n{2,}", markdown.strip())
    return "\n\n".join(_table(block.splitlines()) if block.startswith("|") else _unmarked(block) for block in blocks)


def _table(lines: Sequence[str]) -> str:
    """Write each row of a table as its name, with what is said of it below."""
    heads, _, *rows = ([_unmarked(cell) for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines)
    return "\n".join(f"    {cells[0]}{_details(heads, cells)}" for cells in rows)


def _details(heads: Sequence[str], cells: Sequence[str]) -> str:
    """Return the other cells of a row: type and default behind the name, the last one below it."""
    middle = [
        f"default {cell}" if head == "default" else cell for head, cell in zip(heads[1:-1], cells[1:-1], strict=True) if cell
    ]
    first = f" ({', '.join(middle)})" if middle else ""
    return first + "".join(f"\n        {line}" for line in _wrapped(cells[-1]))


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= _WIDTH:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    if line:
        yield line


def _unmarked(text: str) -> str:
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text.strip())
    return re.sub(r"^#+ ", "", text, flags=re.M).replace("**", "").replace("`", "").replace("\\|", "|")
