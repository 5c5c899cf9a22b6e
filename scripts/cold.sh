# shellcheck shell=sh
# cold.sh - what scripts/rnetns does when there is more to do than to join; sourced by it, so that the warm path needs not read it
#
# Theory of operation: make.sh does what Node decided the last time, or Node decides and acts. The lock is taken in here, for
# only a shell can take it for Node: its descriptor stays open through exec. What is wrong with the surroundings is said in
# here as well, where no Node could start or would hang.
#
# Reads:    the variables and functions of scripts/rnetns
# Requires: node flock nsenter unshare setsid mount umount ip mkfifo timeout dd; start-node.sh make.sh lock.sh child.sh
# shellcheck disable=SC2034,SC2154 # the variables are scripts/rnetns's
# package.json's, whose engines npm looks at
rn_oldest_node=20.19

# Where this package is, without links, because node takes `..` by its letters.
find_package() {
  silently see_package || cannot_find_package
  [ -f "$rn_root/dist/cli/main.cjs" ] ||
    die ERR_PROGRAM_MISSING "cannot start: $rn_root/dist/cli/main.cjs does not exist" 'in a checkout: npm ci && npm run build'
  find_node
  # shellcheck source=scripts/start-node.sh
  . "$rn_scripts/start-node.sh"
}

see_package() {
  # CDPATH would lead elsewhere.
  rn_root=$(CDPATH='' cd -P -- "$rn_scripts/.." && pwd -P)
}

