-- Help: each function without arguments, or with 'usage' or 'example', tells about itself. The texts are those of the reference.

CREATE FUNCTION madlib.train_test_split(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('train_test_split', *args)
$$;
COMMENT ON FUNCTION madlib.train_test_split(text) IS
'Help: what train_test_split does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.training_preprocessor_dl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('training_preprocessor_dl', *args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(text) IS
'Help: what training_preprocessor_dl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.validation_preprocessor_dl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('validation_preprocessor_dl', *args)
$$;
COMMENT ON FUNCTION madlib.validation_preprocessor_dl(text) IS
'Help: what validation_preprocessor_dl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_keras_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_keras_model', *args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(text) IS
'Help: what load_keras_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.delete_keras_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('delete_keras_model', *args)
$$;
COMMENT ON FUNCTION madlib.delete_keras_model(text) IS
'Help: what delete_keras_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.hyperband_schedule(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('hyperband_schedule', *args)
$$;
COMMENT ON FUNCTION madlib.hyperband_schedule(text) IS
'Help: what hyperband_schedule does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_automl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_automl', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_automl(text) IS
'Help: what madlib_keras_automl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.automl_resume(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_resume', *args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(text) IS
'Help: what automl_resume does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.generate_model_configs(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('generate_model_configs', *args)
$$;
COMMENT ON FUNCTION madlib.generate_model_configs(text) IS
'Help: what generate_model_configs does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_model_selection_table(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_model_selection_table', *args)
$$;
COMMENT ON FUNCTION madlib.load_model_selection_table(text) IS
'Help: what load_model_selection_table does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_fit_multiple_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_fit_multiple_model', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit_multiple_model(text) IS
'Help: what madlib_keras_fit_multiple_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_fit(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_fit', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit(text) IS
'Help: what madlib_keras_fit does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_evaluate(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_evaluate', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_evaluate(text) IS
'Help: what madlib_keras_evaluate does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_predict(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_predict', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(text) IS
'Help: what madlib_keras_predict does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_predict_byom', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(text) IS
'Help: what madlib_keras_predict_byom does; with ''usage'' its arguments and results, with ''example'' examples.';

-- With one argument it makes a table of that name.
CREATE FUNCTION madlib.gpu_configuration() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('gpu_configuration', 'usage')
$$;
COMMENT ON FUNCTION madlib.gpu_configuration() IS
'Help: what gpu_configuration does, its arguments and results.';

CREATE FUNCTION madlib.load_custom_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_custom_function', *args)
$$;
COMMENT ON FUNCTION madlib.load_custom_function(text) IS
'Help: what load_custom_function does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_top_k_accuracy_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_top_k_accuracy_function', *args)
$$;
COMMENT ON FUNCTION madlib.load_top_k_accuracy_function(text) IS
'Help: what load_top_k_accuracy_function does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.delete_custom_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('delete_custom_function', *args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(text) IS
'Help: what delete_custom_function does; with ''usage'' its arguments and results, with ''example'' examples.';
