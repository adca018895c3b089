-- What other databases have otherwise. This is the last file: it changes what the others have made, and asks once which database
-- this is. What the package does otherwise there stands in src/automl/database/dialect.py.
DO $$
DECLARE
    child text;
    loading text;
    definition text;
    called regprocedure;
BEGIN
    IF version() !~ 'Greenplum|Cloudberry' THEN
        -- PL/Python begins a subtransaction for each statement that it asks. In parallel plans PostgreSQL allows those that write
        -- nothing since 17.
        FOR called IN
            SELECT oid FROM pg_catalog.pg_proc
            WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'madlib')
                AND current_setting('server_version_num')::integer >= 170000 AND proname IN ('automl_prob', 'automl_response',
                    'automl_value', 'automl_answer', 'automl_model', 'automl_native', 'automl_named')
        LOOP
            EXECUTE format('ALTER FUNCTION %s PARALLEL SAFE', called);
        END LOOP;
        -- Greenplum has neither pg_write_all_data nor, on tables of its segments, triggers. ALWAYS: a subscription fires it too.
        CREATE TRIGGER automl_superusers_only BEFORE INSERT OR UPDATE OR DELETE ON madlib.automl_tensorboard_setting
            FOR EACH ROW EXECUTE PROCEDURE madlib.automl_superusers_only();
        ALTER TABLE madlib.automl_tensorboard_setting ENABLE ALWAYS TRIGGER automl_superusers_only;
        RETURN;
    END IF;

    -- A process on a segment can read only what lies there as a whole. PostgreSQL has no such words: hence EXECUTE.
    EXECUTE 'ALTER TABLE madlib.automl_tensorboard_setting SET DISTRIBUTED REPLICATED';

    -- What belongs together lies together: the parts of a state, what was said of a trial, what was said of a run.
    EXECUTE 'ALTER TABLE madlib.automl_checkpoint_log SET DISTRIBUTED BY (run_id, mst_key)';
    EXECUTE 'ALTER TABLE madlib.automl_progress_log SET DISTRIBUTED BY (run_id, mst_key)';
    EXECUTE 'ALTER TABLE madlib.automl_state_log SET DISTRIBUTED BY (run_id)';

    -- There are no foreign keys: rules delete what belongs to a run. Not what was said of it, which tells whether it is to be
    -- deleted, and rules come first: automl_tidy does that.
    FOREACH child IN ARRAY ARRAY['automl_trial_log', 'automl_progress_log', 'automl_metric_log', 'automl_checkpoint_log'] LOOP
        EXECUTE format('CREATE RULE %I AS ON DELETE TO madlib.automl_run_log'
            ' DO ALSO DELETE FROM madlib.%I WHERE run_id = OLD.run_id', child || '_too', child);
    END LOOP;

    -- nextval asks for it.
    GRANT UPDATE ON SEQUENCE madlib.automl_run_log_run_id_seq TO PUBLIC;

    -- A process on a segment cannot read a distributed table. The coordinator calls what is STABLE and has constant arguments
    -- before it sends a statement out: it reads the model, and the segments get it.
    FOR definition IN
        SELECT pg_get_functiondef(oid) FROM pg_catalog.pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'madlib')
            AND proname IN ('automl_prob', 'automl_response', 'automl_value')
    LOOP
        EXECUTE regexp_replace(definition, ', \$1, \$3,', ', madlib.automl_model($1, $3),');
    END LOOP;

    -- JSON has six digits of a real there, and fifteen of a double precision.
    EXECUTE replace(pg_get_functiondef('madlib.automl_named(text[], real[])'::regprocedure), '), prob)', '), prob::float8)');

    -- A call of plpy begins with a message to all segments, and where that fails, or is cancelled, the next PL/Python function of
    -- the session crashes the server (src/keras_seg/server/interrupts.py). The package protects its own calls. So that none comes
    -- before the package is there, each function has what automl_load does in its own body.
    -- PL/Python indents every line of a body: hence the "if".
    SELECT 'exec(r"""if True:' || prosrc || '""", globals())' INTO loading FROM pg_catalog.pg_proc
    WHERE oid = 'madlib.automl_load()'::regprocedure;
    FOR definition IN
        SELECT pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE n.nspname = 'madlib' AND l.lanname = 'plpython3u' AND p.prosrc LIKE '%''SELECT madlib.automl_load()''%'
    LOOP
        EXECUTE replace(definition, 'plpy.execute(''SELECT madlib.automl_load()'')', loading);
    END LOOP;
END
$$;