# $rn_node: PATH's, or what the supervisor was started by. Where that one is missing or too old, as in cron's PATH, the one
# beside the link by which we were called may do: version managers have a directory of programs for each Node.js. dist/cli
# refuses what is too old in the end.
find_node() {
  rn_node=${RNETNS_NODE-}
  [ -z "$rn_node" ] || ! [ -x "$rn_node" ] || return 0
  ! search_path node || rn_node=$rn_found
  if [ -L "$0" ] && [ -f "${0%/*}/node" ] && [ -x "${0%/*}/node" ] && ! [ "${0%/*}/node" -ef "$rn_node" ]; then
    { [ -n "$rn_node" ] && is_new_node; } || rn_node=${0%/*}/node
  fi
  [ -n "$rn_node" ] || die ERR_PROGRAM_MISSING 'cannot start: node was not found in PATH' \
    "install Node.js $rn_oldest_node or newer and see that PATH leads to it"
}

is_new_node() {
  rn_version=$("$rn_node" --version 2>/dev/null) || return 1
  rn_version=${rn_version#v}
  rn_minor=${rn_version#*.}
  case $rn_version in [1-9]*.[0-9]*.*) ;; *) return 1 ;; esac
  [ "${rn_version%%.*}" -gt "${rn_oldest_node%.*}" ] ||
    { [ "${rn_version%%.*}" -eq "${rn_oldest_node%.*}" ] && [ "${rn_minor%%.*}" -ge "${rn_oldest_node#*.}" ]; }
}

# Node with the lock, which only a shell can take for it: the descriptor stays open through exec.
locked_main() {
  rn_name=default
  rn_previous=
  for rn_arg; do
    case $rn_previous in -n | --name) rn_name=$rn_arg ;; esac
    case $rn_arg in
      --name=*) rn_name=${rn_arg#*=} ;;
      -n?*) rn_name=${rn_arg#-n} ;;
      -h | --help) node_main "$@" ;;
    esac
    rn_previous=$rn_arg
  done
  if is_name "$rn_name" && find_base; then
    rn_dir=$rn_base/$rn_name
    need flock nsenter unshare timeout
    # shellcheck source=scripts/lock.sh
    . "$rn_scripts/lock.sh"
    look_for_state
    case $rn_found_state in
      absent) set -- "$@" --absent ;;
      own)
        check_limits
        take_lock "$@"
        limit_node
        set -- "$@" --locked
        ;;
    esac
  fi
  node_main "$@"
}

# $rn_found_state: absent; own; or else wrong, which is Node's to explain. Others may remove and make it all the while.
look_for_state() {
  for rn_try in 1 2 3 4 5 6 7 8 9 10; do
    : "$rn_try"
    rn_found_state=absent
    [ -e "$rn_dir" ] || [ -L "$rn_dir" ] || return 0
    rn_found_state=own
    ! { own_state && [ -w "$rn_dir" ]; } || return 0
  done
  rn_found_state=wrong
}

# See that the state directory is there, the caller's own, and can be written. Fails without a word.
prepare_own_state() {
  # Again and again: the teardown of another one may take away what we have just found.
  for rn_again in 1 2 3 4 5 6 7 8 9 10; do
    : "$rn_again"
    prepare_state || return 1
    ! { own_state && [ -w "$rn_dir" ]; } || return 0
  done
  return 1
}

lock_to_mend() {
  need flock nsenter unshare setsid mount umount ip mkfifo timeout dd
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  # One for the lock and one for the lease; asked before anything is made.
  rn_free=0
  for rn_fd in 9 8 7 6 5 4 3; do
    [ -e "/proc/self/fd/$rn_fd" ] && [ "$rn_fd" != "$rn_lease_fd" ] || rn_free=$((rn_free + 1))
  done
  [ "$rn_free" -ge 2 ] ||
    die ERR_DESCRIPTORS 'making the namespace needs two free file descriptors below 10' 'close some of the descriptors 3 to 9 before this call'
  # shellcheck source=scripts/start-node.sh
  . "$rn_scripts/start-node.sh"
  check_limits
  catch_signals
  prepare_own_state || node_main "$@"
  take_lock "$@"
  end_if_caught
}

# Until the namespace is there what has been made for it is undone before we end of a signal. What is executed then gets them
# as they were.
catch_signals() {
  rn_catches=1
  for rn_signal in INT QUIT TERM HUP; do
    # shellcheck disable=SC2064 # which signal it is
    trap "rn_caught=$rn_signal" "$rn_signal"
  done
}

catch_none() {
  trap - INT QUIT TERM HUP
}

end_if_caught() {
  [ -n "$rn_caught" ] || return 0
  [ -e "$rn_dir/live" ] || abandon_state
  # Without the lock it goes only if it is empty, as we have made it.
  ! rmdir -- "$rn_dir" 2>/dev/null || remove_base
  catch_none
  kill -s "$rn_caught" "$$"
}
rn_caught='' rn_catches=''

# The lock, or a word why not; whatever isn't the lock's fault Node explains.
take_lock() {
  silently lock_state && return
  rn_answer=$?
  # What we waited for may have ended of the signal.
  end_if_caught
  case $rn_answer in
    1) node_main "$@" ;;
    4) die ERR_DESCRIPTORS "$rn_why" 'close some of the descriptors 3 to 9 before this call' ;;
    5) die ERR_STATE_DIR "$rn_why" 'point XDG_RUNTIME_DIR to a file system of this machine, as /run is' ;;
    3) die ERR_LOCK_HELD "$rn_why" 'call it before or after; run needs no lock on a namespace that is up' ;;
    *) die ERR_LOCK_TIMEOUT "$rn_why" 'look at that process; ending it frees the lock at once' ;;
  esac
}

# The namespace made or mended under the lock, with a lease on it. The arguments are Node's: how to make it.
make_joinable() {
  lock_to_mend "$@"
  # More than once: a part that was found alive may have been dying, as what a killed call has left behind does.
  rn_tries=3
  until join; do
    [ "$rn_tries" -gt 0 ] || die ERR_NETNS "the namespace $rn_name cannot be joined, for its $rn_missing went again and again" \
      'look at what removes it, or begin anew: rnetns stop --force'
    rn_tries=$((rn_tries - 1))
    make_or_mend "$@"
  done
  end_if_caught
  catch_none
  unlock_state
}

# By the plan of the last time if nothing has changed since, and else by Node, in a process of its own. Ends this one when it fails.
make_or_mend() {
  # A living generation is mended, and its FIFO stays; else this call begins a new one.
  if ! { [ -n "$rn_lease" ] && [ -p "$rn_lease" ]; }; then
    { read -r rn_gen </proc/sys/kernel/random/uuid; } 2>/dev/null || no_proc_sys
    rn_lease=$rn_dir/lease.$rn_gen
  fi
  [ -e "$rn_dir/live" ] || rn_made=1
  rn_new=''
  ! is_nothing_there || rn_new=1
  make_new_or_mend "$@" && rn_status=0 || rn_status=$?
  end_if_caught
  [ "$rn_status" -ne 2 ] || exit 2
  [ "$rn_status" -eq 0 ] || exit 125
}

# Nothing but what this call has made.
is_nothing_there() {
  for rn_file in "$rn_dir"/*; do
    case ${rn_file##*/} in lock-owner | "lease.$rn_gen" | "keeper.$rn_gen" | references | tied | ref-count | counted) ;; *) return 1 ;; esac
  done
  ! [ -e "$rn_base/.outside/$rn_name" ]
}

