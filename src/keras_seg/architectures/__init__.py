"""Architecture JSON of any Keras generation to a model, without code.

In reading order:

    build       the way from text to a model
    written     which Keras wrote an architecture
    weights     weights beside an architecture to the variables of its model
    former      functions that have another meaning today
    allowed     what of Keras an architecture may name
    conversion  the JSON of Keras 1, 2 and 3 to one form, which Keras 3 deserialises: models and layers
    graph       how the layers of a Functional model call each other
    inputs      input layers, and where none is written
    layers      layers that Keras 1 and 2 wrote otherwise
    arguments   arguments that Keras 1 and 2 called otherwise
    values      names, plain data, seeds, types, initializers and the like in the arguments of a layer
    problems    what is wrong with an architecture, in words
    endings     what the outputs of a model come out of
    drawing     the initial weights of another seed, without building again
    seeding     a seed for everything random in a model, by its position
"""
