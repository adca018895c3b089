"""A lock on an object of the catalog, where no statement takes it alone: PostgreSQL had none for it before version 9.5."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ACCESS_SHARE = 1  # the weakest: it waits for nobody but who drops or changes the object


def share(catalog: int, oid: int) -> None:
    """Keep an object from being dropped until the end of the transaction, in the server that runs us.

    Nothing catches an error of the server here, as one that waits and is cancelled: whoever calls has seen that nobody has a
    lock that conflicts. A server that does not let us call it takes no lock.

    Args:
        catalog: the oid of the catalog that has the object.
        oid: of the object.
    """
    with suppress(AttributeError):
        lock = ctypes.PyDLL(None).LockDatabaseObject
        lock.restype, lock.argtypes = None, (ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint16, ctypes.c_int)
        lock(catalog, oid, 0, _ACCESS_SHARE)
