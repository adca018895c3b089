-- The Hyperopt example of the AutoML page of Apache MADlib 1.19, unchanged: TPE over 20 configurations, 10 iterations each.
-- Run examples/hyperband.sql first: it packs the rows of iris and loads the two architectures.

\echo == The search
DROP TABLE IF EXISTS automl_output, automl_output_info, automl_output_summary, automl_mst_table, automl_mst_table_summary;
SELECT madlib.madlib_keras_automl('iris_train_packed', -- source table
'automl_output', -- model output table
'model_arch_library', -- model architecture table
'automl_mst_table', -- model selection output table
ARRAY[1,2], -- model IDs
$${
'loss': ['categorical_crossentropy'],
'optimizer_params_list': [
{'optimizer': ['Adam'],'lr': [0.001, 0.1, 'log']},
{'optimizer': ['RMSprop'],'lr': [0.001, 0.1, 'log']}
],
'metrics': ['accuracy']
} $$, -- compile param grid
$${'batch_size': [4, 8], 'epochs': [1]}$$, -- fit params grid
'hyperopt', -- autoML method
'num_configs=20, num_iterations=10, algorithm=tpe', -- autoML params
NULL, -- random state
NULL, -- object table
FALSE, -- use GPUs
'iris_test_packed', -- validation table
1, -- metrics compute freq
NULL, -- name
NULL); -- descr

\echo == The summary, and the three best configurations
SELECT * FROM automl_output_summary;
SELECT * FROM automl_output_info ORDER BY validation_metrics_final DESC, validation_loss_final LIMIT 3;

\echo == Predicting the rows of the test set with one of the models
DROP TABLE IF EXISTS iris_predict;
SELECT madlib.madlib_keras_predict('automl_output', -- model
'iris_test', -- test_table
'id', -- id column
'attributes', -- independent var
'iris_predict', -- output table
'response', -- prediction type
FALSE, -- use gpus
4 -- MST key
);
SELECT * FROM iris_predict ORDER BY id;
