-- How every update ends: the first line of each function asks for the version that the session has loaded, which is another one
-- now. Where 90_dialect.sql has put there what automl_load does, it stands there again, as it is now.
DO $$
DECLARE
    loading text := 'plpy.execute(''SELECT madlib.automl_load()'')';
    definition text;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_proc WHERE prosrc LIKE '%: exec(r"""if True:%'
        AND pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'madlib')) THEN
        SELECT 'exec(r"""if True:' || prosrc || '""", globals())' INTO loading FROM pg_catalog.pg_proc
        WHERE oid = 'madlib.automl_load()'::regprocedure;
    END IF;
    FOR definition IN
        SELECT regexp_replace(pg_get_functiondef(p.oid),
            '\nif [^\n]*: (plpy\.execute\(''SELECT madlib\.automl_load\(\)''\)|exec\(r""".*""", globals\(\)\))\n', '@FIRST LINE@')
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        WHERE e.extname = 'keras_automl' AND d.deptype = 'e'
    LOOP
        IF definition LIKE '%@FIRST LINE@%' THEN
            EXECUTE replace(definition, '@FIRST LINE@', E'\nif GD.get(''keras_automl'') != ''@VERSION@'': ' || loading || E'\n');
        END IF;
    END LOOP;
END
$$;
