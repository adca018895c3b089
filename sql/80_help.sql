-- Help: each function without arguments, or with 'usage' or 'example', tells about itself. The texts are those of the reference.
DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'hyperband_schedule',
        'load_keras_model', 'delete_keras_model',
        'load_custom_function', 'load_top_k_accuracy_function', 'delete_custom_function',
        'generate_model_configs', 'load_model_selection_table',
        'train_test_split', 'training_preprocessor_dl', 'validation_preprocessor_dl',
        'madlib_keras_automl', 'automl_resume', 'automl_repeat', 'automl_plan', 'madlib_keras_fit_multiple_model', 'madlib_keras_fit',
        'madlib_keras_evaluate', 'madlib_keras_predict', 'madlib_keras_predict_byom', 'automl_export',
        'automl_train', 'automl_predict', 'automl_evaluate', 'automl_importance'
    ] LOOP
        EXECUTE format($sql$
CREATE FUNCTION madlib.%I(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage(%L, *args)
$$
$sql$, name, name);
        EXECUTE format($sql$
COMMENT ON FUNCTION madlib.%I(text) IS
'Help: what %s does; with ''usage'' its arguments and results, with ''example'' examples.'
$sql$, name, name);
    END LOOP;
END
$do$;

-- Of functions without arguments, or whose one text is a name: these say a word in the place of that name as INFO.
CREATE FUNCTION madlib.gpu_configuration() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('gpu_configuration', 'usage')
$$;
COMMENT ON FUNCTION madlib.gpu_configuration() IS
'Help: what gpu_configuration does, its arguments and results.';

CREATE FUNCTION madlib.automl_tensorboard() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_tensorboard', 'usage')
$$;
COMMENT ON FUNCTION madlib.automl_tensorboard() IS
'Help: what automl_tensorboard does, its argument and where trials write.';

CREATE FUNCTION madlib.automl_functions() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_functions', 'usage')
$$;
COMMENT ON FUNCTION madlib.automl_functions() IS
'Help: what automl_functions makes, and its argument.';

CREATE FUNCTION madlib.automl_doctor(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_doctor', *args)
$$;
COMMENT ON FUNCTION madlib.automl_doctor(text) IS
'Help: what automl_doctor does; with ''usage'' its results, with ''example'' an example.';

CREATE FUNCTION madlib.automl_leaderboard(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_leaderboard', *args)
$$;
COMMENT ON FUNCTION madlib.automl_leaderboard(text) IS
'Help: what automl_leaderboard shows; with ''usage'' its arguments and columns, with ''example'' an example.';

CREATE FUNCTION madlib.automl_progress(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_progress', *args)
$$;
COMMENT ON FUNCTION madlib.automl_progress(text) IS
'Help: what automl_progress shows; with ''usage'' its argument and columns, with ''example'' an example.';
