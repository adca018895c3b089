"""Compiled training, evaluation and prediction.

In reading order:

    trainer      one compiled function a pass
    optimizers   compile parameters to Keras' optimizer
    objectives   names to Keras' losses and metrics
    buffers      the bytes of a packed table to tensors
    tensorboard  what TensorBoard is told
"""
