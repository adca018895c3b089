"""The structure in figures: rooms, floors and arrows as the imports have them, and how long files and functions are.

It needs no server.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from common import table

SRC = Path(__file__).resolve().parent.parent / "src"
LONG = 400  # lines of a file
LATE = re.compile(r"automl\.[\w.]+:\w+")  # a place that is imported later: automl/entry.py

Room = tuple[str, str]


def main() -> None:
    files = {path: ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py"))}
    rooms = {room_of(path) for path in files if len(path.relative_to(SRC).parts) > 2 or path.stem != "__init__"}
    arrows = {(room_of(path), other) for path, tree in files.items() for other in imported(tree) & rooms}
    arrows = {(one, other) for one, other in arrows if one != other and one in rooms}
    lines = {path: len(path.read_text().splitlines()) for path in files}
    bodies = [length(node) for tree in files.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    longest = max(lines, key=lines.__getitem__)
    table(
        "The structure",
        [
            ("rooms", str(len(rooms))),
            ("floors", str(max(height(room, arrows) for room in rooms))),
            ("arrows between rooms", str(len(arrows))),
            ("files; lines of one, the median", f"{len(lines)}; {statistics.median(lines.values()):.0f}"),
            (f"files of more than {LONG} lines", str(sum(count > LONG for count in lines.values()))),
            ("the longest file", f"{longest.relative_to(SRC)}, {lines[longest]} lines"),
            ("lines of a function, the median", f"{statistics.median(bodies):.0f}"),
            ("functions of more than 60 lines", str(sum(count > 60 for count in bodies))),
        ],
    )


def room_of(path: Path) -> Room:
    package, room, *_ = path.relative_to(SRC).with_suffix("").parts
    return package, room


def imported(tree: ast.Module) -> set[Room]:
    """Return the rooms that a module may import from; names that are none do no harm."""
    names = {name for node in ast.walk(tree) for name in imports(node)}
    return {(parts[0], parts[1]) for name in names if len(parts := name.split(".")) > 1}


def imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and LATE.fullmatch(node.value):
        yield node.value.replace(":", ".")


def height(room: Room, arrows: set[tuple[Room, Room]]) -> int:
    """Return the floor of a room, from 1: one above the highest that it imports from."""
    return 1 + max((height(below, arrows) for above, below in arrows if above == room), default=0)


def length(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.body[0].lineno + 1


if __name__ == "__main__":
    main()
