#!/bin/sh
# cni-session.sh - be in the shared namespace while CNI plugins run there
#
# Runs in:   U, a copy of M1 and the shared network namespace: a command of `rnetns setup`, `teardown` or `run`
# Called by: src/cli/cni/session.ts, as text, because inside /run is another one
# Arguments: STATE shared|exclusive NETNS [given]   exclusive: wait for all others, and keep them waiting; NETNS: the
#            container's, or nothing: held open on descriptor 4, where it can be looked at from outside. given: it is
#            open there already, by our caller, for whom alone it may be at that path
# Result:    its pid on stdout, through which nsenter(1) leads plugins to where it is, and "given" if NETNS is
#            another one there, or none; then status 0 if stdin says "ok"
# Requires:  flock mkdir mount
set -u
dir=$1 netns=$3 given=${4-}
# Garbage collection must not meet an ADD or DEL (SPEC.md, section 2). In the background: a caller waits for all of this.
exec 3>"$dir/cni.lock"
flock --"$2" -w 60 3 &
lock=$!
give_up() {
  kill "$lock" 2>/dev/null
  exit 1
}
# With network_backend = cni it is writable for every command; else only for plugins, in the copy of M1 that is ours.
if ! [ "$dir/var/lib/cni" -ef /var/lib/cni ]; then
  # Seen inside, where the caller's umask is nobody's concern; the state directory above it is 0700.
  umask 022
  [ -d "$dir/var/lib/cni" ] || mkdir -p -- "$dir/var/lib/cni" || give_up
  if [ -d /var/lib/cni ]; then
    mount --bind -- "$dir/var/lib/cni" /var/lib/cni || give_up
  else
    # Hides what else is in /var/lib, from plugins alone.
    mount --bind -- "$dir/var/lib" /var/lib || give_up
  fi
fi
wait "$lock" || {
  echo "rnetns: another process kept $dir/cni.lock for 60 s" >&2
  exit 1
}
# Namespaces are regular files; opening a FIFO would block.
if [ -n "$given" ]; then
  ! [ "$netns" -ef "/proc/$$/fd/4" ] || given=
elif [ -f "$netns" ]; then
  exec 4<"$netns" || exit 1
fi
echo "$$ $given"
IFS= read -r verdict && [ "$verdict" = ok ] && exit
# Whoever called the plugins has failed, or was killed. What still runs of them would go on while others clean up after it:
# it ends before the lock is free. Nobody but them and us has this copy of the mounts.
for try in 1 2 3; do
  found=
  for process in /proc/[0-9]*; do
    [ "$process" != "/proc/$$" ] && [ "$process/ns/mnt" -ef "/proc/$$/ns/mnt" ] || continue
    kill -s KILL "${process#/proc/}" 2>/dev/null && found=$try
  done
  [ -n "$found" ] || break
done
exit 1
