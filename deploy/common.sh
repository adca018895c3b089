# What deploy/install and deploy/cluster share; sourced by both, run by neither.
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
  prefix=${AUTOML_PREFIX:-/opt/keras_automl/venv}
  state=${AUTOML_STATE:-/var/lib/keras_automl}
else
  prefix=${AUTOML_PREFIX:-$HOME/.local/share/keras_automl/venv}
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
