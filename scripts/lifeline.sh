#!/bin/sh
# lifeline.sh - run a program which, with all that it starts, ends when its caller does
#
# A program that is tried may hang, start others or stop listening to signals, and its caller may be killed any time. So
# it gets a process group of its own, and this script, the group's leader, kills the group when its stdin ends: the caller
# closes it when it has seen enough, and the kernel closes it when the caller dies.
#
# Runs in:   the caller's namespaces, as the leader of its own session
# Called by: src/exec/probe.ts
# Arguments: PROGRAM [ARG…]
#            PROGRAM has /dev/null as stdin, and the descriptors 1 to 4 of this script
# Result:    "status N" on descriptor 4 when PROGRAM has ended; then it waits for the end of stdin, and is killed by itself
# Requires:  process.sh
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
# shellcheck source=scripts/process.sh
. "${0%/*}/process.sh"
# `kill 0` would else be the end of the caller.
start_of "$$"
if [ "$rn_group" != "$$" ]; then
  echo 'lifeline: refusing to run in a process group of somebody else' >&2
  exit 64
fi
{
  if [ -n "$rn_own_programs" ]; then env -- "$@"; else "$@"; fi </dev/null
  echo "status $?" >&4
} &
# The caller sees by the end of these that nobody is left who writes there.
exec >/dev/null 2>&1 3>&- 4>&-
while read -r _; do :; done
kill -s KILL 0
