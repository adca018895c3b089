-- On Greenplum a statement of PL/Python begins with a message to all segments, and its failure, where a segment does not answer,
-- makes the next PL/Python function of the session crash the server (src/keras_seg/interrupts.py). The package protects its own
-- statements; the one that loads it is protected here: where it fails, it ends the session and not the server.
DO $$
DECLARE
    function record;
BEGIN
    IF version() LIKE '%Greenplum%' THEN
        FOR function IN
            SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
            WHERE n.nspname = 'madlib' AND l.lanname = 'plpython3u' AND p.prosrc LIKE '%GD[''automl'']%'
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET exit_on_error = on', function.name);
        END LOOP;
        ALTER FUNCTION madlib.automl_load() SET exit_on_error = off;
    END IF;
END
$$;
