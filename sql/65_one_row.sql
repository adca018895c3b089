-- Answers for one row, without TensorFlow: in a WHERE clause, in a view, where the rows are. 90_dialect.sql has them otherwise.

CREATE FUNCTION madlib.automl_answer(kind text, model_table text, mst_key integer, features bytea) RETURNS text
LANGUAGE plpython3u STABLE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].answer(plpy, GD, kind, features, GD['automl'].automl_model(GD, model_table, mst_key))
$$;
COMMENT ON FUNCTION madlib.automl_answer(text, text, integer, bytea) IS
'Internal: what a model answers for one row, as text; the row as automl_native gives it.';

-- The same in two steps, where a process that has rows cannot read tables.
CREATE FUNCTION madlib.automl_model(model_table text, mst_key integer) RETURNS bytea
LANGUAGE plpython3u STABLE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_model(GD, model_table, mst_key)
$$;
COMMENT ON FUNCTION madlib.automl_model(text, integer) IS
'Internal: a model for automl_answer, with a digest before it.';

CREATE FUNCTION madlib.automl_answer(kind text, model bytea, features bytea) RETURNS text
LANGUAGE plpython3u STABLE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].answer(plpy, GD, kind, features, model)
$$;
COMMENT ON FUNCTION madlib.automl_answer(text, bytea, bytea) IS
'Internal: what a model that automl_model gave answers for one row, as text.';

-- Rows that are computed without TensorFlow in the session that has them.
CREATE FUNCTION madlib.automl_ready(model bytea, shape integer[], number bigint) RETURNS boolean
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].ready(GD, model, shape, number)
$$;
COMMENT ON FUNCTION madlib.automl_ready(bytea, integer[], bigint) IS
'Internal: whether so many rows of a shape are to be computed here, without TensorFlow; gets a model ready for that.';

CREATE FUNCTION madlib.automl_outputs(digest bytea, features bytea, number integer, raw boolean) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].outputs(plpy, GD, digest, features, number, raw)
$$;
COMMENT ON FUNCTION madlib.automl_outputs(bytea, bytea, integer, boolean) IS
'Internal: the outputs of a model that is ready, for a batch of rows, as float32.';

CREATE FUNCTION madlib.automl_evaluated(evaluation text, weights bytea) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].evaluate(plpy, evaluation, weights)
$$;
COMMENT ON FUNCTION madlib.automl_evaluated(text, bytea) IS
'Internal: loss and metrics of a model on a packed table, computed here without TensorFlow where that is little work.';

-- An array of any type; one of truth values, from which no cast leads to real; the text of one, which a literal is taken for.
CREATE FUNCTION madlib.automl_prob(model_table text, x anyarray, mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('prob', $1, $3, madlib.automl_native($2::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_prob(text, anyarray, integer) IS
'Returns the probabilities of all classes for one row, by a trained model, in the order of its class_values.';

CREATE FUNCTION madlib.automl_prob(model_table text, x boolean[], mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('prob', $1, $3, madlib.automl_native($2::integer[]::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_prob(text, boolean[], integer) IS
'Returns the probabilities of all classes for one row, by a trained model, in the order of its class_values.';

CREATE FUNCTION madlib.automl_prob(model_table text, x text, mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('prob', $1, $3, madlib.automl_native($2::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_prob(text, text, integer) IS
'Returns the probabilities of all classes for one row, by a trained model, in the order of its class_values.';

CREATE FUNCTION madlib.automl_response(model_table text, x anyarray, mst_key integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('response', $1, $3, madlib.automl_native($2::real[])) $$;
COMMENT ON FUNCTION madlib.automl_response(text, anyarray, integer) IS
'Returns the most probable class for one row, by a trained model; what it predicts, if that is a number or an array.';

CREATE FUNCTION madlib.automl_response(model_table text, x boolean[], mst_key integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('response', $1, $3, madlib.automl_native($2::integer[]::real[])) $$;
COMMENT ON FUNCTION madlib.automl_response(text, boolean[], integer) IS
'Returns the most probable class for one row, by a trained model; what it predicts, if that is a number or an array.';

CREATE FUNCTION madlib.automl_response(model_table text, x text, mst_key integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('response', $1, $3, madlib.automl_native($2::real[])) $$;
COMMENT ON FUNCTION madlib.automl_response(text, text, integer) IS
'Returns the most probable class for one row, by a trained model; what it predicts, if that is a number or an array.';

CREATE FUNCTION madlib.automl_value(model_table text, x anyarray, mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('value', $1, $3, madlib.automl_native($2::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_value(text, anyarray, integer) IS
'Returns what the network of a trained model gives for one row, as it is.';

CREATE FUNCTION madlib.automl_value(model_table text, x boolean[], mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('value', $1, $3, madlib.automl_native($2::integer[]::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_value(text, boolean[], integer) IS
'Returns what the network of a trained model gives for one row, as it is.';

CREATE FUNCTION madlib.automl_value(model_table text, x text, mst_key integer DEFAULT NULL) RETURNS real[]
LANGUAGE sql STABLE
AS $$ SELECT madlib.automl_answer('value', $1, $3, madlib.automl_native($2::real[]))::real[] $$;
COMMENT ON FUNCTION madlib.automl_value(text, text, integer) IS
'Returns what the network of a trained model gives for one row, as it is.';
