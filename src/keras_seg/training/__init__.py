"""Compiled training, evaluation and prediction.

In reading order:

    parameters         compile parameters, with the functions that they may name
    network            an architecture, built, and its weights as flat arrays
    assignments        what layers do with their variables in a call
    members            networks of members, each with a loss of its own
    compiled           a function of tensors, compiled, and how it is run
    batches            which rows make a batch
    trainer            one compiled function for each pass over a buffer
    evaluator          loss and metrics of a network
    predictor          the outputs of a network
    pace               how often these look for a cancellation
    sums               loss and metrics as sums over rows
    optimizers         compile parameters to Keras' optimizer
    traced_numbers     numbers that are inputs of a graph and look like floats to Keras
    objectives         names to Keras' losses and metrics
    class_numbers      losses and metrics that want the number of a class
    positive_class     metrics of one class, of two outputs
    custom_objectives  custom functions as losses and metrics
    row_shape          what stands in the rows that losses and metrics are given
    problems           what is wrong with compile parameters, in words
    buffers            the bytes of a packed table to tensors
    tensorboard        what TensorBoard is told
"""
