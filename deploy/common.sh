# What the scripts in this folder share; sourced by them, run by none.
#
# Environment, all optional:
#   AUTOML_PREFIX  where the virtual environment lies, a place that the server's OS user can read
#   AUTOML_STATE   where the private cluster keeps its data, socket and log
#   PG_CONFIG      the pg_config of the PostgreSQL to install into

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
umask 022  # the server's OS user must be able to read what root installs

say() { echo "keras_automl: $*" >&2; }
die() { say "$*"; exit 1; }

is_root() { [[ $(id -u) == 0 ]]; }

# Paths end up in SQL, in URIs and in make's hands, so only plain ones are taken.
require_plain_path() {
  [[ $2 =~ ^/[A-Za-z0-9/._+-]+$ ]] || die "$1 must be an absolute path of letters, digits and /._+-, got '$2'"
}

if is_root; then
  default_prefix=/opt/keras_automl/venv
  state=${AUTOML_STATE:-/var/lib/keras_automl}
else
  default_prefix=$HOME/.local/share/keras_automl/venv
  state=${AUTOML_STATE:-$HOME/.local/state/keras_automl}
fi

# The pg_config to use: the one asked for, else the newest server of Debian, else the one on PATH. Fails if there is none.
find_pg_config() {
  local newest
  if [[ -n ${PG_CONFIG:-} ]]; then command -v "$PG_CONFIG"; return; fi
  newest=$(find /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)
  if [[ -n $newest && -x ${newest%postgres}pg_config ]]; then echo "${newest%postgres}pg_config"; return; fi
  command -v pg_config
}

# The major version of PostgreSQL, 9 for Greenplum 6.
server_major() { "$pg_config" --version | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p'; }

# Where the extension's files lie: with the server's own, or where those cannot be written, from PostgreSQL 18 on in a folder of
# the caller's, which extension_control_path has the server look in.
extension_folder() {
  local own=$HOME/.local/share/keras_automl/postgresql-$(server_major)/extension shared
  shared=$("$pg_config" --sharedir)/extension
  if [[ ! -w $shared && ! -f $shared/keras_automl.control ]] && ! is_root && (($(server_major) >= 18)); then echo "$own"; else echo "$shared"; fi
}

# A word that the installer has written into a script of the extension: 1 is the prefix, 2 the version, 3 the digest of its SQL.
word_of() { sed -n "s|^PREFIX, VERSION, BUILD = '\(.*\)', '\(.*\)', '\(.*\)'\$|\\$2|p" "$1" 2>/dev/null | grep .; }

installed_prefix() {
  local folder version
  folder=$(extension_folder)
  version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$folder/keras_automl.control" 2>/dev/null) &&
    word_of "$folder/keras_automl--$version.sql" 1
}

# The folder of the environment: the one given, else that of the extension that is installed, else the usual one.
find_prefix() {
  if [[ -n ${AUTOML_PREFIX:-} ]]; then echo "$AUTOML_PREFIX"; return; fi
  local pg_config
  { pg_config=$(find_pg_config) && installed_prefix; } || echo "$default_prefix"
}

# The version of the Python that PL/Python is linked to, such as 3.11; fails where there is no PL/Python.
server_python_version() {
  local library
  library=$("$pg_config" --pkglibdir)/plpython3.so
  [[ -f $library ]] || return 1
  ldd "$library" | sed -n 's/.*libpython\(3\.[0-9]*\).*/\1/p' | head -n 1
}

python_of() { "$1/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# The environment of the server's Python: the one at the prefix, unless another server's Python has that; then one beside it.
# madlib.automl_load (sql/05_load.sql) looks in the same places.
find_environment() {
  local beside=$prefix-python$python_version there
  if [[ ! -d $beside ]]; then
    there=$(python_of "$prefix") || there=$python_version  # none, or one whose Python is gone: the place is free
    [[ $there == "$python_version" ]] && beside=$prefix
  fi
  echo "$beside"
}
