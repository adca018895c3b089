-- What a search has come to, in psql, from any session, while it runs: its best trials, and how far it is. Functions that read the
-- record of the caller's runs; a view of the same name shows the latest run.

-- Of more numbers than fit every k-th is shown, and the last. What cannot be subtracted in float8 may land in a wrong block.
CREATE FUNCTION madlib.automl_sparkline(numbers double precision[], width integer DEFAULT 20) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(CASE WHEN number IS NULL THEN ' ' WHEN low = high THEN chr(9601)
        ELSE chr(9600 + greatest(1, least(8, CASE WHEN low > 0 AND high::numeric >= 100 * low::numeric
            THEN width_bucket(ln(number), ln(low), ln(high), 8) ELSE width_bucket(number, low, high, 8) END))) END,
        '' ORDER BY cell), '')
    FROM (
        SELECT cell, number, min(number) OVER () AS low, max(number) OVER () AS high
        FROM (
            SELECT cell, CASE WHEN $1[at] > '-Infinity' AND $1[at] < 'Infinity' THEN $1[at] END AS number
            FROM (
                SELECT cell, array_lower($1, 1) - 1 + (cell * array_length($1, 1)::bigint
                    / least(array_length($1, 1), greatest($2, 1)))::integer AS at
                FROM generate_series(1, least(coalesce(array_length($1, 1), 0), greatest($2, 1))) cell
            ) cells
        ) finite
    ) bounded
$$;
COMMENT ON FUNCTION madlib.automl_sparkline(double precision[], integer) IS
'Numbers as a line of block characters, eight heights from the least to the greatest, or to 100 times and more on a logarithmic scale; NULL, NaN and infinity are blanks.';

