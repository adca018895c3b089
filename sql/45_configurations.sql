-- Configurations of one's own choice: generated or loaded, trained, evaluated.

CREATE FUNCTION madlib.generate_model_configs(
    model_arch_table varchar,
    model_selection_table varchar,
    model_id_list integer[],
    compile_params_grid varchar,
    fit_params_grid varchar,
    search_type varchar DEFAULT 'grid',
    num_configs integer DEFAULT NULL,
    random_state integer DEFAULT NULL,
    object_table varchar DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].generate_model_configs(*args)
$$;
COMMENT ON FUNCTION madlib.generate_model_configs(
    varchar, varchar, integer[], varchar, varchar, varchar, integer, integer, varchar
) IS
'Writes configurations into a model selection table: all that the grids span, or some drawn at random.';

CREATE FUNCTION madlib.load_model_selection_table(
    model_arch_table varchar,
    model_selection_table varchar,
    model_id_list integer[],
    compile_params_list varchar[],
    fit_params_list varchar[],
    object_table varchar DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_model_selection_table(*args)
$$;
COMMENT ON FUNCTION madlib.load_model_selection_table(
    varchar, varchar, integer[], varchar[], varchar[], varchar
) IS
'Writes every combination of models, compile and fit parameters into a new model selection table.';

CREATE FUNCTION madlib.madlib_keras_fit_multiple_model(
    source_table varchar,
    model_output_table varchar,
    model_selection_table varchar,
    num_iterations integer,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    warm_start boolean DEFAULT FALSE,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    use_caching boolean DEFAULT FALSE
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_fit_multiple_model(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit_multiple_model(
    varchar, varchar, varchar, integer, boolean, varchar, integer, boolean, varchar, varchar, boolean
) IS
'Trains every configuration of a model selection table; makes the tables <output>, <output>_info and <output>_summary.';

CREATE FUNCTION madlib.madlib_keras_fit(
    source_table varchar,
    model varchar,
    model_arch_table varchar,
    model_id integer,
    compile_params varchar,
    fit_params varchar,
    num_iterations integer,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    warm_start boolean DEFAULT FALSE,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    object_table varchar DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_fit(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit(
    varchar, varchar, varchar, integer, varchar, varchar, integer, boolean, varchar, integer, boolean, varchar, varchar, varchar
) IS
'Trains one model; makes the tables <model> and <model>_summary.';

CREATE FUNCTION madlib.madlib_keras_evaluate(
    model_table varchar,
    test_table varchar,
    output_table varchar,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_evaluate(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_evaluate(
    varchar, varchar, varchar, boolean, integer
) IS
'Computes loss and metrics of a trained model on the rows of a packed table.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type varchar DEFAULT 'prob',
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, varchar, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the class of each row (pred_type response), the probabilities of all (prob).';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type integer,
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, integer, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the k most probable classes of each row, with their ranks.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type double precision,
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, double precision, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the classes of each row that are more probable than a threshold from 0 to below 1.';
