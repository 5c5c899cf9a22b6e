#!/bin/sh
# busybox-bundle.sh - make a bundle for crun or runc: a container of nothing but busybox, on networks of rnetns
#
#     sh busybox-bundle.sh ./web httpd -f -p 80 -h /www
#     rnetns unshare -- crun run --bundle ./web web
#
# The hooks attach it and take it off again. It resolves names with the resolv.conf of the shared namespace.
#
# Arguments: DIRECTORY [ARG…]   ARG: the words of the busybox command to run; a shell without one
# Environment: NETWORKS   network lists, with blanks between them; rnetns without it
# Result:    DIRECTORY/config.json and DIRECTORY/rootfs; 1 when DIRECTORY is there already
# Requires:  busybox (busybox-static of Debian), rnetns, jq
set -eu
[ "$#" -gt 0 ] || { echo 'usage: busybox-bundle.sh DIRECTORY [ARG…]' >&2 && exit 64; }
directory=$1
shift
[ "$#" -gt 0 ] || set -- sh

mkdir -- "$directory"
cd -- "$directory"
mkdir -p rootfs/bin rootfs/dev rootfs/etc rootfs/proc rootfs/tmp rootfs/www
: >rootfs/etc/resolv.conf
# It copies itself: a shell that is busybox's says no path of it.
busybox cp -- /proc/self/exe rootfs/bin/busybox
for applet in sh ip ping wget httpd nslookup nc cat echo sleep; do ln -s busybox "rootfs/bin/$applet"; done
echo "hello from ${directory##*/}" >rootfs/www/index.html

rnetns=$(command -v rnetns)
# The namespace is made for this if it isn't up; the file keeps its place. It lies where devices and set-user-ID programs
# are off: runc up to 1.1 has to be told so again (mount_namespaces(7), locked flags).
resolv_conf=$(rnetns unshare -- "$rnetns" path resolv.conf)
jq -n --arg rnetns "$rnetns" --arg resolv_conf "$resolv_conf" --arg networks "${NETWORKS-rnetns}" --args '
  def hook($args): {path: $rnetns, args: (["rnetns", "oci-hook"] + $args)};
  {
    ociVersion: "1.0.2",
    process: {
      user: {uid: 0, gid: 0}, args: (["/bin/busybox"] + $ARGS.positional), env: ["PATH=/bin"], cwd: "/",
      capabilities: (["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"] | {bounding: ., effective: ., permitted: .})
    },
    root: {path: "rootfs"},
    mounts: [
      {destination: "/proc", type: "proc", source: "proc"},
      {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"]},
      {destination: "/etc/resolv.conf", type: "bind", source: $resolv_conf,
        options: ["bind", "ro", "nosuid", "nodev", "noexec"]}
    ],
    hooks: {
      createRuntime: [hook([$networks | splits(" +") | "--network", .])],
      poststop: [hook([])]
    },
    linux: {namespaces: (["pid", "network", "mount", "ipc", "uts"] | map({type: .}))}
  }' -- "$@" >config.json
