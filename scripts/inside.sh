# shellcheck shell=sh
# inside.sh - the keeper of a shared network namespace, started again when it dies; for supervisor.sh
#
# Sets:     keeper_is: making or remaking (the namespaces), starting, up, down (to be started again) or failed (the first
#           start); keeper_said
# Files:    .outside/NAME/keeper (its pid and start time)
# Requires: setsid unshare nsenter ip; namespaces.sh keeper-way.sh keeper.sh
# shellcheck disable=SC2034,SC2154 # dir, out, generation and now are the sourcing program's, and so is $unpublished
keeper=0 keeper_start=0 keeper_is=down keeper_said='' keeper_words=none keeper_again=0
# Many mounts on a busy machine take their time.
keeper_ready_tenths=150

# make_namespaces [single]: U and N, by a process that only waits in them, until U has its ids or we are dead. Made in one step,
# so that nobody is in U on the host's network; and by itself, for the driver needs no more than N, and takes longest. unshare(1)
# mounts them on their files, from here if it makes a mount namespace as well.
# single: without U, for a container may allow no user namespace in its own, and then there is only O, and no line between
# commands and us.
make_namespaces() {
  make_fifos "$out" && command exec 4<>"$out/keeper.go" && true >"$dir/rootless-netns" && true >"$dir/rootless-userns" || return
  keeper_is=making
  if [ -n "${1-}" ]; then shift && keeper_is=remaking; else set -- "--user=$dir/rootless-userns"; fi
  # shellcheck disable=SC2016 # the inner shell's
  unshare "$@" "--net=$dir/rootless-netns" --mount --propagation slave -- sh -c 'echo "made $$"; read -r _' \
    <"$out/keeper.go" >&7 2>"$out/keeper.said" 4>&- 5<&- 6>&- 7>&- 8>&- &
  keeper=$!
  start_of "$keeper"
  keeper_start=$rn_start keeper_started=$now
}

# One that lives, and lost its supervisor.
adopt_keeper() {
  { read -r keeper keeper_start <"$out/keeper"; } 2>/dev/null && keeper_lives &&
    [ "/proc/$keeper/fd/4" -ef "$dir/keeper.$generation" ] || return 1
  keeper_is=up
}

keeper_lives() {
  start_of "$keeper" && [ "$rn_start" = "$keeper_start" ]
}

# It has the FIFO of its words open as long as it lives. Those inside could write there, by way of it: what is read wakes us
# up, no more. By descriptors 5 and 6 it has M0 and O.
run_keeper() {
  make_fifos "$out" && command exec 3<>"$out/keeper.words" || return
  mounts setsid -- unshare --mount --propagation slave -- sh "$here/keeper-way.sh" "$dir" sh "$here/keeper.sh" "$dir" "$generation" \
    </dev/null >&3 2>&3 5</proc/self/ns/mnt 6</proc/self/ns/user 7>&- 8>&- 9<&- &
  keeper=$!
  start_of "$keeper"
  keeper_start=$rn_start keeper_is=starting keeper_started=$now keeper_said=''
  read_keeper "$keeper" first &
  keeper_words=$!
  exec 3>&-
}

# What needs them can start; who made them is in U and sees what M0 shows, and must be gone before anybody else is in U.
fill_namespaces() {
  {
    map_ids "$keeper" && { [ "$keeper_is" = making ] || bind_namespaces "$keeper"; } &&
      exec 9<"$dir/rootless-netns" && raise_loopback
  } 2>>"$out/keeper.said" || {
    # No timer would have us look again.
    kill -s KILL "$keeper"
    tell "ended $keeper"
    return
  }
  exec 4>&-
  maker=$keeper
  start_driver
  run_keeper
  kill -s KILL "$maker" 2>/dev/null
  wait "$maker" 2>/dev/null
}

# Unless the driver does.
raise_loopback() {
  [ -n "$rn_lo_up" ] || nsenter "--net=$dir/rootless-netns" -- ip link set lo up
}

read_keeper() { # PID [first]
  exec 5<&- 6>&- 8>&- 9<&- </dev/null >/dev/null 2>&1
  if [ "${2-}" = first ]; then
    true >"$out/keeper.said"
  else
    command exec 3<>"$out/keeper.words"
  fi
  exec 4<"$out/keeper.words" 3>&-
  while read -r line <&4; do
    case $line in
      ready) tell "$line $1" ;;
      *) [ "${2-}" != first ] || echo "$line" >>"$out/keeper.said" ;;
    esac
  done
  tell "ended $1"
}

# await_words PID: a fork that reads what is left
await_words() {
  for _ in 1 2 3 4 5; do
    [ -e "/proc/$1/fd/7" ] || return 0
    sleep 0.1
  done
  kill -s KILL "$1" 2>/dev/null
}

# $said: the lines of FILE, what a program has said
read_said() { # FILE
  said=''
  while read -r line; do
    said=${said:+$said
}$line
  done <"$1"
}

see_keeper() {
  case $keeper_is in
    starting | making | remaking)
      if [ "$event" = "ready $keeper" ]; then
        keeper_came
      elif [ "$event" = "made $keeper" ] && [ "$keeper_is" != starting ]; then
        fill_namespaces
      elif [ "$event" = "ended $keeper" ] || ! keeper_lives; then
        # Its words end a moment before it does, and no timer would have us look again.
        kill -s KILL "$keeper" 2>/dev/null
        keeper_failed
      elif [ "$((now - keeper_started))" -gt "$keeper_ready_tenths" ]; then
        kill -s KILL "$keeper" 2>/dev/null
        keeper_failed "not ready after $((keeper_ready_tenths / 10)) s"
      fi
      ;;
    up)
      if ! keeper_lives; then
        say "the keeper (pid $keeper) ended; starting it again"
        run_keeper
      else
        [ "$event" != "ended $keeper" ] || soon=1
        [ -e "/proc/$keeper_words/fd/7" ] || [ -n "$soon" ] || { read_keeper "$keeper" & keeper_words=$!; }
      fi
      ;;
    down) [ "$now" -lt "$keeper_again" ] || run_keeper ;;
  esac
}

keeper_came() {
  keeper_is=up
  echo "$keeper $keeper_start" >"$out/keeper"
  [ -z "$answered" ] || unpublished=1 host_new=1 host_at=$now
}

keeper_failed() { # [WORDS]
  # What it has started may hang, and those inside may hold its words open. Without -s, for dash takes the number for options then.
  kill -KILL "-$keeper" 2>/dev/null
  wait "$keeper" 2>/dev/null
  await_words "$keeper_words"
  if [ "$keeper_is" = making ] && ! unshare --user true 2>/dev/null; then make_namespaces single && return; fi
  read_said "$out/keeper.said"
  keeper_said=${1-}${1:+${said:+
}}$said
  # Where the namespaces could not be made the mounts are not to blame.
  case $keeper_is in *making) keeper_failed=netns ;; *) keeper_failed=keeper ;; esac
  keeper_is=failed
  [ -n "$answered" ] || return 0
  say "the keeper does not start: $keeper_said"
  keeper_is=down keeper_again=$((now + 20))
}
