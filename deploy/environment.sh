# The virtual environment; sourced by deploy/install. It has $prefix, $python, $python_version, $extras and $tensorflow from there.

# Two packages have TensorFlow's files: the one for processors alone is half as large.
declare -A tensorflow_package=([cpu]=tensorflow-cpu [gpu]=tensorflow)
pythons='3.11 3.12 3.13'
declare -A needed_mb=([cpu]=2200 [gpu]=3200)  # to install; less stays

# PL/Python of which TensorFlow has a release.
require_python() {
  local version
  for version in $pythons; do [[ $1 == "$version" ]] && return; done
  die "PL/Python of PostgreSQL is linked to Python $1 here, and there is a TensorFlow for ${pythons// /, } only"
}

# One hash over the contents of the files and folders named (and over this script, which decides what to do with them).
hash_of() {
  (cd "$root" && find deploy/environment.sh "$@" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64)
}

stamp() { cat "$environment/stamp-$1" 2>/dev/null || true; }

# Which TensorFlow the environment has; nothing where it has none. Before there was a choice it was the one with GPUs.
present_tensorflow() {
  stamp extras | grep -woE 'cpu|gpu' && return
  compgen -G "$environment/lib/python*/site-packages/tensorflow-[0-9]*.dist-info" >/dev/null && echo gpu
}

wanted_tensorflow() { if [[ $tensorflow ]]; then echo "$tensorflow"; else present_tensorflow || echo cpu; fi; }

# The extras that this environment should hold: those asked for now and those it already has.
wanted_extras() {
  printf '%s\n' "$(wanted_tensorflow)" ${extras[@]+"${extras[@]}"} $(stamp extras | tr , ' ') | grep -vxE "$(other_tensorflow)" | sort -u | paste -sd,
}

other_tensorflow() { if [[ $(wanted_tensorflow) == cpu ]]; then echo gpu; else echo cpu; fi; }

wanted_requirements() { echo "$(hash_of pyproject.toml deploy/constraints.txt) $(wanted_extras)"; }
wanted_sources() { echo "$(hash_of pyproject.toml src docs/reference.md) $build"; }

# Whether nothing is to be done; asked before anything is written.
is_environment_current() {
  [[ $(python_of "$environment") == "$python_version" && $(stamp requirements) == "$(wanted_requirements)" && $(stamp sources) == "$(wanted_sources)" ]]
}

# That the folder can be written, read by the servers' OS users, and is large enough is looked at before anything is downloaded.
require_place() {
  local user free needed=${needed_mb[$(wanted_tensorflow)]}
  [[ ! -e $environment/packaged ]] || die "the environment in $environment is that of a package of the system: update that, or choose another --prefix"
  { mkdir -p "$environment" && : >>"$environment.lock"; } 2>/dev/null ||
    die "$environment cannot be written: run this as root, or choose another place with --prefix"
  for user in $(server_users); do
    (cd / && runuser -u "$user" -- test -x "$environment") || die "the OS user $user cannot enter $environment: choose another --prefix"
  done
  [[ -f $environment/stamp-requirements ]] && return
  free=$(df --output=avail -m "$environment" | tail -n 1)
  ((free >= needed)) || die "$environment has room for $free MB, and $needed are needed: choose another --prefix"
}

# A prefix below a closed directory works for root and fails in the server.
server_users() {
  is_root || return 0
  local user
  for user in postgres gpadmin; do id -u "$user" >/dev/null 2>&1 && echo "$user"; done
  return 0
}

make_environment() {
  local present
  present=$(present_tensorflow || true)
  tensorflow=$(wanted_tensorflow) extras+=($(stamp extras | tr , ' '))  # what follows may clear the folder that tells
  if [[ $present && $present != "$tensorflow" ]]; then
    say "$environment has ${tensorflow_package[$present]}: making it again for ${tensorflow_package[$tensorflow]}, which has the same files"
  elif [[ $(python_of "$environment") == "$python_version" ]]; then
    return
  fi
  say "making a virtual environment of $python in $environment"
  "$python" -m venv --clear "$environment"
}

# What pip says goes to a file, and from there, where it fails, to whoever looks: with -q it keeps the reason of a conflict back.
pip() {
  local log
  log=$(mktemp)
  "$environment/bin/python" -m pip --disable-pip-version-check --no-color install --progress-bar off \
    --constraint "$root/deploy/constraints.txt" "$@" >"$log" 2>&1 && rm -f "$log" && return
  { sed -n '/^ERROR/,$p' "$log" | grep . || tail -n 20 "$log"; } >&2
  die "pip could not install what stands above; all that it said is in $log"
}

install_package() {
  local wanted requirements
  wanted=$(wanted_extras) requirements=$(wanted_requirements)
  copy=$(mktemp -d)  # setuptools writes beside its sources, and would pack what an earlier version left there
  cp -r "$root/pyproject.toml" "$root/LICENSE" "$root/src" "$copy"
  cp "$root/docs/reference.md" "$copy/src/automl"  # the help in SQL reads it
  echo "$build" >"$copy/src/automl/build"  # automl_load compares it with its own
  rm -f "$environment/stamp-sources"
  if [[ $(stamp requirements) != "$requirements" ]]; then
    say "installing the Python packages (with $wanted) into $environment; the first time takes a few minutes"
    rm -f "$environment/stamp-requirements"
    pip setuptools wheel
    pip --no-build-isolation "$copy[$wanted]"
    leave_out
    echo "$wanted" >"$environment/stamp-extras"
    echo "$requirements" >"$environment/stamp-requirements"
  else
    say "installing the changed package into $environment"
    pip --no-deps --no-index --no-build-isolation --force-reinstall "$copy"
  fi
  wanted_sources >"$environment/stamp-sources"
}

# Nothing that runs here reads these: headers to compile operations for TensorFlow in C++ (430 MB), and packages' tests.
leave_out() {
  rm -rf "$(site)/tensorflow/include"
  find "$(site)"/{numpy,scipy,h5py,networkx,sklearn} -name tests -type d -prune -exec rm -rf {} + 2>/dev/null || true
}

site() { echo "$environment/lib/python$python_version/site-packages"; }
