# rnetns.zsh - completion of rnetns in zsh
#
# Printed by `rnetns completion zsh`, with a table of the commands in front: _rnetns_table PATH sets the arrays
# rn_commands and rn_options (each `word:description`), rn_values (what each option takes; empty: nothing) and
# rn_operands for what can stand after PATH. The prefix keeps `commands` and `options` of zsh/parameter as they are: what
# completes CMD needs them. Names are looked for in directories: starting rnetns at each TAB would take a hundred times as long.
#
# Runs in:   zsh with compinit, from a directory of $fpath or sourced.

_rnetns() {
  # The arrays of the table, and what we found on the line, are seen by the functions below as well.
  local -a rn_commands rn_options rn_values rn_operands
  local rn_path='' rn_namespace=default rn_pending='' rn_ended='' rn_taken='' word
  integer rn_position=0 index
  _rnetns_table ''

  # 1. What stands before the word: commands, options with their values, operands.
  for ((index = 2; index < CURRENT; index++)); do
    word=${(Q)words[index]}
    if [[ -n $rn_pending ]]; then
      [[ $rn_pending != namespaces ]] || rn_namespace=$word
      rn_pending=
    elif [[ -z $rn_ended && $word == -- ]]; then
      rn_ended=1
    elif [[ -z $rn_ended && $word == --*=* ]]; then
      [[ $word != --name=* ]] || rn_namespace=${word#*=}
    elif [[ -z $rn_ended && $word == -* ]]; then
      _rnetns_takes $word
      rn_pending=$rn_taken
    elif [[ -z $rn_ended && $rn_position -eq 0 && -n ${rn_commands[(r)${(b)word}:*]} ]]; then
      rn_path+=${rn_path:+ }$word
      _rnetns_table $rn_path
    elif [[ ${rn_operands[rn_position + 1]} == command ]]; then
      _rnetns_command $index
      return
    else
      ((rn_position += 1))
    fi
  done

  # 2. What can stand here.
  if [[ -n $rn_pending ]]; then
    _rnetns_values $rn_pending
  elif [[ -z $rn_ended && $PREFIX == --*=* ]]; then
    _rnetns_takes ${PREFIX%%=*}
    compset -P '*='
    _rnetns_values $rn_taken
  elif [[ -z $rn_ended && $PREFIX == -* ]]; then
    _describe -o -t options option rn_options
  elif [[ ${rn_operands[rn_position + 1]} == command ]]; then
    _rnetns_command $CURRENT
  else
    local rn_found=1
    ((rn_position > 0 || ! $#rn_commands)) || { _describe -t commands command rn_commands && rn_found=0; }
    _rnetns_values ${rn_operands[rn_position + 1]} && rn_found=0
    return rn_found
  fi
}

# _rnetns_takes OPTION: $rn_taken is what its value is, or empty
_rnetns_takes() {
  rn_taken=${rn_values[${rn_options[(i)${(b)1}:*]}]}
}

# _rnetns_values KIND: a KIND that is none is a list of words
_rnetns_values() {
  local rn_runtime=${XDG_RUNTIME_DIR:-/run/user/$UID} rn_kind rn_result=1
  [[ -O $rn_runtime ]] || rn_runtime=/tmp/rnetns-$UID
  local rn_state=$rn_runtime/rnetns/$rn_namespace
  for rn_kind in ${(s: :)1}; do
    case $rn_kind in
      nothing) ;;
      namespaces) _rnetns_names $rn_runtime/rnetns ;;
      names) _rnetns_names $rn_state/netns ;;
      references) _rnetns_names $rn_state/references $rn_state/tied ;;
      networks) _rnetns_networks ${XDG_CONFIG_HOME:-$HOME/.config}/cni/net.d /etc/cni/net.d ;;
      files) _files ;;
      directories) _files -/ ;;
      *) compadd -- $rn_kind ;;
    esac && rn_result=0
  done
  return rn_result
}

# Only what rnetns calls a name: anybody's file may stand there.
_rnetns_names() {
  local -a rn_names
  rn_names=($^@/[A-Za-z0-9]*(N:t))
  compadd -- ${rn_names:#*[^A-Za-z0-9_.-]*}
}

# The first "name" in each network list.
_rnetns_networks() {
  local -a rn_names match mbegin mend
  local rn_file
  for rn_file in $^@/*.(conflist|conf|json)(N.r); do
    [[ $(<$rn_file) =~ '"name"[[:space:]]*:[[:space:]]*"([A-Za-z0-9][A-Za-z0-9_.-]*)"' ]] && rn_names+=($match[1])
  done
  compadd -- $rn_names
}

# _rnetns_command INDEX: the words from there on are a command line of their own
_rnetns_command() {
  ((CURRENT -= $1 - 1))
  words=("${(@)words[$1,-1]}")
  _normal
}

if [[ $funcstack[1] == _rnetns ]]; then _rnetns "$@"; else compdef _rnetns rnetns; fi
