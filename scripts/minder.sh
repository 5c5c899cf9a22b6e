#!/bin/sh
# minder.sh - drop the references that are tied to a process when that process has died
#
# Runs in:   O and M0, the host's network
# Called by: holder.sh, when such a reference is there
# Arguments: STATE GENERATION HOLDER   HOLDER: its pid, which is asked to look again when a reference is dropped
# Result:    ends with the holder
# Requires:  awk sleep flock rm; lock.sh log.sh
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
umask 077
dir=$1 generation=$2 holder=$3
# shellcheck disable=SC2034 # what lock.sh reads
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/}
# shellcheck source=scripts/lock.sh
. "${0%/*}/lock.sh"
# shellcheck source=scripts/log.sh
. "${0%/*}/log.sh"

# The id of each that is to go, a line each. An awk for all of them: a shell reads /proc/PID/stat a byte a system call.
dead_references() {
  for reference in "$dir"/tied/*; do
    # Not what would block, and nothing that no setup has made.
    [ -f "$reference" ] && printf '%s\n' "${reference##*/}"
  done | DIR=$dir/tied awk '{
    id = $0; file = ENVIRON["DIR"] "/" id; line = ""
    got = (getline line < file); more = (getline rest < file); close(file)
    # src/state/references.ts has the format. What is damaged otherwise is for repair: who knows whether it is dead?
    if (got != 1 || more == 1 || split(line, field, " ") != 6) next
    if (field[1] != "rnetns1" || field[3] !~ /^[1-9][0-9]*$/ || field[6] != ".") next
    path = "/proc/" field[3] "/stat"; stat = ""
    while ((getline line < path) == 1) stat = stat line "\n"
    close(path)
    # The name of the command is in parentheses and may hold anything (proc_pid_stat(5)): count from the last one.
    sub(/.*\) /, "", stat); split(stat, value, " ")
    # The start is compared as text: it is a number only by chance of its digits.
    if (value[1] ~ /^[ZXx]?$/ || value[20] "" != field[4] "") print id
  }'
}

# Under the lock, because a name may be a new one's by now: whoever sees a file there takes the lock to replace it
# (references.sh). Empty ones are the holder's.
drop_dead() {
  dropped=''
  while read -r id; do
    [ -n "$id" ] || continue
    rm -f -- "$dir/tied/$id" && dropped=1
    log "$dir" minder "dropped the reference $id: its process is dead"
  done <<LIST
$(dead_references)
LIST
  # Only while it waits: otherwise it looks by itself.
  state=
  { [ -f "$dir/idle" ] && read -r _ state <"$dir/idle"; } 2>/dev/null
  [ -z "$dropped" ] || [ "$state" != wait ] || kill -s USR1 "$holder" 2>/dev/null
}

while [ "/proc/$holder/fd/7" -ef "$dir/outside/holder.$generation" ]; do
  if [ -e "$dir/tied" ] && [ -n "$(dead_references)" ] && lock_state; then
    drop_dead
    unlock_state
  fi
  sleep 1
done
