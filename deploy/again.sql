-- Make the extension again in this database as it is installed on the server now, with the record of runs that it has:
--
--     psql -d mydb -f deploy/again.sql
--
-- For what ALTER EXTENSION cannot do, because both are the same version: where one follows the project between two releases, or
-- where the environment has moved to another folder. Columns that the record has gained since are at their defaults. All of it
-- happens in one transaction. What others have made of the extension's objects, a view of the runs say, is not dropped: it is
-- named by the error that ends this, and all is as it was.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
BEGIN;

-- Tables of custom functions lie in the schema of the extension, which goes; they are not its own.
CREATE SCHEMA keras_automl_kept;

DO $$
DECLARE
    kept name;
    columns text;
    record oid[] := (SELECT extconfig FROM pg_catalog.pg_extension WHERE extname = 'keras_automl');
    tables name[] := ARRAY(SELECT relname FROM pg_catalog.pg_class WHERE oid = ANY (record) AND relkind = 'r');
    numbers name[] := ARRAY(SELECT relname FROM pg_catalog.pg_class WHERE oid = ANY (record) AND relkind = 'S');
    others name[] := ARRAY(SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'madlib' AND c.relkind = 'r' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'));
BEGIN
    IF record IS NULL THEN
        RAISE EXCEPTION 'the extension keras_automl is not in this database'
            USING ERRCODE = 'undefined_object', HINT = 'CREATE EXTENSION keras_automl CASCADE';
    END IF;
    FOREACH kept IN ARRAY others LOOP
        EXECUTE format('ALTER TABLE madlib.%I SET SCHEMA keras_automl_kept', kept);
    END LOOP;
    FOREACH kept IN ARRAY tables || numbers LOOP
        EXECUTE format('CREATE TEMPORARY TABLE %I ON COMMIT DROP AS SELECT * FROM madlib.%I', 'kept_' || kept, kept);
    END LOOP;

    DROP EXTENSION keras_automl;
    CREATE EXTENSION keras_automl;

    PERFORM set_config('session_replication_role', 'replica', true);  -- rows come in any order
    FOREACH kept IN ARRAY tables LOOP
        SELECT string_agg(quote_ident(now.attname), ', ') INTO columns
        FROM pg_catalog.pg_attribute now JOIN pg_catalog.pg_attribute was USING (attname)
        WHERE now.attrelid = ('madlib.' || quote_ident(kept))::regclass AND now.attnum > 0 AND NOT now.attisdropped
            AND was.attrelid = ('pg_temp.' || quote_ident('kept_' || kept))::regclass AND was.attnum > 0;
        EXECUTE format('INSERT INTO madlib.%I (%s) SELECT %2$s FROM pg_temp.%3$I', kept, columns, 'kept_' || kept);
    END LOOP;
    FOREACH kept IN ARRAY numbers LOOP
        EXECUTE format('SELECT setval(''madlib.%I'', last_value, is_called) FROM pg_temp.%I', kept, 'kept_' || kept);
    END LOOP;
    FOREACH kept IN ARRAY others LOOP
        EXECUTE format('ALTER TABLE keras_automl_kept.%I SET SCHEMA madlib', kept);
    END LOOP;
END
$$;

DROP SCHEMA keras_automl_kept;
COMMIT;
RESET client_min_messages;
