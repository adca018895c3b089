-- How the tables of the extension are stored: part of its own script and of those of its updates.

-- Append-only tables, which a role or database of Greenplum may have as its default, have no keys: those of the extension are
-- none. (No other server has such a setting, hence EXECUTE; it lasts until the script ends.)
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'gp_default_storage_options') THEN
        EXECUTE 'SET LOCAL gp_default_storage_options = ''appendonly=false''';
    END IF;
END
$$;
