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
    OUT problem text
) RETURNS SETOF record
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].automl_doctor()
$$;
COMMENT ON FUNCTION madlib.automl_doctor() IS
'A row for the server (-1) and for each segment of Greenplum: versions, paths, threads, memory, devices, and what to mend.';

CREATE FUNCTION madlib.automl_inspect() RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].inspect(plpy)
$$;
COMMENT ON FUNCTION madlib.automl_inspect() IS
'Internal: what this session finds where it runs, as JSON.';

CREATE FUNCTION madlib.gpu_configuration(output_table text, source text DEFAULT 'tensorflow') RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if 'automl' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].gpu_configuration(*args)
$$;
COMMENT ON FUNCTION madlib.gpu_configuration(text, text) IS
'Writes the GPUs of each host to a new table (hostname, gpu_descr): those that TensorFlow can use, or those that the driver shows.';

CREATE FUNCTION madlib.automl_gpus(source text) RETURNS text
LANGUAGE plpython3u VOLATILE
AS $$
if 'keras_seg' not in GD: plpy.execute('SELECT madlib.automl_load()')
return GD['keras_seg'].gpus(plpy, source)
$$;
COMMENT ON FUNCTION madlib.automl_gpus(text) IS
'Internal: the GPUs of the host where this session runs, as JSON.';
