-- From 0.1.0 to 0.2.0. sql/Makefile puts begin.sql, 02_storage.sql and 05_load.sql before this and end.sql behind it.

-- A search came to say what ranks its trials.
ALTER TABLE madlib.automl_run_log ADD COLUMN objective text, ADD COLUMN estimated_seconds double precision,
    ADD COLUMN estimated_bytes bigint, ADD COLUMN estimated_memory_mb integer;

-- The record came to be added to only: what is said of a run or a trial is a row of its own.
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
INSERT INTO madlib.automl_state_log
    (run_id, owner, n, at, status, executor, sessions, backend, best_mst_key, best_loss, error, versions)
    SELECT run_id, owner, 1, coalesce(finished, started), status, executor, sessions, backend, best_mst_key, best_loss, error,
        versions FROM madlib.automl_run_log;
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
CREATE OR REPLACE VIEW madlib.automl_runs WITH (security_barrier) AS
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
ALTER TABLE madlib.automl_run_log DROP COLUMN status, DROP COLUMN finished, DROP COLUMN executor, DROP COLUMN sessions,
    DROP COLUMN versions, DROP COLUMN backend, DROP COLUMN best_mst_key, DROP COLUMN best_loss, DROP COLUMN error;
COMMENT ON TABLE madlib.automl_run_log IS 'One row a search of any role: what was called; read it through the view automl_runs';
CREATE VIEW madlib.automl_states WITH (security_barrier) AS
    SELECT run_id, owner, n, at, status, executor, sessions, backend, best_mst_key, best_loss, best_objective, best_standard_error,
        error, versions, decisions, ended_by, tables,
        trials, done, running, share, rows_per_second, elapsed, remaining, ranking, bits, seconds, bytes, memory_mb,
        automl_params, time_from
    FROM madlib.automl_state_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_states IS 'Internal: what became of your searches, step by step; the last row is what automl_runs shows';

-- Where a method has put a trial became an object of the columns that the method has, in the place of the two of Hyperband.
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
INSERT INTO madlib.automl_progress_log (run_id, owner, mst_key, n, status, place, iteration, loss, seconds, error)
    SELECT run_id, owner, mst_key, 1, status, ('{' || concat_ws(', ', '"s": ' || s, '"i": ' || i) || '}')::json, iteration, loss,
        seconds, error FROM madlib.automl_trial_log;
ALTER TABLE madlib.automl_trial_log ADD COLUMN varied json;
CREATE OR REPLACE VIEW madlib.automl_trials WITH (security_barrier) AS
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
ALTER TABLE madlib.automl_trial_log DROP COLUMN s, DROP COLUMN i, DROP COLUMN status, DROP COLUMN iteration, DROP COLUMN loss,
    DROP COLUMN seconds, DROP COLUMN error;
COMMENT ON TABLE madlib.automl_trial_log IS 'One row a trial of any role: its configuration; read it through the view automl_trials';
CREATE VIEW madlib.automl_configurations WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, model_id, compile_params, fit_params, varied
    FROM madlib.automl_trial_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_configurations IS 'Internal: the configurations of the trials of your searches, which automl_trials shows';
CREATE VIEW madlib.automl_trial_states WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, n, status, place, iteration, loss, objective, best_iteration, try_objective, standard_error,
        kept, seconds, error
    FROM madlib.automl_progress_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_trial_states IS 'Internal: how far the trials of your searches are, step by step; automl_trials shows the last row of each';

-- What an evaluation is worth came to stand beside its loss and metrics.
ALTER TABLE madlib.automl_metric_log ADD COLUMN objective double precision;
CREATE OR REPLACE VIEW madlib.automl_metrics WITH (security_barrier) AS
    SELECT * FROM madlib.automl_metric_log WHERE owner = current_user WITH LOCAL CHECK OPTION;

