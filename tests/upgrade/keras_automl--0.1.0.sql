-- The schema of all that follows, and the function that leads PL/Python to the package.
\echo Use "CREATE EXTENSION keras_automl" to load this file. \quit

-- Made here and not by the control file, so that the extension owns it: DROP EXTENSION leaves nothing. A schema of this name
-- that exists already is somebody else's (Apache MADlib's, say), and the extension stays out of it.
CREATE SCHEMA madlib;
GRANT USAGE ON SCHEMA madlib TO PUBLIC;
COMMENT ON SCHEMA madlib IS 'Keras models trained and searched in the database (extension keras_automl)';

-- The folder is written into this body by the installer: nothing that a user can set decides what is imported. It goes first,
-- because other copies of its packages (Debian's numpy) may lie further on.
CREATE FUNCTION madlib.automl_load() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
import importlib, os, sys

SITE, VERSION = '@PYTHON_SITE@', '@VERSION@'
INSTALL = 'Run deploy/install of keras_automl ' + VERSION + ' on the host of the server, as root.'

def stop(message, hint):
    try:
        plpy.error('keras_automl: ' + message, hint=hint, sqlstate='55000')
    except TypeError:  # Greenplum 6: plpy.error takes no keyword arguments; keras_seg/failure.py tells why it is done like this
        error = type('Error', (plpy.SPIError,), {'__module__': 'plpy'})('keras_automl: ' + message)
        error.spidata = 325, None, hint, None, 0  # 325 is 55000
        raise error from None

def number(version):
    return [int(part) for part in version.split('.') if part.isdigit()]

sys.path[:] = [SITE] + [path for path in sys.path if os.path.isabs(path) and path != SITE]
importlib.invalidate_caches()
try:
    import automl
except ImportError:
    stop('the Python package automl is not in ' + SITE, INSTALL)
if not os.path.abspath(automl.__file__).startswith(SITE + '/'):
    stop('another Python package automl was loaded in this session, from ' + automl.__file__, 'Connect anew.')
if automl.__version__ != VERSION:
    stop(
        'the extension is version ' + VERSION + ', but the Python package in ' + SITE + ' is version ' + automl.__version__,
        "Run in this database: ALTER EXTENSION keras_automl UPDATE TO '" + automl.__version__ + "'; then connect anew."
        if number(automl.__version__) > number(VERSION) else INSTALL,
    )
from keras_seg.interrupts import careful, deferred, look
# In another encoding PL/Python fails over any error whose message is not ASCII, in a way that crashes the server.
encoding = careful(plpy).execute('SELECT pg_catalog.getdatabaseencoding() AS encoding')[0]['encoding']
if encoding != 'UTF8':
    stop('the database must have the encoding UTF8, it has ' + encoding, 'Dump it and restore it into a database in UTF8.')
try:
    with deferred():  # Greenplum: an import that is stopped in the middle cannot be begun again
        import automl.entry, keras_seg.transition
except ImportError as error:
    stop('the Python package ' + str(error.name) + ' cannot be imported from ' + SITE + ': ' + str(error), INSTALL)
GD['automl'], GD['keras_seg'] = automl.entry, keras_seg.transition
look(careful(plpy))  # the import takes a while
$$;
COMMENT ON FUNCTION madlib.automl_load() IS
'Internal: finds the Python package that belongs to this extension and keeps it for the session. The other functions call it.';
-- Preparing data and models: split, pack, the library of architectures, the schedule of Hyperband.

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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].validation_preprocessor_dl(*args)
$$;
COMMENT ON FUNCTION madlib.validation_preprocessor_dl(varchar, varchar, varchar, varchar, varchar, integer, text) IS
'Packs a table for validation as training_preprocessor_table was packed: same classes, shape and normalizing_const.';

