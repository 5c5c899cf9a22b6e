#!/bin/sh
# named-netns.sh - make, remove or attach a named network namespace beside the shared one
#
# Runs in:   U and M0, the host's network
# Called by: named.sh, through nsenter(1)
# Arguments: add NAMES SEEN NAME | attach NAMES SEEN NAME PID | delete NAMES SEEN NAME
#            NAMES: the directory of names in the state directory. SEEN: where it is mounted, shared, so that every
#            command's mount namespace, a slave of this one, gets a name's mount too
# Result:    status 0; else 1 and one line on stderr, with nothing changed. 2: that name is taken, or isn't there;
#            3: the namespace is out of reach
# Requires:  unshare nsenter mount umount mv rm ip; nothing else removes what a killed one leaves than the next one of these
#
# A name appears and goes in one step. The namespace is mounted on a hidden file first, and the file is renamed then:
# rename(2) refuses a mount point, but only one of the caller's own mount namespace, and its mount elsewhere goes along.
# So that step is done in a copy of M0 from which the mount is gone.
set -u
act=$1 names=$2 seen=$3 name=$4
die() {
  printf '%s\n' "$1" >&2
  exit "${2-1}"
}
[ "$names" -ef "$seen" ] || die "$seen is not there: it could not be made when the shared namespace was"

# rename FROM TO: never over another one
rename() {
  # shellcheck disable=SC2016 # the inner shell's arguments
  unshare --mount --propagation private -- sh -c 'umount -l -- "$1/$2" && mv -nT -- "$3/$2" "$3/$4" && ! [ -e "$3/$2" ]' \
    sh "$seen" "$1" "$names" "$2" 2>/dev/null
}

remove() { # HIDDEN
  umount -l -- "$seen/$1" 2>/dev/null
  rm -f -- "$names/$1"
}

# What a killed one has left.
for hidden in "$names"/.[A-Za-z0-9]*; do
  [ -e "$hidden" ] && ! [ -e "/proc/${hidden##*.}" ] && remove "${hidden##*/}"
done

new=.$name.$$
case $act in
  add | attach)
    ! [ -e "$names/$name" ] || die 'it exists' 2
    trap 'remove "$new"' EXIT
    : >"$names/$new" || exit
    if [ "$act" = add ]; then
      unshare --net="$seen/$new" -- ip link set lo up || exit
    else
      [ -e "/proc/$5" ] || die "process $5 has ended"
      # setns(2): it can be entered where its user namespace is this one or below it. A name for another is of no use.
      { mount --bind -- "/proc/$5/ns/net" "$seen/$new" && nsenter "--net=$seen/$new" -- true; } 2>/dev/null ||
        die "that of process $5 belongs to another user namespace" 3
    fi
    rename "$new" "$name" || die 'it exists' 2
    trap - EXIT
    ;;
  delete)
    [ -e "$names/$name" ] || die 'there is none' 2
    rename "$name" "$new" || die 'there is none' 2
    remove "$new"
    ;;
esac
