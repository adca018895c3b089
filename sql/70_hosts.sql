-- For whoever runs the server.

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

CREATE FUNCTION madlib.automl_release() RETURNS integer
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_release()
$$;
COMMENT ON FUNCTION madlib.automl_release() IS
'Closes the sessions that earlier calls of this session have left for the next one, and drops what was compiled in this one; returns how many there were.';

CREATE FUNCTION madlib.automl_inspect() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].inspect(plpy)
$$;
COMMENT ON FUNCTION madlib.automl_inspect() IS
'Internal: what this session finds where it runs, as JSON.';

CREATE FUNCTION madlib.gpu_configuration(output_table text, source text DEFAULT 'tensorflow') RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].gpu_configuration(*args)
$$;
COMMENT ON FUNCTION madlib.gpu_configuration(text, text) IS
'Writes the GPUs of each host to a new table (hostname, gpu_descr): those that TensorFlow can use, or those that the driver shows.';

CREATE FUNCTION madlib.automl_gpus(source text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gpus(plpy, source)
$$;
COMMENT ON FUNCTION madlib.automl_gpus(text) IS
'Internal: the GPUs of the host where this session runs, as JSON.';

-- A table and no setting: any role can SET a setting, nobody but a superuser can write here. Sessions read it by themselves.
-- A member of pg_write_all_data has the right to write, hence the trigger (90_dialect.sql).
CREATE TABLE madlib.automl_tensorboard_setting (directory text NOT NULL);
COMMENT ON TABLE madlib.automl_tensorboard_setting IS
'The one directory below which trials write for TensorBoard; no row where none is configured';
GRANT SELECT ON madlib.automl_tensorboard_setting TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('madlib.automl_tensorboard_setting', '');

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

CREATE FUNCTION madlib.automl_tensorboard(directory text) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_tensorboard(*args)
$$;
COMMENT ON FUNCTION madlib.automl_tensorboard(text) IS
'Configures the directory below which trials write for TensorBoard, NULL for none; for superusers only.';
REVOKE ALL ON FUNCTION madlib.automl_tensorboard(text) FROM PUBLIC;
