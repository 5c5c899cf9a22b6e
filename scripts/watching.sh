# shellcheck shell=sh
# watching.sh - see when the host's name servers change, and have that followed; for supervisor.sh
#
# Theory of operation: a look compares contents
#
# inotifywait(1) waits for one change in the file, or the directories of all links from /etc/resolv.conf to its file, says so into `events` and
# ends. Of directories, for a file may be replaced, a link led elsewhere; and each time anew, for then other directories may
# count. Whatever it says, and whatever it was, is a hint: what is compared is what the files hold, a moment later, as a DHCP
# client writes several times. Nobody trusts the times of files: a backup that is moved back is older. Where there is no inotifywait,
# or the user's inotify instances are used up (inotify(7)), the files are looked at every 2 s.
#
# What has changed, and what that means, is Node's to tell, with the lock: src/lifecycle/follow.ts. It is asked only where
# the files hold something else than what was followed last, our resolv.conf isn't where commands look for it any more, or driver or
# keeper are new. Not in the first moments: what a namespace was made from is known (rn_host_sum), and most are gone by then.
#
# Reads:    dir, out, generation, now, answered, keeper_is and event of supervisor.sh; rn_host_sum and follow_command of the plan
# Sets:     host_at: when to look, or ''
# Files:    .outside/NAME/followed: the sum of what was followed last
# Requires: inotifywait where it is installed, with setpriv; readlink cksum cat head
# shellcheck disable=SC2154 # they are the sourcing program's
host_at='' host_new='' host_first='' host_sum='' watcher=none watch_again=0 watch_delay=0
follower=none follow_again=0 follow_delay=0

see_host() {
  [ -n "$answered" ] && [ "$keeper_is" = up ] || return 0
  [ -n "$host_first" ] || host_first=$((now + 10)) host_at=$((now + 10))
  case $event in
    # Words of our own children.
    '' | came | gone | forwarder | [0-9]* | *' '[0-9]*) ;;
    *) hint 3 ;;
  esac
  see_follower
  if [ -n "$host_at" ] && [ "$now" -ge "$host_at" ]; then look_now_or_later; fi
  # Who waits for a change may have ended without a word.
  [ -n "$host_at" ] || [ -e "/proc/$watcher/fd/7" ] || hint 20
}

look_now_or_later() {
  if [ "$follower" != none ] || [ "$now" -lt "$follow_again" ]; then
    host_at=''
    hint "$((now < follow_again ? follow_again - now : 5))"
    return
  fi
  host_at=''
  watch_host
  look_at_host
}

# In so many tenths of a second, unless it is sooner.
hint() {
  [ -n "$host_at" ] && [ "$host_at" -le "$((now + $1))" ] || host_at=$((now + $1))
}

# A zombie has no descriptors.
watch_host() {
  [ ! -e "/proc/$watcher/fd/7" ] || return 0
  if [ "$watcher" != none ]; then
    wait "$watcher" 2>/dev/null && watch_delay=0 || watch_failed "$?"
    watcher=none
  fi
  [ "$now" -ge "$watch_again" ] && command -v inotifywait >/dev/null && command -v setpriv >/dev/null || return 0
  host_directories
  # Where nothing changes it would outlive us for ever. We may have died before it asks to die with us.
  # Words on stderr are hints as well: they say when it has begun to watch.
  # shellcheck disable=SC2016,SC2086 # what that sh knows; names without blanks
  setpriv --pdeathsig KILL sh -c '[ "$PPID" = "$1" ] && shift && exec "$@"' sh "$$" inotifywait --format changed \
    -e close_write,create,delete,move,delete_self,move_self,attrib -- $directories \
    </dev/null >&7 2>&7 4>&- 5<&- 6>&- 8>&- 9<&- &
  watcher=$!
  # It may not be able to.
  hint 3
}

