-- The searches, and prediction with what they found.

CREATE FUNCTION madlib.madlib_keras_automl(
    source_table varchar,
    model_output_table varchar,
    model_arch_table varchar,
    model_selection_table varchar,
    model_id_list integer[],
    compile_params_grid varchar,
    fit_params_grid varchar,
    automl_method varchar DEFAULT 'hyperband',
    automl_params varchar DEFAULT NULL,
    random_state integer DEFAULT NULL,
    object_table varchar DEFAULT NULL,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    use_caching boolean DEFAULT FALSE
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_automl(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_automl(
    varchar, varchar, varchar, varchar, integer[], varchar, varchar, varchar, varchar, integer, varchar, boolean, varchar,
    integer, varchar, varchar, boolean
) IS 'Searches architectures and hyperparameters by Hyperband or Hyperopt; makes the tables <output>, <output>_info, <output>_summary, the model selection table and its summary.';

CREATE FUNCTION madlib.automl_resume(run_id bigint) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_resume(*args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(bigint) IS
'Goes on with one of your runs that was cancelled, failed or lost its server; makes the tables that its call would have made.';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type varchar DEFAULT 'prob',
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, varchar, boolean, integer) IS
'Predicts with a trained model: the class of each row (pred_type response), the probabilities of all (prob), the outputs as they are (value).';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type integer,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, integer, boolean, integer) IS
'Predicts with a trained model: the k most probable classes of each row, with their ranks.';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type double precision,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, double precision, boolean, integer) IS
'Predicts with a trained model: the classes of each row that are more probable than a threshold from 0 to below 1.';
