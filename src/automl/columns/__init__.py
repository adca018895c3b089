"""From the columns of a table to a model: what they become, the networks that fit them, and what is searched.

In reading order:

    layout    what stands where in a row's vector
    networks  networks for such vectors, as Keras' JSON
    presets   what is searched, and for how long
    ensemble  the mean of the best models as one
"""
