"""Models as files: trained ones for others to read, and what others have saved.

In reading order:

    export       a trained model as a file: automl_export
    keras_files  a model that Keras has saved, into a library: load_keras_model of a .keras file
"""
