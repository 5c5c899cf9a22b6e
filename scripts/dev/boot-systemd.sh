#!/bin/sh
# boot-systemd.sh - boot a real systemd, with logind and user managers, around one command, and leave nothing of it
#
# Theory of operation
#
# systemd gets namespaces and a cgroup of its own, and only the units that sessions of users need: those that set a
# machine up would change the kernel, which others use too.
#   1. a cgroup to be its root
#   2. mount, pid and cgroup namespaces; in them private /run, /tmp, /var/tmp and /var/lib/systemd, and read-only /sys
#      and /proc/sys
#   3. systemd as process 1; when logind answers, the command beside it, in a scope
#   4. when that has ended process 1 is killed, and with it all of its namespace; then the cgroup can go
#
# Runs in:   any mount and pid namespace; changes none of its mounts.
# Called by: scripts/dev/test-lane.sh; by hand: sh scripts/dev/boot-systemd.sh "$PWD" bash
# Arguments: KEEP  CMD [ARG…]   KEEP: a directory that stays in sight also if it is in /run or /tmp
# Result:    CMD's status; 125 and a line on stderr when systemd didn't come up
# Requires:  root; systemd, dbus and libpam-systemd; unshare nsenter mount mkfifo timeout head find sed
set -u
die() {
  printf 'boot-systemd: %s\n' "$1" >&2
  exit 125
}
[ "$#" -ge 2 ] || die 'usage: boot-systemd.sh KEEP CMD [ARG…]'
[ "$(id -u)" -eq 0 ] || die 'systemd needs root'
keep=$1
shift
# A mount namespace for this script itself: /mnt is ours then.
if [ -z "${BOOT_SYSTEMD-}" ]; then
  BOOT_SYSTEMD=1 exec unshare --mount --propagation slave sh "$0" "$keep" "$@"
fi
unset BOOT_SYSTEMD
work=/mnt
mount -t tmpfs -o mode=755 tmpfs "$work" || die "cannot mount a tmpfs on $work"
mkdir -- "$work/cgroup" "$work/units" "$work/none" "$work/keep"
mkfifo -- "$work/pid"

# 1. Below our own. Where cgroup2 is mounted already, and whether it can be written there, differs.
mount -t cgroup2 cgroup2 "$work/cgroup" || die 'cannot mount cgroup2'
own=$work/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
read -r id </proc/sys/kernel/random/uuid
cgroup=${own%/}/rnetns-test.$id
system=''
finish() {
  status=$?
  trap - EXIT
  # 4.
  [ -z "$system" ] || kill -KILL "$system" 2>/dev/null
  wait
  echo "$$" >"$own/cgroup.procs"
  # The kernel takes a moment to forget the dead.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$cgroup" -depth -type d -exec rmdir -- '{}' + 2>/dev/null
    [ -d "$cgroup" ] || exit "$status"
    sleep 0.2
  done
  die "cannot remove the cgroup $cgroup"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
{ mkdir -- "$cgroup" && echo "$$" >"$cgroup/cgroup.procs"; } || die "cannot make the cgroup $cgroup"

for unit in dbus.service dbus.socket systemd-logind.service user@.service user-runtime-dir@.service user.slice \
  slices.target sockets.target basic.target shutdown.target; do
  cp -- "/lib/systemd/system/$unit" "$work/units/" || die "no unit $unit: install systemd, dbus and libpam-systemd"
done
ln -s systemd-logind.service "$work/units/dbus-org.freedesktop.login1.service"
printf '[Unit]\nDefaultDependencies=no\n' >"$work/units/sysinit.target"
printf '[Unit]\nRequires=basic.target dbus.socket systemd-logind.service\n' >"$work/units/default.target"

# 2. and 3. The pid of the new process 1 as we know it comes from our /proc.
# shellcheck disable=SC2016 # the inner shell's
inside='
work=$1 keep=$2
read -r pid _ </proc/self/stat
echo "$pid" >"$work/pid"
mount -t proc proc /proc
for dir in /proc/sys /sys; do
  mount --bind "$dir" "$dir"
  mount -o remount,bind,ro "$dir"
done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --rbind "$keep" "$work/keep"
for dir in /run /var/lib/systemd; do mount -t tmpfs -o mode=755 tmpfs "$dir"; done
for dir in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
[ -d "$keep" ] || { mkdir -p -- "$keep" && mount --rbind "$work/keep" "$keep"; }
# The strictest logout there is: at once, and with everything that runs in the session.
mkdir -p /run/systemd/logind.conf.d
printf "[Login]\nKillUserProcesses=yes\nUserStopDelaySec=0\n" >/run/systemd/logind.conf.d/strict.conf
exec env -i container=rnetns-test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH="$work/units" \
  SYSTEMD_GENERATOR_PATH="$work/none" SYSTEMD_ENVIRONMENT_GENERATOR_PATH="$work/none" \
  /lib/systemd/systemd --system --log-target=null --show-status=0
'
unshare --mount --propagation slave --pid --fork --kill-child --cgroup \
  sh -euc "$inside" sh "$work" "$keep" </dev/null >/dev/null &
system=$!
pid=$(timeout 20 head -n 1 -- "$work/pid") || die 'its namespaces cannot be made'
within() { nsenter --target "$pid" --mount --pid --cgroup --wd="$PWD" -- "$@"; }
tries=200
until within timeout 20 loginctl list-users >/dev/null 2>&1; do
  tries=$((tries - 1))
  { [ "$tries" -gt 0 ] && kill -0 "$system" 2>/dev/null; } || die 'systemd does not come up'
  sleep 0.1
done
within systemd-run --scope --quiet --collect -- "$@"
