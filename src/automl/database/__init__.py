"""The caller's session, and what its catalog says.

In reading order:

    session   the caller's own session, through PL/Python: the one file that imports `plpy`
    dialect   which database this is, and all that differs between them
    names     names of tables and columns as people type them, quoted as SQL wants them
    catalog   what the catalog says of tables, columns and privileges
    settings  the settings of keras_automl, each with default and bounds; holding others
    locks     advisory locks
    transaction    whether the caller's transaction can write, and sees what others commit
"""
