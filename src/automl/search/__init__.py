"""What is tried, and for how long: configurations and plans. Pure: no SQL, no Keras; the standard library and numpy (and
hyperopt, in the one file that knows it).

Reading order. How much a search may do, and where its randomness comes from:

    limits           how long it may train, how much it may try, how long texts may be
    seeds            one seed a search, given or drawn; the streams that are made of it

Parameters as text and as values:

    literals         values in Python's notation
    directions       which values of a metric are better
    plateaus         what EarlyStopping and ReduceLROnPlateau say of a series of values
    callbacks        the callbacks of Keras that there are
    rules            what the parameters of compile and fit must be
    parameters       compile_params and fit_params of one configuration: written and read
    orders           both as orders carry them to a session
    grids            the text of a dict of lists
    pairs            the text of automl_params
    steering         its keys that every method has: what is good, what is kept, when a trial or the search ends
    objective        which loss or metric ranks trials
    monitors         which loss or metric a callback of a trial looks at

What may be tried:

    dimensions       a choice among values, a number between bounds on a scale
    space            the space that two grids and a list of models span, and drawing configurations from it
    space_arguments  from the arguments of SQL to a space
    varied           which parameters tell configurations apart

Methods:

    scheduler        what a run asks of a method: steps of trials and tasks; a fixed list of configurations
    retirement       the order in which a search decides, whatever the order in which tasks end
    stopping         ending tasks of trials that do worse than earlier ones
    tries            several trials for each configuration, which are decided about together
    budgets          the decisions of a search, and what ends them
    sampling         proposing configurations from the losses of others
    sources          where the configurations of new trials come from
    ladder           brackets of rungs, and who goes on from one to the next
    ladder_steps     the same as a run sees it
    proposed_brackets    Hyperband whose later brackets are proposed from what earlier ones have found
    hyperband        which brackets there are: how many configurations train for how many iterations
    hyperopt         trials that are proposed while others train
    rungs            sequences of trials, and who goes on without a round being complete
    asha             asynchronous successive halving
    methods          all methods, one line each
"""
