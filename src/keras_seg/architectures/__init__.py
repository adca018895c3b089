"""Architecture JSON of any Keras generation to a model, without code.

In reading order:

    build       the way from text to a model; weights
    allowed     what of Keras an architecture may name
    conversion  the JSON of Keras 1, 2 and 3 to one form, which Keras 3 deserialises
    seeding     a seed for everything random in a model, by its position
"""
