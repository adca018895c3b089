"""Writing files below one directory and nowhere else, whatever the names say that lead there.

Every folder is opened from the one above it and never through a link, so that neither `..` nor a link that somebody else has
put there leads out. A file is complete when it gets its name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

_LONGEST = 255  # bytes of a name
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


class PathProblem(ValueError):
    """A path cannot lead to a place below the directory; the message says why."""


def below(directory: str, path: str) -> tuple[str, ...]:
    """Return the folders that lead from a directory to where a path is mapped.

    A path below the directory stays what it is; any other one is taken as if the directory were the root.

    >>> below("/srv/logs", "/srv/logs/fit"), below("/srv/logs", "/tmp/logs/fit")
    (('fit',), ('tmp', 'logs', 'fit'))

    Raises:
        PathProblem: it has a part `..`, or one that cannot be a name.
    """
    parts, root = _parts(path), _parts(directory)
    for part in parts:
        if part == ".." or not part.isprintable() or len(part.encode(errors="replace")) > _LONGEST:
            raise PathProblem(f"a path must have names of at most {_LONGEST} bytes, and not '..', got {part[:50]!r}")
    return parts[len(root) :] if parts[: len(root)] == root else parts


def name_of(text: str) -> str:
    """Return the name of a folder that stands for a text and for no other.

    >>> name_of("alice"), name_of("a/b"), name_of("..")
    ('alice', 'a%2Fb', '%2E%2E')
    """
    encoded = quote(text, safe=" @")
    return encoded.replace(".", "%2E") if encoded.startswith(".") else encoded


@contextmanager
def folder(directory: str, parts: Sequence[str]) -> Iterator[int]:
    """Open the folder that the parts lead to, and make what is missing, as readable as the directory itself.

    Raises:
        OSError: the directory does not exist, a part is no folder or a link, or nothing may be written there.
    """
    here = os.open(directory, _FOLDER)
    try:
        mode = stat.S_IMODE(os.fstat(here).st_mode) & ~stat.S_ISVTX
        for part in parts:
            made = _made(part, here)
            there = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = there
            if made:
                os.fchmod(here, mode)
        yield here
    finally:
        os.close(here)


def put(here: int, name: str, content: bytes) -> None:
    """Write a file into an open folder. One of this name is replaced at once, as a whole."""
    unfinished = f".unfinished-{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=here)
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=here)
    with os.fdopen(file, "wb") as out:
        out.write(content)
        os.fchmod(file, stat.S_IWUSR | (stat.S_IMODE(os.fstat(here).st_mode) & _READABLE))
    os.replace(unfinished, name, src_dir_fd=here, dst_dir_fd=here)


def _made(name: str, here: int) -> bool:
    """Make a folder unless it is there."""
    try:
        os.mkdir(name, 0o700, dir_fd=here)
    except FileExistsError:
        return False
    return True


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in ("", "."))
