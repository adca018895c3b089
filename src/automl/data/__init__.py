"""Rows to packed tables, and where they lie.

In reading order:

    split             rows to a table for training and one for testing
    preprocessors     training_preprocessor_dl and validation_preprocessor_dl: rows to a packed table
    packing_sql       the statements that pack rows
    packing_segments  those where rows lie on segments
    labels            the dependent variable: classes, numbers, or encoded already
    shapes            the shapes of arrays in a column
    unfit_rows        rows that are refused: what is wrong with which
    distribution      which segments get the rows
    packed_table      the summary beside a packed table, written and read
    packed_queries    the statements with which sessions read a packed table
    class_weights     what its classes weigh in training
    placement         on which segments its partitions lie
"""
