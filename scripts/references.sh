# shellcheck shell=sh
# references.sh - the verbs `setup` and `teardown`: durable references to the shared namespace; sourced by scripts/rnetns
#
# Theory of operation
#
# A reference with an id is a file: references/ID, or tied/ID when it goes with a process (tied.sh looks after those).
# Its line is `rnetns1 NETS PID START-TIME BOOT-ID .`, with 0 0 for no process; src/state/references.ts reads it.
# References without an id are a number in `ref-count`.
#
# On a namespace that is up an id costs neither Node nor the lock:
#   setup     holds a lease while it makes the file (O_EXCL: two never make one), and a namespace with a lease is not
#             reaped; when it lets go, the reference is there to be seen
#   teardown  removes the file, and asks with the same find(1) whether it was the last: only then it takes the lock
# What is there already is replaced, and a tied one is removed, under the lock, as tied.sh drops them.
#
# At the last reference the namespace goes at once, without lingering, unless a command is inside.
#
# Reads:    rn_id rn_nets rn_pid rn_dir and the functions of scripts/rnetns
# Requires: publish.sh, where there are ports; mkdir rm mv find; for the last one flock dd rmdir nsenter; child.sh cold.sh lock.sh name.sh
#           process.sh reap.sh teardown.sh
# shellcheck disable=SC2154 # the variables are scripts/rnetns's
# How often to try again what others have taken away; whether there was a reference of this id before.
rn_rounds=20 rn_replaced=''

setup() {
  check_reference
  rn_tied_start=0
  [ -z "$rn_pid" ] || { see_process "$rn_pid" && rn_tied_start=$rn_start; } ||
    die ERR_PROCESS "cannot tie a reference to process $rn_pid: there is none" 'give the pid of a process that runs'
  join || with_options ensure ensure
  [ "$#" -eq 0 ] || run_inside "$@"
  # With a limit on the size of files, a write is to fail, not to kill us.
  trap '' XFSZ
  # CMD may have taken its time, and its namespace may have been stopped by force meanwhile.
  until count_up; do
    cannot_write
    join || with_options ensure ensure
  done
  [ -z "$rn_publish" ] || publish_ports ${rn_id:+--id "$rn_id"} || uncount "$?"
  exit 0
}

# uncount STATUS: what this call has counted
uncount() {
  if [ -z "$rn_id" ]; then (drop_count); elif [ -z "$rn_replaced" ]; then (drop_id); fi
  exit "$1"
}

teardown() {
  check_reference
  if [ "$#" -gt 0 ]; then
    join || with_options ensure ensure
    run_inside "$@"
  fi
  trap '' XFSZ
  until own_state; do
    # Nothing there is fine. Others may make it meanwhile; what is not the caller's own Node explains.
    if ! [ -e "$rn_dir" ] && ! [ -L "$rn_dir" ]; then
      [ -L "$rn_base" ] || [ -n "$rn_id" ] || below_zero 0
      exit 0
    fi
    own_state || with_options node_main ensure
  done
  if [ -n "$rn_id" ]; then drop_id; else drop_count; fi
}

check_reference() {
  case $rn_id in
    '') ;;
    [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) usage "bad id '$rn_id'" ;;
    *) [ "${#rn_id}" -le 128 ] || usage "bad id '$rn_id'" ;;
  esac
  is_count "${rn_nets:=1}" || usage "--nets must be a whole number from 1 to 9999999, but is '$rn_nets'"
  [ -z "$rn_pid" ] || is_count "$rn_pid" || usage "--pid must be the number of a process, but is '$rn_pid'"
  # A reference that goes with a process has a name: the process's, where none is given.
  [ -z "$rn_pid" ] || rn_id=${rn_id:-pid-$rn_pid}
}

# The scripts that only some calls need are read by these.
see_process() {
  # shellcheck source=scripts/process.sh
  . "$rn_scripts/process.sh"
  start_of "$1"
}

take_lock_now() {
  read_cold
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  with_options take_lock ensure
}

is_count() {
  case $1 in 0* | *[!0-9]* | '') return 1 ;; esac
  [ "${#1}" -le 7 ]
}

# CMD inside; when it fails, so do we, with nothing counted or dropped.
run_inside() {
  # shellcheck source=scripts/child.sh
  . "$rn_scripts/child.sh"
  run_child enter beside "$@"
  [ "$rn_status" -ne 0 ] || return 0
  give_back
  exit "$rn_status"
}

# A namespace that was made for this call goes with it, unless others have come.
give_back() {
  [ -z "$rn_made" ] || release
}

refuse() {
  give_back
  die ERR_REFERENCES "counting a reference to the namespace $rn_name failed: $1" "${2-}"
}

