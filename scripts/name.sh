# shellcheck shell=sh
# name.sh - what the name of a network namespace is; for the sh programs that source it
#
# A file in <state>/netns on which a network namespace is mounted in M0, where it is seen at $XDG_RUNTIME_DIR/netns/NAME. No other file
# there is a name: `ip netns add` in a command mounts in that command's own copy of M1, and leaves the file when it ends.
# src/namespace/names.ts has the same rule.
#
# Reads:    rn_dir (the state directory); rn_view: the root of a process that sees what M0 has mounted, such as
#           /proc/PID/root of the supervisor or keeper, or nothing in M0 and M1 themselves
# Sets:     rn_seen (where that process sees the namespace)
# Requires: nothing but sh: the warm path asks as well
# shellcheck disable=SC2154 # the variables are the sourcing program's

is_named() { # NAME
  rn_seen=$rn_view${rn_dir%/*/*}/netns/$1
  [ -f "$rn_seen" ] && ! [ "$rn_seen" -ef "$rn_dir/netns/$1" ] && ! [ -L "$rn_dir/netns/$1" ]
}
