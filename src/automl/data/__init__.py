"""Rows to packed tables, and where they lie.

In reading order:

    split           rows to a table for training and one for testing
    preprocessors   training_preprocessor_dl and validation_preprocessor_dl: rows to a packed table
    labels          the dependent variable: classes, numbers, or encoded already
    distribution    which segments of a Greenplum cluster get the rows
    packed_table    the summary beside a packed table, written and read
    packed_queries  the statements with which sessions read a packed table
    placement       where its partitions lie on Greenplum
"""
