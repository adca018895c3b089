-- On Greenplum a call of plpy begins with a message to all segments, and where that fails, or is cancelled, the next PL/Python
-- function of the session crashes the server (src/keras_seg/server/interrupts.py). The package protects its own calls. So that none
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
