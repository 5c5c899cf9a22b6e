#!/bin/sh
# keeper-way.sh - go from where the supervisor is to where the keeper is, and become it
#
# Runs in:   O and M0, the host's network
# Called by: inside.sh
# Arguments: STATE there|new|single COMMAND [ARG…]   there: U and the shared network namespace are on their files. new: they are
#            made here, in one step, so that nobody is in U on the host's network. single: without U
#            With `hidden` before them: in the copy of M0 where that is done
# Result:    COMMAND's, in U and M1, and on the shared network; its descriptors 5 and 6 are M0 and O. With new and single it says
#            "made" first, and waits for a line in keeper.go
# Requires:  mount unshare nsenter
set -u
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
if [ "$1" != hidden ]; then
  exec 5</proc/self/ns/mnt 6</proc/self/ns/user || exit
  [ "$2" = there ] || exec <"${1%/*}/.outside/${1##*/}/keeper.go"
  exec unshare --mount --propagation slave -- sh "$0" hidden "$@"
fi
state=$2 which=$3
shift 3
# What O mounts is locked in M1, so nobody in U uncovers it (mount_namespaces(7), "Restrictions on mount namespaces"). What is
# mounted on can't be renamed either, so nobody puts another directory in its place.
mount --rbind -- "${state%/*}" "${state%/*}" || exit
mount -t tmpfs -o ro,mode=755 tmpfs "${state%/*}/.outside" || exit
# shellcheck disable=SC2016 # the inner shell's
case $which in
  there)
    set -- unshare --mount --propagation slave -- "$@"
    # In O until it is on that network: a process of U would else be on the host's, where those in U could trace it.
    [ "$state/rootless-userns" -ef /proc/self/ns/user ] ||
      set -- nsenter "--user=$state/rootless-userns" --preserve-credentials -- "$@"
    exec nsenter "--net=$state/rootless-netns" -- "$@"
    ;;
  new) exec unshare --user --net --mount --propagation slave -- sh -c 'echo made; read -r _ && exec "$@"' sh "$@" ;;
  single) exec unshare --net --mount --propagation slave -- sh -c 'echo made; read -r _ && exec "$@"' sh "$@" ;;
esac
