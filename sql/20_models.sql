-- What can be trained, as tables: the library of architectures, custom functions, model selection tables.

CREATE FUNCTION madlib.load_keras_model(
    keras_model_arch_table varchar,
    model_arch json,
    model_weights bytea DEFAULT NULL,
    name text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_keras_model(*args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(varchar, json, bytea, text, text) IS
'Adds the JSON of a Keras model, perhaps with its weights, to a library of architectures, which is made if it does not exist.';

-- The same with text, which a literal without a type is taken for, as there is one for json and one for files. For that all three
-- have the same types but one.
CREATE FUNCTION madlib.load_keras_model(
    keras_model_arch_table varchar,
    model_arch text,
    model_weights bytea DEFAULT NULL,
    name text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_keras_model(*args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(varchar, text, bytea, text, text) IS
'Adds the JSON of a Keras model, perhaps with its weights, to a library of architectures, which is made if it does not exist.';

CREATE FUNCTION madlib.load_keras_model(
    keras_model_arch_table varchar,
    keras_file bytea,
    model_weights bytea DEFAULT NULL,
    name text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_keras_file(*args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(varchar, bytea, bytea, text, text) IS
'Adds a .keras file, with its weights, to a library of architectures, which is made if it does not exist.';

CREATE FUNCTION madlib.delete_keras_model(keras_model_arch_table varchar, model_id integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_keras_model(*args)
$$;
COMMENT ON FUNCTION madlib.delete_keras_model(varchar, integer) IS
'Deletes a model from a library of architectures, and the library with its last model unless views depend on it.';

-- Custom losses and metrics: Python functions in a table of this schema, which superusers alone can write.

CREATE FUNCTION madlib.load_custom_function(
    object_table varchar,
    object bytea,
    name text,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.load_custom_function(varchar, bytea, text, text) IS
'Adds a loss or metric, a Python function pickled by dill, to a table of schema madlib, which is made if it does not exist; superusers only.';

CREATE FUNCTION madlib.load_top_k_accuracy_function(object_table varchar, k integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_top_k_accuracy_function(*args)
$$;
COMMENT ON FUNCTION madlib.load_top_k_accuracy_function(varchar, integer) IS
'Adds the metric top_<k>_accuracy to a table of custom functions; superusers only.';

CREATE FUNCTION madlib.delete_custom_function(object_table varchar, id integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(varchar, integer) IS
'Deletes a custom function by its id, and the table with its last function; superusers only.';

CREATE FUNCTION madlib.delete_custom_function(object_table varchar, name text) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_custom_function(*args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(varchar, text) IS
'Deletes a custom function by its name, and the table with its last function; superusers only.';

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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_model_selection_table(*args)
$$;
COMMENT ON FUNCTION madlib.load_model_selection_table(
    varchar, varchar, integer[], varchar[], varchar[], varchar
) IS
'Writes every combination of models, compile and fit parameters into a new model selection table.';
