# shellcheck shell=sh
# lock.sh - the one lock of a state directory, for the sh programs that source it
#
# The lock is flock(2) on the state directory itself. The kernel drops it when its owner dies, however that is, so there
# is no stale lock to take over and never a second owner; and nothing is left behind when the directory goes.
# The directory may be removed by the owner before us, so whoever gets the lock looks whether it is still the directory.
#
# Reads:    dir (the state directory), base (its parent), name
# Sets:     lock_fd
# Requires: flock mkdir rm rmdir
# shellcheck disable=SC2154 # dir, base, name and lease are the sourcing program's

# How long a caller waits for another one's change; a change itself has shorter limits than this.
lock_seconds=${RNETNS_LOCK_SECONDS:-30}

# Make the state directory and see that it is the caller's own. Fails without a word: src/state/directory.ts explains.
prepare_state() {
  [ -d "$base" ] || mkdir -m 700 -- "$base" 2>/dev/null || [ -d "$base" ] || return 1
  [ -d "$dir" ] || mkdir -m 700 -- "$dir" 2>/dev/null || [ -d "$dir" ] || return 1
  [ -O "$base" ] && ! [ -L "$base" ] && [ -O "$dir" ] && ! [ -L "$dir" ] && [ -w "$dir" ]
}

# Take the lock. 1: the directory can't be made; 2: another one kept the lock, and stderr says who.
lock_state() {
  for lock_fd in 3 4 5 6 7 8 9; do
    [ -e "/proc/self/fd/$lock_fd" ] || break
  done
  while :; do
    # eval: $lock_fd is one digit of ours, and sh has no other way to name a descriptor by variable.
    eval "command exec $lock_fd<\"\$dir\"" 2>/dev/null || { prepare_state && continue || return 1; }
    if ! flock -w "$lock_seconds" "$lock_fd"; then
      owner=
      { read -r owner <"$dir/lock-owner"; } 2>/dev/null
      printf 'rnetns: locking %s failed: another process kept it for %s s%s\n' "$dir" "$lock_seconds" \
        "${owner:+ (pid $owner)}" >&2
      printf 'hint: %s\n' 'look at that process; ending it frees the lock at once' >&2
      unlock_state
      return 2
    fi
    [ "/proc/self/fd/$lock_fd" -ef "$dir" ] && break
    unlock_state
    prepare_state || return 1
  done
  { printf '%s %s\n' "$$" "${0##*/} ${name-}" >"$dir/lock-owner"; } 2>/dev/null || :
}

unlock_state() {
  eval "exec $lock_fd<&-"
}

# Nothing was published and nobody is left to reap: take the empty state away again.
abandon_state() {
  rm -f -- "$dir/lock-owner" "$lease" "$dir/holder.${lease##*/lease.}"
  rmdir -- "$dir" "$base" 2>/dev/null || :
}
