# shellcheck shell=sh
# lock.sh - the one lock of a state directory, for the sh programs that source it
#
# The lock is flock(2) on the state directory itself. The kernel drops it when its owner dies, however that is, so there
# is no stale lock to take over and never a second owner; and nothing is left behind when the directory goes.
# The directory may be removed by the owner before us, so whoever gets the lock looks whether it is still the directory.
#
# Reads:    rn_dir (the state directory), rn_base (its parent), rn_name, rn_lease; named so for scripts/rnetns' sake
# Sets:     rn_lock_fd; rn_why
# Requires: flock mkdir rm rmdir; process.sh where what killed calls have left is removed
# shellcheck disable=SC2154 # rn_dir, rn_base, rn_name and rn_lease are the sourcing program's
# shellcheck disable=SC2034 # which also says $rn_why

# How long a caller waits for another one's change; a change itself has shorter limits than this.
rn_lock_seconds=${RNETNS_LOCK_SECONDS:-30}

# Make what is missing of the state directory and what it lies in. The sticky bit marks what rnetns has made around it, and
# may remove.
prepare_state() {
  # Again and again: the teardown of another one may take away what we have just made, or found.
  for rn_try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    : "$rn_try"
    if [ -n "${rn_fallback-}" ]; then
      [ -d "$rn_fallback" ] || mkdir -m 1700 -- "$rn_fallback" 2>/dev/null
      own_fallback || continue
    fi
    # Not through a link, which may lead anywhere.
    ! [ -L "$rn_base" ] || return 1
    [ -d "$rn_base" ] || mkdir -m 1700 -- "$rn_base" 2>/dev/null
    [ -d "$rn_dir" ] || mkdir -m 700 -- "$rn_dir" 2>/dev/null
    ! [ -d "$rn_dir" ] || return 0
  done
  return 1
}

# What the last state of all lay in, as far as it is empty and rnetns has made it; src/config/runtime-dir.ts has the same
# rule. Where the names were is empty for us at any time: what is mounted in it is seen in M0 only.
remove_base() {
  # Kept plans are nobody's state, and stay.
  for rn_other in "$rn_base"/.outside/.plan.*; do
    [ -e "$rn_other" ] || { remove_made "$rn_base/.outside" || ! [ -e "$rn_base/.outside" ]; } && remove_made "$rn_base"
  done
  for rn_other in "$rn_base"/*; do
    ! [ -e "$rn_other" ] || return 0
  done
  remove_made "${rn_base%/*}/netns"
  rn_other=${rn_base%/*}
  case ${rn_other##*/} in
    rnetns-*[!0-9]*) ;;
    rnetns-[0-9]*) remove_made "$rn_other" ;;
  esac
}

# Locks of containers (src/state/container-lock.ts) whose owners were killed. A call that takes the namespace down for its
# container has that lock too, from Node, and Node removes the file if it lives.
remove_forsaken() {
  for rn_other in "${rn_base%/*}"/.rnetns+*; do
    # A FIFO of that name would block.
    [ -f "$rn_other" ] && command exec 8<"$rn_other" || continue
    rn_owner=''
    for rn_fd in 3 4 5 6 7; do ! [ "/proc/self/fd/$rn_fd" -ef "$rn_other" ] || read -r rn_owner _ <&8; done
    if [ -n "$rn_owner" ]; then ! start_of "$rn_owner"; else flock -n 8 && [ /proc/self/fd/8 -ef "$rn_other" ]; fi &&
      rm -f -- "$rn_other"
  done 2>/dev/null
}

remove_made() {
  [ -k "$1" ] && [ -O "$1" ] && ! [ -L "$1" ] && rmdir -- "$1" 2>/dev/null
}

# Does whoever called us hold the lock, as in `rnetns lock -- rnetns setup`? We have its descriptor then, and the kernel
# says which locks one has (proc_pid_fdinfo(5)).
caller_locks() {
  for rn_lock_fd in 3 4 5 6 7 8 9; do
    [ "/proc/self/fd/$rn_lock_fd" -ef "$rn_dir" ] || continue
    while read -r rn_key rn_ rn_value rn_; do
      [ "$rn_key$rn_value" != lock:FLOCK ] || return 0
    done <"/proc/self/fdinfo/$rn_lock_fd"
  done
  return 1
}

