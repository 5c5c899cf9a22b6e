# shellcheck shell=sh
# namespaces.sh - the files in M0 on which U, the shared network namespace and the named ones are mounted; for supervisor.sh
#
# Theory of operation: outside and inside
#
# Commands are root of their user namespace, and root may trace what is in it and make that do anything
# (user_namespaces(7), ptrace(2)). So theirs is U, a child of O with the same ids. Whatever of ours is on the host's
# network is in O, where they have no capability. The network namespace is U's, and O has every capability in what its
# child has.
#
# Files:    <state>/rootless-netns is the network namespace, <state>/rootless-userns is U; <state>/netns is mounted on
#           $XDG_RUNTIME_DIR/netns
# Requires: mount umount mkdir rm id cut stat dd; name.sh
# shellcheck disable=SC2034,SC2154 # rn_dir is the sourcing program's, and rn_view name.sh's

# bind_namespaces PID: those of a process on their files
bind_namespaces() {
  # Killed between making a file and mounting on it, or left by a reboot: it is no namespace, and mount(8) would still
  # mount on it (https://github.com/containers/podman/issues/25144).
  for file in "$rn_dir/rootless-netns" "$rn_dir/rootless-userns"; do
    [ -e "$file" ] || continue
    umount -l -- "$file" 2>/dev/null
    rm -f -- "$file"
  done
  true >"$rn_dir/rootless-netns"
  true >"$rn_dir/rootless-userns"
  mount --bind -- "/proc/$1/ns/net" "$rn_dir/rootless-netns" &
  mount --bind -- "/proc/$1/ns/user" "$rn_dir/rootless-userns" && wait "$!"
}

# map_ids PID: the ids of O, a line for each of its extents, for none may span two of the parent's
map_ids() {
  [ /proc/self/ns/user -ef "/proc/$1/ns/user" ] || { map uid "$1" && map gid "$1"; }
}

map() { # uid|gid PID
  extents=''
  while read -r inside _ count; do
    extents=$extents"$inside $inside $count
"
  done <"/proc/self/$1_map"
  # By one write(2), as user_namespaces(7) wants it: bash writes line by line.
  if [ -n "${BASH_VERSION-}" ]; then
    printf %s "$extents" | dd bs=4096 iflag=fullblock status=none of="/proc/$2/$1_map"
  else
    printf %s "$extents" >"/proc/$2/$1_map"
  fi 2>/dev/null && return
  # Without CAP_SETUID, as in a container that dropped it, one's own id is all there is.
  [ "$1" != gid ] || echo deny >"/proc/$2/setgroups"
  id=$(id "-$(echo "$1" | cut -c 1)")
  echo "$id $id 1" >"/proc/$2/$1_map"
}

# Named ones, for named-netns.sh. Shared, and before there is an M1: that is a copy of this mount namespace, and its slave from
# then on. A runtime directory in which this can't be made is no reason to do without the shared namespace.
show_names() {
  seen=${rn_dir%/*/*}/netns
  [ -d "$rn_dir/netns" ] || mkdir -p -- "$rn_dir/netns" || return 0
  # With the sticky bit, which marks what rnetns has made and removes (lock.sh). Others make it at the same time, and the last
  # namespace of all removes it when it goes: more than once.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -d "$seen" ] || mkdir -m 1700 -- "$seen" 2>/dev/null
    [ "$rn_dir/netns" -ef "$seen" ] || mount --bind --make-shared -- "$rn_dir/netns" "$seen" 2>/dev/null
    ! [ "$rn_dir/netns" -ef "$seen" ] || return 0
  done
}

# When a call to mend outlived all of ours, M0 is a copy of the old one, a slave: names made in it would not be seen in M1,
# its slave in turn, unless they are shared from here. And a name of an M0 that is gone lives on where a process has a copy of
# it, if anywhere.
restore_names() {
  seen=${rn_dir%/*/*}/netns
  # The old M0 has them all, and what a command has mounted for itself is none of them.
  ! [ "$rn_dir/netns" -ef "$seen" ] || { mount --make-shared -- "$seen" 2>/dev/null && return 0; }
  show_names
  [ "$rn_dir/netns" -ef "$seen" ] || return 0
  for path in "$rn_dir"/netns/*; do
    ! [ -f "$path" ] || restore_name "${path##*/}" || rm -f -- "$path"
  done
}

restore_name() { # NAME
  for process in /proc/self /proc/[0-9]*; do
    rn_view=$process/root
    is_named "$1" || continue
    # What commands could put there must not be mounted where O's programs are looked for: a namespace it is, or nothing.
    { command exec 3<"$rn_seen"; } 2>/dev/null || continue
    [ "$(stat -L -f -c %t /proc/self/fd/3)" = 6e736673 ] && ! [ -L "$seen/$1" ] || { exec 3<&- && continue; }
    rn_view=''
    # By the path as it is: mount(8) would read the link, and mount the file of that name in here.
    is_named "$1" || mount --no-canonicalize --bind -- /proc/self/fd/3 "$seen/$1" 2>/dev/null || continue
    exec 3<&-
    return 0
  done
  rn_view=''
  return 1
}
