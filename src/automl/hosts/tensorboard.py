"""Where trials may write for TensorBoard: one directory, which a superuser configures.

It stands in a table of the extension, because a setting is no protection: any role can SET one. Nobody but a superuser (or a
role that one has given the right) can change the table, and sessions read it by themselves: what a caller tells a session
cannot lead it elsewhere. See keras_seg/training/tensorboard.py.
"""

from __future__ import annotations

import os

from automl.database.session import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError

_TABLE = "madlib.automl_tensorboard_setting"


def automl_tensorboard(db: Database, directory: str | None) -> None:
    """Configure the directory; NULL for none."""
    if directory is not None:
        _require_directory(directory)
    db.execute(f"DELETE FROM {_TABLE}")
    if directory is not None:
        db.execute(f"INSERT INTO {_TABLE} VALUES ($1::text)", directory)


def _require_directory(directory: str) -> None:
    if not os.path.isabs(directory) or not directory.isprintable():
        raise UsageError("directory", "must be an absolute path", directory)
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(
            "directory",
            "must be a directory that the server's OS user can write to",
            directory,
            hint="Make it on the host of the server, with that user as its owner.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    data = os.path.realpath(os.getcwd())  # a backend works in the data directory
    inside = os.path.commonpath((data, os.path.realpath(directory)))
    if inside in (data, os.path.realpath(directory)):
        raise UsageError("directory", "must not lie in the server's data directory, nor hold it", directory)
