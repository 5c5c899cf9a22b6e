#!/bin/sh
# holder.sh - pin a user and a mount namespace, and reap the shared network namespace after its last use
#
# Runs in:   O and M0, which has the namespaces' files; the host's network
# Called by: src/namespace/holder.ts, through nsenter(1)
# Arguments: STATE GENERATION LINGER [create]   create: make the network namespace as well
# Signals:   USR1: stop waiting and look (references.sh and minder.sh, at the last reference)
# Result:    "ready" on stdout; ends when it has torn the namespace down
# Requires:  sleep flock dd mount mv rm rmdir mkfifo find setpriv; netns.sh guard.sh lock.sh name.sh reap.sh minder.sh
#            teardown.sh
#
# Theory of operation: leases
#
# Every command holds the FIFO lease.GENERATION open, so end-of-file there means that no command is left, however the
# last one ended. A command also writes a byte when it comes, which is how one that came and went while we lingered is
# seen. What doesn't show in the FIFO is looked for: durable references, and processes of the namespace that closed
# their descriptors (ssh does). After `live` is taken away nobody can join without the lock, which we hold then.
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
umask 077
dir=$1 generation=$2 linger=$3
here=${0%/*}
lease=$dir/lease.$generation
# shellcheck disable=SC2034 # what lock.sh and reap.sh read; the FIFO by descriptor, for its name may have been removed
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/} rn_lease=$lease rn_fifo=/proc/self/fd/8 rn_gen=$generation \
  rn_netns=$dir/rootless-netns rn_view=''
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
# shellcheck source=scripts/name.sh
. "$here/name.sh"
# shellcheck source=scripts/reap.sh
. "$here/reap.sh"

# Opened for writing first, so that opening for reading can't block: who started us may be dead already.
exec 9<>"$lease" && exec 8<"$lease" && exec 9<&- || exit 1
# The guard reads this one: end-of-file tells it that we died. scripts/rnetns knows us by it.
fifo=$dir/outside/holder.$generation
[ -p "$fifo" ] || { rm -rf -- "$fifo" && mkfifo -m 600 -- "$fifo"; } || exit 1
exec 7<>"$fifo" || exit 1
timer=
trap '[ -z "$timer" ] || kill "$timer" 2>/dev/null' USR1
if [ "${4-}" = create ]; then
  sh "$here/netns.sh" "$dir" || exit 1
else
  # When a supervisor's call to mend outlived it, M0 is a copy of the old one, a slave: names made in it would not be
  # seen in M1, its slave in turn, unless they are shared from here.
  mount --make-shared -- "${dir%/*/*}/netns" 2>/dev/null
fi
# Who started us may be dead by now: that is no reason to die of it (signal(7), SIGPIPE).
trap : PIPE
# Should somebody remove its file, this still tells who is in it.
[ ! -e "$dir/rootless-netns" ] || exec 6<"$dir/rootless-netns"
echo ready
exec </dev/null >/dev/null 2>&1

# Who has us replaced, one for all the holders of this namespace. One that we have started may not have said yet who it is.
guard() {
  rn_guard=''
  { read -r rn_guard <"$dir/outside/guard"; } 2>/dev/null
  ! [ "/proc/$rn_guard/fd/8" -ef "$dir/outside/guard" ] && ! [ -e "/proc/$guard/fd/0" ] || return 0
  sh "$here/guard.sh" "$dir" "$generation" 7<&- 8<&- &
  guard=$!
}
guard=none
guard

waits=0
echo '0 busy' >"$dir/idle"
# prctl(2), PR_SET_PDEATHSIG: setpriv(1) of util-linux can ask for it, BusyBox's can't.
dies_with_us=
! setpriv --pdeathsig KILL -- true 7<&- 8<&- || dies_with_us=1

# pause SECONDS: becomes a timer
pause() {
  [ -z "$dies_with_us" ] || exec setpriv --pdeathsig KILL -- sleep "$1"
  exec sleep "$1"
}

# wait_quietly SECONDS: until so long nobody has come, or USR1 has. 1: somebody came, and the last of them has gone.
# The timer is a lease itself: then one read waits for both. `idle` says so for as long as it may be one, and by its number
# whether it has been one meanwhile. Without us it would be one that nobody ends, so it dies when we do.
wait_quietly() {
  waits=$((waits + 1))
  echo "$waits wait" >"$dir/idle"
  exec 9<>"$lease"
  pause "$1" 7<&- 8<&- &
  timer=$!
  exec 9<&-
  joined=
  while read -r _ <&8; do
    [ -n "$joined" ] || {
      # USR1 ends a wait, too.
      while kill "$timer"; do wait "$timer"; done
      echo "$waits busy" >"$dir/idle"
    }
    joined=1
    # Who mends rings for it, and stays until it is there.
    guard
  done
  wait "$timer"
  echo "$waits busy" >"$dir/idle"
  timer=
  [ -z "$joined" ]
}

# References that go with a process are looked after by a program of their own: commands may keep us waiting for hours.
# It has its own file open on 3, so that a dead one is told from it.
mind() {
  [ -e "$dir/tied" ] || return 0
  # One that was stopped goes on.
  ! [ "/proc/$minder/fd/3" -ef "$here/minder.sh" ] || ! kill -s CONT "$minder" 2>/dev/null || return 0
  exec 3<"$here/minder.sh"
  sh "$here/minder.sh" "$dir" "$generation" "$$" 7<&- 8<&- &
  minder=$!
  exec 3<&-
}
minder=none

# An empty one's setup was killed between making and writing it, and nobody counts on it. Once in a while only, for that
# takes as long as there are references.
drop_unwritten() {
  looks=$((looks + 1))
  [ "$((looks % 60))" -eq 0 ] && { [ -e "$dir/references" ] || [ -e "$dir/tied" ]; } && lock_state || return 0
  find "$dir/references" "$dir/tied" -maxdepth 1 -type f -empty -mmin +1 -delete
  unlock_state
}
looks=0

fresh=1
while :; do
  # With a lease this blocks until the last one is gone.
  while read -r _ <&8; do
    fresh=1
    guard
    mind
  done
  # What was read while we waited quietly meant us to look as well.
  guard
  mind
  rn_netns=$dir/rootless-netns
  [ -e "$rn_netns" ] || rn_netns=/proc/self/fd/6
  if used; then
    # Nothing to linger for afterwards: that is for commands.
    drop_unwritten
    fresh=
  else
    if [ -n "$fresh" ] && [ "$linger" != 0 ] && [ -e "$dir/live" ]; then
      until wait_quietly "$linger"; do :; done
    fi
    fresh=
    # Gone from M0 alone, with what it was mounted on: nobody can join here, and the lock is out of reach.
    [ -e "${dir%/*/*}/." ] || leased || exec sh "$here/teardown.sh" "$dir"
    reap sh "$here/teardown.sh" "$dir"
  fi
  wait_quietly 1 || fresh=1
done
