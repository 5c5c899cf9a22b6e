# shellcheck shell=sh
# port.sh - `port add` and `port delete` by the forwarder that runs, without Node; sourced by scripts/rnetns
#
# Theory of operation: what stands against a port and how it is opened is the same code in the forwarder and in `rnetns port`. Here
# the forwarder gets a line, and its answer comes by a FIFO of ours. It answers "no" where it has done nothing; whatever is
# out of the ordinary, errors above all, is Node's.
#
# Reads:    the functions of scripts/rnetns
# Requires: mkfifo rm timeout cat; a forwarder (src/ports/forwarder/request-server.ts)
# shellcheck disable=SC2154 # rn_base is find_base's

# port add|delete [-n NAME] [--id ID] [WORD…]: ends when it is done, and returns when it is Node's
ask_forwarder() {
  rn_namespace=default rn_words='' rn_reference='' rn_act=${2-}
  case $rn_act in add | delete) shift 2 ;; *) return ;; esac
  while [ "$#" -gt 0 ]; do
    case $1 in
      -n | --name) rn_namespace=${2-} && is_name "$rn_namespace" || return ;;
      --id) rn_reference=${2-} && is_name "$rn_reference" || return ;;
      '' | -* | *[!][0-9A-Za-z.:/-]*) return ;;
      *) rn_words="$rn_words $1" ;;
    esac
    case $1 in -*) shift ;; esac
    shift
  done
  case $rn_act$rn_words$rn_reference in add* | delete) [ -n "$rn_words" ] || return ;; esac
  find_base || return
  ask "$rn_base/.outside/$rn_namespace" "$rn_act${rn_reference:+ --id $rn_reference}$rn_words"
}

# The forwarder is known by its file (forwarder.sh), and serves who is on its network.
ask() { # DIRECTORY LINE
  [ "${#2}" -lt 4000 ] && [ -f "$1/forwarder" ] && [ -p "$1/ports.ask" ] && read -r rn_forwarder <"$1/forwarder" || return
  [ "/proc/$rn_forwarder/fd/8" -ef "$1/forwarder" ] && [ "/proc/$rn_forwarder/ns/net" -ef /proc/self/ns/net ] || return
  mkfifo -m 600 -- "$1/.answer.$$" 2>/dev/null || return
  # Opened for reading as well, so that it can't block.
  echo "$$ $2" 1<>"$1/ports.ask"
  rn_answer=$(timeout 10 cat -- "$1/.answer.$$") || rm -f -- "$1/.answer.$$"
  case $rn_answer in
    ok) exit 0 ;;
    "ok
"*)
      printf '%s\n' "${rn_answer#*
}"
      exit
      ;;
  esac
}
