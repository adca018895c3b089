"""Models as files: a trained one written, or one read that others have saved.

Both happen in a thread of their own. What writes graphs starts threads, which must not get the server's signals, and the caller
can cancel meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_seg.protocol.file_orders import ExportOrder, FileReport
from keras_seg.protocol.limits import MOST_BYTES
from keras_seg.protocol.orders import Part, Problem
from keras_seg.protocol.parts import Raw, total
from keras_seg.server.background import away
from keras_seg.server.failure import ends_statements, message_of
from keras_seg.server.interrupts import look
from keras_seg.session.cache import Cache
from keras_seg.session.shortage import ran_out

Made = tuple[FileReport, list[Raw]]


def to_file(plpy: Any, cache: Cache, order: ExportOrder) -> Made:
    """Return a trained model as a file, in pieces."""
    from keras_seg.files.hdf5 import FileProblem

    definition = cache.definitions[order.model]

    def written() -> Made:
        from keras_seg.files import outgoing

        pieces = outgoing.written(definition, order)
        size = total(pieces)
        if size > MOST_BYTES:
            raise FileProblem(f"takes {size // 2**20} MB as {order.format}, and one value of PostgreSQL holds less than 1 GB")
        return FileReport(size), pieces

    return _made(plpy, written)


def from_file(plpy: Any, file: Raw) -> Made:
    """Return the architecture that a .keras file holds, and its weights in pieces."""

    def read() -> Made:
        from keras_seg.files import keras_file

        architecture, pieces = keras_file.read(bytes(file))
        return FileReport(total(pieces), architecture), pieces

    return _made(plpy, read)


def _made(plpy: Any, work: Callable[[], Made]) -> Made:
    """Have something done; what Keras or we have against the model is a problem of the caller's."""
    from keras_seg.architectures.problems import ArchitectureError
    from keras_seg.files.hdf5 import FileProblem

    try:
        return away(work, "models as files", lambda: look(plpy))
    except (*ends_statements(plpy), MemoryError):
        raise
    except FileProblem as error:
        return FileReport(problem=Problem(Part.FILE, str(error))), []
    except ArchitectureError as error:
        return FileReport(problem=Problem(Part.ARCHITECTURE, str(error))), []
    except Exception as error:
        if ran_out(error):
            raise
        return FileReport(problem=Problem(Part.FILE, f"cannot be made: {type(error).__name__}: {message_of(error)}")), []
