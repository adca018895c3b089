"""What a session keeps, and what it does with an order.

In reading order:

    opening      its setup, TensorFlow, the custom functions
    cache        what stays in GD from one statement to the next
    programs     what it builds and compiles, each once
    shortage     whether there is memory for what is to be trained, and whether it ran out
    check        building and compiling networks before anything is trained
    data         the rows that a visit is made on
    visit        one trial trains on partitions and evaluates them
    gathering    getting ready to predict rows that come one by one
    files        a model written as a file, or read from one
    row_batches  these rows, until a batch is full
    computed     a network that is computed without TensorFlow
    answering    answers for one row, without TensorFlow
    evaluating   loss and metrics of a packed table, likewise
    calls        what SQL calls on a session for all of that, but for the answers
"""
