# shellcheck shell=sh
# process.sh - is a process alive, and since when; for the sh programs that source it
#
# proc_pid_stat(5): the name of the command, field 2, is in parentheses and may hold anything, blanks, newlines and
# parentheses too, so the fields are counted from the last `) `. src/state/process.ts has the same rule, and so has
# tied.sh, in awk: a shell reads a byte a system call, and there may be hundreds of processes a second.
#
# Sets:     rn_start, rn_group, rn_nice
# Requires: nothing
# shellcheck disable=SC2034 # what the sourcing program reads

# start_of PID: $rn_start in clock ticks since boot, field 22, the process group, field 5, and the niceness, field 19. Fails for a process that is
# gone, or a zombie, which is dead.
start_of() {
  rn_start='' rn_group='' rn_stat=''
  { while read -r rn_line; do rn_stat=$rn_stat$rn_line; done <"/proc/$1/stat"; } 2>/dev/null
  rn_stat=${rn_stat##*) }
  case $rn_stat in '' | [ZXx]*) return 1 ;; esac
  # shellcheck disable=SC2086 # its fields
  set -- $rn_stat
  rn_group=$3
  shift 16
  rn_nice=$1
  shift 3
  rn_start=$1
}