# Take the lock. 1: the directory can't be made; else $rn_why says why: 2: another one kept the lock; 3: the caller has
# it; 4: no descriptor is free; 5: the kernel has none for us.
lock_state() {
  if caller_locks; then
    rn_why="locking $rn_dir failed: the program that called rnetns holds the lock itself"
    return 3
  fi
  for rn_lock_fd in 3 4 5 6 7 8 9; do
    [ -e "/proc/self/fd/$rn_lock_fd" ] || break
  done
  if [ -e "/proc/self/fd/$rn_lock_fd" ]; then
    rn_why='no file descriptor below 10 is free'
    return 4
  fi
  # Whoever waits may find the directory of another one's teardown as often as there are others; but what can't be opened, though
  # it is there, is no reason to go on for ever.
  rn_closed=0
  while [ "$rn_closed" -lt 20 ]; do
    # eval: $rn_lock_fd is one digit of ours, and sh has no other way to name a descriptor by variable.
    eval "command exec $rn_lock_fd<\"\$rn_dir\"" 2>/dev/null || {
      rn_closed=$((rn_closed + 1))
      prepare_state && continue || return 1
    }
    rn_closed=0
    # Only 1 is somebody else's lock (flock(1)). Its words are for what the kernel refuses: ENOLCK or EIO from a file system
    # of the network, a timer that can't be had.
    rn_patience=$((rn_lock_seconds > 1))
    rn_words=$(flock -w "$rn_patience" "$rn_lock_fd" 2>&1)
    rn_answer=$?
    if [ "$rn_answer" -eq 1 ] && [ "$rn_lock_seconds" -gt "$rn_patience" ]; then
      wake_supervisor
      # Who catches signals (cold.sh) would hear of them at the end; and what there is is the owner's to undo.
      ${rn_catches:+catch_none}
      rn_words=$(flock -w "$((rn_lock_seconds - rn_patience))" "$rn_lock_fd" 2>&1)
      rn_answer=$?
      ${rn_catches:+catch_signals}
    fi
    if [ "$rn_answer" -gt 1 ]; then
      rn_why="locking $rn_dir failed: ${rn_words##*: }"
      unlock_state
      return 5
    elif [ "$rn_answer" -eq 1 ]; then
      rn_owner=
      { [ -f "$rn_dir/lock-owner" ] && read -r rn_owner <"$rn_dir/lock-owner"; } 2>/dev/null
      rn_why="locking $rn_dir failed: another process kept it for $rn_lock_seconds s${rn_owner:+ (pid $rn_owner)}"
      unlock_state
      return 2
    fi
    if [ "/proc/self/fd/$rn_lock_fd" -ef "$rn_dir" ]; then
      # A FIFO of that name would keep us waiting, with the lock.
      ! [ -e "$rn_dir/lock-owner" ] || [ -f "$rn_dir/lock-owner" ] || rm -rf -- "$rn_dir/lock-owner"
      { printf '%s %s\n' "$$" "${0##*/} ${rn_name-}" >"$rn_dir/lock-owner"; } 2>/dev/null
      return 0
    fi
    unlock_state
    prepare_state || return 1
  done
  return 1
}

# Who has the lock may be the supervisor, stopped by a signal: nobody could replace it without the lock.
wake_supervisor() {
  # Either file may be damaged; whoever else has such a number by now doesn't mind.
  { [ -f "$rn_dir/live" ] && read -r _ _ _ rn_owner _ <"$rn_dir/live" && kill -s CONT "$rn_owner"; } 2>/dev/null
  rn_owner=$rn_base/.outside/${rn_name-}/supervisor
  { [ -f "$rn_owner" ] && read -r rn_owner _ <"$rn_owner" && kill -s CONT "$rn_owner"; } 2>/dev/null
}

unlock_state() {
  eval "exec $rn_lock_fd<&-"
}

# Nothing was published: unless somebody is there to reap it, take the state away again.
abandon_state() {
  # Removed meanwhile, and another one's by now.
  [ "/proc/self/fd/$rn_lock_fd" -ef "$rn_dir" ] || return 0
  # A supervisor (supervisor.sh, descriptor 5) reaps what it has; who comes before that goes on with it, and needs its FIFO.
  for rn_open in /proc/[0-9]*/fd/5; do
    ! [ "$rn_open" -ef "$rn_lease" ] || return 0
  done
  rm -f -- "$rn_dir/lock-owner"
  # Who has made nothing knows of no generation, and so not whether somebody reaps one.
  [ -z "$rn_lease" ] ||
    rm -rf --one-file-system -- "$rn_lease" "$rn_dir/keeper.${rn_lease##*/lease.}" "$rn_base/.outside/${rn_dir##*/}"
  ! rmdir -- "$rn_dir" 2>/dev/null || remove_base
}
