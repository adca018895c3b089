"""psycopg, the driver, imported so that it works inside a server: the one file that imports it.

A backend of Greenplum is a client too, of its segments, and has libpq in itself. psycopg brings a libpq of its own, which would
call the functions of that one and crash the server. Bound deeply it looks at home first.
"""

from __future__ import annotations

import os
import sys

_flags = sys.getdlopenflags()
sys.setdlopenflags(_flags | os.RTLD_DEEPBIND)
try:
    import psycopg
    from psycopg import pq, sql
    from psycopg.adapt import PyFormat, Transformer
    from psycopg.conninfo import make_conninfo
    from psycopg.types.string import BytesBinaryDumper
finally:
    sys.setdlopenflags(_flags)

__all__ = ["BytesBinaryDumper", "PyFormat", "Transformer", "make_conninfo", "pq", "psycopg", "sql"]
