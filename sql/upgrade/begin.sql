-- How every update begins. Between this file and end.sql stand how tables are stored (02_storage.sql), automl_load as
-- it is now (05_load.sql) and what the step changes.
\echo Use "ALTER EXTENSION keras_automl UPDATE" to load this file. \quit

-- A search that is under way would go on with the package that its sessions have loaded, and fail. Each holds an advisory lock
-- on its number for as long as it runs, also where nobody sees its row yet: `claim_run` in src/automl/database/locks.py.
DO $$
DECLARE
    run record;
    other record;
BEGIN
    SELECT objid AS id, pid INTO run FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND classid = 27491 AND objsubid = 2
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'run % is under way', run.id USING ERRCODE = 'object_in_use', HINT = format(
            'Wait until it is over, or end it: SELECT pg_cancel_backend(%s). Its owner can go on with it after the update: SELECT madlib.automl_resume(%s)',
            run.pid, run.id);
    END IF;
    -- So does whoever evaluates, predicts or packs: each call keeps the extension itself (`keep` in src/automl/database/dialect.py).
    SELECT pid INTO other FROM pg_catalog.pg_locks
    WHERE locktype = 'object' AND mode = 'AccessShareLock' AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND classid = 'pg_catalog.pg_extension'::regclass
        AND objid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'keras_automl')
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the transaction of process % uses the extension', other.pid USING ERRCODE = 'object_in_use', HINT = format(
            'Wait until it is over, or end it: SELECT pg_terminate_backend(%s)', other.pid);
    END IF;
END
$$;
