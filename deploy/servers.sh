# The servers that run on this host from the programs that were installed into; sourced by deploy/install.

# Name the databases whose extension is not the one that is installed now, each with the command that mends it.
tell_databases() {
  local server
  for server in $(running_servers); do tell_databases_of "$server"; done
}

# The data directories of the running servers; only of those whose processes the caller may look at.
running_servers() {
  local process data first program
  program=$("$pg_config" --bindir)/postgres
  for process in /proc/[0-9]*; do
    [[ $process/exe -ef $program ]] || continue
    { read -r first <"$process/cwd/postmaster.pid"; } 2>/dev/null && [[ $first == "${process##*/}" ]] || continue
    data=$(readlink "$process/cwd")
    [[ $data == "$state/data" ]] || echo "$data"  # deploy/cluster sees to its own
  done
}

tell_databases_of() {
  local port directory owner name state_of
  port=$(sed -n 4p "$1/postmaster.pid") directory=$(sed -n 5p "$1/postmaster.pid") owner=$(stat -c %U "$1")
  [[ $directory ]] && ! is_segment "$1" || return 0
  ask postgres 'SELECT datname FROM pg_database WHERE datallowconn' | while read -r name; do
    state_of=$(ask "$name" "$(what_it_has)" </dev/null)
    case $state_of in
      '' | current) ;;
      "$version") say "the database $name at port $port has another state of version $version: psql -p $port -d '$name' -f $root/deploy/again.sql" ;;
      *) say "the database $name at port $port has version $state_of: psql -p $port -d '$name' -c 'ALTER EXTENSION keras_automl UPDATE'" ;;
    esac
  done
}

# A segment of Greenplum lets only the coordinator in, whose databases are the same.
is_segment() { grep -qsE "^ *gp_contentid *= *'?[0-9]" "$1/postgresql.conf"; }

# The version that a database has, or `current` if it is this one down to the digest and the prefix.
what_it_has() {
  local written="PREFIX, VERSION, BUILD = ''$prefix'', ''$version'', ''$build''"
  echo "SELECT CASE WHEN strpos(p.prosrc, '$written') > 0 THEN 'current' ELSE e.extversion END FROM pg_extension e
    LEFT JOIN pg_proc p ON p.proname = 'automl_load' AND p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'madlib')
    WHERE e.extname = 'keras_automl'"
}

# A statement's answer from a database, as the OS user of the server; nothing where it does not let that user in.
ask() {
  local user clean=(env -i PATH=/usr/bin:/bin PGCONNECT_TIMEOUT=3 'PGOPTIONS=-c search_path=pg_catalog'
    "$("$pg_config" --bindir)/psql" -X -q -A -t -w -h "$directory" -p "$port" -d "$1" -c "$2")
  is_root && clean=(runuser -u "$owner" -- "${clean[@]}")
  for user in '' postgres; do (cd / && "${clean[@]}" ${user:+-U "$user"}) 2>/dev/null && return; done
  say "the server at port $port was not asked what its databases have: it does not let the OS user $owner in"
}
