#!/bin/sh
# setup.sh - get what is missing to run, test or measure rnetns, and build it; quiet when there is nothing to do
#
# A program counts, not its package: one that was installed by hand is as good. What has none is known by a file.
#   1. Debian packages of the programs that are missing, as root or through sudo
#   2. `npm ci`, when node_modules is missing or older than package-lock.json
#   3. `npm run build`, when dist is missing or older than src
#
# Runs in:   the host's namespaces.
# Called by: npm start, npm test, npm run bench, .ci/run
# Arguments: [PROFILE [STEP]]; PROFILE runtime (default) | test | bench | none; STEP all (default) | packages
# Result:    status 0; on failure 1 and what to do about it on stderr; 64 for wrong usage
# Requires:  node npm find; for missing programs apt-get, and sudo unless root
set -eu

say() { printf 'setup: %s\n' "$1" >&2; }
die() {
  say "$1"
  exit "${2-1}"
}

profile=${1-runtime} step=${2-all}
case $profile in runtime | test | bench | none) ;; *) die 'usage: setup.sh [runtime|test|bench|none [all|packages]]' 64 ;; esac
case $step in all | packages) ;; *) die 'usage: setup.sh [runtime|test|bench|none [all|packages]]' 64 ;; esac
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd -- "$root"

# program, Debian package, what for
wanted() {
  [ "$profile" = none ] && return
  cat <<'LIST'
pasta passt connects the namespace to the host's network
slirp4netns slirp4netns does the same where pasta can't
newuidmap uidmap maps the subordinate user ids
ip iproute2 sets up loopback and shows addresses
nsenter util-linux joins the namespace
unshare util-linux makes the namespace
flock util-linux guards the state
LIST
  case $profile in
    test) cat <<'LIST' ;;
setpriv util-linux runs the tests as an unprivileged user
script bsdutils gives the tests a terminal
strace strace delays and breaks single system calls in the tests
shellcheck shellcheck checks the sh scripts
jq jq reads JSON in the tests
ps procps looks at processes in the tests
groff groff-base renders the man pages in the tests
busybox busybox-static small network programs for the tests
/usr/lib/cni/bridge containernetworking-plugins plugins for the CNI tests
iptables iptables lets these plugins masquerade
nft nftables shows and removes their rules
python3 python3 runs the examples of docs/protocol.md
crun crun runs containers in the tests
runc runc runs them as well
zsh zsh completes in the tests
fish fish completes in the tests
/usr/lib/podman/netavark netavark connects containers in the tests
/usr/lib/podman/aardvark-dns aardvark-dns answers for their names
systemd-run systemd boots in the tests
/lib/systemd/system/dbus.service dbus lets programs talk to it
/usr/share/pam-configs/systemd libpam-systemd lets the tests log in to it
LIST
    bench) printf '%s\n' 'hyperfine hyperfine takes the times' ;;
  esac
}

# Debian's users have no sbin in PATH, where half of these live.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# 1. packages
missing='' packages=''
note_missing() {
  while read -r program package purpose; do
    command -v "$program" >/dev/null 2>&1 || [ -e "$program" ] || printf '%s %s %s\n' "$program" "$package" "$purpose"
  done
}
missing=$(wanted | note_missing)
if [ -n "$missing" ]; then
  packages=$(printf '%s\n' "$missing" | cut -d' ' -f2 | sort -u | tr '\n' ' ')
  packages=${packages% }
  if ! command -v apt-get >/dev/null 2>&1; then
    say 'missing, and there is no apt-get to install them with:'
    printf '%s\n' "$missing" | while read -r program package purpose; do
      printf '  %-12s %s (Debian package %s)\n' "$program" "$purpose" "$package" >&2
    done
    exit 1
  fi
  if [ "$(id -u)" -eq 0 ]; then
    as_root=''
  elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=sudo
  else
    say 'programs are missing; as root, run:'
    printf '  apt-get update && apt-get install --no-install-recommends %s\n' "$packages" >&2
    exit 1
  fi
  say "installing $packages"
  # Another apt may be at work on a fresh machine: wait for it instead of failing.
  set -- env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300
  ${as_root:+"$as_root"} "$@" update >&2 || die 'apt-get update failed'
  # --no-remove: not at the price of what is there, another init for example.
  # shellcheck disable=SC2086 # a list of names
  ${as_root:+"$as_root"} "$@" install -y --no-install-recommends --no-remove $packages >&2 || die "cannot install $packages"
fi
[ "$step" = all ] || exit 0

# 2. node_modules
command -v npm >/dev/null 2>&1 || die 'npm is missing: install Node.js 20 or newer'
if [ ! -e node_modules/.package-lock.json ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
  say 'npm ci'
  npm ci --no-audit --no-fund >&2 || die 'npm ci failed'
fi

# 3. dist; a folder is newer too when a file in it was removed
if [ ! -e dist/index.js ] || [ -n "$(find src package.json tsconfig.json tsconfig.build.json -newer dist/index.js)" ]; then
  say 'npm run build'
  npm run --silent build >&2 || die 'npm run build failed'
fi
