#!/bin/sh
# supervisor.sh - run pasta or slirp4netns in the foreground, and again whenever it dies
#
# Runs in:   O and M0, the host's network
# Called by: src/namespace/supervisor.ts, through nsenter(1)
# Arguments: STATE READY-FD READY-SECONDS ATTEMPTS PERSIST ADOPT -- DRIVER [ARG…]
#            READY-FD: the descriptor on which the driver writes when it is ready: 1 (pasta --pid /proc/self/fd/1; it
#            closes all above 2) or 3 (slirp4netns --ready-fd=3)
#            ATTEMPTS: so many starts, 0.1 s apart, before it answers that the driver doesn't start: the device or the
#            ports of one that has just been killed may be there a little longer
#            PERSIST: `yes` to go on trying after that for ever, else `no`; `offline`: the same, and the host has no way out
#            ADOPT: pid and start time of a driver whose supervisor died, joined by `:`, or `-`
# Result:    on stdout, once: "ready PID", or "failed STATUS" and then the driver's own words; later only files:
#            rootless-netns-conn.pid (the driver's pid; empty while it is restarted; 0 while it won't start),
#            driver (pid, start time, restarts, and in the second line its last words) and log
# Requires:  timeout head cat sleep mkfifo rm nsenter ip; log.sh process.sh
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
# shellcheck source=scripts/process.sh
. "${0%/*}/process.sh"
umask 077
dir=$1 ready_fd=$2 ready_seconds=$3 attempts=$4 persist=$5 adopt=$6
shift 7
words=$dir/outside/driver.words ready=$dir/outside/driver.ready pidfile=$dir/rootless-netns-conn.pid
driver='' start='' timed_out=0 restarts=0 last='' status=1 said=''

# Whoever opens a FIFO that somebody has removed makes a file in its place.
make_fifos() {
  [ -p "$words" ] && [ -p "$ready" ] || { rm -f -- "$words" "$ready" && mkfifo -m 600 -- "$words" "$ready"; }
}
make_fifos || exit 1

# scripts/rnetns knows us by it.
exec 8>"$dir/outside/supervisor" || exit 1

# shellcheck source=scripts/log.sh
. "${0%/*}/log.sh"
say() { log "$dir" supervisor "$1"; }

record() {
  for file in "$pidfile" "$dir/driver"; do
    ! [ -e "$file" ] || [ -f "$file" ] || rm -rf -- "$file"
  done
  printf '%s\n' "$1" >"$pidfile"
  printf '%s %s %s\n%s\n' "$1" "${start:-0}" "$restarts" "$last" >"$dir/driver"
} 2>/dev/null

now() { # tenths of a second since boot
  read -r now _ </proc/uptime
  now=${now%?}
  now=${now%.*}${now#*.}
}

# Who started us may be dead when we answer: that is no reason to die of it (signal(7), SIGPIPE).
trap : PIPE
# Ends with the driver: teardown.sh signals us, and only its parent knows a driver that is being started.
# `$!` is one that has been started a moment ago, with no time yet to note it.
noted=
trap '[ -z "$driver" ] || kill "$driver" 2>/dev/null
[ "${!-}" = "$noted" ] || kill "$!" 2>/dev/null
exit 0' TERM

# slirp4netns' tap must not wait for duplicate address detection, which takes IPv6 two seconds to come up
# (https://github.com/containers/podman/issues/11062); /proc/sys/net is that of the process that opens it.
accept_dad() {
  # shellcheck disable=SC2016 # the inner shell's $1
  [ "$ready_fd" != 3 ] || nsenter --net="$dir/rootless-netns" -- \
    sh -c 'echo "$1" >/proc/sys/net/ipv6/conf/default/accept_dad' sh "$1" 2>/dev/null
}

# Start the driver and wait until it is ready. Fails with its status in $status and its words in $said.
start_driver() {
  make_fifos || return 1
  # Both ends at once, so that neither open blocks; ours for writing is closed before we read.
  exec 7<>"$words" && exec 4<"$words" && exec 6<>"$ready" && exec 5<"$ready" || return 1
  accept_dad 0
  if [ "$ready_fd" = 1 ]; then
    "$@" </dev/null >&6 2>&7 4<&- 5<&- 6>&- 7>&- 8>&- &
  else
    "$@" </dev/null >&7 2>&7 3>&6 4<&- 5<&- 6>&- 7>&- 8>&- &
  fi
  driver=$!
  noted=$driver
  exec 6>&- 7>&-
  start_of "$driver"
  start=$rn_start
  now
  started=$now
  up=$(timeout "$ready_seconds" head -c 1 <&5)
  timed_out=$?
  exec 5<&-
  accept_dad 1
  [ -z "$up" ] || return 0
  # End-of-file: it is ending. A time-out: it hangs, and is ended.
  [ "$timed_out" -ne 124 ] || kill -s KILL "$driver" 2>/dev/null
  wait "$driver"
  status=$?
  driver=
  said=$(cat <&4)
  [ "$timed_out" -ne 124 ] || said="${said:+$said
}not ready after $ready_seconds s"
  exec 4<&-
  return 1
}

