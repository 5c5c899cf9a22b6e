#!/bin/sh
# start.sh - from a fresh checkout to a namespace that is up, with every command shown
#
# Runs in:   the host's namespaces.
# Called by: npm start
# Arguments: none
# Result:    status 0; that of the command that failed, else
# Requires:  setup.sh; rnetns
set -eu
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
sh "$root/scripts/dev/setup.sh" runtime
PATH=$root/scripts:$PATH
export PATH

say() { printf '%s\n' "$1" >&2; }
# The driver opens it as root of the caller's user namespace: for root that is the owner, so mode 0600 is enough.
if [ ! -e /dev/net/tun ]; then
  say '/dev/net/tun is missing: sudo modprobe tun'
  exit 1
elif ! (: <>/dev/net/tun) 2>/dev/null; then
  say "/dev/net/tun can't be opened by $(id -un), so neither pasta nor slirp4netns will start. Until the next boot:"
  say '  sudo chmod 666 /dev/net/tun'
  exit 1
fi

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}
printf 'The first command makes the namespace, the others join it.\n'
show rnetns run -- ip addr
show rnetns run -- ip route
show rnetns run -- cat /etc/resolv.conf
show rnetns run -- readlink /proc/self/ns/net
printf '\nThe host is in another one:\n'
show readlink /proc/self/ns/net

printf '\nWhile a command runs in it:\n\n$ rnetns run -- sleep 60 &\n'
rnetns run -- sleep 60 &
sleeper=$!
trap 'kill "$sleeper" 2>/dev/null || :' EXIT
# The launcher becomes the command, so the name of its process says when it is inside.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  { read -r name <"/proc/$sleeper/comm"; } 2>/dev/null || break
  [ "$name" != sleep ] || break
  sleep 0.1
done
show rnetns status
printf '\n$ kill %s\n' "$sleeper"
kill "$sleeper"
wait "$sleeper" 2>/dev/null || :
trap - EXIT
show rnetns stop
printf '\nNothing of it is left. Next: rnetns run -- COMMAND (scripts/rnetns, or after npm link), and npm test.\n'
