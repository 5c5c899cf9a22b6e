#!/bin/sh
# named-inside.sh - see the /sys and the /etc/netns/NAME of a named network namespace, then become CMD
#
# Runs in:   U, a copy of M1 that is CMD's alone, and the named network namespace
# Called by: named.sh, as text, because inside /run is another one
# Arguments: FD NAME CMD [ARG…]   FD: the descriptor by which the namespace was entered; closed here
# Result:    CMD's; what can't be mounted stays as it is in the shared namespace
# Requires:  mount umount
set -u
# eval: one digit of ours, and sh has no other way to name a descriptor by variable.
eval "exec $1<&-"
shift

# A sysfs tells of the network namespace that it was mounted in: what ip-netns(8) does (netns_switch of iproute2). The old
# one is locked, because it came from the host (mount_namespaces(7)), and is covered. The new one has empty directories
# where something is mounted on the old one, such as /sys/fs/cgroup: that is put on it again. All of it or nothing: a
# program does without the interfaces rather than without its cgroups.
show_sys() (
  top='' options='' below=''
  # Parents stand before their children there.
  while read -r id parent _ _ point flags _; do
    case $point in
      /sys) top=$id options=$flags below='' ;;
      /sys/*) [ "$parent" != "$top" ] || below="$below ${point#/sys/}" ;;
    esac
  done </proc/self/mountinfo
  # Read-only stays read-only, or the kernel refuses, as it does where a container's runtime has hidden parts of /sys.
  # By mount(2): with fsmount(2), which libmount of util-linux 2.39 and newer prefers, it is made first and read-only after it,
  # which the kernel refuses as well.
  [ -n "$top" ] && cd /sys && LIBMOUNT_FORCE_MOUNT2=always mount -t sysfs -o "$options" sysfs /sys || return
  for point in $below; do
    # Such as /sys/kernel/debug, which only the host's root may look into: not worth a process.
    [ -r "$point" ] || continue
    # From the old one, where we are: mount(8) would make the path one in the new one.
    mount --no-canonicalize --rbind -- "$point" "/sys/$point" || {
      umount -l /sys
      return
    }
  done
)
show_sys 2>/dev/null

for rn_file in "/etc/netns/$1"/*; do
  ! [ -e "$rn_file" ] || mount --bind -- "$rn_file" "/etc/${rn_file##*/}"
done
unset rn_file
shift
# CMD as PATH has it: programs.sh.
[ -z "$rn_own_programs" ] || exec env -- "$@"
exec "$@"