# Has the host a way out? The addresses of the Internet are src/plan/default-route.ts's.
# For a shell of its own, whose $0 is programs.sh.
# shellcheck disable=SC2016
way_out='. "$0"
ip route get 198.41.0.4 || ip -6 route get 2001:503:ba3e::2:30'

# pasta that starts without a route of the host's (since 2024) has addresses of its own, and would keep them: it ends when
# there is a route, and the next one has the host's. By a program of its own, which nobody takes for the supervisor.
await_route() {
  [ "$ready_fd" = 1 ] || return 0
  # shellcheck disable=SC2016 # the inner shell's
  sh -c 'while sleep 1 && [ -f "$1" ] && read -r pid <"$1" && [ "$pid" = "$2" ]; do
    ! sh -c "$3" "$0" || exec kill "$2"
  done' "${0%/*}/programs.sh" "$pidfile" "$driver" "$way_out" 4<&- 8>&- &
}

# Until the driver dies; its words go to the log.
attend() {
  while read -r line <&4; do
    last=$line
    say "$line"
  done
  wait "$driver"
  status=$?
  exec 4<&-
}

# A driver that isn't our child: look at it twice a second.
attend_adopted() {
  driver=${adopt%:*}
  start=${adopt#*:}
  record "$driver"
  while start_of "$driver" && [ "$rn_start" = "$start" ]; do
    sleep 0.5
  done
  status=unknown
}

delay() { # back-off: none after a long life, then 0.1 s doubled up to 5 s
  now
  if [ "$((now - started))" -gt 100 ]; then
    wait_tenths=0
  else
    wait_tenths=$((wait_tenths == 0 ? 1 : wait_tenths * 2))
    [ "$wait_tenths" -le 50 ] || wait_tenths=50
  fi
  [ "$wait_tenths" -eq 0 ] || sleep "$((wait_tenths / 10)).$((wait_tenths % 10))"
}

wait_tenths=0
if [ "$adopt" != - ]; then
  echo "ready ${adopt%:*}"
  exec </dev/null >/dev/null 2>&1
  now
  started=$now
  attend_adopted
else
  attempt=1
  until start_driver "$@" || [ "$attempt" -ge "$attempts" ] || [ "$timed_out" -eq 124 ]; do
    attempt=$((attempt + 1))
    sleep 0.1
  done
  if [ -n "$driver" ]; then
    record "$driver"
    echo "ready $driver"
    exec </dev/null >/dev/null 2>&1
    [ "$persist" != offline ] || await_route
    attend
  else
    printf 'failed %s\n%s\n' "$status" "$said"
    [ "$persist" != no ] || exit 1
    last=${said##*
}
    record 0
    exec </dev/null >/dev/null 2>&1
  fi
fi

failures=0
while :; do
  if [ "$failures" -eq 0 ] && [ -n "$driver" ]; then
    say "$1 (pid $driver) ended with status $status; starting it again"
    : >"$pidfile"
  fi
  driver=
  delay
  if start_driver "$@"; then
    failures=0
    restarts=$((restarts + 1))
    say "$1 (pid $driver) is ready, restart $restarts"
    record "$driver"
    sh -c "$way_out" "${0%/*}/programs.sh" || await_route
    attend
  else
    failures=$((failures + 1))
    last=${said##*
}
    [ "$failures" -gt 1 ] || say "$1 does not start (status $status): $said"
    record 0
  fi
done
