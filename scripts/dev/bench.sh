#!/bin/sh
# bench.sh - measure rnetns against podman and nsenter, side by side in one run
#
# Both must use the same kernel, pasta and file systems, so both run in the same place: on this host, when podman 5 or
# newer is installed and the caller is no root (podman has no rootless network for root); else in the system root that
# the tool peer-root keeps (podman 5.4), with a copy of this package and of Node.
#
# Runs in:   the host's namespaces.
# Called by: npm run bench
# Arguments: [PART…], as bench/main.mjs has them: words of what to measure, e.g. `references`; all without one
# Environment: PEER_ROOT_TOOL, path of peer-root (`make` and `run USER CMD…`; /tmp/peer is the same inside and outside);
#            RNETNS_BENCH_RUNS, runs of each warm command per round (100)
# Result:    status 0 also when a target is missed: the table says so; 1 when it can't be measured
# Requires:  node; hyperfine and podman, or peer-root and root
set -eu
dev=$(cd -- "$(dirname -- "$0")" && pwd)
root=${dev%/scripts/dev}
cd -- "$root"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'bench: %s\n' "$1" >&2; }

podman_major() {
  version=$(podman --version 2>/dev/null) || version='podman version 0'
  version=${version##* }
  printf '%s\n' "${version%%.*}"
}

if [ "$(id -u)" -ne 0 ] && [ "$(podman_major)" -ge 5 ]; then
  sh "$dev/setup.sh" bench
  exec env PATH="$root/scripts:$PATH" node "$dev/bench/main.mjs" "$@"
fi

tool=${PEER_ROOT_TOOL:-$root/../shared/tools/peer-root}
if ! [ -x "$tool" ]; then
  say 'nothing to compare with: install podman 5 or newer and run this as a normal user, or set PEER_ROOT_TOOL'
  exit 1
elif [ "$(id -u)" -ne 0 ]; then
  say "$tool needs root: sudo npm run bench"
  exit 1
fi
sh "$dev/setup.sh" none
"$tool" make >&2

user=rnetns-bench copy='' made_user=''
finish() {
  status=$?
  trap - EXIT
  [ -z "$copy" ] || rm -rf -- "$copy"
  if [ -n "$made_user" ]; then
    "$tool" run root userdel -r "$user" 2>/dev/null || :
    userdel -r "$user" 2>/dev/null || :
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

id -u "$user" >/dev/null 2>&1 || made_user=yes
mkdir -p /tmp/peer
copy=$(mktemp -d /tmp/peer/rnetns-bench.XXXXXX)
mkdir -- "$copy/bin"
cp -RP -- dist scripts configs node_modules package.json "$copy/"
cp -- "$(readlink -f -- "$(command -v node)")" "$copy/bin/node"
chmod -R a+rX "$copy"
# The pid namespace takes every process with it, podman's pause process included.
in_peer() {
  unshare --mount --pid --fork --kill-child --mount-proc \
    "$tool" run "$user" env -u NODE_EXTRA_CA_CERTS PATH="$copy/scripts:$copy/bin:/usr/local/bin:/usr/bin:/bin" "$@"
}
in_peer node --version >/dev/null || {
  say "this host's node does not run in the root of $tool"
  exit 1
}
in_peer env RNETNS_BENCH_RUNS="${RNETNS_BENCH_RUNS:-100}" node "$copy/scripts/dev/bench/main.mjs" "$@"
