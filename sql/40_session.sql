-- What runs on a session: the statements that a search makes there. Any role may call them: they train, evaluate and predict with
-- the rights of whoever calls, and nothing that comes in is imported, unpickled or evaluated.

CREATE FUNCTION madlib.automl_open(setup text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].open_session(plpy, GD, setup)
$$;
COMMENT ON FUNCTION madlib.automl_open(text) IS
'Internal: imports TensorFlow in this session and tells it what a run needs (JSON); returns versions and memory as JSON.';

CREATE FUNCTION madlib.automl_define(key text, architecture text, weights bytea) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].define(GD, key, architecture, weights)
$$;
COMMENT ON FUNCTION madlib.automl_define(text, text, bytea) IS
'Internal: lets later orders of this session name an architecture, and its initial weights, by a key.';

CREATE FUNCTION madlib.automl_feed(
    dataset text,
    part integer,
    buffer integer,
    x bytea,
    x_shape integer[],
    y bytea,
    y_shape integer[]
) RETURNS integer
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].feed(GD, *args)
$$;
COMMENT ON FUNCTION madlib.automl_feed(text, integer, integer, bytea, integer[], bytea, integer[]) IS
'Internal: hands a buffer of a packed table to a session that cannot read tables, as those on segments of Greenplum.';

CREATE FUNCTION madlib.automl_check(orders text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].check(plpy, GD, orders)
$$;
COMMENT ON FUNCTION madlib.automl_check(text) IS
'Internal: builds and compiles networks without training them; returns the problems found as JSON.';

CREATE FUNCTION madlib.automl_visit(visit text, state bytea) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].visit(plpy, GD, visit, state)
$$;
COMMENT ON FUNCTION madlib.automl_visit(text, bytea) IS
'Internal: one hop. A trial''s state goes in, it trains on a partition and evaluates, report and state come out.';

-- A state that is too large for one statement comes and goes in parts, around its visit.
CREATE FUNCTION madlib.automl_put(part bytea, first boolean) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].put(GD, part, first)
$$;
COMMENT ON FUNCTION madlib.automl_put(bytea, boolean) IS
'Internal: takes a part of a large state or of large weights; automl_visit or automl_define takes the last part.';

CREATE FUNCTION madlib.automl_take() RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].take(GD)
$$;
COMMENT ON FUNCTION madlib.automl_take() IS
'Internal: the next part of the state that automl_visit has left, empty after the last.';

CREATE FUNCTION madlib.automl_predict_batch(key text, features bytea, count integer) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].predict(plpy, GD, key, features, count)
$$;
COMMENT ON FUNCTION madlib.automl_predict_batch(text, bytea, integer) IS
'Internal: the outputs of a network for a batch of rows, as float32.';

-- Models as files. What comes in is hostile: it is read without running anything of it.
CREATE FUNCTION madlib.automl_to_file(export text) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].to_file(plpy, GD, export)
$$;
COMMENT ON FUNCTION madlib.automl_to_file(text) IS
'Internal: writes a trained model as a file; a report and the first part of it come out, automl_take gives the others.';

CREATE FUNCTION madlib.automl_from_file(keras_file bytea) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].from_file(plpy, GD, keras_file)
$$;
COMMENT ON FUNCTION madlib.automl_from_file(bytea) IS
'Internal: reads a .keras file, or the last part of it; a report with the architecture and the weights come out, likewise.';

-- Prediction where a process cannot read tables: one statement calls the three of them, in this order, in each of its processes.
CREATE TYPE madlib.automl_block AS (ids text[], classes integer[], outputs text[], ranks integer[], problem text);
COMMENT ON TYPE madlib.automl_block IS
'Internal: predictions of a batch of rows, column by column, or as JSON the problem why there are none.';

CREATE FUNCTION madlib.automl_gather_begin(setup text, gathering text, architecture text) RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gather_begin(plpy, GD, setup, gathering, architecture)
$$;
COMMENT ON FUNCTION madlib.automl_gather_begin(text, text, text) IS
'Internal: gets ready to predict the rows that the statement hands to this process; returns a block if there is a problem.';

CREATE FUNCTION madlib.automl_gather(id text, features bytea) RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gather(GD, id, features)
$$;
COMMENT ON FUNCTION madlib.automl_gather(text, bytea) IS
'Internal: takes a row to predict, its features as automl_native gives them; returns a block when a batch is full.';

CREATE FUNCTION madlib.automl_gather_rest() RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gather_rest(GD)
$$;
COMMENT ON FUNCTION madlib.automl_gather_rest() IS
'Internal: returns the predictions of the last rows, and drops what the prediction needed.';

-- On Greenplum these two run on the coordinator, which needs nothing of the package for them.
CREATE FUNCTION madlib.automl_keep(value bytea) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$ GD['keras_automl kept'] = value $$;
COMMENT ON FUNCTION madlib.automl_keep(bytea) IS
'Internal: keeps a value in this session for automl_kept.';

CREATE FUNCTION madlib.automl_kept() RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$ return GD.pop('keras_automl kept', None) $$;
COMMENT ON FUNCTION madlib.automl_kept() IS
'Internal: returns the value that automl_keep has kept, once.';

CREATE FUNCTION madlib.automl_rest() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].rest(GD)
$$;
COMMENT ON FUNCTION madlib.automl_rest() IS
'Internal: drops what a run left in this session, but for what it has compiled: a session that is kept.';

CREATE FUNCTION madlib.automl_close() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].close_session(GD)
$$;
COMMENT ON FUNCTION madlib.automl_close() IS
'Internal: drops what a run left in this session.';
