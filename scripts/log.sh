# shellcheck shell=sh
# log.sh - the one writer of <state>/log, which has a limit: 64 KiB, and once as much in log.1
#
# Runs in:   O and M0, the host's network
# Called by: supervisor.sh, which sources it
# Requires:  date wc mv
log_limit=65536
# So much is written before the size is looked at again, for others write as well. The first line looks.
log_unseen=$log_limit

# log STATE WHO TEXT: a line; of a very long one its beginning.
log() {
  log_line="$(date -u +%Y-%m-%dT%H:%M:%SZ) $2: $(printf '%.2000s' "$3")"
  log_unseen=$((log_unseen + ${#log_line}))
  if [ "$log_unseen" -gt 8192 ]; then
    log_unseen=0
    [ ! -f "$1/log" ] || [ "$(wc -c <"$1/log")" -lt "$log_limit" ] || mv -f -- "$1/log" "$1/log.1"
  fi
  [ ! -d "$1" ] || [ -p "$1/log" ] || printf '%s\n' "$log_line" >>"$1/log"
} 2>/dev/null
