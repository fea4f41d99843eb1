# What the scripts share. Sourced by bash, from any folder; leaves the caller in the repository's root.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# What is fetched or remembered between builds lies here, outside the build folder.
export PADDLER_CACHE=${PADDLER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paddler}
jobs=${JOBS:-$(nproc)}
logs=$root/build/logs
program=$(basename "$0")

say() { printf '%s: %s\n' "$program" "$*" >&2; }
fail() { say "$*"; exit 1; }

# passing_on FILE: copies its input to FILE; shows what is wrong at once and otherwise a line every ten seconds.
passing_on() {
  local line last=$SECONDS
  while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    if [[ $line == *FAILED* || $line == *error:* || $line == *'CMake Error'* ]] || ((SECONDS - last >= 10)); then
      printf '    %s\n' "${line:0:200}"
      last=$SECONDS
    fi
  done 3>"$1"
}

# logged NAME COMMAND...: on a terminal the command speaks for itself; else it is logged and shown in extracts.
logged() {
  local log=$logs/$1.log status=0
  shift
  mkdir -p "$logs"
  if [ -t 1 ]; then "$@"; return; fi
  "$@" 2>&1 | passing_on "$log" || status=$?
  if [ "$status" -ne 0 ]; then
    printf '    ... the end of %s:\n' "${log#"$root"/}"
    tail -n 60 "$log" | sed 's/^/    /'
  fi
  return "$status"
}

# npm_archive PACKAGE@VERSION SHA512-BASE64 FOLDER: fetches the package into FOLDER, verifies it, prints its path.
npm_archive() {
  local archive actual
  archive=$(cd "$3" && npm pack --loglevel=error "$1" 2>npm.log | tail -n 1) || true
  if [ -z "$archive" ] || [ ! -f "$3/$archive" ]; then
    head -n 5 "$3/npm.log" >&2
    fail "npm could not fetch $1. Is the npm registry reachable? (npm ping)"
  fi
  actual=$(openssl dgst -sha512 -binary "$3/$archive" | base64 -w0)
  [ "$actual" = "$2" ] || fail "$1 does not match its pinned SHA-512: expected $2, got $actual. Not used."
  printf '%s\n' "$3/$archive"
}

require_tools() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "'$tool' is missing. Run: make setup"
  done
}

# scratch_folder: an empty folder beside the cache, so that a finished fetch is one rename away.
scratch_folder() {
  mkdir -p "$PADDLER_CACHE"
  mktemp -d "$PADDLER_CACHE/fetch.XXXXXX"
}

# program_path [PRESET]: where the build puts the program.
program_path() { printf '%s\n' "$root/build/${1:-release}/paddler"; }