CREATE FUNCTION madlib.load_keras_model(
    keras_model_arch_table varchar,
    model_arch json,
    model_weights bytea DEFAULT NULL,
    name text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_keras_model(*args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(varchar, json, bytea, text, text) IS
'Adds the JSON of a Keras model, perhaps with its weights, to a library of architectures, which is made if it does not exist.';

CREATE FUNCTION madlib.delete_keras_model(keras_model_arch_table varchar, model_id integer) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].delete_keras_model(*args)
$$;
COMMENT ON FUNCTION madlib.delete_keras_model(varchar, integer) IS
'Deletes a model from a library of architectures, and the library with its last model unless views depend on it.';

CREATE FUNCTION madlib.hyperband_schedule(
    schedule_table varchar,
    r integer,
    eta integer DEFAULT 3,
    skip_last integer DEFAULT 0
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].hyperband_schedule(*args)
$$;
COMMENT ON FUNCTION madlib.hyperband_schedule(varchar, integer, integer, integer) IS
'Writes the schedule of a Hyperband run to a new table (s, i, n_i, r_i), without running it.';

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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_features(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_features(bytea, integer[], real) IS
'Internal: concatenated automl_native() of real[] rows to native float32; NULL if a row is not of the shape.';

CREATE FUNCTION madlib.automl_pack_encoded(wire bytea, shape integer[]) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_encoded(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_encoded(bytea, integer[]) IS
'Internal: concatenated automl_native() of smallint[] rows to native int16; NULL if a row is not of the shape.';

CREATE FUNCTION madlib.automl_pack_classes(wire bytea, shape integer[]) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].pack_classes(*args)
$$;
COMMENT ON FUNCTION madlib.automl_pack_classes(bytea, integer[]) IS
'Internal: concatenated int4send() of class numbers to one-hot rows of int16; NULL if a row has no class.';
-- What runs on a session: the statements that a search makes there. Any role may call them: they train, evaluate and predict with
-- the rights of whoever calls, and nothing that comes in is imported, unpickled or evaluated.

CREATE FUNCTION madlib.automl_open(setup text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].open_session(plpy, GD, setup)
$$;
COMMENT ON FUNCTION madlib.automl_open(text) IS
'Internal: imports TensorFlow in this session and tells it what a run needs (JSON); returns versions and memory as JSON.';

CREATE FUNCTION madlib.automl_define(key text, architecture text, weights bytea) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].feed(GD, *args)
$$;
COMMENT ON FUNCTION madlib.automl_feed(text, integer, integer, bytea, integer[], bytea, integer[]) IS
'Internal: hands a buffer of a packed table to a session that cannot read tables, as those on segments of Greenplum.';

CREATE FUNCTION madlib.automl_check(orders text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].check(plpy, GD, orders)
$$;
COMMENT ON FUNCTION madlib.automl_check(text) IS
'Internal: builds and compiles networks without training them; returns the problems found as JSON.';

CREATE FUNCTION madlib.automl_visit(visit text, state bytea) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].visit(plpy, GD, visit, state)
$$;
COMMENT ON FUNCTION madlib.automl_visit(text, bytea) IS
'Internal: one hop. A trial''s state goes in, it trains on a partition and evaluates, report and state come out.';

-- A state that is too large for one statement comes and goes in parts, around its visit.
CREATE FUNCTION madlib.automl_put(part bytea, first boolean) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].put(GD, part, first)
$$;
COMMENT ON FUNCTION madlib.automl_put(bytea, boolean) IS
'Internal: takes a part of a large state; automl_visit takes the last part.';

CREATE FUNCTION madlib.automl_take() RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].take(GD)
$$;
COMMENT ON FUNCTION madlib.automl_take() IS
'Internal: the next part of the state that automl_visit has left, empty after the last.';

CREATE FUNCTION madlib.automl_predict(key text, features bytea, count integer) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].predict(plpy, GD, key, features, count)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text, bytea, integer) IS
'Internal: the outputs of a network for a batch of rows, as float32.';

-- Prediction where a process cannot read tables: one statement calls the three of them, in this order, in each of its processes.
CREATE TYPE madlib.automl_block AS (ids text[], classes integer[], outputs text[], ranks integer[], problem text);
COMMENT ON TYPE madlib.automl_block IS
'Internal: predictions of a batch of rows, column by column, or as JSON the problem why there are none.';

CREATE FUNCTION madlib.automl_gather_begin(setup text, gathering text, architecture text) RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gather_begin(plpy, GD, setup, gathering, architecture)
$$;
COMMENT ON FUNCTION madlib.automl_gather_begin(text, text, text) IS
'Internal: gets ready to predict the rows that the statement hands to this process; returns a block if there is a problem.';

