"""From ordinary columns to a model, and back to the rows of tables: what the searches of the other rooms are called with.

In reading order:

    table_model    a model of columns as its tables tell of it
"""
