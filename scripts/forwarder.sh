#!/bin/sh
# forwarder.sh - become the forwarder of a shared network namespace, unless there is one
#
# Runs in:   O and M0 of the namespace, the host's network
# Called by: src/ports/start-forwarder.ts, through nsenter(1); forwarding.sh
# Arguments: STATE GENERATION NODE PROGRAM CONNECTOR
# Result:    "running" and status 0 where there is one; else it becomes it, with .outside/NAME/forwarder open and locked on
#            descriptor 8, and "ready" is the forwarder's to say
# Requires:  flock mkfifo
set -eu
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
[ "$#" -eq 5 ] || exit 64
umask 077
# The kernel drops the lock with the process; Node gives its children no descriptor (src/exec/background.ts).
out=${1%/*}/.outside/${1##*/}
exec 8>>"$out/forwarder"
if ! flock -n 8; then
  echo running
  exit
fi
# By this the supervisor knows it, and starts it again (forwarding.sh).
[ -p "$out/forwarder.alive" ] || mkfifo -m 600 -- "$out/forwarder.alive"
# By this `port add` and `port delete` ask it (port.sh).
[ -p "$out/ports.ask" ] || mkfifo -m 600 -- "$out/ports.ask"
exec 7<>"$out/forwarder.alive"
printf '%s\n' "$$" "$3" "$4" "$5" >"$out/forwarder"
exec "$3" "$4" "$1" "$2" "$5"
