# shellcheck shell=sh
# log.sh - the one writer of <state>/log, which has a limit: 64 KiB, and once as much in log.1
#
# Runs in:   O and M0, the host's network
# Called by: supervisor.sh, which sources it
# Requires:  date wc mv ln
log_limit=65536
# So much is written before the size is looked at again, for others write as well. The first line looks.
log_unseen=$log_limit

# log STATE WHO TEXT: a line; of a very long one its beginning. What is opened for writing is in .outside, for by a link in its
# place a command would have us write where commands can't; its name in the state directory is another one of the same file.
log() {
  log_line="$(date -u +%Y-%m-%dT%H:%M:%SZ) $2: $(printf '%.2000s' "$3")"
  log_file=${1%/*}/.outside/${1##*/}/log
  log_unseen=$((log_unseen + ${#log_line}))
  if [ "$log_unseen" -gt 8192 ]; then
    log_unseen=0
    [ ! -f "$log_file" ] || [ "$(wc -c <"$log_file")" -lt "$log_limit" ] ||
      { mv -f -- "$log_file" "$log_file.1" && ln -fT -- "$log_file.1" "$1/log.1"; }
  fi
  [ -d "$1" ] && [ -d "${log_file%/*}" ] && printf '%s\n' "$log_line" >>"$log_file" || return 0
  [ "$1/log" -ef "$log_file" ] || ln -fT -- "$log_file" "$1/log"
} 2>/dev/null