# Count it, with the lease held. Fails when the state directory is gone, or something stands in the way.
count_up() {
  if [ -z "$rn_id" ]; then
    add_count
    return
  fi
  rn_kind=references rn_other=tied
  [ -z "$rn_pid" ] || rn_kind=tied rn_other=references
  rn_text="rnetns1 $rn_nets ${rn_pid:-0} $rn_tied_start $rn_boot ."
  rn_file=$rn_dir/$rn_kind/$rn_id
  # What else isn't as it should be makes the write fail.
  ! [ -L "$rn_dir/$rn_kind" ] || return 1
  # Again and again: the teardown of another one, which was the last, takes away the directory that we have just made.
  rn_tries=50
  while [ "$rn_tries" -gt 0 ]; do
    rn_tries=$((rn_tries - 1))
    if [ -e "$rn_file" ] || [ -L "$rn_file" ] || [ -e "$rn_dir/$rn_other/$rn_id" ] || [ -L "$rn_dir/$rn_other/$rn_id" ]; then
      replace
      return
    fi
    # Made and written in two steps, to know whose an empty file is: with O_EXCL only one can make it.
    set -C
    { true >"$rn_file"; } 2>/dev/null
    rn_status=$?
    set +C
    if [ "$rn_status" -eq 0 ]; then
      # No space is left.
      { printf '%s\n' "$rn_text" >>"$rn_file"; } 2>/dev/null || { rm -f -- "$rn_file" && return 1; }
      # The supervisor begins to look after it.
      [ -z "$rn_pid" ] || ring
      # Of another generation we hold no lease: it may be going.
      [ -p "$rn_lease" ]
      return
    fi
    [ -d "$rn_dir/$rn_kind" ] || silently make_directory || own_state || return 1
  done
  return 1
}

make_directory() {
  mkdir -m 700 -- "$rn_dir/$rn_kind"
}

# The last setup of an id counts: a container that starts again has a new process.
replace() {
  take_lock_now
  rn_new=$rn_dir/.$rn_kind.$$
  rn_status=1 rn_replaced=1
  # The lock may be that of a directory which was made for it.
  [ -e "$rn_dir/live" ] || { unlock_state && return 1; }
  # What is no file was made by an accident.
  ! [ -d "$rn_file" ] || rm -rf --one-file-system -- "$rn_file"
  [ -d "$rn_dir/$rn_kind" ] || silently make_directory
  { printf '%s\n' "$rn_text" >"$rn_new"; } 2>/dev/null && silently rename "$rn_new" "$rn_file" && rn_status=0
  [ "$rn_status" -ne 0 ] || rm -rf --one-file-system -- "$rn_dir/${rn_other:?}/$rn_id"
  rm -f -- "$rn_new"
  [ -z "$rn_pid" ] || ring
  unlock_state
  return "$rn_status"
}

rename() {
  mv -fT -- "$1" "$2"
}

# A line for the supervisor, which looks then.
ring() {
  ! [ -p "$rn_lease" ] || { printf '\n' 1<>"$rn_lease"; } 2>/dev/null
}

# is_sound DIRECTORY: missing, or one in which references can be looked for and made; one that comes or goes at this moment may
# look as neither
is_sound() {
  if [ -d "$1" ]; then
    ! [ -L "$1" ] && [ -r "$1" ] && [ -w "$1" ] && [ -x "$1" ]
  else
    ! [ -e "$1" ] && ! [ -L "$1" ]
  fi
}

# Why no reference can be looked for or made, as far as repair can mend it.
check_directories() {
  for rn_part in "$rn_dir/references" "$rn_dir/tied"; do
    is_sound "$rn_part" || is_sound "$rn_part" || is_sound "$rn_part" ||
      refuse "$rn_part is no directory that can be read and written" 'rnetns repair mends it'
  done
}

# Why a write has failed. Comes back where it is to be tried again: what it was to go into was taken away by others, who
# may have made it anew since.
cannot_write() {
  check_directories
  if rn_words=$({ printf '\n' >"$rn_dir/.probe.$$"; } 2>&1); then
    rn_words='others take away what is to be written, again and again'
  elif [ -p "$rn_lease" ]; then
    # It has been the same directory all the while.
    rn_rounds=1
  fi
  rm -f -- "$rn_dir/.probe.$$"
  rn_rounds=$((rn_rounds - 1))
  [ "$rn_rounds" -le 0 ] || return 0
  rn_words=${rn_words##*: }
  # Shells have none for it, or others.
  case $rn_words in '' | 'I/O error')
    rn_words='no space is left on its file system'
    [ "$(ulimit -f)" != 0 ] || rn_words='the size of files is limited: ulimit -f'
    ;;
  esac
  refuse "cannot write in $rn_dir: $rn_words"
}

# The number in `ref-count`, with the lock held: $rn_count, 0 without a file.
read_count() {
  rn_count=0
  [ -e "$rn_dir/ref-count" ] || [ -L "$rn_dir/ref-count" ] || return 0
  # shellcheck source=scripts/reap.sh
  . "$rn_scripts/reap.sh"
  read_ref_count
  case $rn_count in
    0 | [1-9]*) case $rn_count in *[!0-9]*) ;; *) [ "${#rn_count}" -gt 12 ] || return 0 ;; esac ;;
  esac
  unlock_state
  refuse "$rn_dir/ref-count holds '$rn_count', which is no number" 'rnetns repair sets it to 0'
}

