-- What is tried and for how long: the schedule of Hyperband as a table.

CREATE FUNCTION madlib.hyperband_schedule(
    schedule_table varchar,
    r integer,
    eta integer DEFAULT 3,
    skip_last integer DEFAULT 0
) RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
if GD.get('keras_automl') != '@VERSION@': plpy.execute('SELECT madlib.automl_load()')
return GD['automl'].hyperband_schedule(*args)
$$;
COMMENT ON FUNCTION madlib.hyperband_schedule(varchar, integer, integer, integer) IS
'Writes the schedule of a Hyperband run to a new table (s, i, n_i, r_i), without running it.';
