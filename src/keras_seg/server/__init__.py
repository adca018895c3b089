"""A Python function inside a database server.

In reading order:

    failure      errors in one line, with SQLSTATE and hint
    postmaster   whose end is that of all its backends
    interrupts   a cancellation that comes at any moment, in Greenplum
    background   work that a thread does while the backend looks for a cancellation
    object_lock  what keeps the extension from being dropped, in Greenplum
    memory       how much of it can be taken here
    gpus         the GPUs of this host
    lean_import  an import of TensorFlow without what nothing here uses
    late_import  modules of ours that are imported when they are needed first
    runtime      TensorFlow inside a database backend
    inspection   what a session finds where it runs
    folders      writing below one directory and nowhere else
    top_k        a metric that tables of custom functions refer to
"""
