"""A run that somebody has written into the record, whose log is long."""

from __future__ import annotations

RUN = "INSERT INTO madlib.automl_runs (method, params) VALUES ('hyperband', 'R=81') RETURNING run_id"
FILL = """
INSERT INTO madlib.automl_configurations (run_id, mst_key, model_id, compile_params, fit_params, varied)
    SELECT %(run)s, k, 1, 'optimizer=''Adam()''', 'batch_size=8', ('{"lr": 0.0' || k || '}')::json
    FROM generate_series(1, %(trials)s) k;
INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status, iteration, loss)
    SELECT %(run)s, k, n * %(trials)s + k, CASE WHEN n < 5 THEN 'running' ELSE 'finished' END, n,
        (k * 7919 %% 10007) / 1000.0 / n
    FROM generate_series(1, %(trials)s) k, generate_series(1, 5) n;
INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, training_loss, training_metrics)
    SELECT %(run)s, k, n, (k * 7919 %% 10007) / 1000.0 / n, '{0.5}'
    FROM generate_series(1, %(trials)s) k, generate_series(1, 5) n;
"""
STANDINGS = """
INSERT INTO madlib.automl_states
    (run_id, n, at, status, trials, done, running, share, rows_per_second, elapsed, remaining, ranking)
    SELECT %(run)s, n, now(), 'running', %(trials)s, n, ARRAY[1, 2, 3, 4, 5, 6], n / 4000.0, 1234.4, n, 4000 - n,
        ARRAY(SELECT k FROM generate_series(1, %(trials)s) k ORDER BY k * 7919 %% 10007 LIMIT 100)
    FROM generate_series(1, 2000) n
"""
