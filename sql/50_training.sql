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
    status text NOT NULL DEFAULT 'waiting',
    iteration integer NOT NULL DEFAULT 0,
    loss double precision,
    seconds double precision NOT NULL DEFAULT 0,
    error text,
    place json NOT NULL DEFAULT '{}',
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
    part integer NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, mst_key, part),
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

-- Where a method has put a trial is its own affair: an object of the columns that it has. Those of Hyperband have names here too.
CREATE VIEW madlib.automl_trials WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, model_id, compile_params, fit_params, (place ->> 's')::integer AS s,
        (place ->> 'i')::integer AS i, status, iteration, loss, seconds, error, place
    FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
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

-- The searches, configurations of one's own choice, and going on with either.

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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_automl(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_automl(
    varchar, varchar, varchar, varchar, integer[], varchar, varchar, varchar, varchar, integer, varchar, boolean, varchar,
    integer, varchar, varchar, boolean
) IS 'Searches architectures and hyperparameters by the method that is named; makes the tables <output>, <output>_info, <output>_summary, the model selection table and its summary.';

CREATE FUNCTION madlib.automl_resume(run_id bigint) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_resume(*args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(bigint) IS
'Goes on with one of your runs that was cancelled, failed or lost its server; makes the tables that its call would have made.';

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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
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
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].madlib_keras_fit(*args)
$$;
COMMENT ON FUNCTION madlib.madlib_keras_fit(
    varchar, varchar, varchar, integer, varchar, varchar, integer, boolean, varchar, integer, boolean, varchar, varchar, varchar
) IS
'Trains one model; makes the tables <model> and <model>_summary.';
