-- The schema of all that follows.
\echo Use "CREATE EXTENSION keras_automl" to load this file. \quit

-- Made here and not by the control file, so that the extension owns it: DROP EXTENSION leaves nothing. A schema of this name
-- that exists already is somebody else's (Apache MADlib's, say), and the extension stays out of it.
CREATE SCHEMA madlib;
GRANT USAGE ON SCHEMA madlib TO PUBLIC;
COMMENT ON SCHEMA madlib IS 'Keras models trained and searched in the database (extension keras_automl)';

-- Append-only tables, which a role or database of Greenplum may have as its default, have no keys: those of the extension are
-- none. (No other server has such a setting, hence EXECUTE; it lasts until the script ends.)
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'gp_default_storage_options') THEN
        EXECUTE 'SET LOCAL gp_default_storage_options = ''appendonly=false''';
    END IF;
END
$$;
