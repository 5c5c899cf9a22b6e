#!/bin/sh
# supervisor.sh - hold a shared network namespace together, and end it after its last use
#
# Runs in:   O and M0, where the namespaces' files are mounted; the host's network; the leader of its own session
# Called by: src/namespace/supervisor.ts, through nsenter(1); make.sh, through unshare(1); itself, when the one before it has died
# Arguments: STATE GENERATION create|mend|again [PID]
#            create: U and N are to be made. mend: they are there, or lead from PID, a process in N. again: the supervisor
#            before this one has died, and its guard became this one
# Reads:     plan in .outside/NAME, in the words of src/namespace/shell-plan.ts
# Result:    on stdout, once: "ready", or "failed driver STATUS", "failed keeper 1" or "failed netns 1", words, and a line with a point; later
#            only files: those of driver.sh and inside.sh, `live` and log. It ends when it has torn the namespace down
# Requires:  sleep mkfifo mount mv rm rmdir find flock dd setsid unshare nsenter ip awk; keeper-way.sh teardown.sh, and those it sources
#
# Theory of operation: an event loop that looks
#
# Its children wait, each for one thing: for leases, for the driver's words, for the keeper's end, for a while. What they
# write into the FIFO `events` only wakes this program up, which then looks at all that it is there for, and does what is
# missing. So a line that was lost, or a child that was killed, costs some seconds and nothing else. The guard is a child
# that waits for the end of this program, and becomes the next one, with the same parts.
#
# Descriptors: 5 the leases, to be read; 6 what the guard waits for; 7 events; 8 by which others know us; 9 N. So 3 and 4
# are left for the lock and the moment.
set -u
here=${0%/*}
# shellcheck source=scripts/programs.sh
. "$here/programs.sh"
umask 077
dir=$1 generation=$2 how=$3
out=${dir%/*}/.outside/${dir##*/} lease=$dir/lease.$generation
# shellcheck disable=SC2034 # what lock.sh, name.sh and reap.sh read; a descriptor for the FIFO, whose name may be removed
rn_dir=$dir rn_base=${dir%/*} rn_name=${dir##*/} rn_lease=$lease rn_fifo=/proc/self/fd/5 rn_gen=$generation rn_netns=/proc/self/fd/9 rn_view=''
# shellcheck source=scripts/process.sh
. "$here/process.sh"
# shellcheck source=scripts/fifos.sh
. "$here/fifos.sh"
# shellcheck source=scripts/inside.sh
. "$here/inside.sh"
now() { # tenths of a second since boot
  read -r now _ </proc/uptime
  now=${now%?}
  now=${now%.*}${now#*.}
}

# The children of the supervisor before us would read what is ours. Its number is theirs as well, as their process group, so
# that it is nobody else's unless the start time says so.
take_place() {
  old='' old_start=''
  { read -r old old_start <"$out/supervisor"; } 2>/dev/null
  case $old in '' | *[!0-9]* | "$$") ;; *)
    { start_of "$old" && [ "$rn_start" != "$old_start" ]; } || kill -KILL "-$old" 2>/dev/null
    ;;
  esac
  start_of "$$"
  exec 8>"$out/supervisor" && echo "$$ $rn_start" >&8
}

open_all() {
  make_fifos "$out" && exec 6<>"$out/alive" 7<>"$out/events" || return
  # Opened for writing first, so that opening for reading can't block: who started us may be dead already.
  exec 4<>"$lease" && exec 5<"$lease" && exec 4<&-
}

# teardown.sh ends us; who is being started is in M0 still, where it looks.
trap 'exit 0' TERM
now
if [ "$how" = create ]; then
  # What else there is to read is read while they are made.
  open_all && make_namespaces && take_place || exit
else
  take_place && open_all || exit
fi
# shellcheck source=scripts/log.sh
. "$here/log.sh"
# shellcheck source=scripts/lock.sh
. "$here/lock.sh"
# shellcheck source=scripts/name.sh
. "$here/name.sh"
# shellcheck source=scripts/reap.sh
. "$here/reap.sh"
# shellcheck source=scripts/namespaces.sh
. "$here/namespaces.sh"
# shellcheck source=scripts/tied.sh
. "$here/tied.sh"
# shellcheck source=scripts/driver.sh
. "$here/driver.sh"
# shellcheck source=scripts/forwarding.sh
. "$here/forwarding.sh"
# shellcheck source=scripts/watching.sh
. "$here/watching.sh"
# Who has the lock may take its time: then what needs it is looked at again.
rn_lock_seconds=0

say() { log "$dir" supervisor "$1"; }
# To ourselves, from a child.
tell() { echo "$1" >&7; }