CREATE FUNCTION madlib.automl_short(number double precision, digits integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN $1 <> 0 AND $1 > '-Infinity' AND $1 < 'Infinity'
        THEN round($1::numeric, $2 - 1 - floor(log(abs($1::numeric)))::integer)::double precision ELSE $1 END
$$;
COMMENT ON FUNCTION madlib.automl_short(double precision, integer) IS
'Internal: a number rounded to so many digits that count, as it is shown to people.';

-- The number of a run that is the caller's, NULL for the latest; NULL where there is none.
CREATE FUNCTION madlib.automl_shown_run(run_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint := CASE WHEN $1 IS NULL
        THEN (SELECT r.run_id FROM madlib.automl_calls r ORDER BY r.run_id DESC LIMIT 1)
        ELSE (SELECT r.run_id FROM madlib.automl_calls r WHERE r.run_id = $1) END;
BEGIN
    IF found IS NULL AND $1 IS NOT NULL THEN
        RAISE EXCEPTION 'run_id: must be the number of one of your runs, got %', $1 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'They are in the view: SELECT run_id, status, model_output_table FROM madlib.automl_runs';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION madlib.automl_shown_run(bigint) IS
'Internal: the run that automl_leaderboard and automl_progress show: the given one of the caller''s, or the latest.';

-- What the last state of each run says of it.
CREATE VIEW madlib.automl_standings WITH (security_barrier) AS
    SELECT r.run_id, r.owner, (r.last).at AS at, (r.last).trials AS trials, (r.last).done AS done, (r.last).running AS running,
        (r.last).share AS share, (r.last).rows_per_second AS rows_per_second, (r.last).elapsed AS elapsed,
        (r.last).remaining AS remaining, (r.last).ranking AS ranking
    FROM madlib.automl_last_states r;
COMMENT ON VIEW madlib.automl_standings IS 'Internal: where your searches stand, as automl_leaderboard and automl_progress show it';
GRANT SELECT ON madlib.automl_standings TO PUBLIC;

-- A standby has not the locks that tell whether a run is alive, and takes its word for it.
-- Which trials lead a run says itself, as the last of its states has it: nobody looks through all trials to see the best of them.
-- Where that is not enough, or a run of an earlier version has not said it, all are looked at. Where a budget has ended a run, what
-- it has decided nothing about is in no table, and has no rank. Of several tries of a configuration, whose value is their mean, one
-- stands for all: the best; where there is no mean, the one that has no value. A run names 100 of those at most.
CREATE FUNCTION madlib.automl_leaderboard(run_id bigint DEFAULT NULL, top integer DEFAULT 20) RETURNS TABLE (
    rank integer,
    mst_key integer,
    status text,
    iteration integer,
    objective double precision,
    behind double precision,
    curve text,
    parameters text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run CONSTANT bigint := madlib.automl_shown_run($1);
    most CONSTANT integer := CASE WHEN $2 IS NULL THEN 2147483647 ELSE greatest($2, 0) END;
    ended boolean;
    sign integer;
    delivered boolean;
    leaders integer[];
BEGIN
    SELECT NOT coalesce(r.alive OR r.status = 'running' AND pg_is_in_recovery(), FALSE),
        CASE WHEN r.objective LIKE 'max:%' THEN -1 ELSE 1 END, coalesce(r.status = 'stopped', FALSE), s.ranking
    INTO ended, sign, delivered, leaders
    FROM madlib.automl_runs r LEFT JOIN madlib.automl_standings s ON s.run_id = r.run_id WHERE r.run_id = run;
    IF leaders IS NULL OR most > cardinality(leaders) AND cardinality(leaders) >= 100 THEN
        leaders := ARRAY(SELECT t.mst_key
            FROM (
                SELECT DISTINCT ON (tried) tries.* FROM (
                    SELECT a.mst_key, coalesce((a.place ->> 'configuration')::integer, a.mst_key) AS tried,
                        sign * a.try_objective AS own, delivered AND a.status NOT IN ('finished', 'failed') AS undecided,
                        CASE WHEN a.try_objective IS NULL THEN coalesce(a.objective, a.loss) ELSE a.objective END AS value
                    FROM madlib.automl_trials a WHERE a.run_id = run
                ) tries
                ORDER BY tried, CASE WHEN value IS NOT NULL THEN own END, CASE WHEN value IS NULL THEN own END DESC,
                    CASE WHEN value IS NULL THEN -mst_key ELSE mst_key END
            ) t
            ORDER BY t.undecided, CASE WHEN t.value > '-Infinity' AND t.value < 'Infinity' THEN sign * t.value END,
                t.value IS NULL, t.tried LIMIT most);
    ELSE
        leaders := leaders[1:most];
    END IF;
    RETURN QUERY
    SELECT CASE WHEN score IS NOT NULL THEN (row_number() OVER place)::integer END, mst_key,
        CASE WHEN ended AND status IN ('waiting', 'running') THEN 'stopped' ELSE status END, iteration,
        madlib.automl_short(value, 5), madlib.automl_short(score - min(score) OVER (), 3), madlib.automl_sparkline(course, 10),
        coalesce('configuration=' || configuration || ' ', '')
            || coalesce((SELECT string_agg(p.key || '=' || CASE WHEN json_typeof(varied -> p.key) = 'number'
            THEN madlib.automl_short(p.value::double precision, 3)::text ELSE p.value END, ' ') FROM json_each_text(varied) p),
            compile_params || ' ' || fit_params)
            || coalesce(' standard_error=' || madlib.automl_short(standard_error, 3), '')
    FROM (
        SELECT c.mst_key, coalesce(p.status, 'waiting') AS status, coalesce(p.iteration, 0) AS iteration, p.value,
            CASE WHEN p.value > '-Infinity' AND p.value < 'Infinity' AND (p.status = 'finished' OR NOT delivered)
                THEN sign * p.value END AS score, delivered AND coalesce(p.status, 'waiting') NOT IN ('finished', 'failed') AS undecided,
            m.course, c.varied,
            (p.place ->> 'configuration')::integer AS configuration, p.standard_error, c.compile_params, c.fit_params
        FROM madlib.automl_configurations c
        LEFT JOIN (
            SELECT DISTINCT ON (s.mst_key) s.mst_key, s.status, s.iteration, s.place, s.try_objective, s.standard_error,
                CASE WHEN s.try_objective IS NULL THEN coalesce(s.objective, s.loss) ELSE s.objective END AS value
            FROM madlib.automl_trial_states s WHERE s.run_id = run AND s.mst_key = ANY (leaders) ORDER BY s.mst_key, s.n DESC
        ) p ON p.mst_key = c.mst_key
        LEFT JOIN (
            SELECT e.mst_key, array_agg(CASE WHEN e.objective IS NOT NULL THEN e.objective
                WHEN e.validation_metrics IS NULL THEN e.training_loss ELSE e.validation_loss END ORDER BY e.iteration) AS course
            FROM madlib.automl_metrics e WHERE e.run_id = run AND e.mst_key = ANY (leaders) GROUP BY e.mst_key
        ) m ON m.mst_key = c.mst_key
        WHERE c.run_id = run AND c.mst_key = ANY (leaders)
    ) trials
    WINDOW place AS (ORDER BY score, undecided, value IS NULL, configuration, mst_key)
    ORDER BY score, undecided, value IS NULL, configuration, mst_key;
END
$$;
COMMENT ON FUNCTION madlib.automl_leaderboard(bigint, integer) IS
'The best trials of one of your runs, the latest by default, also while it runs: how good, how far behind, the learning curve, the parameters that differ.';

CREATE FUNCTION madlib.automl_progress(run_id bigint DEFAULT NULL) RETURNS TABLE (
    run bigint,
    method text,
    status text,
    running text,
    trials text,
    percent integer,
    rows_per_s double precision,
    elapsed interval,
    remaining interval,
    best integer,
    objective double precision
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    shown CONSTANT bigint := madlib.automl_shown_run($1);
BEGIN
    RETURN QUERY
    SELECT shown, r.method, CASE WHEN r.status = 'running' AND NOT r.goes_on THEN 'interrupted' ELSE r.status END,
        CASE WHEN r.goes_on THEN array_to_string(s.running[1:4], ', ')
            || CASE WHEN cardinality(s.running) > 4 THEN ', +' || cardinality(s.running) - 4 ELSE '' END END,
        s.done || coalesce(' of ' || s.trials, ''), CASE WHEN r.status = 'finished' THEN 100 ELSE floor(100 * s.share)::integer END,
        round(s.rows_per_second::numeric)::double precision,
        date_trunc('second', s.elapsed * interval '1 second' + CASE WHEN r.goes_on THEN now - s.at ELSE interval '0' END),
        CASE WHEN r.goes_on AND s.remaining IS NOT NULL
            THEN date_trunc('second', greatest(s.remaining * interval '1 second' - (now - s.at), interval '0')) END,
        r.best_mst_key, madlib.automl_short(coalesce(r.best_objective, r.best_loss), 5)
    FROM (SELECT o.*, clock_timestamp() AS now, o.alive OR o.status = 'running' AND pg_is_in_recovery() AS goes_on
        FROM madlib.automl_runs o WHERE o.run_id = shown) r
    JOIN madlib.automl_standings s ON s.run_id = r.run_id;
END
$$;
COMMENT ON FUNCTION madlib.automl_progress(bigint) IS
'How far one of your runs is, the latest by default: what is running, how much is done, how fast, how long it goes on, the best so far.';

CREATE VIEW madlib.automl_leaderboard AS SELECT * FROM madlib.automl_leaderboard(NULL::bigint);
COMMENT ON VIEW madlib.automl_leaderboard IS 'The best 20 trials of your latest run: TABLE madlib.automl_leaderboard \watch 2';

CREATE VIEW madlib.automl_progress AS SELECT * FROM madlib.automl_progress(NULL::bigint);
COMMENT ON VIEW madlib.automl_progress IS 'How far your latest run is: TABLE madlib.automl_progress \watch 1';

GRANT SELECT ON madlib.automl_leaderboard, madlib.automl_progress TO PUBLIC;
