# shellcheck shell=sh
# fifos.sh - the FIFOs of the supervisor, for supervisor.sh and make.sh, which makes them with its own
#
# alive: the guard waits for its end; events: the supervisor's children wake it up; the others are what driver and keeper say, and
# what the keeper waits for.
#
# Requires: rm mkfifo

# make_fifos OUTSIDE [FIFO…]: those that are missing. Whoever opens a FIFO that somebody has removed makes a file in its place.
make_fifos() {
  rn_in=$1
  shift
  for rn_one in "$rn_in/alive" "$rn_in/events" "$rn_in/driver.words" "$rn_in/driver.ready" "$rn_in/keeper.words" "$rn_in/keeper.go"; do
    [ -p "$rn_one" ] || set -- "$@" "$rn_one"
    ! [ -e "$rn_one" ] || [ -p "$rn_one" ] || rm -rf -- "$rn_one"
  done
  [ "$#" -eq 0 ] || mkfifo -m 600 -- "$@"
}
