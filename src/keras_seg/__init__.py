"""The segment side of keras_automl: trains, evaluates and predicts where the rows are; knows nothing of brackets or SQL text.

The rooms, in reading order; a room imports from those above it, never from those below:

    protocol       what both sides know, without TensorFlow
    server         a Python function inside a database server: cancellations, errors, TensorFlow's import, GPUs, files
    architectures  architecture JSON of any Keras generation to a model
    inference      the forward pass in numpy
    training       compiled training, evaluation and prediction
    files          models as files: what others read, and what others wrote
    session        what a session keeps, and what it does with an order
    transition     the entry points that SQL calls
"""
