#!/bin/sh
# netavark.sh - call netavark, one call at a time, and undo what a failed setup has left
#
# Runs in:   U, a copy of M1 and the shared network namespace: a command of `rnetns setup`, `teardown` or `run`
# Called by: src/cli/netavark/launch.ts, as text, because inside /run is another one
# Arguments: setup|teardown SECONDS DIRECTORY NETNS INTERFACES RECORD NETAVARK [OPTION…]
#            update SECONDS DIRECTORY '' '' '' NETAVARK ARG…
#            SECONDS: for each call of netavark; DIRECTORY: its lock, and netavark's own state; INTERFACES: words, what
#            setup makes; RECORD: the file that says so until the container is counted, removed here once it is undone.
#            Our caller makes it as a hidden one
#            Descriptor 5, if it is open, is NETNS, which may be there for our caller alone
# Input:     after a line of ours on descriptor 3, which says that the lock is ours: `undo` and a line each of RECORD, NETNS,
#            INTERFACES and netavark's input, for each setup that nobody has undone; `go` and a line of netavark's input.
#            For setup and teardown, after another line of ours, which says that netavark is done, "ok": anything else
#            undoes the setup, and keeps what stands for the container at teardown
# Result:    netavark's stdout and status, or 125 for a setup that failed and can't be undone; words of ours are no JSON. A
#            teardown after which the container has its interfaces no more succeeds, with netavark's words on stderr
# Requires:  flock mv rm sleep mkdir stat mount umount unshare nsenter ip timeout; process.sh, whose text comes before this
set -u
act=$1 seconds=$2 dir=$3 own_netns=$4 own_interfaces=$5 own_record=$6
shift 6
wait_seconds=60
fail() {
  printf '%s\n' "$1"
  exit 1
}

[ -d "$dir" ] || mkdir -m 700 -- "$dir" 2>/dev/null || [ -d "$dir" ] || fail "cannot make $dir"
# In parallel it breaks: "Chain already exists", rules that stay (netavark 1.4 and 1.14). Addresses are given out under the
# lock as well.
exec 9>"$dir/lock" && flock -w "$wait_seconds" 9 || fail "netavark was kept waiting for $wait_seconds s by another call"
# From here on nothing but SIGKILL may end it half-way: systemd ends a service by a signal to all of its processes, and whoever
# read what we write may be gone. Not ignored, for what we start would inherit that.
interrupted=''
trap 'interrupted=1' INT TERM HUP
trap : PIPE
echo 2>/dev/null >&3

# aardvark-dns, which it starts, keeps its directory and every descriptor above 2: with a lease, it would never go.
# With a visible systemd it is started by systemd-run, which fails in silence without a session bus.
cd / || exit 1
[ ! -d /run/systemd/system ] || mount -t tmpfs -o mode=755 tmpfs /run/systemd/system || fail 'cannot hide /run/systemd/system'
# timeout(1) ends what netavark started too; its status is 124 then, or 137 where SIGKILL was needed. It has a process group
# of its own, so no key of a terminal reaches netavark.
netavark() {
  printf '%s' "$input" | timeout --kill-after 1 "$seconds" "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  status=$?
  case $status in
    124 | 137)
      echo "netavark did not end within $seconds s, and was killed"
      status=1
      ;;
  esac
  # By a signal, or it can't be started: such a status is not to be taken for ours.
  if [ "$status" -ge 125 ]; then
    echo "netavark ended with status $status"
    status=1
  fi
  return "$status"
}

# nsfs, and procfs for the links of kernels before 3.19. A name whose namespace is gone can be left as a plain file.
is_namespace() {
  case $(stat -L -f -c %t -- "$what" 2>/dev/null) in 6e736673 | 9fa0) ;; *) return 1 ;; esac
}

# has INTERFACE
has() {
  nsenter --net="$place" ip link show dev "$1" >/dev/null 2>&1
}

