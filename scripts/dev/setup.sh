#!/bin/sh
# setup.sh - get what is missing to run, test or measure rnetns, and build it; quiet when there is nothing to do
#
# A program counts, not its package: one that was installed by hand is as good. What has none is known by a file.
#   1. Node.js is new enough
#   2. Debian packages of the programs that are missing, as root or through sudo. One of pasta and slirp4netns will do
#   3. `npm ci`, when node_modules is missing or older than package-lock.json; npm writes its .package-lock.json last
#   4. `npm run build`, when dist is missing or older than what it is made of (build.sh)
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

# 1. Before anything is installed or made that would be of no use
needed=$(sed -n 's/^ *"node": ">=\([0-9.]*\)".*/\1/p' package.json)
version=$(node --version 2>/dev/null) || version=''
# The older one of the two comes first.
if [ -z "$version" ] || [ "$(printf '%s\n' "$needed" "${version#v}" | sort -V | head -n 1)" != "$needed" ]; then
  say "Node.js $needed or newer is needed, and $(command -v node || echo 'PATH') has ${version:-none}"
  say "install Node.js $needed or newer (https://nodejs.org/en/download) and see that PATH leads to it first"
  exit 1
fi

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
inotifywait inotify-tools tells when the host's name servers change
nft nftables redirects what asks those that are gone
conntrack conntrack lets sockets that stay have that too
LIST
  case $profile in
    test) cat <<'LIST' ;;
setpriv util-linux runs the tests as an unprivileged user
script bsdutils gives the tests a terminal
strace strace delays and breaks single system calls in the tests
shellcheck shellcheck checks the sh scripts
jq jq reads JSON in the tests
curl curl does the requests of the README in the tests
ps procps looks at processes in the tests
groff groff-base renders the man pages in the tests
busybox busybox-static small network programs for the tests
/usr/lib/cni/bridge containernetworking-plugins plugins for the CNI tests
iptables iptables lets these plugins masquerade
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

# 2. packages
note_missing() {
  while read -r program package purpose; do
    command -v "$program" >/dev/null 2>&1 || [ -e "$program" ] || printf '%s %s %s\n' "$program" "$package" "$purpose"
  done
}
# Of those, what there is no doing without
note_needed() {
  while read -r program package purpose; do
    case $program in
      pasta | slirp4netns) ! { command -v pasta || command -v slirp4netns; } >/dev/null 2>&1 || continue ;;
      # There is a way without.
      inotifywait | nft | conntrack) continue ;;
    esac
    printf '  %-12s %s (Debian package %s)\n' "$program" "$purpose" "$package"
  done
}
can_be_root() {
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }
}
# Another apt may be at work on a fresh machine: wait for it instead of failing.
# --no-remove: not at the price of what is there, another init for example.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then set -- env "$@"; else set -- sudo env "$@"; fi
  "$@" >&2
}
update() {
  as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update
}
install() {
  as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@"
}
# Not every system has all of them: Ubuntu 22.04 has no passt.
note_available() {
  for package; do
    ! apt-get -qq -s install --no-install-recommends --no-remove "$package" >/dev/null 2>&1 || printf '%s\n' "$package"
  done
}
install_missing() {
  # shellcheck disable=SC2046 # names without blanks, as below
  set -- $(wanted | note_missing | cut -d' ' -f2 | sort -u)
  # With no old list of packages, for what isn't needed.
  [ -z "$needed_programs" ] || update || say 'apt-get update failed'
  available=$(note_available "$@")
  [ -n "$available" ] || return 0
  # shellcheck disable=SC2086
  set -- $available
  say "installing $*"
  install "$@" || say "cannot install $*"
}

needed_programs=$(wanted | note_missing | note_needed)
if [ -n "$(wanted | note_missing)" ] && command -v apt-get >/dev/null 2>&1 && can_be_root; then
  install_missing
  needed_programs=$(wanted | note_missing | note_needed)
fi
if [ -n "$needed_programs" ]; then
  printf 'setup: programs are missing:\n%s\n' "$needed_programs" >&2
  ! command -v apt-get >/dev/null 2>&1 ||
    printf 'setup: as root, run:\n  apt-get update && apt-get install --no-install-recommends %s\n' \
      "$(wanted | note_missing | cut -d' ' -f2 | sort -u | tr '\n' ' ')" >&2
  exit 1
fi
[ "$step" = all ] || exit 0

# 3. node_modules; what it is built with counts as development, which NODE_ENV=production leaves out
command -v npm >/dev/null 2>&1 || die "npm is missing: it comes with Node.js, or on Debian: apt-get install npm"
if [ ! -e node_modules/.package-lock.json ] || [ ! -e node_modules/esbuild ] ||
  [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
  say 'npm ci'
  npm ci --include=dev --no-audit --no-fund >&2 || die 'npm ci failed'
fi

# 4. dist; a folder is newer too when a file in it was removed
if [ ! -e dist/.built ] ||
  [ -n "$(find src package.json package-lock.json tsconfig.json tsconfig.build.json scripts/dev/build* scripts/dev/man \
    -newer dist/.built)" ]; then
  say 'npm run build'
  npm run --silent build >&2 || die 'npm run build failed'
fi
