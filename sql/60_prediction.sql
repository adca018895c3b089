-- What was trained, used: prediction and evaluation, and as files for others.

CREATE FUNCTION madlib.madlib_keras_evaluate(
    model_table varchar,
    test_table varchar,
    output_table varchar,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_evaluate(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_evaluate(
    varchar, varchar, varchar, boolean, integer
) IS
'Computes loss and metrics of a trained model on the rows of a packed table.';

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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, double precision, boolean, integer) IS
'Predicts with a trained model: the classes of each row that are more probable than a threshold from 0 to below 1.';

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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, double precision, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the classes of each row that are more probable than a threshold from 0 to below 1.';

CREATE FUNCTION madlib.automl_export(model_table text, mst_key integer, format text) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_export(*args)
$$;
COMMENT ON FUNCTION madlib.automl_export(text, integer, text) IS
'Returns a trained model as a file: keras, json (the architecture), safetensors (the weights) or onnx.';
