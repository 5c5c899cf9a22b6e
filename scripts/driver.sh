# shellcheck shell=sh
# driver.sh - the driver of a shared network namespace, started again whenever it dies; for supervisor.sh
#
# Sets:     driver_is: waiting (for its network), none, starting, up, down (to be started again at $driver_again) or failed
#           (nobody wants it tried again); driver_failures: starts that failed, one after the other; driver_status and driver_said of the last one
# Files:    rootless-netns-conn.pid (the driver's pid; empty while it is restarted, 0 while it won't start or there is none),
#           driver (pid, start time, restarts, and in the second line its last words); in .outside/NAME/, where commands can't
#           write: driver (pid and start time), driver.said
# Requires: setsid sleep rm nsenter ip
# shellcheck disable=SC2034,SC2154 # dir, out, now, host_new, host_at and what the plan sets are the sourcing program's
driver='' driver_start=0 driver_is=waiting driver_again=0 driver_said='' driver_status=1
driver_restarts=0 driver_failures=0 driver_delay=0 driver_started=0 driver_child='' driver_words=none driver_offline=''

# Commands can make a FIFO of that name, and whoever opens that waits.
only_file() { # FILE
  ! [ -e "$1" ] || [ -f "$1" ] || rm -rf -- "$1"
}

note_driver() { # PID, or 0
  only_file "$dir/rootless-netns-conn.pid"
  only_file "$dir/driver"
  echo "$1" >"$dir/rootless-netns-conn.pid"
  printf '%s %s %s\n%s\n' "$1" "$driver_start" "$driver_restarts" "${driver_said##*
}" >"$dir/driver"
  echo "$1 $driver_start" >"$out/driver"
} 2>/dev/null

start_driver() {
  [ -n "$rn_driver" ] || { driver_is=none && note_driver 0 && return; }
  adopt_driver || run_driver
}

# One that lives, and lost its supervisor. Nobody can wait(2) for it.
adopt_driver() {
  { read -r driver driver_start <"$out/driver"; } 2>/dev/null && driver_lives || return 1
  driver_is=up driver_child='' driver_started=$now
  { [ -f "$dir/driver" ] && read -r _ _ driver_restarts <"$dir/driver"; } 2>/dev/null
  case $driver_restarts in '' | *[!0-9]*) driver_restarts=0 ;; esac
  note_driver "$driver"
}

driver_lives() {
  start_of "$driver" && [ "$rn_start" = "$driver_start" ]
}

# The driver has the FIFO of its words open for reading as well: it doesn't die of writing while no supervisor reads.
run_driver() {
  make_fifos "$out" && command exec 3<>"$out/driver.words" 4<>"$out/driver.ready" || return
  accept_dad 0
  note_asked
  true >"$out/driver.said"
  # Its descriptors are known: $rn_ready_fd is where it says that it is ready, which is its stdout (pasta) or 3.
  # shellcheck disable=SC2094 # the words are not read here
  case $rn_ready_fd in
    1) driver_command setsid -- </dev/null >&4 2>&3 3>&- 4>&- 5<&- 6>&- 7>&- 8>&- 9<&- & ;;
    *) driver_command setsid -- </dev/null >&3 2>&3 3>&4 4>&- 5<&- 6>&- 7>&- 8>&- 9<&- & ;;
  esac
  driver=$!
  start_of "$driver"
  driver_child=1 driver_start=$rn_start driver_is=starting driver_started=$now
  read_driver "$driver" first &
  driver_words=$!
  exec 3>&- 4>&-
}

# The name servers that it finds, which some drivers ask as long as they run. The plan has those of the first start.
note_asked() {
  [ "$how$answered" != create ] || return 0
  [ -f /etc/resolv.conf ] && awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf >"$out/driver.asked" || true >"$out/driver.asked"
} 2>/dev/null

# What it says, and that it is ready, and that it ended: end-of-file. Each end is opened before the other one is closed, so
# that nothing blocks.
read_driver() { # PID [first]
  exec 5<&- 6>&- 8>&- 9<&- </dev/null >/dev/null 2>&1
  said=$out/driver.said is_up=1
  if [ "${2-}" = first ]; then
    exec 5<"$out/driver.ready" 4>&-
    exec 4<"$out/driver.words" 3>&-
    is_up=''
    read -r is_up <&5
    exec 5<&-
    [ -z "$is_up" ] || tell "up $1"
  else
    command exec 3<>"$out/driver.words" && exec 4<"$out/driver.words" 3>&-
  fi
  while read -r line <&4; do
    if [ -n "$is_up" ]; then
      echo "$line" >"$said"
      say "$line"
    else
      echo "$line" >>"$said"
    fi
  done
  tell "ended $1"
}

