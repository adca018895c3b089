-- From 0.1.0 to 0.2.0. sql/Makefile puts begin.sql and 05_load.sql before this and end.sql behind it.

-- Where a method has put a trial became an object of the columns that the method has, in the place of the two of Hyperband.
ALTER TABLE madlib.automl_trial_log ADD COLUMN place json NOT NULL DEFAULT '{}';
UPDATE madlib.automl_trial_log SET place = ('{' || concat_ws(', ', '"s": ' || s, '"i": ' || i) || '}')::json;
CREATE OR REPLACE VIEW madlib.automl_trials WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, model_id, compile_params, fit_params, (place ->> 's')::integer AS s,
        (place ->> 'i')::integer AS i, status, iteration, loss, seconds, error, place
    FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
ALTER TABLE madlib.automl_trial_log DROP COLUMN s, DROP COLUMN i;

-- A state became one row or several: a value of PostgreSQL ends at 1 GB.
ALTER TABLE madlib.automl_checkpoint_log ADD COLUMN part integer NOT NULL DEFAULT 0;
ALTER TABLE madlib.automl_checkpoint_log DROP CONSTRAINT automl_checkpoint_log_pkey;
ALTER TABLE madlib.automl_checkpoint_log ADD PRIMARY KEY (run_id, mst_key, part);
CREATE OR REPLACE VIEW madlib.automl_checkpoints WITH (security_barrier) AS
    SELECT * FROM madlib.automl_checkpoint_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON FUNCTION madlib.automl_put(bytea, boolean) IS
'Internal: takes a part of a large state or of large weights; automl_visit or automl_define takes the last part.';

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

-- Weights of classes by how often they come.
CREATE FUNCTION madlib.automl_count_classes(labels bytea, shape integer[], dtype text) RETURNS bigint[]
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].count_classes(*args)
$$;
COMMENT ON FUNCTION madlib.automl_count_classes(bytea, integer[], text) IS
'Internal: rows of each class in one buffer of packed labels; NULL if a row has not one class.';

-- One function in the place of three that differed in the type of num_classes.
DROP FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, integer[], text);
DROP FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, integer, text);
DROP FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, text, text);
CREATE TYPE madlib.automl_classes;

CREATE FUNCTION madlib.automl_classes_in(value cstring) RETURNS madlib.automl_classes
LANGUAGE internal IMMUTABLE STRICT
AS 'textin';
COMMENT ON FUNCTION madlib.automl_classes_in(cstring) IS
'Internal: reads a number of classes.';

CREATE FUNCTION madlib.automl_classes_out(value madlib.automl_classes) RETURNS cstring
LANGUAGE internal IMMUTABLE STRICT
AS 'textout';
COMMENT ON FUNCTION madlib.automl_classes_out(madlib.automl_classes) IS
'Internal: writes a number of classes.';

CREATE TYPE madlib.automl_classes (INPUT = madlib.automl_classes_in, OUTPUT = madlib.automl_classes_out, LIKE = text);
COMMENT ON TYPE madlib.automl_classes IS
'A number of classes as it was given: 10, ARRAY[10], or the text of either.';

CREATE CAST (smallint AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (integer AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (bigint AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (smallint[] AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (integer[] AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (bigint[] AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (text AS madlib.automl_classes) WITH INOUT AS IMPLICIT;
CREATE CAST (varchar AS madlib.automl_classes) WITH INOUT AS IMPLICIT;

CREATE FUNCTION madlib.training_preprocessor_dl(
    source_table varchar,
    output_table varchar,
    dependent_varname varchar,
    independent_varname varchar,
    buffer_size integer DEFAULT NULL,
    normalizing_const real DEFAULT 1.0,
    num_classes madlib.automl_classes DEFAULT NULL,
    distribution_rules text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].training_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(
    varchar, varchar, varchar, varchar, integer, real, madlib.automl_classes, text
) IS
'Packs a table of labels and arrays of features for training: <output_table>, and <output_table>_summary beside it. Without num_classes fractions are numbers to be predicted.';

COMMENT ON FUNCTION madlib.automl_pack_features(bytea, integer[], real) IS
'Internal: concatenated automl_native() of real[] rows to native float32; NULL if a row is not of the shape, or a number not finite.';
