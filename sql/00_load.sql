-- The schema of all that follows, and the function that leads PL/Python to the package.
\echo Use "CREATE EXTENSION keras_automl" to load this file. \quit

-- Made here and not by the control file, so that the extension owns it: DROP EXTENSION leaves nothing. A schema of this name
-- that exists already is somebody else's (Apache MADlib's, say), and the extension stays out of it.
CREATE SCHEMA madlib;
GRANT USAGE ON SCHEMA madlib TO PUBLIC;
COMMENT ON SCHEMA madlib IS 'Keras models trained and searched in the database (extension keras_automl)';

-- The folder is written into this body by the installer: nothing that a user can set decides what is imported. It goes first,
-- because other copies of its packages (Debian's numpy) may lie further on.
CREATE FUNCTION madlib.automl_load() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
import importlib, os, sys

SITE, VERSION = '@PYTHON_SITE@', '@VERSION@'
INSTALL = 'Run deploy/install of keras_automl ' + VERSION + ' on the host of the server, as root.'

def stop(message, hint):
    try:
        plpy.error('keras_automl: ' + message, hint=hint, sqlstate='55000')
    except TypeError:  # Greenplum 6: plpy.error takes no keyword arguments; keras_seg/server/failure.py tells why it is done like this
        error = type('Error', (plpy.SPIError,), {'__module__': 'plpy'})('keras_automl: ' + message)
        error.spidata = 325, None, hint, None, 0  # 325 is 55000
        raise error from None

def number(version):
    return [int(part) for part in version.split('.') if part.isdigit()]

sys.path[:] = [SITE] + [path for path in sys.path if os.path.isabs(path) and path != SITE]
importlib.invalidate_caches()
try:
    import automl
except ImportError:
    stop('the Python package automl is not in ' + SITE, INSTALL)
if not os.path.abspath(automl.__file__).startswith(SITE + '/'):
    stop('another Python package automl was loaded in this session, from ' + automl.__file__, 'Connect anew.')
if automl.__version__ != VERSION:
    stop(
        'the extension is version ' + VERSION + ', but the Python package in ' + SITE + ' is version ' + automl.__version__,
        "Run in this database: ALTER EXTENSION keras_automl UPDATE TO '" + automl.__version__ + "'; then connect anew."
        if number(automl.__version__) > number(VERSION) else INSTALL,
    )
from keras_seg.server.interrupts import careful, deferred, look
# In another encoding PL/Python fails over any error whose message is not ASCII, in a way that crashes the server.
encoding = careful(plpy).execute('SELECT pg_catalog.getdatabaseencoding() AS encoding')[0]['encoding']
if encoding != 'UTF8':
    stop('the database must have the encoding UTF8, it has ' + encoding, 'Dump it and restore it into a database in UTF8.')
try:
    with deferred():  # Greenplum: an import that is stopped in the middle cannot be begun again
        import automl.entry, keras_seg.transition
except ImportError as error:
    stop('the Python package ' + str(error.name) + ' cannot be imported from ' + SITE + ': ' + str(error), INSTALL)
GD['automl'], GD['keras_seg'] = automl.entry, keras_seg.transition
look(careful(plpy))  # the import takes a while
$$;
COMMENT ON FUNCTION madlib.automl_load() IS
'Internal: finds the Python package that belongs to this extension and keeps it for the session. The other functions call it.';
