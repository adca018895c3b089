-- The schema of all that follows.
\echo Use "CREATE EXTENSION keras_automl" to load this file. \quit

-- Made here and not by the control file, so that the extension owns it: DROP EXTENSION leaves nothing. A schema of this name
-- that exists already is somebody else's (Apache MADlib's, say), and the extension stays out of it.
CREATE SCHEMA madlib;
GRANT USAGE ON SCHEMA madlib TO PUBLIC;
COMMENT ON SCHEMA madlib IS 'Keras models trained and searched in the database (extension keras_automl)';
