-- Runs, trials, metrics and checkpoints. The tables belong to the extension; the views show and take only the caller's own rows.
-- A search adds rows and changes none, so no lock on a row can stop it, and on Greenplum, where UPDATE and DELETE lock whole
-- tables, searches do not wait for each other. What was written last counts; automl_tidy deletes what does not count any more.

CREATE TABLE madlib.automl_run_log (
    run_id bigserial PRIMARY KEY,
    owner name NOT NULL DEFAULT current_user,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    method text,
    params text,
    source_table text,
    model_output_table text,
    arguments text,
    inputs text,
    random_state bigint,
    threads integer,
    partitions integer,
    objective text,
    estimated_seconds double precision,
    estimated_bytes bigint,
    estimated_memory_mb integer,
    UNIQUE (run_id, owner)
);
COMMENT ON TABLE madlib.automl_run_log IS 'One row a search of any role: what was called; read it through the view automl_runs';

-- No foreign key: the last row is written in the caller's own transaction, whose snapshot may be older than the run.
CREATE TABLE madlib.automl_state_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    n bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL,
    executor text,
    sessions integer,
    backend integer,
    best_mst_key integer,
    best_loss double precision,
    best_objective double precision,
    best_standard_error double precision,
    error text,
    versions text,
    decisions bigint,
    ended_by text,
    tables text,
    trials integer,
    done integer,
    running integer[],
    share double precision,
    rows_per_second double precision,
    elapsed double precision,
    remaining double precision,
    ranking integer[],
    bits text,
    seconds double precision,
    bytes bigint,
    memory_mb integer,
    automl_params text,
    time_from double precision,
    PRIMARY KEY (run_id, owner, n)
);
COMMENT ON TABLE madlib.automl_state_log IS 'What became of the searches of any role, step by step; read it through the view automl_states';

CREATE TABLE madlib.automl_trial_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text,
    varied json,
    PRIMARY KEY (run_id, mst_key),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
COMMENT ON TABLE madlib.automl_trial_log IS 'One row a trial of any role: its configuration; read it through the view automl_trials';

CREATE TABLE madlib.automl_progress_log (
    run_id bigint NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    mst_key integer NOT NULL,
    n bigint NOT NULL,
    status text NOT NULL,
    place json NOT NULL DEFAULT '{}',
    iteration integer NOT NULL DEFAULT 0,
    loss double precision,
    objective double precision,
    best_iteration integer,
    try_objective double precision,
    standard_error double precision,
    kept integer[],
    seconds double precision NOT NULL DEFAULT 0,
    error text,
    rewritten boolean,
    PRIMARY KEY (run_id, mst_key, n),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
COMMENT ON TABLE madlib.automl_progress_log IS 'How far the trials of any role are, step by step; read it through the view automl_trial_states';
COMMENT ON COLUMN madlib.automl_progress_log.rewritten IS 'Always NULL: automl_tidy alters its type, which copies the rows that count';

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
    objective double precision,
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
    rewritten boolean,
    PRIMARY KEY (run_id, mst_key, visits, part),
    FOREIGN KEY (run_id, owner) REFERENCES madlib.automl_run_log (run_id, owner) ON DELETE CASCADE
);
-- Weights cannot be compressed; trying costs more than writing them.
ALTER TABLE madlib.automl_checkpoint_log ALTER COLUMN state SET STORAGE EXTERNAL;
COMMENT ON TABLE madlib.automl_checkpoint_log IS
'The states of each trial under way, of any role; read it through the view automl_checkpoints';
COMMENT ON COLUMN madlib.automl_checkpoint_log.rewritten IS 'Always NULL: automl_tidy alters its type, which copies the rows that count';

CREATE VIEW madlib.automl_calls WITH (security_barrier) AS
    SELECT run_id, owner, started, method, params, source_table, model_output_table, arguments, inputs, random_state, threads,
        partitions, objective, estimated_seconds, estimated_bytes, estimated_memory_mb
    FROM madlib.automl_run_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_calls IS 'Internal: what was called, which automl_runs shows';

-- One subquery for all that the last state says, behind a barrier, which keeps it one: each is a slice of the query on Greenplum,
-- with a process on every segment.
CREATE VIEW madlib.automl_last_states WITH (security_barrier) AS
    SELECT r.run_id, r.owner, r.started, r.method, r.params, r.source_table, r.model_output_table, r.arguments, r.inputs,
        r.random_state, r.threads, r.partitions, r.objective, r.estimated_seconds, r.estimated_bytes, r.estimated_memory_mb,
        (SELECT s FROM madlib.automl_state_log s
            WHERE s.run_id = r.run_id AND s.owner = r.owner ORDER BY s.n DESC LIMIT 1) AS last
    FROM madlib.automl_run_log r WHERE r.owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_last_states IS 'Internal: what was called, and what became of it last, which automl_runs shows';

