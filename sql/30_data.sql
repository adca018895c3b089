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

-- How many classes: a number, an array with one as MADlib takes it, or the text of either. It is a type of its own, kept as text: with
-- a function for each of these types a call could not name num_classes alone, as both would serve one that leaves it out.
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
'Internal: concatenated automl_native() of real[] rows to native float32; NULL if a row is not of the shape, or a number not finite.';

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
'Internal: rows of each class in one buffer of packed labels; NULL if a row has not one class.';
