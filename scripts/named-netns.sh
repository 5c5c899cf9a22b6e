#!/bin/sh
# named-netns.sh - make, remove or attach a named network namespace beside the shared one
#
# Runs in:   O and M0, the host's network
# Called by: named.sh, through nsenter(1)
# Arguments: add STATE NAME | attach STATE NAME PID | delete STATE NAME
# Result:    status 0; else 1 and one line on stderr, with nothing changed. 2: that name is taken, or isn't there;
#            3: the namespace is out of reach; 4: this M0 is no more, try in the new one; 5: a command has it for itself
# Requires:  unshare nsenter mount umount mv rm ip; name.sh pin.sh; nothing else removes what a killed one leaves than the
#            next one of these
#
# A name appears and goes in one step. The namespace is mounted on a hidden file first, and the file is renamed then:
# rename(2) refuses a mount point, but only one of the caller's own mount namespace, and its mount elsewhere goes along.
# So that step is done in a copy of M0 from which the mount is gone.
#
# The directory of names is mounted, shared, where they are seen, so that every command's mount namespace, a slave of this
# one, gets a name's mount too.
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
act=$1 rn_dir=$2 name=$3 rn_view=''
names=$rn_dir/netns seen=${rn_dir%/*/*}/netns
# There is such a file for a name that can't be entered from U, for it is O's or of a container that O's have.
beside=${rn_dir%/*}/.outside/${rn_dir##*/}/beside.$name
# shellcheck source=scripts/name.sh
. "${0%/*}/name.sh"
die() {
  printf '%s\n' "$1" >&2
  exit "${2-1}"
}
# shellcheck source=scripts/pin.sh
. "${0%/*}/pin.sh"

# rename FROM TO: never over another one
rename() {
  # shellcheck disable=SC2016 # the inner shell's arguments
  unshare --mount --propagation private -- sh -c '. "$0"
    umount -l -- "$1/$2" && mv -nT -- "$3/$2" "$3/$4" && ! [ -e "$3/$2" ]' \
    "${0%/*}/programs.sh" "$seen" "$1" "$names" "$2" 2>/dev/null
}

bind() { # PID
  mount --bind -- "/proc/$1/ns/net" "$seen/$new"
}

# from_U COMMAND…: on the shared network before it is in U, where commands could trace what is on the host's
from_U() {
  [ "$rn_dir/rootless-userns" -ef /proc/self/ns/user ] ||
    set -- nsenter "--user=$rn_dir/rootless-userns" --preserve-credentials -- "$@"
  nsenter "--net=$rn_dir/rootless-netns" -- "$@"
}

into_network() { from_U unshare --net -- "$@"; }

remove() { # HIDDEN
  umount -l -- "$seen/$1" 2>/dev/null
  rm -f -- "$names/$1"
}

# Whoever mends while we are here makes another M0 when nobody but us is left in this one: nothing is seen there of what we
# mount then. `live` names the supervisor of the one that counts.
is_current() {
  { [ -f "$rn_dir/live" ] && read -r _ _ _ supervisor _ <"$rn_dir/live"; } 2>/dev/null && [ /proc/self/ns/mnt -ef "/proc/$supervisor/ns/mnt" ]
}

# What else has that name is nobody's, unless a command has mounted something on it for itself (name.sh).
clear_place() {
  [ -e "$names/$name" ] || [ -L "$names/$name" ] || return 0
  is_current || exit 4
  for process in /proc/[0-9]*; do
    rn_view=$process/root
    is_named "$name" || continue
    # Everybody sees what another call has made meanwhile.
    rn_view=''
    ! is_named "$name" || die 'it exists' 2
    # Or it is deleted again.
    rn_view=$process/root
    ! is_named "$name" || die 'a command that runs has made it for itself, with ip netns' 5
  done
  rn_view=''
  # Busy if it has become one meanwhile.
  rm -f -- "$names/$name" 2>/dev/null || is_named "$name" || die "$names/$name is no file"
}

[ "$names" -ef "$seen" ] || {
  is_current || exit 4
  die "$seen is not there: it could not be made when the shared namespace was"
}

# What a killed one has left.
for hidden in "$names"/.[A-Za-z0-9]*; do
  [ -e "$hidden" ] && ! [ -e "/proc/${hidden##*.}" ] && remove "${hidden##*/}"
done

new=.$name.$$
case $act in
  add | attach)
    ! is_named "$name" || die 'it exists' 2
    clear_place
    trap 'remove "$new"' EXIT
    : >"$names/$new" || exit
    if [ "$act" = add ]; then
      # It is U's, as the shared one is.
      with_pin "$names/.pin.$$" bind into_network || exit
      nsenter "--net=$seen/$new" -- ip link set lo up || exit
      rm -f -- "$beside"
    else
      [ -e "/proc/$4" ] || die "process $4 has ended"
      # setns(2): it can be entered where its user namespace is this one or below it. A name for another is of no use.
      { bind "$4" && nsenter "--net=$seen/$new" -- true; } 2>/dev/null ||
        die "that of process $4 belongs to another user namespace" 3
      if from_U nsenter "--net=$seen/$new" -- true 2>/dev/null; then rm -f -- "$beside"; else : >"$beside"; fi
    fi
    if rename "$new" "$name"; then
      is_current || { rename "$name" "$new" && exit 4; }
    else
      is_current || exit 4
      die 'it exists' 2
    fi
    trap - EXIT
    ;;
  delete)
    is_named "$name" || die 'there is none' 2
    rename "$name" "$new" || die 'there is none' 2
    remove "$new"
    rm -f -- "$beside"
    ;;
esac
