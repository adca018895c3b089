-- From 0.1.0 to 0.2.0. sql/Makefile puts begin.sql and 05_load.sql before this and end.sql behind it.

-- Where a method has put a trial became an object of the columns that the method has, in the place of the two of Hyperband.
ALTER TABLE madlib.automl_trial_log ADD COLUMN place json NOT NULL DEFAULT '{}';
UPDATE madlib.automl_trial_log SET place = ('{' || concat_ws(', ', '"s": ' || s, '"i": ' || i) || '}')::json;
CREATE OR REPLACE VIEW madlib.automl_trials WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, model_id, compile_params, fit_params, (place ->> 's')::integer AS s,
        (place ->> 'i')::integer AS i, status, iteration, loss, seconds, error, place
    FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
ALTER TABLE madlib.automl_trial_log DROP COLUMN s, DROP COLUMN i;

-- The methods of a search are told of in the reference only: another one changes no SQL.
COMMENT ON FUNCTION madlib.madlib_keras_automl(
    varchar, varchar, varchar, varchar, integer[], varchar, varchar, varchar, varchar, integer, varchar, boolean, varchar,
    integer, varchar, varchar, boolean
) IS 'Searches architectures and hyperparameters by the method that is named; makes the tables <output>, <output>_info, <output>_summary, the model selection table and its summary.';

-- Every function came to tell about itself.
CREATE FUNCTION madlib.automl_tensorboard() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_tensorboard', 'usage')
$$;
COMMENT ON FUNCTION madlib.automl_tensorboard() IS
'Help: what automl_tensorboard does, its argument and where trials write.';

CREATE FUNCTION madlib.automl_doctor(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_doctor', *args)
$$;
COMMENT ON FUNCTION madlib.automl_doctor(text) IS
'Help: what automl_doctor does; with ''usage'' its results, with ''example'' an example.';
