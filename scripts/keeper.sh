#!/bin/sh
# keeper.sh - hold the mounts and the network of the shared namespace, for nsenter(1) to join
#
# Runs in:   U and M1 (a slave copy of M0, this program's own), the shared network namespace
# Called by: inside.sh, by way of keeper-way.sh
# Files:     <state>/mounts, for mount(8)
# Arguments: STATE GENERATION [bind|rbind|tmpfs|overlay SOURCE TARGET]…
#            The mounts are src/plan/mounts.ts's, in its order.
#            Descriptor 5 is M0, where nothing must be mounted, and 6 is O: only from outside can they be entered, and
#            lead back there when supervisor and guard have died. 3 tells the supervisor by its end that we have died
# Result:    "ready" on stdout, then it waits; on failure status 1 and one line on stderr
# Requires:  mount sleep; mkdir rm mkfifo; chcon where the host has SELinux
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
# What is made here is seen inside, by other users too; what is private is below the state directory, mode 0700.
umask 022
die() {
  printf '%s\n' "$1" >&2
  exit "${2-1}"
}
[ "$#" -ge 2 ] || die 'usage: keeper.sh STATE GENERATION [TYPE SOURCE TARGET]…' 64
dir=$1 generation=$2
shift 2
[ -e /proc/self/fd/5 ] && ! [ /proc/self/ns/mnt -ef /proc/self/fd/5 ] || die 'refusing to mount in M0'

# Both ends are there: src/namespace/mount-points.ts made those that are ours to make, except what the mounts so far hide.
check() { # SOURCE TARGET
  [ "$1" = tmpfs ] || [ -e "$1" ] || die "cannot mount $1 on $2: the source $1 does not exist"
  case $2 in "$dir"/*) [ -e "$2" ] || { mkdir -p -- "${2%/*}" && : >>"$2"; } 2>/dev/null ;; esac
  [ -e "$2" ] || die "cannot mount $1 on $2: the target $2 does not exist and cannot be made"
}

mount_one() { # TYPE SOURCE TARGET
  source=$2 target=$3
  check "$source" "$target"
  case $1 in
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
    *) die "unknown mount type $1" 64 ;;
  esac
}

# Those that need no more than a line of fstab(5) are made by one process: $table.
add_line() { # TYPE SOURCE TARGET
  case $2$3 in *[[:space:]\\#]*) return 1 ;; esac
  case $1 in
    bind | rbind) [ "$3" != /run ] || ! [ -e /sys/fs/selinux/enforce ] || return 1 ;;
    tmpfs) ;;
    *) return 1 ;;
  esac
  # What an earlier one covers can't be looked at before that is made.
  above=${3%/*}
  while [ -n "$above" ]; do
    case $table in *" $above "*) return 1 ;; esac
    above=${above%/*}
  done
  check "$2" "$3"
  case $1 in
    tmpfs) table="$table$2 $3 tmpfs nosuid,nodev,noexec,mode=0755 0 0
" ;;
    *) table="$table$2 $3 none $1 0 0
" ;;
  esac
}

make_table() {
  [ -n "$table" ] || return 0
  words="$dir/mounts cannot be written"
  # No pipe will do for mount(8).
  printf %s "$table" >"$dir/mounts" && words=$(mount --all --fstab "$dir/mounts" 2>&1) && table='' && return
  while read -r source target _; do
    case $words in *"mount: $target: "*) printf '%s\n' "$words" >&2 && die "cannot mount $source on $target" ;; esac
  done <<TABLE
$table
TABLE
  die "cannot mount: $words"
}

# By this one it shows who is in the shared network, also when all of ours are dead (src/namespace/members.ts).
table=''
# Where that was there before us, our copy of M0 has it.
[ /proc/self/ns/net -ef "$dir/rootless-netns" ] || set -- bind /proc/self/ns/net "$dir/rootless-netns" "$@"
while [ "$#" -ge 3 ]; do
  add_line "$1" "$2" "$3" || { make_table && mount_one "$1" "$2" "$3"; }
  shift 3
done
make_table

# By descriptor 4 scripts/rnetns knows us, and reap.sh leaves us out when it looks for users of the namespace.
# Somebody may have removed it: opening would make a file, which nobody can wait on.
fifo=$dir/keeper.$generation
[ -p "$fifo" ] || { rm -rf -- "$fifo" && mkfifo -m 600 -- "$fifo"; } 2>/dev/null
exec 4<>"$fifo" || die "cannot open keeper.$generation"
# Who started us may be dead by now: that is no reason to die of it (signal(7), SIGPIPE).
trap : PIPE
echo ready
exec </dev/null >/dev/null 2>&1

# Nothing of ours is ever written there.
while :; do
  read -r _ <&4 || sleep 1 3>&-
done
