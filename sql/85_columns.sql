-- Ordinary columns: from a table to a model in one statement, and what it predicts.

CREATE FUNCTION madlib.automl_train(
    source_table text,
    model text,
    dependent_varname text,
    independent_varname text DEFAULT '*',
    "exclude" text DEFAULT NULL,
    id_col text DEFAULT NULL,
    objective text DEFAULT NULL,
    budget interval DEFAULT '10 min',
    preset text DEFAULT 'good',
    random_state integer DEFAULT NULL,
    time_col text DEFAULT NULL,
    split_col text DEFAULT NULL,
    weight_col text DEFAULT NULL,
    column_types jsonb DEFAULT NULL,
    params jsonb DEFAULT NULL,
    dry_run boolean DEFAULT FALSE,
    functions boolean DEFAULT TRUE,
    OUT name text,
    OUT value text
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_train(*args)
$$;
COMMENT ON FUNCTION madlib.automl_train(
    text, text, text, text, text, text, text, interval, text, integer, text, text, text, jsonb, jsonb, boolean, boolean
) IS
'Makes a model of a table of ordinary columns: looks at them, packs the rows, searches networks, and makes functions that predict.';

CREATE FUNCTION madlib.automl_threshold(model text, rows_table text) RETURNS double precision
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_threshold(*args)
$$;
COMMENT ON FUNCTION madlib.automl_threshold(text, text) IS
'Internal: finds the threshold of two classes that is best for F1 on the validation rows of automl_train, and keeps it with the model.';

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

CREATE FUNCTION madlib.automl_named(names text[], probs real[]) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
SELECT pg_catalog.json_object_agg(coalesce(name, 'null'), prob)::jsonb FROM unnest($1, $2) AS q (name, prob)
$$;
COMMENT ON FUNCTION madlib.automl_named(text[], real[]) IS
'Internal: the probabilities of classes by their names.';

CREATE FUNCTION madlib.automl_functions(model text) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_functions(*args)
$$;
COMMENT ON FUNCTION madlib.automl_functions(text) IS
'Makes the functions of a model of columns, which predict a row of the table that it was trained on; again where they are there.';

CREATE FUNCTION madlib.automl_predict(
    model text,
    source_table text,
    output_table text,
    pred_type text DEFAULT 'response',
    id_col text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_predict(*args)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text, text, text, text, text) IS
'Predicts the rows of a table of ordinary columns: the class or the number (pred_type response), the probabilities of all classes (prob).';

CREATE FUNCTION madlib.automl_predict(
    model text,
    source_table text,
    output_table text,
    pred_type integer,
    id_col text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_predict(*args)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text, text, text, integer, text) IS
'Predicts the rows of a table of ordinary columns: the k most probable classes of each, with their ranks.';

CREATE FUNCTION madlib.automl_predict(
    model text,
    source_table text,
    output_table text,
    pred_type double precision,
    id_col text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_predict(*args)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text, text, text, double precision, text) IS
'Predicts the rows of a table of ordinary columns: the classes of each that are more probable than a threshold from 0 to below 1.';

CREATE FUNCTION madlib.automl_predict(
    model text,
    source_row jsonb,
    pred_type text DEFAULT 'response'
) RETURNS text
LANGUAGE plpython3u STABLE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_predict_row(GD, *args)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text, jsonb, text) IS
'Predicts a row of any relation that comes as JSON, by a model of columns.';

CREATE FUNCTION madlib.automl_evaluate(
    model text,
    source_table text,
    OUT part text,
    OUT name text,
    OUT value double precision,
    OUT constant double precision,
    OUT actual text,
    OUT predicted text,
    OUT rows bigint,
    OUT threshold double precision,
    OUT "precision" double precision,
    OUT recall double precision,
    OUT f1 double precision
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_evaluate(*args)
$$;
COMMENT ON FUNCTION madlib.automl_evaluate(text, text) IS
'Says how good a model of columns is on the rows of a table: measures beside those of a constant guess, confusion matrix, thresholds.';

CREATE FUNCTION madlib.automl_importance(
    model text,
    source_table text,
    repeats integer DEFAULT 5,
    sample_size integer DEFAULT 1000,
    random_state integer DEFAULT 0,
    OUT name text,
    OUT importance double precision,
    OUT standard_error double precision,
    OUT measure text
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_importance(*args)
$$;
COMMENT ON FUNCTION madlib.automl_importance(text, text, integer, integer, integer) IS
'Says how much worse a model of columns predicts if the values of a column change rows, for each column, with the standard error.';
