# rnetns.bash - completion of rnetns in bash
#
# Printed by `rnetns completion bash`, with a table of the commands in front: _rnetns_table PATH sets the arrays
# rn_commands, rn_options, rn_values (what each option takes; empty: nothing) and rn_operands for what can stand after
# PATH. Names are looked for in directories: starting rnetns at each TAB would take a hundred times as long.
#
# Runs in:   an interactive bash 4.4 or newer; with bash-completion, arguments of CMD are completed as CMD's own.
# shellcheck shell=bash

_rnetns() {
  # 1. `--name=lab` comes in three words where = breaks words, and its last one is what is completed.
  local -a line=() origin=()
  local index word prefix=
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ ${#line[@]} -gt 0 && ${line[-1]} == --* && ($word == = || ${line[-1]} == --*=) ]]; then
      line[-1]+=$word
    else
      line+=("$word") origin+=("$index")
    fi
  done
  local current=${line[-1]}
  unset 'line[-1]'

  # 2. What stands before it: commands, options with their values, operands.
  local -a rn_commands rn_options rn_values rn_operands
  local path='' namespace=default pending='' ended='' position=0 taken
  _rnetns_table ''
  for index in "${!line[@]}"; do
    word=${line[index]}
    if [[ -n $pending ]]; then
      [[ $pending != namespaces ]] || namespace=$word
      pending=
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == --*=* ]]; then
      [[ $word != --name=* ]] || namespace=${word#*=}
    elif [[ -z $ended && $word == -* ]]; then
      _rnetns_takes "$word"
      pending=$taken
    elif [[ -z $ended && $position -eq 0 && " ${rn_commands[*]} " == *" $word "* ]]; then
      path+="${path:+ }$word"
      _rnetns_table "$path"
    elif [[ ${rn_operands[position]-} == command ]]; then
      _rnetns_command "${origin[index]}"
      return
    else
      ((position += 1))
    fi
  done

  # 3. What can stand here.
  COMPREPLY=()
  if [[ -n $pending ]]; then
    _rnetns_values "$pending"
  elif [[ -z $ended && $current == --*=* ]]; then
    _rnetns_takes "${current%%=*}"
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=${current%%=*}=
    current=${current#*=}
    _rnetns_values "$taken"
  elif [[ -z $ended && $current == -* ]]; then
    _rnetns_values "${rn_options[*]}"
  elif [[ ${rn_operands[position]-} == command ]]; then
    _rnetns_command "${origin[-1]}"
  else
    [[ $position -gt 0 ]] || _rnetns_values "${rn_commands[*]}"
    _rnetns_values "${rn_operands[position]-}"
  fi
}

# _rnetns_takes OPTION: $taken is what its value is, or empty
_rnetns_takes() {
  local index
  taken=
  for index in "${!rn_options[@]}"; do
    [[ ${rn_options[index]} != "$1" ]] || taken=${rn_values[index]}
  done
}

# _rnetns_values KIND: adds to COMPREPLY those that begin like the current word; a KIND that is none is a list of words
_rnetns_values() {
  local runtime=${XDG_RUNTIME_DIR-} kind directory
  [[ -n $runtime ]] || runtime=/run/user/$UID
  [[ -O $runtime ]] || runtime=/tmp/rnetns-$UID
  local state=$runtime/rnetns/$namespace
  for kind in $1; do
    case $kind in
      nothing) ;;
      namespaces) _rnetns_names "$runtime/rnetns" ;;
      names) _rnetns_names "$state/netns" ;;
      references) _rnetns_names "$state/references" "$state/tied" ;;
      networks)
        for directory in "${XDG_CONFIG_HOME:-$HOME/.config}/cni/net.d" /etc/cni/net.d; do _rnetns_networks "$directory"; done
        ;;
      files | directories)
        compopt -o filenames 2>/dev/null
        [[ $kind = files ]] && kind=-f || kind=-d
        while IFS= read -r word; do COMPREPLY+=("$prefix$word"); done < <(compgen "$kind" -- "$current")
        ;;
      *) _rnetns_add "$kind" ;;
    esac
  done
}

_rnetns_add() {
  [[ $1 != "$current"* ]] || COMPREPLY+=("$prefix$1")
}

# Only what rnetns calls a name: anybody's file may stand there.
_rnetns_names() {
  local file
  while IFS= read -r file; do
    file=${file##*/}
    [[ ! $file =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || _rnetns_add "$file"
  done < <(for file; do compgen -f -- "$file/"; done)
}

# The first "name" in each network list.
_rnetns_networks() {
  local file text
  while IFS= read -r file; do
    [[ $file =~ \.(conflist|conf|json)$ && -f $file && -r $file ]] || continue
    text=$(<"$file")
    [[ ! $text =~ \"name\"[[:space:]]*:[[:space:]]*\"([A-Za-z0-9][A-Za-z0-9_.-]*)\" ]] || _rnetns_add "${BASH_REMATCH[1]}"
  done < <(compgen -f -- "$1/")
}

# _rnetns_command INDEX: the words from there on are a command line of their own
_rnetns_command() {
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    compopt -o filenames 2>/dev/null
    local kind=-f
    [[ $COMP_CWORD -gt $1 ]] || kind=-c
    mapfile -t COMPREPLY < <(compgen "$kind" -- "$current")
  fi
}

complete -F _rnetns rnetns
