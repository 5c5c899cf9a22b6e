#!/bin/sh
# netns.sh - make the shared network namespace, or bind one that lives, on its file
#
# Runs in:   U and M0, the host's network
# Called by: holder.sh for a new namespace; src/namespace/netns.ts, through nsenter(1), when its file is gone
# Arguments: STATE [PID]   with PID: the living namespace is that process's
# Result:    status 0 and <state>/rootless-netns is the namespace, its loopback up; else 1 and words on stderr
#            <state>/netns is mounted on $XDG_RUNTIME_DIR/netns
# Requires:  unshare mount umount mkdir rm ip; name.sh
set -eu
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
umask 077
rn_dir=$1 rn_view=''
file=$rn_dir/rootless-netns
shift
# shellcheck source=scripts/name.sh
. "${0%/*}/name.sh"
# Killed between making the file and mounting it, or left by a reboot: it is no namespace, and unshare(1) would still
# mount on it (https://github.com/containers/podman/issues/25144).
if [ -e "$file" ]; then
  umount -l -- "$file" 2>/dev/null || :
  rm -f -- "$file"
fi
: >"$file"
if [ "$#" -gt 0 ]; then
  mount --bind -- "/proc/$1/ns/net" "$file"
else
  unshare --net="$file" -- ip link set lo up
fi
# Named ones, for named-netns.sh. Shared, and now: M1 is a copy of this mount namespace, and its slave from then on.
# A runtime directory in which this can't be made is no reason to do without the shared namespace.
seen=${rn_dir%/*/*}/netns
mkdir -p -- "$rn_dir/netns" || exit 0
# With the sticky bit, which marks what rnetns has made and removes (lock.sh). Others make it at the same time, and the last
# namespace of all removes it when it goes: more than once.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ -d "$seen" ] || mkdir -m 1700 -- "$seen" 2>/dev/null || :
  [ "$rn_dir/netns" -ef "$seen" ] || mount --bind --make-shared -- "$rn_dir/netns" "$seen" 2>/dev/null || :
  ! [ "$rn_dir/netns" -ef "$seen" ] || break
done
[ "$rn_dir/netns" -ef "$seen" ] || exit 0

# restore NAME: one of an M0 that is gone lives on where a process has a copy of it, if anywhere.
restore() {
  for process in /proc/self /proc/[0-9]*; do
    rn_view=$process/root
    is_named "$1" || continue
    # By the path as it is: mount(8) would read the link, and mount the file of that name in here.
    mount --no-canonicalize --bind -- "$rn_seen" "$seen/$1" 2>/dev/null || continue
    return 0
  done
  return 1
}
for path in "$rn_dir"/netns/*; do
  ! [ -f "$path" ] || restore "${path##*/}" || rm -f -- "$path"
done
