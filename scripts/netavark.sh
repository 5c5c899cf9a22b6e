#!/bin/sh
# netavark.sh - call netavark, one call at a time, and undo what a failed setup has left
#
# Runs in:   U, a copy of M1 and the shared network namespace: a command of `rnetns setup` or `teardown`
# Called by: src/cli/commands/netavark.ts, as text, because inside /run is another one
# Arguments: setup|teardown SECONDS DIRECTORY NETNS INTERFACES NETAVARK [OPTION…]
#            update SECONDS DIRECTORY '' '' NETAVARK ARG…
#            SECONDS: for each call of netavark; DIRECTORY: its lock, and netavark's own state; INTERFACES: words, what
#            setup makes
# Input:     on stdin, after a line of ours on descriptor 3, which says that the lock is ours
# Result:    netavark's stdout and status
# Requires:  flock cat sleep mkdir nsenter ip mount timeout
set -u
act=$1 seconds=$2 dir=$3 what=$4 interfaces=$5
shift 5
wait_seconds=60
fail() {
  # As netavark does; the words are ours, and hold no quotes.
  printf '{"error":"%s"}\n' "$1"
  exit 1
}

[ -d "$dir" ] || mkdir -m 700 -- "$dir" 2>/dev/null || [ -d "$dir" ] || fail "cannot make $dir"
# In parallel it breaks: "Chain already exists", rules that stay (netavark 1.4 and 1.14). Addresses are given out under the
# lock as well.
exec 9>"$dir/lock" && flock -w "$wait_seconds" 9 || fail "netavark was kept waiting for $wait_seconds s by another call"
echo >&3
exec 3>&-
input=$(cat)
[ -n "$input" ] || [ "$act" = update ] || exit 1

# aardvark-dns, which it starts, keeps its directory and every descriptor above 2: with a lease, it would never go.
# With a visible systemd it is started by systemd-run, which fails in silence without a session bus.
cd / || exit 1
[ ! -d /run/systemd/system ] || mount -t tmpfs -o mode=755 tmpfs /run/systemd/system || fail 'cannot hide /run/systemd/system'
# timeout(1) ends what netavark started too; its status is 124 then, or 137 where SIGKILL was needed.
netavark() {
  printf '%s' "$input" | timeout --kill-after 1 "$seconds" "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  status=$?
  case $status in 124 | 137) fail "netavark did not end within $seconds s, and was killed" ;; esac
  return "$status"
}

# After the last container of all aardvark-dns ends by itself, a moment later. Until then the namespace would be in use.
wait_for_dns() {
  for file in "$dir"/aardvark-dns/*; do
    case $file in */aardvark.pid | */\*) ;; *) return ;; esac
  done
  for pause in .02 .05 .1 .2 .5; do
    { [ -n "$dns" ] && read -r _ _ state _ <"/proc/$dns/stat" && [ "$state" != Z ]; } 2>/dev/null || return
    sleep "$pause"
  done
}

case $act in
  update)
    netavark "$@"
    exit
    ;;
  teardown)
    dns=''
    { read -r dns <"$dir/aardvark-dns/aardvark.pid"; } 2>/dev/null
    (netavark "$@" teardown "$what")
    status=$?
    wait_for_dns
    exit "$status"
    ;;
esac
# What is there already is somebody's: it must not be undone below.
for interface in $interfaces; do
  ! nsenter --net="$what" ip link show dev "$interface" >/dev/null 2>&1 || fail "$interface is there already in $what"
done
(netavark "$@" setup "$what")
status=$?
# Whoever would count it was killed meanwhile: then nobody knows of it.
{ while read -r key parent _; do [ "$key" != PPid: ] || break; done; } <"/proc/$$/status"
[ "$parent" = "$PPID" ] || status=1
[ "$status" -eq 0 ] || (netavark "$@" teardown "$what") >/dev/null 2>&1
exit "$status"