-- A run is alive while its caller keeps its advisory lock, in this database (src/automl/database/locks.py). An array, which is
-- made once and before the rows are read: on Greenplum they are read on segments, which have other locks, and an array of
-- nothing is NULL.
CREATE VIEW madlib.automl_runs WITH (security_barrier) AS
    SELECT r.run_id, r.owner, coalesce((r.last).status, 'running') AS status, r.started,
        CASE WHEN (r.last).status <> 'running' THEN (r.last).at END AS finished,
        r.method, r.params, r.source_table, r.model_output_table, r.arguments, r.inputs, r.random_state,
        (r.last).executor AS executor, (r.last).sessions AS sessions, r.threads, r.partitions, (r.last).versions AS versions,
        (r.last).backend AS backend, (r.last).best_mst_key AS best_mst_key, (r.last).best_loss AS best_loss,
        (r.last).error AS error,
        coalesce((r.last).status, 'running') = 'running'
            AND coalesce(r.run_id % 2147483648 = ANY (ARRAY(SELECT l.objid::bigint FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'advisory' AND l.classid = 27491 AND l.objsubid = 2 AND l.granted AND l.database =
                    (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))), FALSE) AS alive,
        r.objective, (r.last).best_objective AS best_objective, (r.last).decisions AS decisions,
        (r.last).ended_by AS ended_by, (r.last).bits AS bits, (r.last).seconds AS seconds, r.estimated_seconds,
        (r.last).bytes AS bytes, r.estimated_bytes, (r.last).memory_mb AS memory_mb, r.estimated_memory_mb,
        (r.last).automl_params AS automl_params, (r.last).best_standard_error AS best_standard_error
    FROM madlib.automl_last_states r;
COMMENT ON VIEW madlib.automl_runs IS 'Your searches, those under way included: status, settings, the best trial so far';

CREATE VIEW madlib.automl_states WITH (security_barrier) AS
    SELECT run_id, owner, n, at, status, executor, sessions, backend, best_mst_key, best_loss, best_objective, best_standard_error,
        error, versions, decisions, ended_by, tables,
        trials, done, running, share, rows_per_second, elapsed, remaining, ranking, bits, seconds, bytes, memory_mb,
        automl_params, time_from
    FROM madlib.automl_state_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_states IS 'Internal: what became of your searches, step by step; the last row is what automl_runs shows';

-- Where a method has put a trial is its own affair: an object of the columns that it has. Those of Hyperband have names here too.
CREATE VIEW madlib.automl_trials WITH (security_barrier) AS
    SELECT t.run_id, t.owner, t.mst_key, t.model_id, t.compile_params, t.fit_params, (p.place ->> 's')::integer AS s,
        (p.place ->> 'i')::integer AS i,
        CASE WHEN r.status IN ('stopped', 'cancelled', 'failed') AND coalesce(p.status, 'waiting') IN ('waiting', 'running')
            THEN 'stopped' ELSE coalesce(p.status, 'waiting') END AS status,
        coalesce(p.iteration, 0) AS iteration, p.loss, coalesce(p.seconds, 0) AS seconds, p.error,
        coalesce(p.place, '{}') AS place, p.objective, p.best_iteration, t.varied, p.try_objective, p.standard_error
    FROM madlib.automl_trial_log t
    LEFT JOIN (SELECT DISTINCT ON (run_id, mst_key, owner) * FROM madlib.automl_progress_log
        ORDER BY run_id, mst_key, owner, n DESC) p ON p.run_id = t.run_id AND p.mst_key = t.mst_key AND p.owner = t.owner
    LEFT JOIN (SELECT DISTINCT ON (run_id, owner) * FROM madlib.automl_state_log
        ORDER BY run_id, owner, n DESC) r ON r.run_id = t.run_id AND r.owner = t.owner
    WHERE t.owner = current_user;
COMMENT ON VIEW madlib.automl_trials IS 'The trials of your searches: configuration, status, iterations made, latest loss, error';

CREATE VIEW madlib.automl_configurations WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, model_id, compile_params, fit_params, varied
    FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_configurations IS 'Internal: the configurations of the trials of your searches, which automl_trials shows';

CREATE VIEW madlib.automl_trial_states WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, n, status, place, iteration, loss, objective, best_iteration, try_objective, standard_error,
        kept, seconds, error
    FROM madlib.automl_progress_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_trial_states IS 'Internal: how far the trials of your searches are, step by step; automl_trials shows the last row of each';

