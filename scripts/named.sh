# shellcheck shell=sh
# named.sh - `netns add|delete|attach|exec`: named network namespaces, as ip-netns(8) has them; sourced by scripts/rnetns
#
# A name is a file in <state>/netns, on which the namespace is mounted in M0, seen at $XDG_RUNTIME_DIR/netns/NAME by
# every command. It holds the shared namespace like a reference (reap.sh) until it is deleted.
# `list`, `pids` and `identify` only look: they are Node's.
#
# Reads:    rn_words (the arguments before CMD) and the functions of scripts/rnetns
# Requires: nsenter unshare cat grep; named-netns.sh named-inside.sh references.sh
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
  warn_of_attachments
  # The last one takes the shared namespace with it, as the last reference does.
  [ -e "$rn_dir/references" ] || [ -e "$rn_dir/tied" ] || release
  exit 0
}

# The bridge plugin reads in the namespace which addresses it has to stop masquerading, and is silent when it can't. What is
# attached libcni remembers in files, a line of JSON each; where nothing is, the look takes no process.
warn_of_attachments() {
  set -- "$rn_dir/var/lib/cni/results"/*
  [ -e "$1" ] && [ "${rn_level:-${RNETNS_LOG_LEVEL-}}" != error ] || return 0
  rn_attached=$(grep -hsF -- "\"netns\":\"$rn_runtime/netns/$rn_netns_name\"" "$@") || return 0
  while IFS= read -r rn_line; do
    field networkName && rn_network=$rn_field && field containerId && rn_id=$rn_field && field ifName || continue
    rn_options=
    [ "$rn_field" = eth0 ] || rn_options=" --ifname $rn_field"
    [ "$rn_name" = default ] || rn_options="$rn_options -n $rn_name"
    # No error, so never an object of --json.
    rn_json='' say '' "warning: $rn_netns_name was deleted with the container $rn_id still on the network $rn_network: rules \
of the firewall for its addresses stay until the shared namespace goes" \
      "free the rest now, and next time before the name is deleted: rnetns cni del $rn_network $rn_id$rn_options"
  done <<EOF
$rn_attached
EOF
}

# field KEY: $rn_field is its text in the JSON of $rn_line; names of networks, containers and interfaces have no quotes.
field() {
  rn_field=${rn_line#*\""$1"\":\"}
  [ "$rn_field" != "$rn_line" ] && rn_field=${rn_field%%\"*}
}

# Becomes CMD, like `run`, with the /sys and the files of /etc/netns that ip-netns(8) promises.
netns_exec() {
  rn_status=2 rn_words='there is none'
  [ -e "$rn_dir/netns/$rn_netns_name" ] || refuse_name enter
  join || with_options ensure ensure
  enter "$rn_keeper" nsenter "--net=$rn_runtime/netns/$rn_netns_name" -- \
    sh -c "$(cat -- "$rn_scripts/named-inside.sh")" named-inside.sh "$rn_netns_name" "$@"
}
