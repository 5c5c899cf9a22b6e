# shellcheck shell=sh
# pin.sh - make namespaces in a process that waits, for the sh programs that source it
#
# What makes a namespace ends up in it: somebody outside has to map its ids, and to mount it on a file.
#
# Requires: mkfifo rm

# with_pin FIFO ACT LEAD: the function LEAD leads a command into new namespaces; ACT PID is called while a process waits there.
# FIFO: a path at which a FIFO can be made, for the moment. The process ends with us, however that is.
with_pin() {
  pin_fifo=$1 pin_act=$2
  mkfifo -m 600 -- "$pin_fifo" && exec 3<>"$pin_fifo" || return
  # shellcheck disable=SC2016,SC2094 # the inner shell's $$; it is removed, and neither read nor written, there
  "$3" sh -c 'exec 3>&-; echo "$$"; read -r _' <"$pin_fifo" | {
    # Also where this shell ends because it can't fork.
    trap 'echo >&3' EXIT
    read -r pin || :
    rm -f -- "$pin_fifo"
    [ -n "$pin" ] && "$pin_act" "$pin"
    pin_status=$?
    exit "$pin_status"
  }
  pin_status=$?
  exec 3>&-
  return "$pin_status"
}
