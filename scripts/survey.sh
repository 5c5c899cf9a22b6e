#!/bin/sh
# survey.sh - the bridges of the shared network namespace, the veths on them, and to which namespaces those lead
#
# Runs in:   U, a copy of M0 (or of what a command sees, when supervisor and keeper are dead) and the host's network
# Called by: src/inspect/survey.ts, by its text, through nsenter(1) and unshare(1): the file may be hidden there
# Arguments: NETNS FIFO ENTRY   NETNS: the shared network namespace, a path that is good without /run; FIFO: the keeper's;
#            ENTRY: pid of the process whose mount namespace this one is a copy of
# Result:    "ready"; after a line on stdin three arrays of ip's JSON: bridges, veths, and the names of the namespaces
#            that the veths lead to, by the ids that the kernel has for them in the shared one
# Requires:  mount mkdir nsenter ip
#
# ip-netns(8), list-id, knows a namespace by its name in /var/run/netns only. So that is one of our own, our directory,
# and while we wait our caller links each namespace in question there. End-of-file: the caller has died.
set -eu
if [ /proc/self/ns/mnt -ef "/proc/$3/ns/mnt" ]; then
  echo 'refusing to mount in a mount namespace of others' >&2
  exit 1
fi
# Who looks is no use of the namespace: by this descriptor reap.sh leaves us out. <> never blocks.
[ ! -p "$2" ] || { exec 3<>"$2" && exec 4<"$2" && exec 3<&-; }
mount -t tmpfs -o mode=0700 tmpfs /var/run
mkdir /var/run/netns
cd /var/run/netns
echo ready
read -r _
exec nsenter --net="$1" -- ip -json -batch - <<'COMMANDS'
link show type bridge
link show type veth
netns list-id
COMMANDS
