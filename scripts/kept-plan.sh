# shellcheck shell=sh
# kept-plan.sh - may the plan of the last start be followed? Sourced by make.sh
#
# Theory of operation: src/state/kept-plan.ts has what is in the file, which inputs it names, and why it is where it is.
#   1. The file is the caller's own, and no link leads to it.
#   2. It is read by the process that becomes stat(1), the only one that is started: what is torn ends that one alone.
#   3. There all that needs no process is compared, and then this shell compares what stat says with what it said then, and
#      sees that nobody else may write in the directories of the file and of the state.
# Before one is followed, those inside must see nothing of the directory, or they could write what is run outside.
#
# Reads:    rn_base rn_name, with the lock; rn_config and rn_level, the options of this call, and the environment
# Sets:     rn_plan, the path of the file: to be sourced when it is fresh
# Requires: stat
# shellcheck disable=SC2154 # rn_base and rn_name are the sourcing program's

# 1.
has_plan() {
  rn_plan=$rn_base/.outside/.plan.$rn_name
  [ -O "$rn_base/.outside" ] && ! [ -L "$rn_base/.outside" ] && [ -f "$rn_plan" ] && [ -O "$rn_plan" ] && ! [ -L "$rn_plan" ]
}

plan_is_fresh() {
  set -- "$(read_plan 2>/dev/null)"
  set -- "$1" "${1%%'
=
'*}"
  # No digit of the last two of a mode has the bit of writing: 2.
  case $1 in
    "$2
=
"*[0145][0145]" $rn_base/.
"*[0145][0145]" $rn_base/.outside/.
"*[0145][0145]" $rn_base/$rn_name/.$2") return 0 ;;
  esac
  return 1
}

# 2. and 3., in a process of its own: what stat said, a line with `=`, and what it says
read_plan() {
  rn_plan_end=''
  # shellcheck disable=SC1090 # which one is found out at run time
  . "$rn_plan" && [ "$rn_plan_end" = 1 ] || return
  find_who
  rn_plan_same || return
  printf '%s\n=\n' "$rn_plan_seen"
  rn_plan_stat exec stat -c '%d %i %s %Y %Z %u %g %a %n' -- "$rn_base/." "$rn_base/.outside/." "$rn_base/$rn_name/."
}

# $rn_plan_who: whoText() of src/state/kept-plan.ts. A byte is a system call: no line more than needed is read.
# shellcheck disable=SC2034 # the plan's
find_who() {
  read -r rn_plan_who </proc/sys/kernel/random/boot_id
  while read -r rn_plan_in rn_plan_out rn_plan_count; do
    rn_plan_who="$rn_plan_who $rn_plan_in $rn_plan_out $rn_plan_count"
  done </proc/self/uid_map
  case $rn_plan_who in *' 0 0 4294967295') rn_plan_last=Groups: ;; *) rn_plan_last=CapEff: ;; esac
  while read -r rn_plan_key rn_plan_value; do
    case $rn_plan_key in Uid: | Gid: | Groups: | CapEff:) rn_plan_who="$rn_plan_who $rn_plan_value" ;; esac
    [ "$rn_plan_key" != "$rn_plan_last" ] || break
  done </proc/self/status
}