# A driver or keeper whose supervisor died before it was ready: nobody would hear that it is. They write where we read. Not
# before we have the namespaces, to which such a keeper may lead.
end_unknown() {
  known=''
  for file in "$out/driver" "$out/keeper"; do
    { [ -f "$file" ] && read -r pid _ <"$file" && known="$known $pid "; } 2>/dev/null
  done
  for process in /proc/[0-9]*; do
    case $known in *" ${process#/proc/} "*) continue ;; esac
    [ "$process/fd/2" -ef "$out/driver.words" ] || [ "$process/fd/2" -ef "$out/keeper.words" ] ||
      [ "$process/fd/3" -ef "$out/keeper.words" ] || continue
    kill -s KILL "${process#/proc/}" 2>/dev/null
  done
}

# What is there of the namespaces.
find_namespaces() { # [PID]
  restore_names
  pid=${1-}
  [ -e "$dir/rootless-netns" ] || [ -n "$pid" ] || read -r pid _ <"$out/keeper" || return
  [ -z "$pid" ] || bind_namespaces "$pid" || return
  # Should somebody remove its file, this still tells who is in it.
  exec 9<"$dir/rootless-netns"
}

# A command writes a byte when it comes, and end-of-file says that the last one has gone, however it ended.
await_leases() {
  exec 4>&- 6>&- 8>&- </dev/null >/dev/null 2>&1
  while :; do
    while read -r _ <&5; do tell came; done
    tell gone
    if nobody_listens; then linger && end_if_unused; fi
    # Opened until somebody comes (fifo(7)), and by descriptor, for its name may have been removed.
    { command exec 4</proc/self/fd/5 && exec 4<&-; } 2>/dev/null || sleep 1
    tell came
  done
}

# In short naps: one of a minute would outlive us when we are killed.
linger() {
  left=$rn_linger_tenths
  while [ "$left" -gt 10 ]; do
    sleep 1
    left=$((left - 10))
  done
  sleep "$((left / 10)).$((left % 10))"
}

nobody_listens() {
  { read -r guard <"$out/guard"; } 2>/dev/null
  ! [ "/proc/$$/fd/8" -ef "$out/supervisor" ] && ! [ "/proc/$guard/fd/8" -ef "$out/guard" ]
}

# Waits until we are dead, and is the supervisor then.
await_end() {
  exec </dev/null >/dev/null 2>&1 4</proc/self/fd/6 5<&- 6>&- 7>&- 8>>"$out/guard" 9<&-
  while read -r _ <&4; do :; done
  exec 4<&-
  ! [ -d "$out" ] || exec setsid -- sh "$here/supervisor.sh" "$dir" "$generation" again
}

# What only waits, and has died or not been started yet. A zombie has no descriptors.
see_children() {
  if ! [ -e "/proc/$leases/fd/7" ]; then
    await_leases &
    leases=$!
  fi
  recorded=''
  { [ -f "$out/guard" ] && read -r recorded <"$out/guard"; } 2>/dev/null
  if [ "$recorded" != "$guard" ] || ! [ -e "/proc/$guard/fd/0" ]; then
    # One whose file somebody has removed is known by it no more.
    ! [ -e "/proc/$guard/fd/0" ] || kill -s KILL "$guard"
    await_end &
    guard=$!
    echo "$guard" >"$out/guard"
    start_of "$guard"
    guard_start=$rn_start
    [ -z "$answered" ] || unpublished=1
  fi
}
leases=none guard=none guard_start=0 rn_linger=0 rn_linger_tenths=0

# Once, to who started us: when driver and keeper have come, or have not. They may be dead by now: that is no reason to die
# of it (signal(7), SIGPIPE).
answer() {
  [ -z "$answered" ] && case $driver_is-$keeper_is in *starting* | *making) false ;; esac || return 0
  case $keeper_is-$driver_failures in
    failed-*) printf 'failed %s 1\n%s\n.\n' "$keeper_failed" "$keeper_said" ;;
    *-0) echo ready ;;
    *) printf 'failed driver %s\n%s\n.\n' "$driver_status" "$driver_said" ;;
  esac
  exec </dev/null >/dev/null 2>&1
  # Who made or mended the namespace publishes it as well.
  answered=1 read_limit=$rest_limit
}
answered='' unpublished='' soon='' read_limit=${BASH_VERSION:+-t 1} rest_limit=${BASH_VERSION:+-t 6}
# Nobody waits for the answer of one that has taken another's place, and what it has to do is to be done at once.
[ "$how" != again ] || answered=1 unpublished=1 soon=1 read_limit=$rest_limit
trap : PIPE

# `live` names us, our guard and the keeper. With the lock; who has it now may be about to write it, so it is looked at later.
publish() {
  [ -n "$unpublished" ] && [ "$keeper_is" = up ] && [ "$now" -ge "$publish_again" ] && [ -d "$dir" ] || return 0
  publish_again=$((now + 10))
  lock_state || return 0
  publish_again=0
  word='' live_generation=''
  { [ -f "$dir/live" ] && read -r word live_generation _ <"$dir/live"; } 2>/dev/null
  if [ "$word $live_generation" = "rnetns1 $generation" ] && read -r boot </proc/sys/kernel/random/boot_id; then
    start_of "$$"
    # Written where no link of a command's can lead elsewhere.
    echo "rnetns1 $generation $boot $$ $rn_start $guard $guard_start $keeper $keeper_start ." >"$out/live" &&
      mv -fT -- "$out/live" "$dir/live" && unpublished=''
  fi
  unlock_state
}
publish_again=0