-- A state became one row or several, since a value of PostgreSQL ends at 1 GB, and a later one stands beside it.
ALTER TABLE madlib.automl_checkpoint_log ADD COLUMN part integer NOT NULL DEFAULT 0, ADD COLUMN rewritten boolean;
ALTER TABLE madlib.automl_checkpoint_log DROP CONSTRAINT automl_checkpoint_log_pkey;
ALTER TABLE madlib.automl_checkpoint_log ADD PRIMARY KEY (run_id, mst_key, visits, part);
COMMENT ON TABLE madlib.automl_checkpoint_log IS
'The states of each trial under way, of any role; read it through the view automl_checkpoints';
COMMENT ON COLUMN madlib.automl_checkpoint_log.rewritten IS 'Always NULL: automl_tidy alters its type, which copies the rows that count';
CREATE OR REPLACE VIEW madlib.automl_checkpoints WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, iteration, visits, state, part FROM madlib.automl_checkpoint_log
    WHERE owner = current_user
        AND (run_id, mst_key, visits) IN (SELECT l.run_id, l.mst_key, max(l.visits) FROM madlib.automl_checkpoint_log l
            WHERE l.owner = current_user GROUP BY l.run_id, l.mst_key)
        AND run_id NOT IN (SELECT s.run_id FROM madlib.automl_state_log s
            WHERE s.owner = current_user AND s.status = 'finished');
CREATE VIEW madlib.automl_checkpoint_versions WITH (security_barrier) AS
    SELECT run_id, owner, mst_key, iteration, visits, state, part
    FROM madlib.automl_checkpoint_log WHERE owner = current_user WITH LOCAL CHECK OPTION;
COMMENT ON VIEW madlib.automl_checkpoint_versions IS 'Internal: the states of your trials that were written and not tidied away yet; automl_checkpoints shows the latest';

REVOKE INSERT, UPDATE ON madlib.automl_checkpoints FROM PUBLIC;
REVOKE INSERT, UPDATE, DELETE ON madlib.automl_trials FROM PUBLIC;
GRANT SELECT, INSERT, DELETE
    ON madlib.automl_calls, madlib.automl_states, madlib.automl_configurations, madlib.automl_trial_states,
        madlib.automl_checkpoint_versions TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_state_log', '');
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_progress_log', '');

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

-- Where 90_dialect.sql has put rules in the place of foreign keys.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite WHERE rulename = 'automl_trial_log_too') THEN
        EXECUTE 'ALTER TABLE madlib.automl_checkpoint_log SET DISTRIBUTED BY (run_id, mst_key)';
        EXECUTE 'ALTER TABLE madlib.automl_progress_log SET DISTRIBUTED BY (run_id, mst_key)';
        EXECUTE 'ALTER TABLE madlib.automl_state_log SET DISTRIBUTED BY (run_id)';
        CREATE RULE automl_progress_log_too AS ON DELETE TO madlib.automl_run_log
            DO ALSO DELETE FROM madlib.automl_progress_log WHERE run_id = OLD.run_id;
    END IF;
END
$$;
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

-- Sessions came to stay between calls.
CREATE FUNCTION madlib.automl_rest() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].rest(GD)
$$;
COMMENT ON FUNCTION madlib.automl_rest() IS
'Internal: drops what a run left in this session, but for what it has compiled: a session that is kept.';

CREATE FUNCTION madlib.automl_release() RETURNS integer
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_release()
$$;
COMMENT ON FUNCTION madlib.automl_release() IS
'Closes the sessions that earlier calls of this session have left for the next one, and drops what was compiled in this one; returns how many there were.';

DROP FUNCTION madlib.automl_doctor();
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
    OUT kept_sessions integer,
    OUT problem text
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_doctor()
$$;
COMMENT ON FUNCTION madlib.automl_doctor() IS
'A row for the server (-1) and for each segment of Greenplum: versions, paths, threads, memory, devices, sessions that are kept, and what to mend.';

-- A search came to end by budgets, or because somebody says so, and to go on with others.
DROP FUNCTION madlib.automl_resume(bigint);
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

-- What a search has come to became something that any session of its role can look at.
-- Of more numbers than fit every k-th is shown, and the last. What cannot be subtracted in float8 may land in a wrong block.
CREATE FUNCTION madlib.automl_sparkline(numbers double precision[], width integer DEFAULT 20) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(CASE WHEN number IS NULL THEN ' ' WHEN low = high THEN chr(9601)
        ELSE chr(9600 + greatest(1, least(8, CASE WHEN low > 0 AND high::numeric >= 100 * low::numeric
            THEN width_bucket(ln(number), ln(low), ln(high), 8) ELSE width_bucket(number, low, high, 8) END))) END,
        '' ORDER BY cell), '')
    FROM (
        SELECT cell, number, min(number) OVER () AS low, max(number) OVER () AS high
        FROM (
            SELECT cell, CASE WHEN $1[at] > '-Infinity' AND $1[at] < 'Infinity' THEN $1[at] END AS number
            FROM (
                SELECT cell, array_lower($1, 1) - 1 + (cell * array_length($1, 1)::bigint
                    / least(array_length($1, 1), greatest($2, 1)))::integer AS at
                FROM generate_series(1, least(coalesce(array_length($1, 1), 0), greatest($2, 1))) cell
            ) cells
        ) finite
    ) bounded
