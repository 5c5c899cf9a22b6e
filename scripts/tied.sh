# shellcheck shell=sh
# tied.sh - drop the references that go with a process when that process has died; for supervisor.sh
#
# Reads:    dir, lock.sh, log.sh and now_and_then of supervisor.sh
# Requires: awk rm find
# shellcheck disable=SC2154 # dir is the sourcing program's

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
# (references.sh).
see_tied() {
  [ -e "$dir/tied" ] && now_and_then tied && [ -n "$(dead_references)" ] && lock_state || return 0
  while IFS= read -r id; do
    [ -n "$id" ] || continue
    rm -f -- "$dir/tied/$id" && log "$dir" supervisor "dropped the reference $id: its process is dead"
  done <<LIST
$(dead_references)
LIST
  unlock_state
}

# An empty one's setup was killed between making and writing it, and nobody counts on it. Once a minute only, for that takes
# as long as there are references.
drop_unwritten() {
  [ "$((now - swept))" -ge 600 ] || return 0
  swept=$now
  { [ -e "$dir/references" ] || [ -e "$dir/tied" ]; } && lock_state || return 0
  find "$dir/references" "$dir/tied" -maxdepth 1 -type f -empty -mmin +1 -delete
  unlock_state
}
swept=0
