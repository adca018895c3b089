"""Models as files: what others read, and what others wrote.

Files that come in are hostile: any role may bring one. So nothing is unpickled, imported or run, no library in C reads them but
the one that unpacks them, and sizes are known before memory is given.

In reading order:

    outgoing     a trained model as a file in one of the formats
    trained      the Keras model of an architecture with its weights, and what it is compiled with
    keras_file   the .keras file, out and in
    archive      the zip archive that a .keras file is
    hdf5         the file of weights in it
    safetensors  weights with the architecture in their header
    onnx_graph   the network as a graph for other runtimes
"""
