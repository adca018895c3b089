-- The function that leads PL/Python to the package. Every update makes it again: it holds the folder and the version.

-- The prefix is written into this body by the installer: nothing that a user can set decides what is imported. The environment
-- itself is found by the version of the server's own Python, because pg_upgrade takes this body to a server with another one;
-- the environments of two servers' Pythons lie side by side (deploy/environment.sh). Its folder goes first, because other copies
-- of its packages (Debian's numpy) may lie further on. Each function asks whether the session has loaded this very version, so
-- that one that was open while the extension was updated hears of it. What lies between two releases has the number of the next
-- one, so a digest of the SQL stands beside the number, here and in the package.
CREATE OR REPLACE FUNCTION madlib.automl_load() RETURNS void
LANGUAGE plpython3u VOLATILE
AS $$
import importlib, os, sys

PREFIX, VERSION, BUILD = '@PREFIX@', '@VERSION@', '@BUILD@'
OWN = 'python' + '.'.join(map(str, sys.version_info[:2]))
SITES = [prefix + '/lib/' + OWN + '/site-packages' for prefix in (PREFIX + '-' + OWN, PREFIX)]
SITE = next(filter(os.path.isdir, SITES), SITES[-1])
INSTALL = 'Run deploy/install of keras_automl ' + VERSION + ' on the host of the server, as root.'

def stop(message, hint):  # the server writes the class of an exception before it: keras_seg/server/failure.py tells more
    of_class = 'keras_automl', {'__module__': 'builtins'}
    try:
        plpy.error(message, sqlstate='55000')
    except TypeError:  # Greenplum 6
        error = type(of_class[0], (plpy.SPIError,), of_class[1])(message)
        error.spidata = 325, None, hint, None, 0  # 325 is 55000
    except plpy.Error:
        error = type(of_class[0], (plpy.Error,), of_class[1])(message)
        error.sqlstate, error.hint, error.detail = '55000', hint, None
    raise error

def number(version):
    return [int(part) for part in version.split('.') if part.isdigit()]

loaded = 'automl' in sys.modules
sys.path[:] = [SITE] + [path for path in sys.path if os.path.isabs(path) and path != SITE]
importlib.invalidate_caches()
try:
    import automl
except ImportError:
    stop('the Python package automl is not in ' + SITE, INSTALL)
if not os.path.abspath(automl.__file__).startswith(SITE + '/'):
    stop('another Python package automl was loaded in this session, from ' + automl.__file__, 'Reconnect.')
if automl.__version__ != VERSION:
    package = automl.__version__
    if loaded:  # before the extension was updated; what a session has imported it keeps
        stop('this session has loaded version ' + package + ' of the Python package, the extension is version ' + VERSION, 'Reconnect.')
    del sys.modules['automl']  # what is there after the remedy is imported then
    stop(
        'the extension is version ' + VERSION + ', but the Python package in ' + SITE + ' is version ' + package,
        "Run in this database, as a superuser: ALTER EXTENSION keras_automl UPDATE TO '" + package + "'"
        if number(package) > number(VERSION) else INSTALL,
    )
try:
    with open(os.path.join(os.path.dirname(automl.__file__), 'build')) as file:
        build = file.read().strip()
except OSError:  # deploy/install has not installed it
    build = BUILD
if build != BUILD:
    stop(
        'the extension in this database was made from another state of version ' + VERSION + ' than the Python package in ' + SITE,
        'Make it again, with the runs that it has, as a superuser: psql -d (this database) -f deploy/again.sql',
    )
from keras_seg.server.interrupts import careful, deferred, look
from keras_seg.server.lean_import import uncollected
# In another encoding PL/Python fails over any error whose message is not ASCII, in a way that crashes the server.
encoding = careful(plpy).execute('SELECT pg_catalog.getdatabaseencoding() AS encoding')[0]['encoding']
if encoding != 'UTF8':
    stop('the database must have the encoding UTF8, it has ' + encoding, 'Dump it and restore it into a database in UTF8.')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')  # threads of numpy's would be given the signals of the server
try:
    with uncollected(), deferred():  # Greenplum: an import that is stopped in the middle cannot be begun again
        import automl.entry, keras_seg.transition
except ImportError as error:
    stop('the Python package ' + str(error.name) + ' cannot be imported from ' + SITE + ': ' + str(error), INSTALL)
GD['automl'], GD['keras_seg'], GD['keras_automl'] = automl.entry, keras_seg.transition, VERSION
try:
    look(careful(plpy))  # the import takes a while
except (plpy.Error, plpy.SPIError) as error:  # the function that was called ends the statement, in words of ours
    del GD['keras_automl']
    GD['automl'] = GD['keras_seg'] = automl.database.session.EndedStatement(error)
$$;
COMMENT ON FUNCTION madlib.automl_load() IS
'Internal: finds the Python package that belongs to this extension and keeps it for the session. The other functions call it.';