CREATE VIEW madlib.automl_metrics WITH (security_barrier) AS
    SELECT * FROM madlib.automl_metric_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_metrics IS 'The learning curves of your searches: loss and metrics a trial and iteration';

CREATE VIEW madlib.automl_checkpoints WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, iteration, visits, state, part FROM madlib.automl_checkpoint_log
    WHERE owner = current_user
        AND (run_id, mst_key, visits) IN (SELECT l.run_id, l.mst_key, max(l.visits) FROM madlib.automl_checkpoint_log l
            WHERE l.owner = current_user GROUP BY l.run_id, l.mst_key)
        AND run_id NOT IN (SELECT s.run_id FROM madlib.automl_state_log s
            WHERE s.owner = current_user AND s.status = 'finished');
COMMENT ON VIEW madlib.automl_checkpoints IS 'The latest state of each trial of your searches that did not end by themselves';

CREATE VIEW madlib.automl_checkpoint_versions WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, iteration, visits, state, part
    FROM madlib.automl_checkpoint_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_checkpoint_versions IS 'Internal: the states of your trials that were written and not tidied away yet; automl_checkpoints shows the latest';

GRANT SELECT, INSERT, UPDATE, DELETE ON madlib.automl_runs, madlib.automl_metrics TO PUBLIC;
GRANT SELECT, DELETE ON madlib.automl_checkpoints TO PUBLIC;
GRANT SELECT ON madlib.automl_trials TO PUBLIC;
GRANT SELECT, INSERT, DELETE
    ON madlib.automl_calls, madlib.automl_states, madlib.automl_configurations, madlib.automl_trial_states,
        madlib.automl_checkpoint_versions TO PUBLIC;
GRANT USAGE ON SEQUENCE madlib.automl_run_log_run_id_seq TO PUBLIC;

-- pg_dump keeps the rows.
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_run_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_run_log_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_state_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_trial_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_progress_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_metric_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_checkpoint_log', '');

-- What does not count any more: states that a later one has replaced, or whose run has finished or was deleted, and what was said
-- of runs and trials before the last word. A DELETE alone frees nothing while any snapshot is as old as a search, and the one of
-- its caller is; a table that is rewritten has only the rows that live now. Each table by itself, and none that somebody uses.
CREATE FUNCTION madlib.automl_tidy() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms'
AS $$
DECLARE
    least CONSTANT bigint := 16 * 1024 * 1024;
    live bigint;
BEGIN
    BEGIN
        SELECT coalesce(sum(octet_length(state)), 0) INTO live FROM madlib.automl_checkpoint_log
        WHERE ((run_id, owner, mst_key, visits) IN
                (SELECT run_id, owner, mst_key, max(visits) FROM madlib.automl_checkpoint_log GROUP BY run_id, owner, mst_key)
            OR (run_id, owner, mst_key, visits) IN
                (SELECT run_id, owner, mst_key, unnest(kept) FROM
                    (SELECT DISTINCT ON (run_id, owner, mst_key) run_id, owner, mst_key, kept FROM madlib.automl_progress_log
                    ORDER BY run_id, owner, mst_key, n DESC) p))
            AND (run_id, owner) NOT IN (SELECT run_id, owner FROM madlib.automl_state_log WHERE status = 'finished');
        IF pg_total_relation_size('madlib.automl_checkpoint_log') > 2 * live + least THEN
            LOCK TABLE madlib.automl_checkpoint_log IN ACCESS EXCLUSIVE MODE;
            DELETE FROM madlib.automl_checkpoint_log
            WHERE ((run_id, owner, mst_key, visits) NOT IN
                    (SELECT run_id, owner, mst_key, max(visits) FROM madlib.automl_checkpoint_log GROUP BY run_id, owner, mst_key)
                    AND (run_id, owner, mst_key, visits) NOT IN
                        (SELECT run_id, owner, mst_key, unnest(kept) FROM
                            (SELECT DISTINCT ON (run_id, owner, mst_key) run_id, owner, mst_key, kept
                            FROM madlib.automl_progress_log ORDER BY run_id, owner, mst_key, n DESC) p))
                OR (run_id, owner) IN (SELECT run_id, owner FROM madlib.automl_state_log WHERE status = 'finished')
                OR (run_id, owner) NOT IN (SELECT run_id, owner FROM madlib.automl_run_log);
            ALTER TABLE madlib.automl_checkpoint_log ALTER COLUMN rewritten TYPE boolean USING NULL::boolean;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL;  -- the next time
    END;
    BEGIN
        SELECT 500 * count(*) INTO live FROM madlib.automl_trial_log;
        IF pg_total_relation_size('madlib.automl_progress_log') > 2 * live + least THEN
            LOCK TABLE madlib.automl_progress_log IN ACCESS EXCLUSIVE MODE;
            DELETE FROM madlib.automl_progress_log
            WHERE (run_id, owner, mst_key, n) NOT IN
                    (SELECT run_id, owner, mst_key, max(n) FROM madlib.automl_progress_log GROUP BY run_id, owner, mst_key)
                OR (run_id, owner) NOT IN (SELECT run_id, owner FROM madlib.automl_run_log);
            ALTER TABLE madlib.automl_progress_log ALTER COLUMN rewritten TYPE boolean USING NULL::boolean;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    BEGIN
        SELECT count(*) INTO live FROM madlib.automl_run_log;
        IF (SELECT count(*) FROM madlib.automl_state_log) > 2 * live + 1000 THEN
            DELETE FROM madlib.automl_state_log
            WHERE (run_id, owner, n) NOT IN (SELECT run_id, owner, max(n) FROM madlib.automl_state_log GROUP BY run_id, owner)
                OR (run_id, owner) NOT IN (SELECT run_id, owner FROM madlib.automl_run_log);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    BEGIN
        SELECT count(*) INTO live FROM
            (SELECT DISTINCT owner, call FROM madlib.automl_plan_log WHERE at > now() - interval '90 days') p;
        IF (SELECT count(*) FROM madlib.automl_plan_log) > 2 * live + 1000 THEN
            DELETE FROM madlib.automl_plan_log
            WHERE (owner, call, at) NOT IN (SELECT owner, call, max(at) FROM madlib.automl_plan_log GROUP BY owner, call)
                OR at <= now() - interval '90 days';
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
END
$$;
COMMENT ON FUNCTION madlib.automl_tidy() IS
'Deletes what does not count any more of the record of everybody''s runs, where that has become much; searches call it.';

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

