"""Machines: what they have, and what is installed on them.

In reading order:

    machine      what the server's machine carries
    assignment   which session trains on which GPU; pure
    gpus         what GPUs the hosts have
    doctor       what is installed where, and what to mend
    tensorboard  the directory that trials may write to for TensorBoard
"""
