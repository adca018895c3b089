"""What is tried, and for how long: configurations and plans. Pure: no SQL, no Keras; the standard library and numpy (and
hyperopt, in its adapter).

Reading order:

    grammar     parameters as text and as values: the grids, compile_params, fit_params, automl_params
    orders      parameters as orders carry them to a session
    space       the search space that two grids and a list of models span, and drawing configurations from it
    scheduler   what a run asks of a method: steps of trials and tasks; a fixed list of configurations
    hyperband   the ladder: how many configurations train for how many iterations, and who goes on
    proposals   Hyperopt: trials that are proposed while others train
    hyperopt_adapter    the one file that knows hyperopt
"""
