-- Rows to packed tables: split, pack.

CREATE FUNCTION madlib.train_test_split(
    source_table text,
    output_table text,
    train_proportion double precision,
    test_proportion double precision DEFAULT NULL,
    grouping_cols text DEFAULT NULL,
    target_cols text DEFAULT NULL,
    with_replacement boolean DEFAULT FALSE,
    separate_output_tables boolean DEFAULT FALSE
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].train_test_split(*args)
$$;
COMMENT ON FUNCTION madlib.train_test_split(text, text, double precision, double precision, text, text, boolean, boolean) IS
'Divides a table at random into a training and a test part, with exact counts; the same parts after the same setseed().';

CREATE FUNCTION madlib.training_preprocessor_dl(
    source_table varchar,
    output_table varchar,
    dependent_varname varchar,
    independent_varname varchar,
    buffer_size integer DEFAULT NULL,
    normalizing_const real DEFAULT 1.0,
    num_classes integer[] DEFAULT NULL,
    distribution_rules text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].training_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, integer[], text) IS
'Packs a table of labels and arrays of features for training: <output_table>, and <output_table>_summary beside it.';

-- num_classes may be a plain number as well. With these two alone, a bare NULL for it would be ambiguous: the third, which
-- takes text, is the one that PostgreSQL prefers for literals without a type.
CREATE FUNCTION madlib.training_preprocessor_dl(
    source_table varchar,
    output_table varchar,
    dependent_varname varchar,
    independent_varname varchar,
    buffer_size integer,
    normalizing_const real,
    num_classes integer,
    distribution_rules text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].training_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, integer, text) IS
'Packs a table of labels and arrays of features for training; num_classes as a plain number.';

CREATE FUNCTION madlib.training_preprocessor_dl(
    source_table varchar,
    output_table varchar,
    dependent_varname varchar,
    independent_varname varchar,
    buffer_size integer,
    normalizing_const real,
    num_classes text,
    distribution_rules text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].training_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(varchar, varchar, varchar, varchar, integer, real, text, text) IS
'Packs a table of labels and arrays of features for training; num_classes as NULL or as a literal. Without it fractions are numbers to be predicted.';

CREATE FUNCTION madlib.validation_preprocessor_dl(
    source_table varchar,
    output_table varchar,
    dependent_varname varchar,
    independent_varname varchar,
    training_preprocessor_table varchar,
    buffer_size integer DEFAULT NULL,
    distribution_rules text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].validation_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.validation_preprocessor_dl(varchar, varchar, varchar, varchar, varchar, integer, text) IS
'Packs a table for validation as training_preprocessor_table was packed: same classes, shape and normalizing_const.';

-- The packing itself: one call a buffer. They look at nothing but their arguments.

-- byteasend copies a value as it lies in memory, whatever its type: no function is called for each element.
CREATE FUNCTION madlib.automl_native(numbers real[]) RETURNS bytea
LANGUAGE internal IMMUTABLE STRICT
AS 'byteasend';
COMMENT ON FUNCTION madlib.automl_native(real[]) IS
'Internal: the bytes of an array as it lies in memory, without the length that goes before them.';

CREATE FUNCTION madlib.automl_native(numbers smallint[]) RETURNS bytea
LANGUAGE internal IMMUTABLE STRICT
AS 'byteasend';
COMMENT ON FUNCTION madlib.automl_native(smallint[]) IS
'Internal: the bytes of an array as it lies in memory, without the length that goes before them.';

CREATE FUNCTION madlib.automl_pack_features(wire bytea, shape integer[], normalizing_const real) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_features(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_features(bytea, integer[], real) IS
'Internal: concatenated automl_native() of real[] rows to native float32; NULL if a row is not of the shape.';

CREATE FUNCTION madlib.automl_pack_encoded(wire bytea, shape integer[]) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_encoded(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_encoded(bytea, integer[]) IS
'Internal: concatenated automl_native() of smallint[] rows to native int16; NULL if a row is not of the shape.';

CREATE FUNCTION madlib.automl_pack_classes(wire bytea, shape integer[]) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_classes(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_classes(bytea, integer[]) IS
'Internal: concatenated int4send() of class numbers to one-hot rows of int16; NULL if a row has no class.';

CREATE FUNCTION madlib.automl_count_classes(labels bytea, shape integer[], dtype text) RETURNS bigint[]
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].count_classes(*args)
$$;
COMMENT ON FUNCTION madlib.automl_count_classes(bytea, integer[], text) IS
'Internal: rows of each class in one buffer of packed labels.';
