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
        return f"madlib.{function}\n\n{plain(section)}"
    first, *_ = section.strip().split("\n\n")
    return f"{plain(first)}\n\nMore: SELECT madlib.{function}('usage'), or 'example'"


@cache
def sections() -> dict[str, str]:
    """Return the sections of the reference by the name of their function, without the heading."""
    for place in _PLACES:
        if place.is_file():
            found = re.findall(r"^### madlib\.(\w+)\n(.*?)(?=^##+ madlib\.|^## |^### |\Z)", place.read_text(), re.M | re.S)
            return dict(found)
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