CREATE TABLE madlib.automl_plan_log (
    owner name NOT NULL DEFAULT current_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    call text NOT NULL,
    seconds double precision,
    bytes bigint,
    memory_mb integer
);
COMMENT ON TABLE madlib.automl_plan_log IS 'What automl_plan has told any role; read it through the view automl_plans';

CREATE VIEW madlib.automl_plans WITH (security_barrier) AS
    SELECT owner, at, call, seconds, bytes, memory_mb FROM madlib.automl_plan_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_plans IS 'Internal: what automl_plan has told you, by a digest of the call, for the record of the run that follows';
GRANT SELECT, INSERT, DELETE ON madlib.automl_plans TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_plan_log', '');

CREATE FUNCTION madlib.automl_plan(
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
    use_caching boolean DEFAULT FALSE,
    OUT part text,
    OUT trials integer,
    OUT iterations integer,
    OUT visits bigint,
    OUT seconds double precision,
    OUT at_least double precision,
    OUT at_most double precision,
    OUT bytes bigint,
    OUT bytes_at_least bigint,
    OUT bytes_at_most bigint,
    OUT memory_mb integer,
    OUT memory_mb_at_least integer,
    OUT memory_mb_at_most integer
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_plan(*args)
$$;
COMMENT ON FUNCTION madlib.automl_plan(
    varchar, varchar, varchar, varchar, integer[], varchar, varchar, varchar, varchar, integer, varchar, boolean, varchar,
    integer, varchar, varchar, boolean
) IS 'What madlib_keras_automl with the same arguments would run, rung by rung, and after measuring some visits how long it takes, what it writes and how large a session is.';

CREATE FUNCTION madlib.automl_resume(run_id bigint, automl_params varchar DEFAULT NULL) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_resume(*args)
$$;
COMMENT ON FUNCTION madlib.automl_resume(bigint, varchar) IS
'Goes on with one of your runs that a budget or automl_stop ended, that was cancelled, failed or lost its server; makes the tables of its call.';

CREATE FUNCTION madlib.automl_stop(run_id bigint) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_stop(*args)
$$;
COMMENT ON FUNCTION madlib.automl_stop(bigint) IS
'Ends one of your searches that is under way in another session, which delivers the best that it has found; automl_resume goes on with it.';

CREATE FUNCTION madlib.automl_repeat(run_id bigint) RETURNS boolean
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_repeat(*args)
$$;
COMMENT ON FUNCTION madlib.automl_repeat(bigint) IS
'Makes one of your finished runs once more, without tables; returns whether it comes to the same, bit for bit.';

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