# slirp4netns' tap must not wait for duplicate address detection, which takes IPv6 two seconds to come up
# (https://github.com/containers/podman/issues/11062); /proc/sys/net is that of the process that opens it.
accept_dad() {
  # shellcheck disable=SC2016 # the inner shell's $1
  [ -z "$rn_no_dad" ] || nsenter --net="$dir/rootless-netns" -- \
    sh -c 'echo "$1" >/proc/sys/net/ipv6/conf/default/accept_dad' sh "$1" 2>/dev/null
}

see_driver() {
  case $driver_is in
    starting)
      if [ "$event" = "up $driver" ]; then
        driver_came
      elif ! driver_lives; then
        driver_failed
      elif [ "$((now - driver_started))" -gt "$((rn_ready_seconds * 10))" ]; then
        kill -s KILL "$driver" 2>/dev/null
        driver_failed "not ready after $rn_ready_seconds s"
      fi
      ;;
    up)
      if ! driver_lives; then
        driver_ended
      else
        # Its words have ended, and it is about to.
        [ "$event" != "ended $driver" ] || soon=1
        [ -e "/proc/$driver_words/fd/7" ] || [ -n "$soon" ] || { read_driver "$driver" & driver_words=$!; }
        end_for_route
      fi
      ;;
    down) [ "$now" -lt "$driver_again" ] || run_driver ;;
  esac
}

driver_came() {
  accept_dad 1
  driver_is=up driver_said=''
  if [ -n "$answered" ]; then
    driver_restarts=$((driver_restarts + 1))
    say "$rn_driver (pid $driver) is ready, restart $driver_restarts"
    host_new=1 host_at=$now
    way_out || driver_offline=$rn_copies_routes
  elif [ "$rn_persist" = offline ]; then
    driver_offline=$rn_copies_routes
  fi
  driver_failures=0
  note_driver "$driver"
}

await_driver() {
  driver_status=unknown
  [ -z "$driver_child" ] || { wait "$driver" && driver_status=0 || driver_status=$?; }
  await_words "$driver_words"
  read_said "$out/driver.said"
  driver_said=$said
} 2>/dev/null

driver_failed() { # [WORDS]
  accept_dad 1
  await_driver
  driver_said=$driver_said${1:+${driver_said:+
}$1}
  driver_failures=$((driver_failures + 1))
  # The device or the ports of one that has just been killed may be there a little longer.
  if [ -z "$answered" ] && [ "$driver_failures" -lt "$rn_attempts" ] && [ -z "${1-}" ]; then
    driver_is=starting driver=0 driver_start=0
    sleep 0.1
    now
    run_driver
    return
  fi
  note_driver 0
  # It would have done that.
  [ -z "$rn_lo_up" ] || nsenter --net="$dir/rootless-netns" -- ip link set lo up 2>/dev/null
  # Somebody is told, and decides.
  if [ -z "$answered" ] && [ "$rn_persist" = no ]; then driver_is=failed && return; fi
  [ "$driver_failures" -gt 1 ] || say "$rn_driver does not start (status $driver_status): $driver_said"
  start_later
}

driver_ended() {
  await_driver
  say "$rn_driver (pid $driver) ended with status $driver_status; starting it again"
  only_file "$dir/rootless-netns-conn.pid"
  true >"$dir/rootless-netns-conn.pid"
  driver_failures=0
  start_later
  see_driver
}

start_later() { # back-off: none after a long life, then 0.1 s doubled up to 5 s
  if [ "$((now - driver_started))" -gt 100 ]; then
    driver_delay=0
  else
    driver_delay=$((driver_delay == 0 ? 1 : driver_delay * 2))
    [ "$driver_delay" -le 50 ] || driver_delay=50
  fi
  driver_is=down driver_again=$((now + driver_delay)) driver_offline=''
}

# Has the host a way out? The addresses of the Internet are src/plan/default-route.ts's.
way_out() {
  ip route get 198.41.0.4 || ip -6 route get 2001:503:ba3e::2:30
} >/dev/null 2>&1

# pasta that starts without a route of the host's (since 2024) has addresses of its own, and would keep them: it ends when
# there is a route, and the next one has the host's.
end_for_route() {
  [ -n "$driver_offline" ] && now_and_then route && way_out && kill "$driver" 2>/dev/null && soon=1
}