CREATE FUNCTION madlib.automl_gather(id text, features bytea) RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gather(GD, id, features)
$$;
COMMENT ON FUNCTION madlib.automl_gather(text, bytea) IS
'Internal: takes a row to predict, its features as automl_native gives them; returns a block when a batch is full.';

CREATE FUNCTION madlib.automl_gather_rest() RETURNS madlib.automl_block
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
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

CREATE FUNCTION madlib.automl_close() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].close_session(GD)
$$;
COMMENT ON FUNCTION madlib.automl_close() IS
'Internal: drops what a run left in this session.';
-- Runs, trials, metrics and checkpoints. The tables belong to the extension; the views show and take only the caller's own rows.

CREATE TABLE madlib.automl_run_log (
    run_id bigserial PRIMARY KEY,
    owner name NOT NULL DEFAULT current_user,
    status text NOT NULL DEFAULT 'running',
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished timestamptz,
    method text,
    params text,
    source_table text,
    model_output_table text,
    arguments text,
    inputs text,
    random_state bigint,
    executor text,
    sessions integer,
    threads integer,
    partitions integer,
    versions text,
    backend integer,
    best_mst_key integer,
    best_loss double precision,
    error text,
    UNIQUE (run_id, owner)
);
COMMENT ON TABLE madlib.automl_run_log IS 'One row a search of any role; read it through the view automl_runs';

CREATE TABLE madlib.automl_trial_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text,
    s integer,
    i integer,
    status text NOT NULL DEFAULT 'waiting',
    iteration integer NOT NULL DEFAULT 0,
    loss double precision,
    seconds double precision NOT NULL DEFAULT 0,
    error text,
    PRIMARY KEY (run_id, mst_key),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
COMMENT ON TABLE madlib.automl_trial_log IS 'One row a trial of any role; read it through the view automl_trials';

CREATE TABLE madlib.automl_metric_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    mst_key integer NOT NULL,
    iteration integer NOT NULL,
    elapsed double precision,
    training_loss double precision,
    training_metrics double precision[],
    validation_loss double precision,
    validation_metrics double precision[],
    PRIMARY KEY (run_id, mst_key, iteration),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
COMMENT ON TABLE madlib.automl_metric_log IS 'One row an evaluation of any role; read it through the view automl_metrics';

CREATE TABLE madlib.automl_checkpoint_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    mst_key integer NOT NULL,
    iteration integer NOT NULL,
    visits integer NOT NULL,
    state bytea,
    PRIMARY KEY (run_id, mst_key),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
-- Weights cannot be compressed; trying costs more than writing them.
ALTER TABLE madlib.automl_checkpoint_log ALTER COLUMN state SET STORAGE EXTERNAL;
COMMENT ON TABLE madlib.automl_checkpoint_log IS
'The latest state of each trial under way, of any role; read it through the view automl_checkpoints';

-- An array, which is made once and before the rows are read: on Greenplum they are read on segments, which have other processes.
CREATE VIEW madlib.automl_runs WITH (security_barrier) AS
    SELECT *, status = 'running' AND backend = ANY (ARRAY(SELECT pid FROM pg_catalog.pg_stat_activity)) AS alive
    FROM madlib.automl_run_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_runs IS 'Your searches, those under way included: status, settings, the best trial so far';

CREATE VIEW madlib.automl_trials WITH (security_barrier) AS
    SELECT * FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_trials IS 'The trials of your searches: configuration, status, iterations made, latest loss, error';

CREATE VIEW madlib.automl_metrics WITH (security_barrier) AS
    SELECT * FROM madlib.automl_metric_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_metrics IS 'The learning curves of your searches: loss and metrics a trial and iteration';

CREATE VIEW madlib.automl_checkpoints WITH (security_barrier) AS
    SELECT * FROM madlib.automl_checkpoint_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_checkpoints IS 'The latest state of each trial of your searches that did not end by themselves';

GRANT SELECT, INSERT, UPDATE, DELETE
    ON madlib.automl_runs, madlib.automl_trials, madlib.automl_metrics, madlib.automl_checkpoints TO PUBLIC;
