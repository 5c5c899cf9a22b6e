#!/bin/sh
# guard.sh - have the holder replaced when it dies, or take the namespace down when nobody needs it any more
#
# Runs in:   O and M0, the host's network
# Called by: holder.sh
# Arguments: STATE GENERATION
# Result:    ends when the state is gone
# Requires:  sleep; rnetns log.sh; lock.sh name.sh reap.sh, teardown.sh
#
# Without the holder nobody reaps. The FIFO of the holder reads as end-of-file when it has died.
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
umask 077
dir=$1 generation=$2
here=${0%/*}
# shellcheck disable=SC2034 # what lock.sh and reap.sh read
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/} rn_lease=$dir/lease.$generation rn_fifo=$dir/lease.$generation \
  rn_gen=$generation rn_netns=$dir/rootless-netns rn_view=''
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
# shellcheck source=scripts/name.sh
. "$here/name.sh"
# shellcheck source=scripts/reap.sh
. "$here/reap.sh"

# Opened for writing first, so that opening for reading can't block.
watch() {
  [ -p "$dir/outside/holder.$generation" ] &&
    exec 3<>"$dir/outside/holder.$generation" && exec 4<"$dir/outside/holder.$generation" && exec 3<&-
}
watch || exit 1
# scripts/holder.sh knows us by this one, whichever holder started us. Last of all: then we can do our work.
exec 8>"$dir/outside/guard" && echo "$$" >&8 || exit 1
exec </dev/null >/dev/null 2>&1

holder_lives() {
  rn_holder=''
  { read -r _ _ _ rn_holder _ <"$dir/live"; } 2>/dev/null
  [ "/proc/$rn_holder/fd/7" -ef "$dir/outside/holder.$generation" ]
}

mend() {
  exec 4<&- 8>&-
  "$here/rnetns" repair --name "$rn_name" 2>&1 | sh "$here/log.sh" "$dir" repair
}

waited=0
while :; do
  while read -r _ <&4; do :; done
  [ -d "$dir" ] || exit 0
  # In the background, and by its own limits: what can't be mended must not stop us from reaping.
  [ "$((waited % 5))" -ne 0 ] || mend &
  sleep 1
  waited=$((waited + 1))
  # Somebody may have put another FIFO there.
  watch 2>/dev/null
  # The holder had it open, and so have we.
  [ -e "$rn_netns" ] || rn_netns=/proc/self/fd/6
  [ "$((waited % 5))" -ne 0 ] || ! [ -e "$rn_lease" ] || holder_lives || reap sh "$here/teardown.sh" "$dir"
done
