#!/bin/sh
# test-leftovers.sh - list and end what tests left behind, after giving it a moment to end by itself
#
# Runs in:   the namespaces the tests ran in.
# Called by: scripts/dev/test.sh, scripts/dev/test-lane.sh
# Arguments: HOW  DIRECTORY…   nothing may be left below any DIRECTORY but a directory `rnetns` with nothing but kept plans in it,
#            and no process:
#            HOW `all`: none but process 1 of this pid namespace; `mentions`: none with a DIRECTORY in its command line,
#            environment or mounts
# Result:    status 0 if nothing was left; else 1, one line on stderr for each thing left, and no such process any more
# Requires:  find grep tr sleep kill
set -eu
how=$1
shift

files() {
  for dir; do
    find "$dir" -mindepth 1 ! -path "$dir/rnetns" ! -path "$dir/rnetns/.outside" ! -path "$dir/rnetns/.outside/.plan.*" \
      -print 2>/dev/null
  done
}

mentioning() {
  for dir; do
    # By descriptor: an argument would be a mention as well.
    grep -lsF -f /dev/stdin /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/[0-9]*/mountinfo <<PATTERN || :
$dir
PATTERN
  done | cut -d/ -f3 | sort -un
}

# `PID command` for each process left; a zombie has no command line any more.
processes() {
  case $how in
    all) pids=$(cd /proc && printf '%s\n' [0-9]*) ;;
    *) pids=$(mentioning "$@") ;;
  esac
  read -r self _ </proc/self/stat
  for pid in $pids; do
    case $pid in 1 | "$$" | "$PPID" | "$self") continue ;; esac
    command=$({ tr '\0\n' '  ' <"/proc/$pid/cmdline"; } 2>/dev/null) || continue
    [ -z "$command" ] || printf '%s %s\n' "$pid" "$command"
  done
}

# 30 s: longer than the default linger of 2 s and a teardown take together, on a busy machine too.
tries=300
while :; do
  left_processes=$(processes "$@")
  left_files=$(files "$@")
  [ -n "$left_processes$left_files" ] || exit 0
  [ "$tries" -gt 0 ] || break
  tries=$((tries - 1))
  sleep 0.1
done

{
  printf 'test: left behind:\n'
  [ -z "$left_processes" ] || printf '%s\n' "$left_processes" | sed 's/^/  process /'
  [ -z "$left_files" ] || printf '%s\n' "$left_files" | sed 's/^/  file /'
} >&2
[ -z "$left_processes" ] || printf '%s\n' "$left_processes" | while read -r pid _; do
  kill -KILL "$pid" 2>/dev/null || :
done
exit 1
