"""What was trained, used.

In reading order:

    one_row        a model for answers to single rows, kept until its tables change
    predict        prediction with a trained model
    byom           prediction with a model that was brought along
    evaluate       how good a model is: loss and metrics of a packed table
    evaluated_here how that is found where it is little work
    evaluation     how, partition by partition
    model_tables   what the tables of a trained model say
    trained_model  what is predicted, with what, and where it goes
    batches        rows on their way to a network, outputs on their way to the table
    in_caller      how: where it is little work, here
    in_sessions    how: the rows come to the network
    on_segments    how, on Greenplum: the network comes to the rows
"""
