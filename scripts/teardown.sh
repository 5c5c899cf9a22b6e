#!/bin/sh
# teardown.sh - end every process of a shared network namespace and remove its state
#
# Runs in:   O and M0 of the namespace, the host's network; the lock is held (by a descriptor this process inherits).
#            Never in M1 or a copy of it, where the caller's runtime directory is mounted below STATE
# Called by: supervisor.sh, which becomes it; references.sh and src/namespace/teardown.ts, through nsenter(1)
# Arguments: STATE [PID|others]   with PID, a process in the network namespace: its file is gone, or M0 is, and this is a new
#            one. others: STATE is another namespace's by now, and stays
# Result:    status 0 and no state directory; every process of the namespace has ended or was killed
# Requires:  sleep mount umount rm rmdir flock; lock.sh process.sh
#
# Order: 1. supervisor and guard, who would otherwise mend what goes, keeper and commands  2. the driver is told to end, which
#        takes the kernel tens of milliseconds  3. once the others are gone, the state, and with it the lock: whoever
#        comes now begins anew, and must find none of them  4. the driver has ended
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
[ "$#" -ge 1 ] || exit 64
dir=$1 out=${1%/*}/.outside/${1##*/}
# shellcheck disable=SC2034 # what lock.sh reads
rn_base=${dir%/*}
# shellcheck source=scripts/lock.sh
. "${0%/*}/lock.sh"
# shellcheck source=scripts/process.sh
. "${0%/*}/process.sh"
others=''
if [ "${2-}" = others ]; then
  others=1
elif [ "$#" -gt 1 ]; then
  { true >>"$dir/rootless-netns" && mount --bind -- "/proc/$2/ns/net" "$dir/rootless-netns"; } 2>/dev/null
fi

# As a process of its own. Lazily: a process that won't die keeps the namespace, but never the name. With the named ones, for a
# file that is a mount point can't be removed.
unmount() {
  exec umount -l -- "$dir/rootless-netns" "$dir/rootless-userns" "${dir%/*/*}/netns"
} 2>/dev/null
# Its file goes before its last members do.
# The supervisor, which becomes us, has it open there already.
[ -n "$others" ] || command exec 9<"$dir/rootless-netns" || :
# Beside the rest.
unmounting=''
[ -n "$others" ] || { unmount & unmounting=$!; }

# Every process that is in the network namespace or in M0. The driver has gone into namespaces of its own by now. Also those
# that are on their way: a keeper, which has M0 open (keeper-way.sh), and a driver that isn't ready.
members() {
  members=
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    [ "$pid" = "$$" ] || [ "$pid" = "$unmounting" ] && continue
    if [ "$process/ns/net" -ef /proc/self/fd/9 ] || [ "$process/ns/mnt" -ef /proc/self/ns/mnt ] ||
      [ "$process/fd/5" -ef /proc/self/ns/mnt ] ||
      { [ "$process/fd/2" -ef "$out/driver.words" ] && [ "$pid" != "$driver" ]; }; then
      members="$members $pid"
    fi
  done
}

# Did a driver of ours write this pid? Its command line names our namespace file; a stranger's doesn't.
is_driver() {
  start_of "$1" && while read -r words || [ -n "$words" ]; do
    case $words in *"$dir/rootless-netns"*) return 0 ;; esac
  done <"/proc/$1/cmdline"
  return 1
}

# lives PID: as start_of knows it, by less to read: a byte is a system call.
lives() {
  value=''
  while read -r key value; do [ "$key" != State: ] || break; done <"/proc/$1/status" && case $value in '' | [ZXx]*) false ;; esac
} 2>/dev/null

# wait_gone PID…: up to a second; most are gone in milliseconds
wait_gone() {
  for pause in .002 .003 .005 .01 .01 .02 .05 .1 .1 .1 .2 .2 .2; do
    left=
    for pid; do
      ! lives "$pid" || left=1
    done
    [ -n "$left" ] || return 0
    sleep "$pause"
  done
  return 1
}

driver=
{ [ -z "$others" ] && [ -f "$dir/rootless-netns-conn.pid" ] && read -r driver <"$dir/rootless-netns-conn.pid"; } 2>/dev/null
[ "${driver:-0}" != 0 ] && is_driver "$driver" || driver=
end() { # SIGNAL
  # shellcheck disable=SC2086 # a list of pids
  [ -z "$members" ] || kill -s "$1" $members 2>/dev/null
}
# 1, 2. The supervisor is told first, or it would start another.
members
end TERM
[ -z "$driver" ] || kill -s KILL "$driver" 2>/dev/null
[ -z "$unmounting" ] || wait "$unmounting"
# Looked for again after each round: who was being started shows only then.
for signal in KILL KILL KILL; do
  # shellcheck disable=SC2086
  wait_gone $members
  members
  [ -n "$members" ] || break
  end "$signal"
done
[ -z "$others" ] || exit 0
# A guard that was about to be the supervisor may have shown the names again.
! [ "$dir/netns" -ef "${dir%/*/*}/netns" ] || (unmount)
# 3. --one-file-system: whatever is mounted below, by whomever, is not ours to empty. Last what the lock is on: what is there by
# that name afterwards is another one's.
status=1
command exec 7<"$dir" || :
for _ in 1 2 3; do
  rm -rf --one-file-system -- "$out" "$dir" && status=0 && break
  [ /proc/self/fd/7 -ef "$dir" ] || break
  sleep 0.1
  (unmount)
done
remove_forsaken
remove_base
# 4. Nothing by its path from here on: another one's state may be there.
[ -z "$driver" ] || wait_gone "$driver"
exit "$status"
