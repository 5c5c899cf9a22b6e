# shellcheck shell=sh
# programs.sh - have the shell run the programs of PATH; for sh programs, which source it before anything else
#
# A busybox that is made so, as Debian's is, has its sh run its own nsenter, mount, rm and so on before what PATH leads to,
# and these know too few options. A program's path instead is what it can't take for one of its own. An alias puts it there
# when a line is read, so that all else stays as it is, `exec` and `&` included; and other shells need none.
#
# Sets:     rn_own_programs: the shell has some; then "$@", which no alias reaches, goes through env(1)
# Requires: nothing
rn_own_programs=''
if PATH=/dev/null command -v nsenter >/dev/null; then
  # shellcheck disable=SC2034 # whoever sources this asks
  rn_own_programs=1
  # The blank at the end: the word after it may be an alias as well.
  alias exec='exec ' command='command '
  for rn_program in awk cat chcon date dd env find grep head ip mkdir mkfifo mount mv nsenter readlink rm rmdir setpriv sleep \
    stat timeout umount unshare; do
    rn_rest=$PATH:
    while [ -n "$rn_rest" ]; do
      rn_file=${rn_rest%%:*}/$rn_program
      rn_rest=${rn_rest#*:}
      # shellcheck disable=SC2139 # what it is now
      [ -f "$rn_file" ] && [ -x "$rn_file" ] && alias "$rn_program='$rn_file'" && break
    done
  done
fi
