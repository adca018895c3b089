"""What can be trained, as tables.

In reading order:

    library           the library of architectures: load_keras_model, delete_keras_model
    architectures     reading architectures for a call
    outline           what an architecture says at a glance
    custom_functions  tables of losses and metrics of one's own
    compile_names     what compile parameters name, looked up without TensorFlow
    configurations    model selection tables: configurations to train, generated or loaded one by one
"""
