-- How the tables of the extension are stored: part of its own script and of those of its updates.

-- Append-only tables, which a role or database of Greenplum may have as its default, have no keys: those of the extension are
-- none. (No other server has such a setting, hence EXECUTE; it lasts until the script ends. From Greenplum 7 on it says no more
-- than how the rows of an append-only table lie: that a table is none is its access method.)
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'gp_default_storage_options') THEN
        RETURN;
    ELSIF EXISTS (SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'default_table_access_method') THEN
        EXECUTE 'SET LOCAL default_table_access_method = heap';
    ELSE
        EXECUTE 'SET LOCAL gp_default_storage_options = ''appendonly=false''';
    END IF;
END
$$;