$$;
COMMENT ON FUNCTION madlib.automl_sparkline(double precision[], integer) IS
'Numbers as a line of block characters, eight heights from the least to the greatest, or to 100 times and more on a logarithmic scale; NULL, NaN and infinity are blanks.';

CREATE FUNCTION madlib.automl_short(number double precision, digits integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN $1 <> 0 AND $1 > '-Infinity' AND $1 < 'Infinity'
        THEN round($1::numeric, $2 - 1 - floor(log(abs($1::numeric)))::integer)::double precision ELSE $1 END
$$;
COMMENT ON FUNCTION madlib.automl_short(double precision, integer) IS
'Internal: a number rounded to so many digits that count, as it is shown to people.';

-- The number of a run that is the caller's, NULL for the latest; NULL where there is none.
CREATE FUNCTION madlib.automl_shown_run(run_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint := CASE WHEN $1 IS NULL
        THEN (SELECT r.run_id FROM madlib.automl_calls r ORDER BY r.run_id DESC LIMIT 1)
        ELSE (SELECT r.run_id FROM madlib.automl_calls r WHERE r.run_id = $1) END;
BEGIN
    IF found IS NULL AND $1 IS NOT NULL THEN
        RAISE EXCEPTION 'run_id: must be the number of one of your runs, got %', $1 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'They are in the view: SELECT run_id, status, model_output_table FROM madlib.automl_runs';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION madlib.automl_shown_run(bigint) IS
'Internal: the run that automl_leaderboard and automl_progress show: the given one of the caller''s, or the latest.';

-- What the last state of each run says of it.
CREATE VIEW madlib.automl_standings WITH (security_barrier) AS
    SELECT r.run_id, r.owner, (r.last).at AS at, (r.last).trials AS trials, (r.last).done AS done, (r.last).running AS running,
        (r.last).share AS share, (r.last).rows_per_second AS rows_per_second, (r.last).elapsed AS elapsed,
        (r.last).remaining AS remaining, (r.last).ranking AS ranking
    FROM madlib.automl_last_states r;
COMMENT ON VIEW madlib.automl_standings IS 'Internal: where your searches stand, as automl_leaderboard and automl_progress show it';
GRANT SELECT ON madlib.automl_standings TO PUBLIC;

-- A standby has not the locks that tell whether a run is alive, and takes its word for it.
-- Which trials lead a run says itself, as the last of its states has it: nobody looks through all trials to see the best of them.
-- Where that is not enough, or a run of an earlier version has not said it, all are looked at. Where a budget has ended a run, what
-- it has decided nothing about is in no table, and has no rank. Of several tries of a configuration, whose value is their mean, one
-- stands for all: the best; where there is no mean, the one that has no value. A run names 100 of those at most.
CREATE FUNCTION madlib.automl_leaderboard(run_id bigint DEFAULT NULL, top integer DEFAULT 20) RETURNS TABLE (
    rank integer,
    mst_key integer,
    status text,
    iteration integer,
    objective double precision,
    behind double precision,
    curve text,
    parameters text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run CONSTANT bigint := madlib.automl_shown_run($1);
    most CONSTANT integer := CASE WHEN $2 IS NULL THEN 2147483647 ELSE greatest($2, 0) END;
    ended boolean;
    sign integer;
    delivered boolean;
    leaders integer[];
BEGIN
    SELECT NOT coalesce(r.alive OR r.status = 'running' AND pg_is_in_recovery(), FALSE),
        CASE WHEN r.objective LIKE 'max:%' THEN -1 ELSE 1 END, coalesce(r.status = 'stopped', FALSE), s.ranking
    INTO ended, sign, delivered, leaders
    FROM madlib.automl_runs r LEFT JOIN madlib.automl_standings s ON s.run_id = r.run_id WHERE r.run_id = run;
    IF leaders IS NULL OR most > cardinality(leaders) AND cardinality(leaders) >= 100 THEN
        leaders := ARRAY(SELECT t.mst_key
            FROM (
                SELECT DISTINCT ON (tried) tries.* FROM (
                    SELECT a.mst_key, coalesce((a.place ->> 'configuration')::integer, a.mst_key) AS tried,
                        sign * a.try_objective AS own, delivered AND a.status NOT IN ('finished', 'failed') AS undecided,
                        CASE WHEN a.try_objective IS NULL THEN coalesce(a.objective, a.loss) ELSE a.objective END AS value
                    FROM madlib.automl_trials a WHERE a.run_id = run
                ) tries
                ORDER BY tried, CASE WHEN value IS NOT NULL THEN own END, CASE WHEN value IS NULL THEN own END DESC,
                    CASE WHEN value IS NULL THEN -mst_key ELSE mst_key END
            ) t
            ORDER BY t.undecided, CASE WHEN t.value > '-Infinity' AND t.value < 'Infinity' THEN sign * t.value END,
                t.value IS NULL, t.tried LIMIT most);
    ELSE
        leaders := leaders[1:most];
    END IF;
    RETURN QUERY
    SELECT CASE WHEN score IS NOT NULL THEN (row_number() OVER place)::integer END, mst_key,
        CASE WHEN ended AND status IN ('waiting', 'running') THEN 'stopped' ELSE status END, iteration,
        madlib.automl_short(value, 5), madlib.automl_short(score - min(score) OVER (), 3), madlib.automl_sparkline(course, 10),
        coalesce('configuration=' || configuration || ' ', '')
            || coalesce((SELECT string_agg(p.key || '=' || CASE WHEN json_typeof(varied -> p.key) = 'number'
            THEN madlib.automl_short(p.value::double precision, 3)::text ELSE p.value END, ' ') FROM json_each_text(varied) p),
            compile_params || ' ' || fit_params)
            || coalesce(' standard_error=' || madlib.automl_short(standard_error, 3), '')
    FROM (
        SELECT c.mst_key, coalesce(p.status, 'waiting') AS status, coalesce(p.iteration, 0) AS iteration, p.value,
            CASE WHEN p.value > '-Infinity' AND p.value < 'Infinity' AND (p.status = 'finished' OR NOT delivered)
                THEN sign * p.value END AS score, delivered AND coalesce(p.status, 'waiting') NOT IN ('finished', 'failed') AS undecided,
            m.course, c.varied,
            (p.place ->> 'configuration')::integer AS configuration, p.standard_error, c.compile_params, c.fit_params
        FROM madlib.automl_configurations c
        LEFT JOIN (
            SELECT DISTINCT ON (s.mst_key) s.mst_key, s.status, s.iteration, s.place, s.try_objective, s.standard_error,
                CASE WHEN s.try_objective IS NULL THEN coalesce(s.objective, s.loss) ELSE s.objective END AS value
            FROM madlib.automl_trial_states s WHERE s.run_id = run AND s.mst_key = ANY (leaders) ORDER BY s.mst_key, s.n DESC
        ) p ON p.mst_key = c.mst_key
        LEFT JOIN (
            SELECT e.mst_key, array_agg(CASE WHEN e.objective IS NOT NULL THEN e.objective
                WHEN e.validation_metrics IS NULL THEN e.training_loss ELSE e.validation_loss END ORDER BY e.iteration) AS course
            FROM madlib.automl_metrics e WHERE e.run_id = run AND e.mst_key = ANY (leaders) GROUP BY e.mst_key
        ) m ON m.mst_key = c.mst_key
        WHERE c.run_id = run AND c.mst_key = ANY (leaders)
    ) trials
    WINDOW place AS (ORDER BY score, undecided, value IS NULL, configuration, mst_key)
    ORDER BY score, undecided, value IS NULL, configuration, mst_key;
END
$$;
COMMENT ON FUNCTION madlib.automl_leaderboard(bigint, integer) IS
'The best trials of one of your runs, the latest by default, also while it runs: how good, how far behind, the learning curve, the parameters that differ.';

CREATE FUNCTION madlib.automl_progress(run_id bigint DEFAULT NULL) RETURNS TABLE (
    run bigint,
    method text,
    status text,
    running text,
    trials text,
    percent integer,
    rows_per_s double precision,
    elapsed interval,
    remaining interval,
    best integer,
    objective double precision
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    shown CONSTANT bigint := madlib.automl_shown_run($1);
BEGIN
    RETURN QUERY
    SELECT shown, r.method, CASE WHEN r.status = 'running' AND NOT r.goes_on THEN 'interrupted' ELSE r.status END,
        CASE WHEN r.goes_on THEN array_to_string(s.running[1:4], ', ')
            || CASE WHEN cardinality(s.running) > 4 THEN ', +' || cardinality(s.running) - 4 ELSE '' END END,
        s.done || coalesce(' of ' || s.trials, ''), CASE WHEN r.status = 'finished' THEN 100 ELSE floor(100 * s.share)::integer END,
        round(s.rows_per_second::numeric)::double precision,
        date_trunc('second', s.elapsed * interval '1 second' + CASE WHEN r.goes_on THEN now - s.at ELSE interval '0' END),
        CASE WHEN r.goes_on AND s.remaining IS NOT NULL
            THEN date_trunc('second', greatest(s.remaining * interval '1 second' - (now - s.at), interval '0')) END,
        r.best_mst_key, madlib.automl_short(coalesce(r.best_objective, r.best_loss), 5)
    FROM (SELECT o.*, clock_timestamp() AS now, o.alive OR o.status = 'running' AND pg_is_in_recovery() AS goes_on
        FROM madlib.automl_runs o WHERE o.run_id = shown) r
    JOIN madlib.automl_standings s ON s.run_id = r.run_id;
END
$$;
COMMENT ON FUNCTION madlib.automl_progress(bigint) IS
'How far one of your runs is, the latest by default: what is running, how much is done, how fast, how long it goes on, the best so far.';

CREATE VIEW madlib.automl_leaderboard AS SELECT * FROM madlib.automl_leaderboard(NULL::bigint);
COMMENT ON VIEW madlib.automl_leaderboard IS 'The best 20 trials of your latest run: TABLE madlib.automl_leaderboard \watch 2';

CREATE VIEW madlib.automl_progress AS SELECT * FROM madlib.automl_progress(NULL::bigint);
COMMENT ON VIEW madlib.automl_progress IS 'How far your latest run is: TABLE madlib.automl_progress \watch 1';

GRANT SELECT ON madlib.automl_leaderboard, madlib.automl_progress TO PUBLIC;

CREATE FUNCTION madlib.automl_leaderboard(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_leaderboard', *args)
$$;
COMMENT ON FUNCTION madlib.automl_leaderboard(text) IS
'Help: what automl_leaderboard shows; with ''usage'' its arguments and columns, with ''example'' an example.';

CREATE FUNCTION madlib.automl_progress(message text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_progress', *args)
$$;
COMMENT ON FUNCTION madlib.automl_progress(text) IS
'Help: what automl_progress shows; with ''usage'' its argument and columns, with ''example'' an example.';

CREATE FUNCTION madlib.automl_repeat(run_id bigint) RETURNS boolean
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_repeat(*args)
$$;
COMMENT ON FUNCTION madlib.automl_repeat(bigint) IS
'Makes one of your finished runs once more, without tables; returns whether it comes to the same, bit for bit.';

CREATE FUNCTION madlib.automl_repeat(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_repeat', *args)
$$;
COMMENT ON FUNCTION madlib.automl_repeat(text) IS
'Help: what automl_repeat does; with ''usage'' its arguments and results, with ''example'' examples.';

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

CREATE FUNCTION madlib.automl_plan(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_plan', *args)
$$;
COMMENT ON FUNCTION madlib.automl_plan(text) IS
'Help: what automl_plan does; with ''usage'' its arguments and results, with ''example'' examples.';

-- Models came to answer for one row, without TensorFlow.
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

-- Where rows lie on segments, the coordinator reads the model; in parallel plans they run from PostgreSQL 17 on: as in
-- 90_dialect.sql.
DO $$
DECLARE
    definition text;
    called regprocedure;
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_segment_configuration') IS NOT NULL THEN
        FOR definition IN
            SELECT pg_get_functiondef(oid) FROM pg_catalog.pg_proc
            WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'madlib')
                AND proname IN ('automl_prob', 'automl_response', 'automl_value')
        LOOP
            EXECUTE regexp_replace(definition, ', \$1, \$3,', ', madlib.automl_model($1, $3),');
        END LOOP;
    ELSE
        FOR called IN
            SELECT oid FROM pg_catalog.pg_proc
            WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'madlib')
                AND current_setting('server_version_num')::integer >= 170000 AND proname IN
                    ('automl_prob', 'automl_response', 'automl_value', 'automl_answer', 'automl_model', 'automl_native')
        LOOP
            EXECUTE format('ALTER FUNCTION %s PARALLEL SAFE', called);
        END LOOP;
    END IF;
END
$$;

-- Models came to go out and come in as files.
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

CREATE FUNCTION madlib.automl_export(model_table text, mst_key integer, format text) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_export(*args)
$$;
COMMENT ON FUNCTION madlib.automl_export(text, integer, text) IS
'Returns a trained model as a file: keras, json (the architecture), safetensors (the weights) or onnx.';

CREATE FUNCTION madlib.automl_export(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_export', *args)
$$;
COMMENT ON FUNCTION madlib.automl_export(text) IS
'Help: what automl_export does; with ''usage'' its arguments and results, with ''example'' examples.';

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

-- Models of ordinary columns came to predict.
DROP FUNCTION madlib.automl_predict(text, bytea, integer);
CREATE FUNCTION madlib.automl_predict_batch(key text, features bytea, count integer) RETURNS bytea
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].predict(plpy, GD, key, features, count)
$$;
COMMENT ON FUNCTION madlib.automl_predict_batch(text, bytea, integer) IS
'Internal: the outputs of a network for a batch of rows, as float32.';

CREATE FUNCTION madlib.automl_named(names text[], probs real[]) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
SELECT pg_catalog.json_object_agg(coalesce(name, 'null'), prob)::jsonb FROM unnest($1, $2) AS q (name, prob)
$$;
COMMENT ON FUNCTION madlib.automl_named(text[], real[]) IS
'Internal: the probabilities of classes by their names.';
DO $$
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_segment_configuration') IS NOT NULL THEN
        -- JSON has six digits of a real there, and fifteen of a double precision.
        EXECUTE replace(pg_get_functiondef('madlib.automl_named(text[], real[])'::regprocedure), '), prob)', '), prob::float8)');
    ELSIF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'ALTER FUNCTION madlib.automl_named(text[], real[]) PARALLEL SAFE';  -- no words of Greenplum's
    END IF;
END
$$;

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

CREATE FUNCTION madlib.automl_predict(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_predict', *args)
$$;
COMMENT ON FUNCTION madlib.automl_predict(text) IS
'Help: what automl_predict does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.automl_evaluate(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_evaluate', *args)
$$;
COMMENT ON FUNCTION madlib.automl_evaluate(text) IS
'Help: what automl_evaluate does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.automl_importance(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_importance', *args)
$$;
COMMENT ON FUNCTION madlib.automl_importance(text) IS
'Help: what automl_importance does; with ''usage'' its arguments and results, with ''example'' examples.';

CREATE FUNCTION madlib.automl_functions() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_functions', 'usage')
$$;
COMMENT ON FUNCTION madlib.automl_functions() IS
'Help: what automl_functions makes, and its argument.';

-- Tables of ordinary columns came to models in one statement.
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

CREATE FUNCTION madlib.automl_train(message text DEFAULT '') RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].usage('automl_train', *args)
$$;
COMMENT ON FUNCTION madlib.automl_train(text) IS
'Help: what automl_train does; with ''usage'' its arguments and results, with ''example'' examples.';

-- The directory of TensorBoard came to be kept from members of pg_write_all_data.
CREATE FUNCTION madlib.automl_superusers_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE insufficient_privilege USING MESSAGE = format('only a superuser may write to %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME),
            HINT = 'A superuser configures it: SELECT madlib.automl_tensorboard(...).';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION madlib.automl_superusers_only() IS
'Internal: keeps those out who may write to every table, as members of pg_write_all_data.';

-- But where 90_dialect.sql has put rules in the place of foreign keys: it tells which database that is.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite WHERE rulename = 'automl_trial_log_too') THEN
        CREATE TRIGGER automl_superusers_only BEFORE INSERT OR UPDATE OR DELETE ON madlib.automl_tensorboard_setting
            FOR EACH ROW EXECUTE PROCEDURE madlib.automl_superusers_only();
        ALTER TABLE madlib.automl_tensorboard_setting ENABLE ALWAYS TRIGGER automl_superusers_only;
    END IF;
END
$$;