write_count() {
  rn_new=$rn_dir/.ref-count.$$
  { printf '%s\n' "$1" >"$rn_new"; } 2>/dev/null && silently rename "$rn_new" "$rn_dir/ref-count" && return
  rm -f -- "$rn_new"
  return 1
}

add_count() {
  own_state || return 1
  take_lock_now
  rn_status=1
  if [ -e "$rn_dir/live" ]; then
    read_count
    write_count "$((rn_count + rn_nets))" && rn_status=0
  fi
  unlock_state
  return "$rn_status"
}

below_zero() {
  say ERR_REFERENCES "the count of references to the namespace $rn_name was $1, and $rn_nets were to be dropped: now it is 0" \
    'a setup without an id failed, or a teardown was called twice'
}

drop_count() {
  take_lock_now
  read_count
  rn_left=$((rn_count - rn_nets))
  if [ "$rn_left" -lt 0 ]; then
    below_zero "$rn_count"
    rn_left=0
  fi
  if [ "$rn_left" -gt 0 ]; then
    write_count "$rn_left" || { unlock_state && cannot_write && drop_count; }
  else
    rm -f -- "$rn_dir/ref-count"
  fi
  unlock_state
  [ "$rn_left" -eq 0 ] || exit 0
  if [ "$rn_count" -ne 0 ]; then release; else give_back; fi
  exit 0
}

drop_id() {
  rn_file=$rn_dir/references/$rn_id
  if [ -e "$rn_dir/tied/$rn_id" ] || [ -L "$rn_dir/tied/$rn_id" ]; then
    take_lock_now
    rm -rf --one-file-system -- "$rn_dir/tied/$rn_id" "$rn_file"
    unlock_state
  elif ! [ -e "$rn_file" ] && ! [ -L "$rn_file" ]; then
    # Unknown, or nobody can know.
    check_directories
    give_back
    exit 0
  fi
  # Each by one unlinkat(2), so the directories go only if they are empty; a slash, or what is none would go. rm -d looks
  # twice whether a directory is empty, and removes what has come in between. More is asked in release.
  silently remove_reference
  # A directory of that name, made by an accident.
  ! [ -d "$rn_file" ] || rm -rf --one-file-system -- "$rn_file"
  [ -d "$rn_dir/references" ] || [ -d "$rn_dir/tied" ] && exit 0
  release
  exit 0
}

remove_reference() {
  find "$rn_file" "$rn_dir/references/" "$rn_dir/tied/" -maxdepth 0 -delete
}

# Nobody needs it as far as we know: tear it down now, unless somebody does. What is left to be done then is the supervisor's.
release() {
  find_scripts
  # shellcheck source=scripts/reap.sh
  . "$rn_scripts/reap.sh"
  silently reap_unused
  ! [ -e "$rn_dir/live" ] || return 0
  # The supervisor may have been quicker, and can't know that a lock which we have was that of a caller who was killed.
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  # shellcheck source=scripts/process.sh
  . "$rn_scripts/process.sh"
  silently remove_forsaken
  remove_base
}

# A command of others is reason enough to leave it, and needs no lock: the supervisor looks when that one has gone.
is_leased() {
  [ -z "$rn_lease_fd" ] || eval "exec $rn_lease_fd<&-"
  rn_lease_fd=
  { [ -f "$rn_dir/live" ] && read -r rn_ rn_gen rn_ <"$rn_dir/live"; } 2>/dev/null && is_id "$rn_gen" || return 1
  rn_lease=$rn_dir/lease.$rn_gen rn_fifo=$rn_lease
  # What was read there tells the supervisor that somebody has come.
  [ -p "$rn_lease" ] && leased && ring
}

reap_unused() {
  ! is_leased || return 0
  # shellcheck source=scripts/lock.sh
  . "$rn_scripts/lock.sh"
  # shellcheck source=scripts/name.sh
  . "$rn_scripts/name.sh"
  own_state && lock_state || return 0
  rn_whole=1
  join || rn_whole=
  # The supervisor looks once a second. And the lease of a command of ours that calls teardown is one.
  if in_U || { [ -z "$rn_lease_fd" ] && [ -n "$rn_whole" ]; }; then unlock_state && return 0; fi
  [ -z "$rn_lease_fd" ] || eval "exec $rn_lease_fd<&-"
  rn_lease_fd=
  # Its parts are not all there, or it is half torn down: Node knows the way.
  if [ -z "$rn_whole" ]; then
    locate
    run_node stop --name "$rn_name" --locked --unused >/dev/null 2>&1
  else
    rn_fifo=$rn_lease rn_netns=/proc/$rn_keeper/ns/net rn_view=/proc/$rn_supervisor/root
    # What was read there tells the supervisor that somebody has come.
    reap in_M0 sh "$rn_scripts/teardown.sh" "$rn_dir" >/dev/null 2>&1 || ring
  fi
  unlock_state
}
