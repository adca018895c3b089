-- How every update begins. Between this file and end.sql stand automl_load as it is now (05_load.sql) and what the step changes.
\echo Use "ALTER EXTENSION keras_automl UPDATE" to load this file. \quit

-- A search that is under way would go on with the package that its sessions have loaded, and fail. Each holds an advisory lock
-- for as long as it runs: `claim_run` in src/automl/database/locks.py.
DO $$
DECLARE
    run record;
BEGIN
    SELECT r.run_id, l.pid INTO run FROM madlib.automl_run_log r
    JOIN pg_catalog.pg_locks l ON l.objid = (r.run_id % 2147483648)::oid
    WHERE l.locktype = 'advisory' AND l.classid = 27491 AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'run % is under way', run.run_id USING ERRCODE = 'object_in_use', HINT = format(
            'Wait until it is over, or end it: SELECT pg_cancel_backend(%s). Its owner can go on with it after the update: SELECT madlib.automl_resume(%s)',
            run.pid, run.run_id);
    END IF;
END
$$;
