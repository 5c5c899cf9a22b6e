# shellcheck shell=sh
# reap.sh - is a shared network namespace still used? And its end if not; for the sh programs that source it
#
# Whoever asks for the last time holds the lock and has taken `live` away before: then nobody can join without the lock,
# and who joined before holds a lease. Leases are asked for first: setup holds one until its reference is in place.
#
# Reads:    rn_dir (the state directory), rn_fifo (a path of the FIFO of leases), rn_gen (the generation),
#           rn_netns (a path of the network namespace), rn_view (as name.sh has it)
# Requires: dd mv rmdir; lock.sh and name.sh, sourced before
# shellcheck disable=SC2154 # the variables are the sourcing program's

# Has anybody the FIFO open for writing? Then an empty FIFO reads as EAGAIN, else as end-of-file (pipe(7)).
# dd(1) because sh can't open without blocking. The bytes of those who came go with it.
leased() {
  ! dd if="$rn_fifo" of=/dev/null iflag=nonblock bs=4096 status=none 2>/dev/null
}

# The same question, where nobody has read what those who came have written. 0: somebody has come, and may be gone again.
has_come() {
  # The number of blocks, as POSIX has dd say it.
  rn_words=$(LC_ALL=C dd if="$rn_fifo" of=/dev/null iflag=nonblock bs=4096 2>&1) || return 0
  case $rn_words in 0+0*) return 1 ;; esac
}

# What `ref-count` holds: $rn_count, the whole of it, so that no line of a damaged file passes for a count; empty when it is
# no regular file, for who reads a FIFO waits.
read_ref_count() {
  rn_count=
  [ -f "$rn_dir/ref-count" ] && ! [ -L "$rn_dir/ref-count" ] || return 0
  while read -r rn_line || [ -n "$rn_line" ]; do
    rn_count=$rn_count${rn_line:+${rn_count:+ }$rn_line}
    [ "${#rn_count}" -le 20 ] || break
  done 2>/dev/null <"$rn_dir/ref-count"
}

# Is the namespace used by something that holds no lease? The keeper is no use.
used() {
  # rmdir(1) tells whether a directory is empty in the same time however many names are in it. setup makes it again.
  for rn_kind in references tied; do
    if [ -e "$rn_dir/$rn_kind" ] || [ -L "$rn_dir/$rn_kind" ]; then
      rmdir -- "$rn_dir/$rn_kind" 2>/dev/null || return 0
    fi
  done
  for rn_process in "$rn_dir"/netns/*; do
    # Whose view is gone can't tell, and then it may be one.
    [ -e "$rn_process" ] && { is_named "${rn_process##*/}" || ! [ -e "$rn_view/." ]; } && return 0
  done
  # What is no number may stand for any: src/state/references.ts tells of it, and repair mends it.
  if [ -e "$rn_dir/ref-count" ] || [ -L "$rn_dir/ref-count" ]; then
    read_ref_count
    [ "$rn_count" = 0 ] || return 0
  fi
  used_inside
}

# Is there any process in N but the keeper?
used_inside() {
  # aardvark-dns answers for containers, and each of those is a reference. It has its pid in a file without a newline.
  rn_dns=''
  { [ -f "$rn_dir/netavark/aardvark-dns/aardvark.pid" ] && read -r rn_dns <"$rn_dir/netavark/aardvark-dns/aardvark.pid"; } 2>/dev/null
  # The keeper and its children have a FIFO of their own open.
  for rn_process in /proc/[0-9]*; do
    [ "$rn_process/ns/net" -ef "$rn_netns" ] && ! [ "$rn_process/fd/4" -ef "$rn_dir/keeper.$rn_gen" ] &&
      [ "$rn_process" != "/proc/$rn_dns" ] && return 0
  done
  return 1
}

# reap COMMAND…: with the lock held, COMMAND, which tears the namespace down, unless something uses it after all.
reap() {
  mv -T -- "$rn_dir/live" "$rn_dir/live.reaping" 2>/dev/null
  if ! leased && ! used; then
    "$@"
    return
  fi
  mv -T -- "$rn_dir/live.reaping" "$rn_dir/live" 2>/dev/null
  return 1
}
