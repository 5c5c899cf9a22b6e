#!/bin/sh
# netns.sh - make U and the shared network namespace, or bind those that live, on their files
#
# Theory of operation: outside and inside
#
# Commands are root of their user namespace, and root may trace what is in it and make that do anything
# (user_namespaces(7), ptrace(2)). So theirs is U, a child of O with the same ids. Whatever of ours is on the host's
# network is in O, where they have no capability. The network namespace is U's, and O has every capability in what its
# child has.
#
# Runs in:   O and M0, the host's network
# Called by: holder.sh for a new namespace; src/namespace/netns.ts, through nsenter(1), when its file is gone
# Arguments: STATE [PID]   with PID: the living namespaces are that process's
# Result:    status 0; <state>/rootless-netns is the namespace, its loopback up, and <state>/rootless-userns is U; else
#            1 and words on stderr. <state>/netns is mounted on $XDG_RUNTIME_DIR/netns
# Requires:  unshare nsenter mount umount mkdir rm id stat ip dd; name.sh pin.sh
set -eu
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
umask 077
rn_dir=$1 rn_view=''
netns=$rn_dir/rootless-netns userns=$rn_dir/rootless-userns
shift
# shellcheck source=scripts/name.sh
. "${0%/*}/name.sh"
# shellcheck source=scripts/pin.sh
. "${0%/*}/pin.sh"

bind() { # PID
  mount --bind -- "/proc/$1/ns/net" "$netns" && mount --bind -- "/proc/$1/ns/user" "$userns"
}

# map uid|gid PID: the ids of O, a line for each of its extents, for none may span two of the parent's.
map() {
  extents=$(while read -r inside _ count; do echo "$inside $inside $count"; done <"/proc/self/$1_map")
  # By one write(2), as user_namespaces(7) wants it: a shell may write line by line.
  printf '%s\n' "$extents" | dd bs=4096 iflag=fullblock status=none of="/proc/$2/$1_map" 2>/dev/null && return
  # Without CAP_SETUID, as in a container that dropped it, one's own id is all there is.
  [ "$1" != gid ] || echo deny >"/proc/$2/setgroups"
  id=$(id "-$(echo "$1" | cut -c 1)")
  echo "$id $id 1" >"/proc/$2/$1_map"
}

map_and_bind() { # PID
  map uid "$1" && map gid "$1" && bind "$1"
}

into_both() { unshare --user --net -- "$@"; }
into_network() { unshare --net -- "$@"; }

# Killed between making a file and mounting on it, or left by a reboot: it is no namespace, and mount(8) would still
# mount on it (https://github.com/containers/podman/issues/25144).
for file in "$netns" "$userns" "$rn_dir/.pin"; do
  [ -e "$file" ] || continue
  umount -l -- "$file" 2>/dev/null || :
  rm -f -- "$file"
done
: >"$netns"
: >"$userns"
if [ "$#" -gt 0 ]; then
  bind "$1"
else
  if ! words=$(with_pin "$rn_dir/.pin" map_and_bind into_both 2>&1); then
    ! unshare --user true 2>/dev/null || {
      printf '%s\n' "$words" >&2
      exit 1
    }
    # A container may allow no user namespace in its own: then there is only O, and no line between commands and us.
    with_pin "$rn_dir/.pin" bind into_network
  fi
  nsenter "--net=$netns" -- ip link set lo up
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
    # What commands could put there must not be mounted where O's programs are looked for: a namespace it is, or nothing.
    exec 3<"$rn_seen" && [ "$(stat -L -f -c %t /proc/self/fd/3)" = 6e736673 ] && ! [ -L "$seen/$1" ] || continue
    # By the path as it is: mount(8) would read the link, and mount the file of that name in here.
    mount --no-canonicalize --bind -- /proc/self/fd/3 "$seen/$1" 2>/dev/null || continue
    exec 3<&-
    return 0
  done
  return 1
}
for path in "$rn_dir"/netns/*; do
  ! [ -f "$path" ] || restore "${path##*/}" || rm -f -- "$path"
done
