# shellcheck shell=sh
# start-node.sh - start Node without what of the caller's surroundings is meant for the command; for scripts/cold.sh
#
# Theory of operation
#
# What the caller has set reaches the command unchanged. Our own Node, and what it starts, serves other callers as well, and
# longer than this one. So, in the process that becomes Node:
#   1. soft limits go up to the hard ones; niceness, CPUs and OOM score are Node's to raise (src/exec/fair-share.ts)
#   2. Node's own variables go, and the umask is the usual one
#   3. with the lock in its hand it has a time limit
# Short of threads Node hangs before its first line, for it waits for those that could not be made; short of memory or
# descriptors it crashes. So where a hard limit is low, Node is tried before anything rests on it.
#
# Reads:    rn_root rn_node; die of scripts/rnetns
# Requires: node; timeout where it has a limit; prlimit where there is one
# shellcheck disable=SC2154 # rn_root and rn_node are the sourcing program's

# Longer than all that Node does under the lock, each with a limit of its own, and shorter than others wait for the lock.
rn_node_seconds=${RNETNS_NODE_SECONDS:-18}

# limit NAME ENOUGH WHAT SOFT HARD…: a line of /proc/self/limits (proc_pid_limits(5))
limit() {
  [ "$4" = "$5" ] || rn_raise="$rn_raise --$1=$5:"
  [ "$5" = unlimited ] || [ "$5" -ge "$2" ] && return
  rn_low="$rn_low${rn_low:+, }$5 $3"
  # No file of ours can be written, or flock(1) can't have its timer.
  case $1 in fsize | sigpending) rn_hopeless=1 ;; esac
}

# $rn_raise: options of prlimit(1) for what can be raised; $rn_low: what stays low. Not `core`, which is the caller's wish.
# shellcheck disable=SC2086 # columns
read_limits() {
  rn_raise='' rn_low='' rn_hopeless=''
  while read -r rn_line; do
    case $rn_line in
      'Max cpu time '*) limit cpu 10 'seconds of CPU time (ulimit -t)' ${rn_line#Max cpu time} ;;
      'Max file size '*) limit fsize 131072 'bytes in a file (ulimit -f)' ${rn_line#Max file size} ;;
      'Max data size '*) limit data 4294967296 'bytes of data (ulimit -d)' ${rn_line#Max data size} ;;
      'Max stack size '*) limit_stack ${rn_line#Max stack size} ;;
      'Max processes '*) limit nproc 512 'processes (ulimit -u)' ${rn_line#Max processes} ;;
      'Max open files '*) limit nofile 128 'open files (ulimit -n)' ${rn_line#Max open files} ;;
      'Max locked memory '*) limit memlock 0 '' ${rn_line#Max locked memory} ;;
      'Max address space '*) limit as 4294967296 'bytes of address space (ulimit -v)' ${rn_line#Max address space} ;;
      'Max pending signals '*) limit sigpending 16 'pending signals (ulimit -i)' ${rn_line#Max pending signals} ;;
      'Max msgqueue size '*) limit msgqueue 0 '' ${rn_line#Max msgqueue size} ;;
    esac
  done </proc/self/limits
}

# An unlimited stack gives a process the old layout of its memory, with less of it at random: 8 MiB, the kernel's default.
limit_stack() {
  rn_soft=$1 rn_hard=$2
  [ "$rn_soft" != unlimited ] && [ "$rn_soft" -lt 8388608 ] || rn_hard=$rn_soft
  [ "$rn_hard" != unlimited ] && [ "$rn_hard" -lt 8388608 ] || [ "$rn_hard" = "$rn_soft" ] || rn_hard=8388608
  limit stack 1048576 'bytes of stack (ulimit -s)' "$rn_soft" "$rn_hard"
}

