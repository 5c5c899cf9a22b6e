#!/bin/sh
# keeper-way.sh - go from where the holder is to where the keeper is, and become it
#
# Runs in:   O and M0, the host's network
# Called by: src/namespace/keeper.ts, through nsenter(1)
# Arguments: STATE COMMAND [ARG…]   with `hidden` before them: in the copy of M0 where that is done
# Result:    COMMAND's, in U and M1, and on the shared network; its descriptors 5 and 6 are M0 and O
# Requires:  mount unshare nsenter
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
if [ "$1" != hidden ]; then
  exec 5</proc/self/ns/mnt 6</proc/self/ns/user || exit
  exec unshare --mount --propagation slave -- sh "$0" hidden "$@"
fi
state=$2
shift 2
# What O mounts is locked in M1, so nobody in U uncovers it (mount_namespaces(7), "Restrictions on mount namespaces").
mount -t tmpfs -o ro,mode=755 tmpfs "$state/outside" || exit
set -- unshare --mount --propagation slave -- "$@"
# In O until it is on that network: a process of U would else be on the host's, where those in U could trace it.
[ "$state/rootless-userns" -ef /proc/self/ns/user ] ||
  set -- nsenter "--user=$state/rootless-userns" --preserve-credentials -- "$@"
exec nsenter "--net=$state/rootless-netns" -- "$@"