make_new_or_mend() {
  # shellcheck source=scripts/make.sh
  . "$rn_scripts/make.sh"
  # Repair makes only what is needed, and says what it did: both are Node's.
  [ "$1" = repair ] || ! silently make_by_plan || return 0
  # The lease comes before anything else, here as there: it is the only thing that ties what is started to this process, should
  # one of us be killed. The keeper's FIFO as well: one process less on its way.
  [ -p "$rn_lease" ] ||
    rn_words=$(mkfifo -m 600 -- "$rn_lease" "$rn_dir/keeper.$rn_gen" 2>&1) || cannot_make_fifos "${rn_words##*: }"
  take_lease "$rn_lease" || node_main "$@"
  # Where Node can't be found nothing is to be left.
  [ -n "$rn_root" ] || (find_package) || { [ -e "$rn_dir/live" ] || abandon_state && return 125; }
  [ -n "$rn_root" ] || find_package
  limit_node
  [ -n "$rn_caught" ] || { run_node "$@" ${rn_half:+--again} --generation "$rn_gen" </dev/null && return; }
  rn_status=$?
  [ "$rn_status" -lt 128 ] || [ -n "$rn_caught" ] || explain_signal "$((rn_status - 128))"
  [ -e "$rn_dir/live" ] || undo_making "$@"
  return "$rn_status"
}

# What is there was made by this call, but for references. Where Node fails it has undone that itself, and if it was killed it has not.
undo_making() {
  if [ -n "$rn_new" ] && [ -e "$rn_base/.outside/$rn_name" ] && [ "$1" != repair ]; then
    # With what the first try took, shorter than others wait for the lock.
    rn_node_seconds=8
    limit_node
    silently run_node "$@" --undo --generation "$rn_gen" </dev/null
  fi
  abandon_state
}

# Here as well, because Node's own try of a write may find room for a file.
cannot_make_fifos() {
  abandon_state
  die ERR_STATE_DIR "cannot make a FIFO in $rn_dir: $1" \
    'free some space there, or point XDG_RUNTIME_DIR to a file system that has some, and that can hold FIFOs'
}

no_proc_sys() {
  abandon_state
  die ERR_NETNS 'reading /proc/sys/kernel/random/uuid failed: this /proc shows nothing but processes' \
    'a namespace is made and mended where /proc is whole: ProcSubset=all in a systemd unit'
}

# Only what the signal says by itself (signal(7)).
explain_signal() { # NUMBER
  rn_signal=$(kill -l "$1" 2>/dev/null)
  case ${rn_signal#SIG} in
    KILL) rn_hint='if nobody killed it, the kernel did: sudo dmesg | grep -i "out of memory"' ;;
    TERM) rn_hint="it had no answer for $rn_node_seconds s; try again" ;;
    XCPU) rn_hint='its CPU time is limited: ulimit -t' ;;
    XFSZ) rn_hint='the size of its files is limited: ulimit -f' ;;
    SYS) rn_hint='a seccomp filter killed it: SystemCallFilter= of a unit, or the profile of a container' ;;
    ABRT | SEGV | TRAP | ILL | BUS) rn_hint='a limit may be too low for it: ulimit -a lists them' ;;
    *) rn_hint='' ;;
  esac
  say ERR_NETNS "making the namespace failed: node was ended by signal $1${rn_signal:+ (${rn_signal#SIG})}" "$rn_hint"
}

# Mend all there is, and report it; the namespace is made anew only if references need one.
repair() {
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  look_for_state
  case $rn_found_state in
    absent) node_main "$@" --absent ;;
    wrong) node_main "$@" ;;
  esac
  lock_to_mend "$@"
  { [ -f "$rn_dir/live" ] && read -r rn_magic rn_gen rn_boot <"$rn_dir/live"; } 2>/dev/null && rn_lease=$rn_dir/lease.$rn_gen
  make_or_mend "$@"
  [ -e "$rn_dir/live" ] || abandon_state
  exit 0
}

# CMD with the lock, for programs that take part (docs/protocol.md). A child, for what was made for it has to go.
lock() {
  need flock
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  # shellcheck source=scripts/child.sh
  . "$rn_scripts/child.sh"
  # Before anything is made.
  free_descriptor
  prepare_own_state || with_options node_main ensure
  with_options take_lock ensure
  run_child "$@"
  [ -e "$rn_dir/live" ] || abandon_state
  exit "$rn_status"
}
