"""What is tried, and for how long: configurations and plans. Pure: no SQL, no Keras; the standard library and numpy.

Reading order:

    grammar     parameters as text and as values: the grids, compile_params, fit_params, automl_params
    space       the search space that two grids and a list of models span, and drawing configurations from it
    hyperband   the ladder: how many configurations train for how many iterations, and who goes on
"""
