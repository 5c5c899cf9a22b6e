# shellcheck shell=sh
# named.sh - `netns add|delete|attach|exec`: named network namespaces, as ip-netns(8) has them; sourced by scripts/rnetns
#
# What a name is name.sh has. It holds the shared namespace like a reference (reap.sh) until it is deleted.
# `list`, `pids` and `identify` only look: they are Node's.
#
# Reads:    rn_words (the arguments before CMD) and the functions of scripts/rnetns
# Requires: nsenter unshare cat grep node; name.sh named-netns.sh named-inside.sh references.sh
# shellcheck disable=SC2154 # the variables are scripts/rnetns's
# shellcheck source=scripts/references.sh
. "$rn_scripts/references.sh"

netns() {
  rn_cmd=$#
  # shellcheck disable=SC2086 # words without blanks, checked when they were taken
  set -- $rn_words "$@"
  rn_netns_name=${2-}
  case $rn_sub:$(($# - rn_cmd)) in
    add:2 | delete:2) "netns_$rn_sub" ;;
    attach:3)
      is_count "$3" || usage "needs the number of a process, but got '$3'"
      see_process "$3" || die ERR_PROCESS "cannot attach process $3: there is none" 'give the pid of a process that runs'
      netns_add attach "$3"
      ;;
    attach:*) usage 'needs a name and a pid' ;;
    exec:2)
      shift 2
      [ "$#" -gt 0 ] || usage 'needs a command'
      netns_exec "$@"
      ;;
    *) usage 'needs a name' ;;
  esac
}

# change ACT [PID]: done, or refused with its status and its words. Again when M0 went meanwhile, and is made anew.
change() {
  locate
  for rn_again in 1 2 3 4; do
    : "$rn_again"
    join || with_options ensure ensure
    rn_refusal=$(in_M0 sh "$rn_root/scripts/named-netns.sh" "$1" "$rn_dir" "$rn_netns_name" ${2+"$2"} 2>&1) && return
    rn_status=$?
    case $rn_status in 2 | 3 | 5) refuse_name "$1" ;; esac
    [ "$rn_status" -eq 4 ] || ! join || refuse_name "$1"
  done
  rn_refusal='what holds the names was killed again and again'
  refuse_name "$1"
}

refuse_name() { # VERB
  give_back
  rn_hint=''
  case $rn_status in
    2) rn_hint='rnetns netns list' ;;
    3) rn_hint='start what made it inside: rnetns unshare -- …' ;;
    5) rn_hint='take another name, or end that command' ;;
  esac
  die ERR_NETNS "cannot $1 the network namespace $rn_netns_name: $rn_refusal" "$rn_hint"
}

netns_add() {
  change "${1-add}" ${2+"$2"}
  exit 0
}

# Nothing is made for what can't be there.
look_for_name() { # VERB
  rn_status=2 rn_refusal='there is none'
  [ -f "$rn_dir/netns/$rn_netns_name" ] || refuse_name "$1"
}

netns_delete() {
  look_for_name delete
  change delete
  warn_of_attachments
  # The last one takes the shared namespace with it, as the last reference does.
  [ -e "$rn_dir/references" ] || [ -e "$rn_dir/tied" ] || release
  exit 0
}

# What is attached libcni remembers in files, a line of JSON each, which Node reads (src/cli/cni/deleted.ts). Where no one has the name, the
# look takes no Node.
warn_of_attachments() {
  set -- "$rn_dir/var/lib/cni/results"/*
  [ -e "$1" ] && [ "${rn_level:-${RNETNS_LOG_LEVEL-}}" != error ] || return 0
  grep -qsF -- "\"$rn_runtime/netns/$rn_netns_name\"" "$@" || return 0
  (
    become_node cni cni --name "$rn_name" ${rn_config:+--config "$rn_config"} \
      ${rn_level:+--log-level "$rn_level"} deleted "$rn_netns_name"
  ) </dev/null >&2 || :
}

# Becomes CMD, like `run`, with the /sys and the files of /etc/netns that ip-netns(8) promises.
netns_exec() {
  look_for_name enter
  join || with_options ensure ensure
  # By descriptor: it may be deleted at any time.
  rn_view=/proc/$rn_keeper/root
  # shellcheck source=scripts/name.sh
  . "$rn_scripts/name.sh"
  free_descriptor
  { is_named "$rn_netns_name" && eval "command exec $rn_fd<\"\$rn_seen\""; } 2>/dev/null || {
    rn_status=2 rn_refusal='there is none'
    refuse_name enter
  }
  rn_where=inside
  ! [ -e "$rn_base/.outside/$rn_name/beside.$rn_netns_name" ] || rn_where=beside
  enter "$rn_where" nsenter "--net=/proc/self/fd/$rn_fd" -- \
    sh -c "$(cat -- "$rn_scripts/programs.sh" "$rn_scripts/named-inside.sh")" named-inside.sh "$rn_fd" "$rn_netns_name" "$@"
}
