# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Test cases in bash, reported in TAP.  Sourced; a case is a function:
#
#   run_case "what it shows" function [ARGUMENT...]
#
# Each runs in a subshell under `set -e`, in an empty folder of its own; the first
# command that fails, fails the case, and what it wrote is shown.  End with `finish`.

tap_count=0
tap_failed=0
tap_folder=$(mktemp -d)
trap 'rm -rf -- "$tap_folder"' EXIT

run_case () {
  local name=$1 status=0 case_folder
  shift
  tap_count=$((tap_count + 1))
  case_folder=$tap_folder/$tap_count
  mkdir "$case_folder"
  # Not behind `if` or `||`: there `set -e` would be off in the function.
  set +e
  (set -eE; trap 'printf "line %s: %s\n" "$LINENO" "$BASH_COMMAND"' ERR
    cd "$case_folder"; "$@") >"$case_folder.log" 2>&1
  status=$?
  set -e
  if ((status == 77)); then
    printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$name" "$(tail -n 1 "$case_folder.log")"
  elif ((status)); then
    tap_failed=$((tap_failed + 1))
    printf 'not ok %d - %s\n' "$tap_count" "$name"
    sed 's/^/# /' "$case_folder.log"
  else
    printf 'ok %d - %s\n' "$tap_count" "$name"
  fi
}

skip () {
  printf '%s\n' "$*"
  exit 77
}

# expect_status STATUS COMMAND...: its output goes to the file `output`.
expect_status () {
  local wanted=$1 status=0
  shift
  "$@" >output 2>&1 </dev/null || status=$?
  cat output
  if ((status != wanted)); then
    printf 'exit status %d instead of %d\n' "$status" "$wanted"
    return 1
  fi
}

# expect_output TEXT: the last expect_status's output holds it.
expect_output () {
  grep -qF -- "$1" output || {
    printf 'not in the output: %s\n' "$1"
    return 1
  }
}

finish () {
  printf '1..%d\n' "$tap_count"
  ((tap_failed == 0))
}
