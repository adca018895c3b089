"""From the columns of a table to a model: what they become, the networks that fit them, and what is searched.

In reading order:

    kinds          what kinds of columns there are, and the numbers that are made of each in SQL
    source         the columns of a table, and what each is for
    arguments      what automl_train is called with, checked once
    splitting      which rows are to train on, to validate and to test
    inquiry        what is asked about the columns: one statement, which goes through the table once
    statistics     what it says, and what numpy makes of that
    vocabularies   the SQL that makes a code of a text
    treatments     what becomes of each column
    target         what is predicted: classes, or a number
    leaks          columns that give the target by themselves
    features_sql   the function that makes a vector of a row
    layout         what stands where in a row's vector
    networks       networks for such vectors, as Keras' JSON
    ranking        what ranks models
    presets        what is searched, and for how long
    ensemble       the mean of the best models as one
    table_model    a model of columns as its tables tell of it
    columns_table  the statements that write that
    script         the statements that lead from the table to the model
    notices        what the caller is told before anything is made
    maker          a session that makes tables which others see at once
    rows           rows of other tables, and of JSON, as the features function takes them
    predicted      what the outputs of a network become, as SQL
    predict        automl_predict: the rows of a table
    json_row       automl_predict: a row of JSON
    functions      the functions that predict a row of the source
    metrics        how good predictions are
    evaluate       automl_evaluate: a model on the rows of a table
    importance     automl_importance: what each column is worth
    held_out       what a model is worth on the rows that it was not trained on
    answer         the ten lines that people get
    train          automl_train
"""
