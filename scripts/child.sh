# shellcheck shell=sh
# child.sh - run a command as a child that feels like the caller's own, for the sh programs that source it
#
# Sets:     rn_status, rn_child
# Requires: env

# forward SIGNAL: to the child; the wait for it is interrupted, and begins again
forward() {
  rn_interrupted=$1
  [ -z "$rn_child" ] || kill -s "$1" "$rn_child" 2>/dev/null
}

# run_child COMMAND…: a function too; its status in $rn_status. $rn_signals says that what it executes needs its signals back.
#
# In the background, because a shell that waits for a foreground child handles no signal until that has ended. What is
# asked to end passes that on; the keys of the terminal reach both of us anyway.
# Such a child would have /dev/null for stdin and SIGINT and SIGQUIT ignored (POSIX, "Asynchronous Lists").
run_child() {
  # What a shell that can't fork says can't be kept from what the child says.
  silently start_and_end
  rn_interrupted='' rn_child=''
  # shellcheck disable=SC2034 # the caller's enter() asks
  rn_signals=1
  trap 'forward TERM' TERM
  trap 'forward HUP' HUP
  trap 'rn_interrupted=1' INT QUIT
  for rn_fd in 9 8 7 6 5 4 3; do
    [ -e "/proc/self/fd/$rn_fd" ] || break
  done
  if [ -e /proc/self/fd/0 ] && ! [ -e "/proc/self/fd/$rn_fd" ]; then
    # eval: $rn_fd is one digit of ours, and sh has no other way to name a descriptor by variable.
    eval "{ (rn_exec \"\$@\") <&$rn_fd $rn_fd<&- & } $rn_fd<&0"
  else
    (rn_exec "$@") &
  fi
  rn_child=$!
  # The child may be well on its way before we know its pid.
  case $rn_interrupted in TERM | HUP) forward "$rn_interrupted" ;; esac
  rn_status=''
  while :; do
    # The shell would say "Killed" and the like.
    wait "$rn_child" 2>/dev/null
    rn_now=$?
    # 127: the child ended at the very moment of the signal, and the wait before this one had its status.
    [ "$rn_now" -eq 127 ] && [ -n "$rn_status" ] || rn_status=$rn_now
    [ -n "$rn_interrupted" ] || break
    rn_interrupted=''
  done
}

start_and_end() {
  (:)
}

# A function goes on by itself; a program is executed.
rn_exec() {
  case $1 in
    enter) "$@" ;;
    *)
      exec env --default-signal=INT,QUIT "$@"
      ;;
  esac
}
