"""The forward pass of a network in numpy, without TensorFlow: what answers for one row, or for a few, and evaluates them.

In reading order:

    network        an architecture and its weights as something that is ready for rows
    problems       what is not computed here
    models         layers one after the other, and layers that call each other
    endings        what the output of a network comes out of
    layer          a layer: its arguments, its weights, and what a call of it makes of shapes
    rules          the layers that there are, by their class in Keras
    dense          Dense, EinsumDense, Embedding
    activations    activations, as arguments and as layers
    pointwise      layers that do nothing but in training, and those that scale numbers
    normalization  by what was learned, or by the numbers of a row
    reshaping      numbers moved
    merging        several inputs
    windows        what convolutions and pooling have in common
    convolutions   windows times a kernel
    pooling        windows to one number each
    recurrent      steps of sequences
    wrapping       layers around layers
    evaluation     loss and metrics of a network
    objectives     names to what sums them up
    compared       labels and outputs as they are compared
    losses         a value for each row
    metrics        means of these, and scores of classes
    confusion      metrics that count rows above thresholds
"""
