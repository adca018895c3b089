-- From the columns of a table to a model.

CREATE FUNCTION madlib.automl_ensemble(
    model_table varchar,
    validation_table varchar DEFAULT NULL,
    most integer DEFAULT 3
) RETURNS integer
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_ensemble(*args)
$$;
COMMENT ON FUNCTION madlib.automl_ensemble(varchar, varchar, integer) IS
'Adds the mean of the best models of a search to its tables, as one model; returns its mst_key, or that of the best alone.';
