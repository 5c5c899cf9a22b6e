#!/bin/sh
# visit.sh - the interfaces of some network namespaces, each told by a process inside it
#
# Runs in:   U, M0 (or what a command sees, when supervisor and keeper are dead) and the host's network
# Called by: src/inspect/survey.ts, by its text, through nsenter(1): the file may be hidden there
# Arguments: NETNS…   paths
# Result:    for each its number, from 0, on a line, and on the next one the veths in ip's JSON; nothing for one that
#            is gone
# Requires:  nsenter ip
set -u
number=0
for netns; do
  echo "$number"
  nsenter --net="$netns" -- ip -json address show type veth 2>/dev/null
  number=$((number + 1))
done