# now_and_then WHAT: true once a second
now_and_then() {
  last=0
  eval "last=\${last_$1-0}"
  [ "$((now - last))" -ge 10 ] && eval "last_$1=$now"
}

# Not while somebody has a lease. Without one there may be references, names, and processes that closed their descriptors
# (ssh does); what they are is asked once a second. Lingering is for commands.
see_end() {
  [ -n "$answered" ] && [ -z "$leased" ] || return 0
  drop_unwritten
  if [ -n "$fresh" ] && [ -e "$dir/live" ] && [ "$((now - idle_since))" -lt "$rn_linger_tenths" ]; then
    # With a reference there is nothing to linger for afterwards.
    [ "$idle_since" = "$idle_looked" ] || { idle_looked=$idle_since && used && fresh=''; }
    return 0
  fi
  [ -n "$fresh" ] || now_and_then end || return 0
  # Somebody came and went while nobody read.
  if [ -n "$fresh" ] && [ "$rn_linger" != 0 ] && has_come; then idle_since=$now && return 0; fi
  fresh=''
  if used; then return 0; fi
  end_if_unused
}
leased=1 fresh=1 idle_since=0 idle_looked=''

end_if_unused() {
  # Gone from M0 alone, with what it was mounted on: nobody can join here, and the lock is out of reach.
  [ -e "${dir%/*/*}/." ] || leased || become_teardown
  lock_state || return 0
  if is_others; then
    leased || used_inside || become_teardown others
  else
    reap become_teardown
  fi
  unlock_state
}

# Has somebody removed the state, and another namespace of this name been made since? Our leases are gone with it.
is_others() {
  word='' live_generation=''
  { [ -f "$dir/live" ] && read -r word live_generation _ <"$dir/live"; } 2>/dev/null
  [ "$word" = rnetns1 ] && [ "$live_generation" != "$generation" ] && ! [ "$lease" -ef /proc/self/fd/5 ]
}

become_teardown() { exec sh "$here/teardown.sh" "$dir" "$@"; }

# Sooner than that something tells.
wait_for_event() {
  beat=50
  case $leased$unpublished-$driver_is$driver_offline-$keeper_is in
    1-up-up | 1-none-up) ! [ -e "$dir/tied" ] && [ -z "$forwarding" ] || beat=10 ;;
    *) beat=10 ;;
  esac
  if [ -z "$leased" ] && [ -n "$fresh" ]; then sooner "$((idle_since + rn_linger_tenths - now))"; fi
  [ "$driver_is" != down ] || sooner "$((driver_again - now))"
  [ -z "$soon" ] || sooner 1
  [ -z "$host_at" ] || sooner "$((host_at - now))"
  soon=''
  # Whoever would wake us up may have been killed, with the timer. As a trapped signal the end of a child ends the read, but not
  # in bash, which has a limit for it.
  trap : CHLD
  # Who makes the namespaces may have failed before that, and nothing else would tell.
  [ "$keeper_is" != making ] || keeper_lives || { event='' && trap - CHLD && return; }
  # One timer at a time, unless it is far off; none yet while who waits for us has a limit, and is sure to hear from one of two.
  case $answered$keeper_is-$driver_is in
    making-* | starting-starting) ;;
    *) [ -e "/proc/$timer/fd/7" ] && [ "$((now + beat))" -ge "$timer_ends" ] || start_timer ;;
  esac
  # shellcheck disable=SC2086,SC2229 # an option
  read -r $read_limit event <&7 || event=''
  trap - CHLD
}
timer=none timer_ends=0

start_timer() {
  timer_ends=$((now + beat))
  { sleep "$((beat / 10)).$((beat % 10))" && tell beat; } 6>&- 8>&- </dev/null >/dev/null 2>&1 &
  timer=$!
}

sooner() {
  [ "$1" -ge "$beat" ] || beat=$(($1 > 1 ? $1 : 1))
}

if [ "$how" = create ]; then
  show_names
else
  find_namespaces "${4-}" || exit
  end_unknown
fi
# Whoever started us may be deciding still, and says when the plan is written.
read -r _
# shellcheck disable=SC1091 # a file of the moment
. "$out/plan"
read_mounts
if [ "$how" != create ]; then
  adopt_keeper || run_keeper
  start_driver
fi
while :; do
  see_children
  wait_for_event
  now
  case $event in
    came) leased=1 fresh=1 ;;
    gone) leased='' idle_since=$now ;;
  esac
  # First, for who goes needs no more.
  see_end
  see_driver
  see_keeper
  answer
  publish
  see_tied
  see_forwarder
  see_host
done
