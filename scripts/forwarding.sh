# shellcheck shell=sh
# forwarding.sh - the forwarder of published ports, started again when it dies; for supervisor.sh
#
# Theory of operation: whoever publishes the first port notes in .outside/NAME/forwarder how the forwarder (forwarder.sh) is started, and
# writes an event; the forwarder notes there who it is. It ends by itself when there is no port; that it ends with one is an accident. As long as it
# lives it has forwarder.alive open, where a fork of the supervisor waits for its end.
#
# Reads:    out, dir, generation, now and now_and_then of supervisor.sh
# Sets:     forwarding: there are ports, and the forwarder is to be looked at
# Requires: setsid mkfifo; forwarder.sh
# shellcheck disable=SC2034,SC2154 # they are the sourcing program's
forwarding='' forwarder_again=0 forwarder_delay=0 forwarder_waiter=none

# One that dies again and again is tried more and more seldom, for it costs a start of Node.
see_forwarder() {
  [ -f "$out/forwarder" ] && { [ "$event" = forwarder ] || now_and_then forwarder; } || return 0
  forwarding=''
  has_ports || return 0
  forwarding=1
  { read -r pid && read -r node && read -r program && read -r connector; } <"$out/forwarder" 2>/dev/null || return 0
  if [ "/proc/$pid/fd/8" -ef "$out/forwarder" ]; then
    [ "$now" -lt "$((forwarder_again + 20))" ] || forwarder_delay=0
    [ -e "/proc/$forwarder_waiter/fd/7" ] || ! [ -p "$out/forwarder.alive" ] || { await_forwarder & forwarder_waiter=$!; }
    return 0
  fi
  [ "$now" -ge "$forwarder_again" ] || return 0
  forwarder_again=$((now + forwarder_delay))
  forwarder_delay=$((forwarder_delay * 2 + 10))
  [ "$forwarder_delay" -le 600 ] || forwarder_delay=600
  [ "$pid" = 0 ] || say "the forwarder of ports (pid $pid) ended; starting it again"
  setsid -- sh "$here/forwarder.sh" "$dir" "$generation" "$node" "$program" "$connector" \
    </dev/null >/dev/null 2>&1 4>&- 5<&- 6>&- 7>&- 8>&- 9<&- &
}

# Opened for writing first, so that opening for reading can't block: it may be dead already.
await_forwarder() {
  exec 5<&- 6>&- 8>&- 9<&- </dev/null >/dev/null 2>&1 3<>"$out/forwarder.alive"
  exec 4<"$out/forwarder.alive" 3>&-
  while read -r _ <&4; do :; done
  tell forwarder
}

# A line of src/ports/desired.ts. What is torn is no port.
has_ports() {
  for port in "$out"/ports/*; do
    line=''
    { [ -f "$port" ] && read -r line <"$port"; } 2>/dev/null
    case $line in 'rnetns1 '*' .') return 0 ;; esac
  done
  return 1
}
