#!/bin/sh
# keeper-way.sh - go from where the supervisor is to where the keeper is, and become it
#
# Runs in:   O and a copy of M0, a slave, of its own; the host's network
# Called by: inside.sh, through unshare(1); descriptor 5 is M0
# Arguments: STATE COMMAND [ARG…]
# Result:    COMMAND's, in U and M1, and on the shared network, as their files have them
# Requires:  mount unshare nsenter
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
state=$1
shift
[ -e /proc/self/fd/5 ] && ! [ /proc/self/ns/mnt -ef /proc/self/fd/5 ] || { echo 'refusing to mount in M0' >&2 && exit 64; }
# What O mounts is locked in M1, so nobody in U uncovers it (mount_namespaces(7), "Restrictions on mount namespaces"). What is
# mounted on can't be renamed either, so nobody puts another directory in its place.
mount --rbind -- "${state%/*}" "${state%/*}" || exit
mount -t tmpfs -o ro,mode=755 tmpfs "${state%/*}/.outside" || exit
set -- unshare --mount --propagation slave -- "$@"
# In O until it is on that network: a process of U would else be on the host's, where those in U could trace it.
[ "$state/rootless-userns" -ef /proc/self/ns/user ] ||
  set -- nsenter "--user=$state/rootless-userns" --preserve-credentials -- "$@"
exec nsenter "--net=$state/rootless-netns" -- "$@"
