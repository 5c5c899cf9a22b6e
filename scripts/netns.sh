#!/bin/sh
# netns.sh - make the shared network namespace, or bind one that lives, on its file
#
# Runs in:   U and M0, the host's network
# Called by: holder.sh for a new namespace; src/namespace/netns.ts, through nsenter(1), when its file is gone
# Arguments: STATE [PID]   with PID: the living namespace is that process's
# Result:    status 0 and <state>/rootless-netns is the namespace, its loopback up; else 1 and words on stderr
#            <state>/netns is mounted on $XDG_RUNTIME_DIR/netns
# Requires:  unshare mount umount mkdir rm ip
set -eu
umask 077
file=$1/rootless-netns
# Killed between making the file and mounting it, or left by a reboot: it is no namespace, and unshare(1) would still
# mount on it (https://github.com/containers/podman/issues/25144).
if [ -e "$file" ]; then
  umount -l -- "$file" 2>/dev/null || :
  rm -f -- "$file"
fi
: >"$file"
if [ "$#" -gt 1 ]; then
  mount --bind -- "/proc/$2/ns/net" "$file"
else
  unshare --net="$file" -- ip link set lo up
fi
# Named ones, for named-netns.sh. Shared, and now: M1 is a copy of this mount namespace, and its slave from then on.
# A runtime directory in which this can't be made is no reason to do without the shared namespace.
seen=${1%/*/*}/netns
mkdir -p -- "$1/netns" "$seen" || exit 0
[ "$1/netns" -ef "$seen" ] || mount --bind --make-shared -- "$1/netns" "$seen" || exit 0
# Those of an M0 that is gone live on in that process's copy, or are gone with it: then a name is a file like any other.
for name in "$1"/netns/*; do
  there=$seen/${name##*/}
  [ "$name" -ef "$there" ] || continue
  [ "$#" -gt 1 ] && mount --bind -- "/proc/$2/root$there" "$there" || rm -f -- "$name"
done