# take_down NETAVARK [OPTION…]: with $input, $interfaces off $what; $words and $failed are netavark's. Fails only when an
# interface is still there.
#
# netavark stops at an interface or a namespace that is missing, and leaves its rules and bridge behind (1.4 and 1.14). So
# it gets one to remove, where need be in another namespace, which goes with its name.
take_down() {
  place=$what
  if ! is_namespace; then
    place=$dir/stand-in
    : >"$place"
    unshare --net="$place" true || place=$what
  fi
  for interface in $interfaces; do
    has "$interface" || nsenter --net="$place" ip link add "$interface" type bridge 2>/dev/null
  done
  words=$(netavark "$@" teardown "$place")
  failed=$?
  left=''
  if [ "$failed" -ne 0 ] && is_namespace; then
    # Of a namespace that can't be entered nobody knows.
    nsenter --net="$place" true 2>/dev/null || left=$interfaces
    for interface in $interfaces; do
      ! has "$interface" || nsenter --net="$place" ip link delete dev "$interface" 2>/dev/null || left=$interface
    done
  fi
  [ "$place" = "$what" ] || { umount -- "$place" && rm -f -- "$place"; }
  [ -z "$left" ]
}

# undo NETAVARK [OPTION…]: a setup; the record of one that can't be undone stays, for the next call to try again
undo() {
  take_down "$@" >/dev/null 2>&1 && rm -f -- "$record"
}

# After the last container of all aardvark-dns ends by itself, a moment later. Until then the namespace would be in use.
wait_for_dns() {
  for file in "$dir"/aardvark-dns/*; do
    case $file in */aardvark.pid | */\*) ;; *) return ;; esac
  done
  for pause in .02 .05 .1 .2 .5; do
    [ -n "$dns" ] && start_of "$dns" || return
    sleep "$pause"
  done
}

# Setups that were killed together with all that would have undone them.
word=''
while IFS= read -r word && [ "$word" = undo ]; do
  IFS= read -r record && IFS= read -r what && IFS= read -r interfaces && IFS= read -r input || exit 1
  undo "$@"
done
[ "$word" = go ] && IFS= read -r input || exit 1
what=$own_netns interfaces=$own_interfaces record=$own_record
# By our pid, for netavark gets none of our descriptors.
! [ -e /proc/self/fd/5 ] || what=/proc/$$/fd/5
# agreed: netavark is done; is our caller, who notes what follows from it?
agreed() {
  echo 2>/dev/null >&3
  IFS= read -r word && [ "$word" = ok ]
}
case $act in
  update)
    netavark "$@"
    exit
    ;;
  teardown)
    dns=''
    { [ -f "$dir/aardvark-dns/aardvark.pid" ] && read -r dns <"$dir/aardvark-dns/aardvark.pid"; } 2>/dev/null
    if ! take_down "$@"; then
      printf '%s\n' "$words"
      exit 1
    fi
    # A container that is gone must be removable, whatever netavark says.
    if [ "$failed" -ne 0 ]; then
      printf 'rnetns: netavark teardown of %s ended with status %s%s\n' "$own_netns" "$failed" "${words:+: $words}"
      echo 'hint: it is disconnected, and counted no more; what is left of its rules and names goes with the shared namespace'
    fi >&2
    wait_for_dns
    agreed
    exit
    ;;
esac
staged=${record%/*}/.${record##*/}
refuse() {
  rm -f -- "$staged"
  fail "$1"
}
is_namespace || refuse "there is no network namespace at $own_netns"
# What is there already is somebody's: it must not be undone below, nor by another call.
place=$what
for interface in $interfaces; do
  ! has "$interface" || refuse "$interface is there already in $own_netns"
done
mv -f -- "$staged" "$record" || exit 1
netavark "$@" setup "$what"
status=$?
if [ "$status" -eq 0 ]; then
  agreed && [ -z "$interrupted" ] || status=1
fi
# Whoever would count it was killed meanwhile: then nobody knows of it.
{ while read -r key parent _; do [ "$key" != PPid: ] || break; done; } <"/proc/$$/status"
[ "$parent" = "$PPID" ] || status=1
[ "$status" -eq 0 ] || undo "$@" || status=125
exit "$status"