watch_failed() { # STATUS
  [ "$watch_delay" -ne 0 ] || say "the watch on the host's resolv.conf ended with status $1; looking every 2 s for now"
  watch_delay=$((watch_delay * 2 + 10))
  [ "$watch_delay" -le 600 ] || watch_delay=600
  watch_again=$((now + watch_delay))
}

# $directories: those of all members of the chain, and the nearest one above what is missing.
host_directories() {
  directories=/etc
  for path in $rn_host_files; do
    links=0
    [ "$path" = /etc/resolv.conf ] || [ -e "$path" ] || continue
    while [ "$links" -lt 40 ]; do
      links=$((links + 1)) directory=${path%/*}
      until [ -d "$directory/" ]; do directory=${directory%/*}; done
      directories="$directories ${directory:-/}"
      [ -L "$path" ] && link=$(readlink -- "$path") || break
      case $link in *[[:space:]]*) break ;; /*) path=$link ;; *) path=${path%/*}/$link ;; esac
    done
    # Where something is mounted on it, as in containers, it is written in another directory.
    [ ! -f "$path" ] || directories="$directories $path"
  done
}

# $sum: of their names and what they hold, as src/plan/host-sum.ts has it. A FIFO would block.
sum_host() {
  set --
  for path in $rn_host_files; do ! [ -f "$path" ] || set -- "$@" "$path"; done
  sum=$({ echo "$*" && [ "$#" -eq 0 ] || cat -- "$@"; } 2>/dev/null | head -c 1000000 | cksum)
}

look_at_host() {
  [ -n "$host_sum" ] || { [ -f "$out/followed" ] && read -r host_sum <"$out/followed"; } 2>/dev/null || host_sum=$rn_host_sum
  sum_host
  if [ -n "$host_new" ] || [ "$sum" != "$host_sum" ] || ! is_shown; then
    host_new='' followed=$sum
    # A change a moment later is one more; and one that fails is tried again.
    follow_again=$((now + 10))
    follow "$sum" &
    follower=$!
  fi
}

# Do commands find our resolv.conf? The host's, replaced by a rename, takes our mount on it away (mount_namespaces(7)).
is_shown() {
  { [ -f "$dir/resolv.conf.target" ] && read -r target <"$dir/resolv.conf.target"; } 2>/dev/null || return 0
  [ "/proc/$keeper/root$target" -ef "$dir/resolv.conf" ]
}

follow() { # SUM
  exec 5<&- 6>&- 8>&- 9<&- </dev/null >/dev/null 2>&1
  # shellcheck disable=SC2034 # lock.sh reads it
  rn_lock_seconds=10
  [ -d "$dir" ] && lock_state || exit
  if said=$(follow_command "$dir" "$generation" 2>&1 7>&-); then
    echo "$1" >"$out/followed"
  else
    said="cannot follow the host's name servers: ${said:-no word why}"
  fi
  [ -z "$said" ] || echo "$said" | while read -r line; do say "$line"; done
}

# Where the host's resolv.conf has been led elsewhere, the mounts of the plan are others.
read_mounts() {
  # shellcheck disable=SC1091 # a file of the moment
  [ ! -f "$out/mounts" ] || . "$out/mounts"
}

# Its end wakes us up.
see_follower() {
  [ "$follower" != none ] && [ ! -e "/proc/$follower/fd/7" ] || return 0
  wait "$follower" 2>/dev/null
  follower=none host_sum=''
  read_mounts
  { [ -f "$out/followed" ] && read -r host_sum <"$out/followed"; } 2>/dev/null
  if [ "$host_sum" = "$followed" ]; then
    follow_delay=0
    [ ! -e "/proc/$watcher/fd/7" ] || return 0
  else
    # What failed is tried again, more and more seldom.
    follow_delay=$((follow_delay * 2 + 10))
    [ "$follow_delay" -le 600 ] || follow_delay=600
    host_new=1 follow_again=$((now + follow_delay))
  fi
  hint 0
}
