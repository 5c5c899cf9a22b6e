# shellcheck shell=sh
# publish.sh - the ports of `run`, `shell` and `setup` (--publish); sourced by scripts/rnetns
#
# Theory of operation: `rnetns port add` does the work, as a child before the launcher becomes the command, or once the
# reference is counted. The port belongs to that command or reference, and the forwarder closes it when its owner has gone.
#
# Reads:    rn_publish, specifications without blanks; rn_name and the functions of scripts/rnetns
# Requires: node; start-node.sh, by way of cold.sh
# shellcheck disable=SC2154 # the variables are scripts/rnetns's

# What is wrong with a port is said before a namespace is made for it.
check_ports() {
  [ -e "$rn_dir/live" ] || add_ports --check || exit
}

# publish_ports [--pid PID | --id ID]: what was published by this owner before goes
publish_ports() {
  add_ports --instead "$@"
}

# Ports that were chosen are printed, on stderr, for stdout is the command's.
# shellcheck disable=SC2086 # words, which may look like patterns
add_ports() {
  locate
  (
    set -f
    become_node port port add ${rn_json:+--json} --name "$rn_name" ${rn_config:+--config "$rn_config"} \
      ${rn_level:+--log-level "$rn_level"} "$@" -- $rn_publish
  ) </dev/null >&2
}
