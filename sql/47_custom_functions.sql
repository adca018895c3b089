-- Custom losses and metrics: Python functions in a table of this schema, which superusers alone can write.

CREATE FUNCTION madlib.load_custom_function(
    object_table varchar,
    object bytea,
    name text,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.load_custom_function(varchar, bytea, text, text) IS
'Adds a loss or metric, a Python function pickled by dill, to a table of schema madlib, which is made if it does not exist; superusers only.';

CREATE FUNCTION madlib.load_top_k_accuracy_function(object_table varchar, k integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_top_k_accuracy_function(*args)
$$;
COMMENT ON FUNCTION madlib.load_top_k_accuracy_function(varchar, integer) IS
'Adds the metric top_<k>_accuracy to a table of custom functions; superusers only.';

CREATE FUNCTION madlib.delete_custom_function(object_table varchar, id integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(varchar, integer) IS
'Deletes a custom function by its id, and the table with its last function; superusers only.';

CREATE FUNCTION madlib.delete_custom_function(object_table varchar, name text) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(varchar, text) IS
'Deletes a custom function by its name, and the table with its last function; superusers only.';