GRANT USAGE ON SEQUENCE madlib.automl_run_log_run_id_seq TO PUBLIC;

-- pg_dump keeps the rows.
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_run_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_run_log_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_trial_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_metric_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_checkpoint_log', '');

-- Greenplum has no foreign keys: there rules delete what belongs to a run.
DO $$
DECLARE
    child text;
BEGIN
    IF version() LIKE '%Greenplum%' THEN
        FOREACH child IN ARRAY ARRAY['automl_trial_log', 'automl_metric_log', 'automl_checkpoint_log'] LOOP
            EXECUTE format('CREATE RULE %I AS ON DELETE TO madlib.automl_run_log'
                ' DO ALSO DELETE FROM madlib.%I WHERE run_id = OLD.run_id', child || '_too', child);
        END LOOP;
        -- nextval asks for it there.
        GRANT UPDATE ON SEQUENCE madlib.automl_run_log_run_id_seq TO PUBLIC;
    END IF;
END
$$;
-- The searches, and prediction with what they found.

CREATE FUNCTION madlib.madlib_keras_automl(
    source_table varchar,
    model_output_table varchar,
    model_arch_table varchar,
    model_selection_table varchar,
    model_id_list integer[],
    compile_params_grid varchar,
    fit_params_grid varchar,
    automl_method varchar DEFAULT 'hyperband',
    automl_params varchar DEFAULT NULL,
    random_state integer DEFAULT NULL,
    object_table varchar DEFAULT NULL,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    use_caching boolean DEFAULT FALSE
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_automl(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_automl(
    varchar, varchar, varchar, varchar, integer[], varchar, varchar, varchar, varchar, integer, varchar, boolean, varchar,
    integer, varchar, varchar, boolean
) IS 'Searches architectures and hyperparameters by Hyperband or Hyperopt; makes the tables <output>, <output>_info, <output>_summary, the model selection table and its summary.';

CREATE FUNCTION madlib.automl_resume(run_id bigint) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_resume(*args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(bigint) IS
'Goes on with one of your runs that was cancelled, failed or lost its server; makes the tables that its call would have made.';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type varchar DEFAULT 'prob',
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, varchar, boolean, integer) IS
'Predicts with a trained model: the class of each row (pred_type response), the probabilities of all (prob), the outputs as they are (value).';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type integer,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, integer, boolean, integer) IS
'Predicts with a trained model: the k most probable classes of each row, with their ranks.';

CREATE FUNCTION madlib.madlib_keras_predict(
    model_table varchar,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type double precision,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(varchar, varchar, varchar, varchar, varchar, double precision, boolean, integer) IS
'Predicts with a trained model: the classes of each row that are more probable than a threshold from 0 to below 1.';
-- Configurations of one's own choice: generated or loaded, trained, evaluated.

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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
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
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].load_model_selection_table(*args)
$$;
COMMENT ON FUNCTION madlib.load_model_selection_table(
    varchar, varchar, integer[], varchar[], varchar[], varchar
) IS
'Writes every combination of models, compile and fit parameters into a new model selection table.';

CREATE FUNCTION madlib.madlib_keras_fit_multiple_model(
    source_table varchar,
    model_output_table varchar,
    model_selection_table varchar,
    num_iterations integer,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    warm_start boolean DEFAULT FALSE,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    use_caching boolean DEFAULT FALSE
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_fit_multiple_model(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit_multiple_model(
    varchar, varchar, varchar, integer, boolean, varchar, integer, boolean, varchar, varchar, boolean
) IS
'Trains every configuration of a model selection table; makes the tables <output>, <output>_info and <output>_summary.';

CREATE FUNCTION madlib.madlib_keras_fit(
    source_table varchar,
    model varchar,
    model_arch_table varchar,
    model_id integer,
    compile_params varchar,
    fit_params varchar,
    num_iterations integer,
    use_gpus boolean DEFAULT FALSE,
    validation_table varchar DEFAULT NULL,
    metrics_compute_frequency integer DEFAULT NULL,
    warm_start boolean DEFAULT FALSE,
    name varchar DEFAULT NULL,
    description varchar DEFAULT NULL,
    object_table varchar DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_fit(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit(
    varchar, varchar, varchar, integer, varchar, varchar, integer, boolean, varchar, integer, boolean, varchar, varchar, varchar
) IS
'Trains one model; makes the tables <model> and <model>_summary.';

CREATE FUNCTION madlib.madlib_keras_evaluate(
    model_table varchar,
    test_table varchar,
    output_table varchar,
    use_gpus boolean DEFAULT FALSE,
    mst_key integer DEFAULT NULL
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_evaluate(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_evaluate(
    varchar, varchar, varchar, boolean, integer
) IS
'Computes loss and metrics of a trained model on the rows of a packed table.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type varchar DEFAULT 'prob',
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, varchar, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the class of each row (pred_type response), the probabilities of all (prob).';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type integer,
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, integer, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the k most probable classes of each row, with their ranks.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(
    model_arch_table varchar,
    model_id integer,
    test_table varchar,
    id_col varchar,
    independent_varname varchar,
    output_table varchar,
    pred_type double precision,
    use_gpus boolean DEFAULT FALSE,
    class_values text[] DEFAULT NULL,
    normalizing_const double precision DEFAULT NULL,
    dependent_count integer DEFAULT 1
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_predict_byom(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(
    varchar, integer, varchar, varchar, varchar, varchar, double precision, boolean, text[], double precision, integer
) IS
'Predicts with a model of a library that has weights: the classes of each row that are more probable than a threshold from 0 to below 1.';
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
-- For whoever runs the server.

CREATE FUNCTION madlib.automl_doctor(
    OUT segment integer,
    OUT host text,
    OUT version text,
    OUT python text,
    OUT tensorflow text,
    OUT keras text,
    OUT numpy text,
    OUT site text,
    OUT processors integer,
    OUT threads integer,
    OUT memory_mb integer,
    OUT gpus text[],
    OUT problem text
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_doctor()
$$;
COMMENT ON FUNCTION madlib.automl_doctor() IS
'A row for the server (-1) and for each segment of Greenplum: versions, paths, threads, memory, devices, and what to mend.';

CREATE FUNCTION madlib.automl_inspect() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].inspect(plpy)
$$;
COMMENT ON FUNCTION madlib.automl_inspect() IS
'Internal: what this session finds where it runs, as JSON.';

CREATE FUNCTION madlib.gpu_configuration(output_table text, source text DEFAULT 'tensorflow') RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].gpu_configuration(*args)
$$;
COMMENT ON FUNCTION madlib.gpu_configuration(text, text) IS
'Writes the GPUs of each host to a new table (hostname, gpu_descr): those that TensorFlow can use, or those that the driver shows.';

CREATE FUNCTION madlib.automl_gpus(source text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gpus(plpy, source)
$$;
COMMENT ON FUNCTION madlib.automl_gpus(text) IS
'Internal: the GPUs of the host where this session runs, as JSON.';

-- A table and no setting: any role can SET a setting, nobody but a superuser can write here. Sessions read it by themselves.
CREATE TABLE madlib.automl_tensorboard_setting (directory text NOT NULL);
COMMENT ON TABLE madlib.automl_tensorboard_setting IS
'The one directory below which trials write for TensorBoard; no row where none is configured';
GRANT SELECT ON madlib.automl_tensorboard_setting TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_tensorboard_setting', '');
DO $$
BEGIN
    -- A process on a segment can read only what lies there as a whole.
    IF version() LIKE '%Greenplum%' THEN
        EXECUTE 'ALTER TABLE madlib.automl_tensorboard_setting SET DISTRIBUTED REPLICATED';
    END IF;
END
$$;

CREATE FUNCTION madlib.automl_tensorboard(directory text) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_tensorboard(*args)
$$;
COMMENT ON FUNCTION madlib.automl_tensorboard(text) IS
'Configures the directory below which trials write for TensorBoard, NULL for none; for superusers only.';
REVOKE ALL ON FUNCTION madlib.automl_tensorboard(text) FROM PUBLIC;
-- Help: each function without arguments, or with 'usage' or 'example', tells about itself. The texts are those of the reference.

CREATE FUNCTION madlib.train_test_split(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('train_test_split', *args)
$$;
COMMENT ON FUNCTION madlib.train_test_split(text) IS
'Help: what train_test_split does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.training_preprocessor_dl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('training_preprocessor_dl', *args)
$$;
COMMENT ON FUNCTION madlib.training_preprocessor_dl(text) IS
'Help: what training_preprocessor_dl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.validation_preprocessor_dl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('validation_preprocessor_dl', *args)
$$;
COMMENT ON FUNCTION madlib.validation_preprocessor_dl(text) IS
'Help: what validation_preprocessor_dl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_keras_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_keras_model', *args)
$$;
COMMENT ON FUNCTION madlib.load_keras_model(text) IS
'Help: what load_keras_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.delete_keras_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('delete_keras_model', *args)
$$;
COMMENT ON FUNCTION madlib.delete_keras_model(text) IS
'Help: what delete_keras_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.hyperband_schedule(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('hyperband_schedule', *args)
$$;
COMMENT ON FUNCTION madlib.hyperband_schedule(text) IS
'Help: what hyperband_schedule does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_automl(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_automl', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_automl(text) IS
'Help: what madlib_keras_automl does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.automl_resume(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_resume', *args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(text) IS
'Help: what automl_resume does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.generate_model_configs(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('generate_model_configs', *args)
$$;
COMMENT ON FUNCTION madlib.generate_model_configs(text) IS
'Help: what generate_model_configs does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_model_selection_table(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_model_selection_table', *args)
$$;
COMMENT ON FUNCTION madlib.load_model_selection_table(text) IS
'Help: what load_model_selection_table does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_fit_multiple_model(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_fit_multiple_model', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit_multiple_model(text) IS
'Help: what madlib_keras_fit_multiple_model does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_fit(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_fit', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit(text) IS
'Help: what madlib_keras_fit does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_evaluate(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_evaluate', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_evaluate(text) IS
'Help: what madlib_keras_evaluate does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_predict(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_predict', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict(text) IS
'Help: what madlib_keras_predict does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.madlib_keras_predict_byom(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('madlib_keras_predict_byom', *args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_predict_byom(text) IS
'Help: what madlib_keras_predict_byom does; with ''usage'' its arguments and results, with ''example'' examples.';

-- With one argument it makes a table of that name.
CREATE FUNCTION madlib.gpu_configuration() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('gpu_configuration', 'usage')
$$;
COMMENT ON FUNCTION madlib.gpu_configuration() IS
'Help: what gpu_configuration does, its arguments and results.';

CREATE FUNCTION madlib.load_custom_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_custom_function', *args)
$$;
COMMENT ON FUNCTION madlib.load_custom_function(text) IS
'Help: what load_custom_function does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.load_top_k_accuracy_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('load_top_k_accuracy_function', *args)
$$;
COMMENT ON FUNCTION madlib.load_top_k_accuracy_function(text) IS
'Help: what load_top_k_accuracy_function does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.delete_custom_function(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('delete_custom_function', *args)
$$;
COMMENT ON FUNCTION madlib.delete_custom_function(text) IS
'Help: what delete_custom_function does; with ''usage'' its arguments and results, with ''example'' examples.';
-- On Greenplum a call of plpy begins with a message to all segments, and where that fails, or is cancelled, the next PL/Python
-- function of the session crashes the server (src/keras_seg/interrupts.py). The package protects its own calls. So that none
-- comes before the package is there, each function has what automl_load does in its own body.
DO $$
DECLARE
    -- PL/Python indents every line of a body: hence the "if".
    loading text := (SELECT 'exec(r"""if True:' || prosrc || '""", globals())' FROM pg_catalog.pg_proc
                     WHERE oid = 'madlib.automl_load()'::regprocedure);
    definition text;
BEGIN
    IF version() LIKE '%Greenplum%' THEN
        FOR definition IN
            SELECT pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
            WHERE n.nspname = 'madlib' AND l.lanname = 'plpython3u' AND p.prosrc LIKE '%''SELECT madlib.automl_load()''%'
        LOOP
            EXECUTE replace(definition, 'plpy.execute(''SELECT madlib.automl_load()'')', loading);
        END LOOP;
    END IF;
END
$$;
