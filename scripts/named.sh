# shellcheck shell=sh
# named.sh - `netns add|delete|attach|exec`: named network namespaces, as ip-netns(8) has them; sourced by scripts/rnetns
#
# A name is a file in <state>/netns, on which the namespace is mounted in M0, seen at $XDG_RUNTIME_DIR/netns/NAME by
# every command. It holds the shared namespace like a reference (reap.sh) until it is deleted.
# `list`, `pids` and `identify` only look: they are Node's.
#
# Reads:    rn_words (the arguments before CMD) and the functions of scripts/rnetns
# Requires: nsenter unshare cat; named-netns.sh named-inside.sh references.sh
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
      start_of "$3" || die ERR_PROCESS "cannot attach process $3: there is none" 'give the pid of a process that runs'
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

# change ACT [PID]: 0, or its status and its words in $rn_words
change() {
  locate
  rn_words=$(in_M0 sh "$rn_root/scripts/named-netns.sh" "$1" "$rn_dir/netns" "$rn_runtime/netns" "$rn_netns_name" \
    ${2+"$2"} 2>&1)
}

refuse_name() { # VERB
  rn_hint=''
  case $rn_status in
    2) rn_hint='rnetns netns list' ;;
    3) rn_hint='start what made it inside: rnetns unshare -- …' ;;
  esac
  die ERR_NETNS "cannot $1 the network namespace $rn_netns_name: $rn_words" "$rn_hint"
}

netns_add() {
  join || with_options ensure ensure
  change "${1-add}" ${2+"$2"} && exit
  rn_status=$?
  give_back
  refuse_name "${1-add}"
}

netns_delete() {
  rn_status=2 rn_words='there is none'
  [ -e "$rn_dir/netns/$rn_netns_name" ] || refuse_name delete
  join || with_options ensure ensure
  change delete || {
    rn_status=$?
    refuse_name delete
  }
  # The last one takes the shared namespace with it, as the last reference does.
  [ -e "$rn_dir/references" ] || [ -e "$rn_dir/tied" ] || release
  exit 0
}

# Becomes CMD, like `run`, with the /sys and the files of /etc/netns that ip-netns(8) promises.
netns_exec() {
  rn_status=2 rn_words='there is none'
  [ -e "$rn_dir/netns/$rn_netns_name" ] || refuse_name enter
  join || with_options ensure ensure
  enter "$rn_keeper" nsenter "--net=$rn_runtime/netns/$rn_netns_name" -- \
    sh -c "$(cat -- "$rn_scripts/named-inside.sh")" named-inside.sh "$rn_netns_name" "$@"
}
