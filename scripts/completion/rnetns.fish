# rnetns.fish - completion of rnetns in fish
#
# Printed by `rnetns completion fish`, with a table of the commands in front: __rnetns_table PATH sets the lists
# rn_commands and rn_options (each a word, a tab and a description), rn_values (what each option takes; empty: nothing)
# and rn_operands for what can stand after PATH. Names are looked for in directories: starting rnetns at each TAB would take a hundred times
# as long.
#
# Runs in:   fish 3.1 or newer.

function __rnetns_complete
    set -l line (commandline -opc)
    set -e line[1]
    set -l current (commandline -ct)
    set -l path
    set -l namespace default
    set -l pending
    set -l ended
    set -l position 1
    set -l rn_commands
    set -l rn_options
    set -l rn_values
    set -l rn_operands
    __rnetns_table ''

    # 1. What stands before the word: commands, options with their values, operands.
    for index in (seq (count $line))
        set -l word $line[$index]
        if set -q pending[1]
            test $pending = namespaces; and set namespace $word
            set pending
        else if set -q ended[1]; or not string match -q -- '-*' $word
            if not set -q ended[1]; and test $position -eq 1; and string match -q -- "$word"\t'*' $rn_commands
                set -a path $word
                __rnetns_table "$path"
            else if test "$rn_operands[$position]" = command
                __rnetns_command $line[$index..] $current
                return
            else
                set position (math $position + 1)
            end
        else if test $word = --
            set ended yes
        else if string match -q -- '--*=*' $word
            string match -q -- '--name=*' $word; and set namespace (string replace -- --name= '' $word)
        else
            set pending (__rnetns_takes $word)
        end
    end

    # 2. What can stand here.
    if set -q pending[1]
        __rnetns_values $pending
    else if not set -q ended[1]; and string match -q -- '--*=*' $current
        set -l option (string replace -r -- '=.*' '' $current)
        set current (string replace -r -- '^[^=]*=' '' $current)
        set -l found (__rnetns_values (__rnetns_takes $option))
        set -q found[1]; and printf '%s\n' $option=$found
    else if not set -q ended[1]; and string match -q -- '-*' $current
        printf '%s\n' $rn_options
    else if test "$rn_operands[$position]" = command
        __rnetns_command $current
    else
        test $position -eq 1; and printf '%s\n' $rn_commands
        __rnetns_values $rn_operands[$position]
    end
end

# What the value of an option is, if it takes one.
function __rnetns_takes --no-scope-shadowing
    for number in (seq (count $rn_options))
        if string match -q -- $argv[1]\t'*' $rn_options[$number]
            string length -q -- $rn_values[$number]; and echo $rn_values[$number]
            return
        end
    end
end

# __rnetns_values KIND: a KIND that is none is a list of words. Only `set` takes a pattern that fits nothing.
function __rnetns_values --no-scope-shadowing
    set -l runtime $XDG_RUNTIME_DIR
    string length -q -- $runtime; or set runtime /run/user/(id -u)
    test -O $runtime; or set runtime /tmp/rnetns-(id -u)
    set -l state $runtime/rnetns/$namespace
    for kind in (string split ' ' -- $argv[1])
        switch $kind
            case nothing ''
            case namespaces
                set -l files $runtime/rnetns/*
                __rnetns_names $files
            case names
                set -l files $state/netns/*
                __rnetns_names $files
            case references
                set -l files $state/{references,tied}/*
                __rnetns_names $files
            case networks
                set -l config $XDG_CONFIG_HOME
                string length -q -- $config; or set config $HOME/.config
                set -l files {$config,/etc}/cni/net.d/*.{conflist,conf,json}
                __rnetns_networks $files
            case files
                __fish_complete_path $current
            case directories
                __fish_complete_directories $current
            case '*'
                echo $kind
        end
    end
end

# Only what rnetns calls a name: anybody's file may stand there.
function __rnetns_names
    set -q argv[1]; and string replace -r '.*/' '' -- $argv | string match -r '^[A-Za-z0-9][A-Za-z0-9_.-]*$'
end

# The first "name" in each network list.
function __rnetns_networks
    for file in $argv
        test -f $file; and test -r $file; or continue
        string join ' ' <$file | string match -r '"name"\s*:\s*"([A-Za-z0-9][A-Za-z0-9_.-]*)"' | sed -n 2p
    end
end

# A command line of its own; its last word is the one that is completed.
function __rnetns_command
    set -l words
    for word in $argv[..-2]
        set -a words (string escape -- $word)
    end
    complete -C (string join ' ' -- $words $argv[-1])
end

complete -c rnetns -f -a '(__rnetns_complete)'
