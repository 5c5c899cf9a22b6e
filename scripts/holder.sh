#!/bin/sh
# holder.sh - pin a user and a mount namespace, and reap the shared network namespace after its last use
#
# Runs in:   U and M0 (DESIGN: the user namespace, and the mount namespace with the namespace files), the host's network
# Called by: src/namespace/holder.ts, through nsenter(1)
# Arguments: STATE GENERATION LINGER [create]   create: make the network namespace as well
# Result:    "ready" on stdout; ends when it has torn the namespace down
# Requires:  sleep flock timeout cat mv mkfifo; netns.sh teardown.sh
#
# Theory of operation: leases
#
# Every command holds the FIFO lease.GENERATION open, so end-of-file there means that no command is left, however the
# last one ended. A command also writes a byte when it comes, which is how one that came and went while we lingered is
# seen. What doesn't show in the FIFO is looked for: durable references, and processes of the namespace that closed
# their descriptors (ssh does). After `live` is taken away nobody can join without the lock, which we hold then.
set -u
umask 077
dir=$1 generation=$2 linger=$3
here=${0%/*}
lease=$dir/lease.$generation
# shellcheck disable=SC2034 # what lock.sh reads
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/} rn_lease=$lease
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"

# Opened for writing first, so that opening for reading can't block: who started us may be dead already.
exec 9<>"$lease" && exec 8<"$lease" && exec 9<&- || exit 1
# The keeper reads this one: end-of-file tells it that we died (keeper.sh). scripts/rnetns knows both of us by it.
[ -p "$dir/holder.$generation" ] || mkfifo -m 600 -- "$dir/holder.$generation" || exit 1
exec 7<>"$dir/holder.$generation" || exit 1
[ "${4-}" != create ] || sh "$here/netns.sh" "$dir" || exit 1
# Who started us may be dead by now: that is no reason to die of it (signal(7), SIGPIPE).
trap : PIPE
echo ready
exec </dev/null >/dev/null 2>&1

# Is the namespace used by something that holds no lease? The keeper is no use.
used() {
  for reference in "$dir"/references/*; do
    [ -e "$reference" ] && return 0
  done
  # Anything but a number is no reference, as for src/state/references.ts.
  count=0
  { read -r count <"$dir/ref-count"; } 2>/dev/null
  case $count in *[!0-9]* | '' | 0) ;; *) return 0 ;; esac
  # The keeper and its children have the FIFO of the holder open.
  for process in /proc/[0-9]*; do
    [ "$process/ns/net" -ef "$dir/rootless-netns" ] && ! [ "$process/fd/4" -ef "$dir/holder.$generation" ] && return 0
  done
  return 1
}

# Wait until $linger seconds have passed without a lease. The timer is a lease itself: then one read waits for both.
linger() {
  while :; do
    exec 9<>"$lease"
    sleep "$linger" 7<&- 8<&- &
    timer=$!
    exec 9<&-
    joined=
    while read -r _ <&8; do
      [ -n "$joined" ] || kill "$timer"
      joined=1
    done
    wait "$timer"
    [ -n "$joined" ] || return 0
  done
}

# Tear down unless something uses it after all; only returns if so.
reap() {
  lock_state || return 0
  mv -- "$dir/live" "$dir/live.reaping" 2>/dev/null
  # 124: no end-of-file, so somebody has the FIFO open. The bytes of those who came meanwhile go with it.
  timeout 0.05 cat <&8
  if [ "$?" -ne 124 ] && ! used; then
    exec sh "$here/teardown.sh" "$dir"
  fi
  mv -- "$dir/live.reaping" "$dir/live" 2>/dev/null
  unlock_state
  fresh=1
}

fresh=1
while :; do
  # With a lease this blocks until the last one is gone.
  while read -r _ <&8; do fresh=1; done
  # A namespace nobody lingers for: its only use was a reference, or it was never published.
  if [ -n "$fresh" ] && [ "$linger" != 0 ] && [ -e "$dir/live" ]; then linger; fi
  fresh=
  used || reap
  sleep 1
done
