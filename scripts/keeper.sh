#!/bin/sh
# keeper.sh - hold the mounts and the network of the shared namespace, for nsenter(1) to join
#
# Runs in:   U and M1 (a slave copy of M0, this program's own), the shared network namespace
# Called by: src/namespace/keeper.ts, through nsenter(1) and unshare(1)
# Arguments: STATE GENERATION HOLDER [bind|rbind|tmpfs|overlay SOURCE TARGET]…
#            HOLDER: its pid; in M0, its mount namespace, nothing must be mounted.
#            The mounts are src/plan/mounts.ts's, in its order.
# Result:    "ready" on stdout, then it waits; on failure status 1 and one line on stderr
# Requires:  mount sleep; mkdir; chcon where the host has SELinux; lock.sh name.sh reap.sh, teardown.sh
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
# What is made here is seen inside, by other users too; what is private is below the state directory, mode 0700.
umask 022
die() {
  printf '%s\n' "$1" >&2
  exit "${2-1}"
}
[ "$#" -ge 3 ] || die 'usage: keeper.sh STATE GENERATION HOLDER [TYPE SOURCE TARGET]…' 64
dir=$1 generation=$2
here=${0%/*}
# shellcheck disable=SC2034 # what lock.sh and reap.sh read
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/} rn_lease=$dir/lease.$generation rn_fifo=$dir/lease.$generation \
  rn_gen=$generation rn_netns=/proc/self/ns/net rn_view=''
# Before the mounts, which may hide them.
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
# shellcheck source=scripts/name.sh
. "$here/name.sh"
# shellcheck source=scripts/reap.sh
. "$here/reap.sh"
# M0, for the end: teardown.sh must not run in here.
exec 5<"/proc/$3/ns/mnt" || die "cannot open the mount namespace of the holder, pid $3"
! [ /proc/self/ns/mnt -ef "/proc/$3/ns/mnt" ] || die 'refusing to mount in the mount namespace of the holder'
shift 3

# Both ends are there: src/namespace/mount-points.ts made those that are ours to make, except what the mounts so far hide.
check() { # SOURCE TARGET
  [ "$1" = tmpfs ] || [ -e "$1" ] || die "cannot mount $1 on $2: the source $1 does not exist"
  case $2 in "$dir"/*) [ -e "$2" ] || { mkdir -p -- "${2%/*}" && : >>"$2"; } 2>/dev/null ;; esac
  [ -e "$2" ] || die "cannot mount $1 on $2: the target $2 does not exist and cannot be made"
}

while [ "$#" -ge 3 ]; do
  type=$1 source=$2 target=$3
  shift 3
  check "$source" "$target"
  case $type in
    bind) mount --bind -- "$source" "$target" || die "cannot bind $source on $target" ;;
    rbind)
      # iptables' lock file is made under /run, and SELinux lets iptables write only what has this label.
      if [ "$target" = /run ] && [ -e /sys/fs/selinux/enforce ]; then
        chcon system_u:object_r:iptables_var_run_t:s0 "$source" || die "cannot relabel $source as iptables_var_run_t"
      fi
      mount --rbind -- "$source" "$target" || die "cannot bind $source with what is mounted below it on $target"
      ;;
    tmpfs) mount -t tmpfs -o nosuid,nodev,noexec,mode=0755 tmpfs "$target" || die "cannot mount a tmpfs on $target" ;;
    overlay)
      # Everything below TARGET stays visible and becomes writable; where the kernel can't (overlay in a user namespace
      # is Linux 5.11), an almost empty directory takes its place, as with podman.
      mount -t overlay -o "userxattr,lowerdir=$target,upperdir=$source,workdir=$source.work" overlay "$target" 2>/dev/null ||
        mount --bind -- "$source" "$target" || die "cannot mount an overlay or $source on $target"
      mkdir -p -- /var/lib/cni || die 'cannot make /var/lib/cni'
      ;;
    *) die "unknown mount type $type" 64 ;;
  esac
done

# By descriptor 4 scripts/rnetns knows us, and holder.sh leaves us out when it looks for users of the namespace.
exec 3<>"$dir/holder.$generation" && exec 4<"$dir/holder.$generation" && exec 3<&- || die "cannot open holder.$generation"
# Who started us may be dead by now: that is no reason to die of it (signal(7), SIGPIPE).
trap : PIPE
echo ready
exec </dev/null >/dev/null 2>&1

# End-of-file: the holder died, and without it nobody reaps. Another one must be on the host's network, where only the
# supervisor still is: it mends when it reads this line (supervisor.sh). <> never blocks.
# When it doesn't for a while it is dead as well, or there is none. We can't mend then, for the host's network can't be
# entered from U; but what nobody uses we reap, so that it doesn't stay for want of a next command.
waited=0
while :; do
  while read -r _ <&4; do :; done
  driver=0
  { [ -f "$dir/rootless-netns-conn.pid" ] && read -r driver <"$dir/rootless-netns-conn.pid"; } 2>/dev/null
  # Without a driver that runs nobody reads its words, and the supervisor looks by itself.
  [ "${driver:-0}" = 0 ] || ! [ -p "$dir/driver.words" ] || { echo 'rnetns: the holder died' 1<>"$dir/driver.words"; } 2>/dev/null
  sleep 1
  waited=$((waited + 1))
  [ "$((waited % 5))" -ne 0 ] || ! [ -e "$rn_lease" ] ||
    reap nsenter --mount=/proc/self/fd/5 -- sh "$here/teardown.sh" "$dir"
done