# Processes and threads are limited by cgroups(7) as well, ours and those above it, by pids.max. What is seen of them is where
# src/namespace/userns-obstacle.ts looks, too.
read_cgroups() {
  # shellcheck disable=SC2034 # the first column
  while IFS=: read -r rn_ rn_controllers rn_path; do
    case ,$rn_controllers, in
      ,,) rn_cgroups=/sys/fs/cgroup ;;
      *,pids,*) rn_cgroups=/sys/fs/cgroup/pids ;;
      *) continue ;;
    esac
    rn_path=${rn_path%/}
    while :; do
      { read -r rn_max <"$rn_cgroups$rn_path/pids.max" && read -r rn_now <"$rn_cgroups$rn_path/pids.current"; } 2>/dev/null &&
        [ "$rn_max" != max ] && [ "$((rn_max - rn_now))" -lt 64 ] &&
        rn_low="$rn_low${rn_low:+, }$rn_max processes and threads in the cgroup ${rn_path:-/} (pids.max)"
      [ -n "$rn_path" ] || break
      rn_path=${rn_path%/*}
    done
  done 2>/dev/null </proc/self/cgroup
}

# Once, and before the lock is taken.
check_limits() {
  [ -z "${rn_raise+x}" ] || return 0
  read_limits
  read_cgroups
  command -v prlimit >/dev/null || rn_raise=
  [ -z "$rn_low" ] || { locate && try_node; }
}

# shellcheck disable=SC2086 # options
try_node() {
  command -v timeout >/dev/null || return 0
  silently node_starts && [ -z "$rn_hopeless" ] && return
  die ERR_LIMIT "cannot start node within the limits of this caller: $rn_low" \
    'raise them before the call: ulimit in a shell, Limit…= or TasksMax= in a systemd unit'
}

# Without exec, so that what sh says of one that crashes is not heard either.
# shellcheck disable=SC2086 # options
node_starts() {
  (
    unset_for_node
    ${rn_raise:+prlimit $rn_raise} timeout -k 1 5 "$rn_node" "$rn_root/dist/cli/main.cjs" starts
    exit "$?"
  ) </dev/null >/dev/null
}

# What Node, OpenSSL, libuv and ld.so read, and what would make our Node another one: with a debugger, preloaded modules,
# a report on stderr, a worker of the caller's. test/unit/exec/node-variables.test.ts has the list of this Node.
unset_for_node() {
  unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE NODE_CLUSTER_SCHED_POLICY NODE_COMPILE_CACHE \
    NODE_COMPILE_CACHE_PORTABLE NODE_DEBUG NODE_DEBUG_NATIVE NODE_DISABLE_COLORS NODE_DISABLE_COMPILE_CACHE \
    NODE_EXTRA_CA_CERTS NODE_ICU_DATA NODE_INSPECT_RESUME_ON_START NODE_NO_WARNINGS NODE_OPTIONS NODE_PATH \
    NODE_PENDING_DEPRECATION NODE_PENDING_PIPE_INSTANCES NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN \
    NODE_REDIRECT_WARNINGS NODE_REPL_EXTERNAL_MODULE NODE_REPL_HISTORY NODE_REPL_HISTORY_SIZE NODE_REPL_MODE \
    NODE_SKIP_PLATFORM_CHECK NODE_TEST_CONTEXT NODE_TEST_WORKER_ID NODE_TLS_REJECT_UNAUTHORIZED NODE_UNIQUE_ID \
    NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_V8_COVERAGE OPENSSL_CONF OPENSSL_MODULES SSL_CERT_DIR SSL_CERT_FILE \
    UV_THREADPOOL_SIZE UV_USE_IO_URING WATCH_REPORT_DEPENDENCIES LD_AUDIT LD_DEBUG LD_PRELOAD GLIBC_TUNABLES
}

# become_node PROGRAM [ARG…]; with $rn_until a program that ends it
# shellcheck disable=SC2086 # options
become_node() {
  check_limits
  unset_for_node
  umask 022
  rn_program=$rn_root/dist/cli/$1.cjs
  shift
  exec ${rn_raise:+prlimit $rn_raise} ${rn_until-} "$rn_node" "$rn_program" "$@"
}

# For the calls with the lock. Node itself says what it was waiting for (src/exec/time-limit.ts), if it still can; the
# group stays the caller's, so that Ctrl-C reaches it.
limit_node() {
  # By its path: busybox's own knows too few options, and no alias reaches a variable (programs.sh).
  search_path timeout || return 0
  rn_until="$rn_found --foreground --preserve-status -k 2 $rn_node_seconds"
}
