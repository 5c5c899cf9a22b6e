# shellcheck shell=sh
# make.sh - make a namespace by the plan that the last start of this name has kept, without Node; sourced by cold.sh
#
# Theory of operation
#
# The plan is what Node decided, and says by which inputs (kept-plan.sh). Where they are the same, what is left to do is
# the same as well: O by unshare(1) and newuidmap(1), all else by supervisor.sh, which makes and mends every namespace,
# and then the files that say what there is. src/lifecycle/create.ts does the same with a plan of the moment. Whatever
# isn't as always is Node's, which plans again and explains: so nothing in here has words.
#
# Reads:    rn_dir rn_base rn_name rn_runtime rn_gen rn_new rn_raise and the functions of scripts/rnetns; the lock and a lease are held
# Sets:     rn_half: it went wrong half-way, and Node is to remove what there is
# Requires: setsid env unshare newuidmap newgidmap mkdir ln mkfifo timeout head date readlink awk; prlimit where limits are
#           low, bash where descriptors above 9 are open; kept-plan.sh process.sh fifos.sh supervisor.sh
# shellcheck disable=SC2154 # those of scripts/rnetns and of the plan (src/lifecycle/kept-body.ts)
rn_half='' rn_go='' rn_both='' rn_answer=''
# A driver has ten. Node, which tries again, and those who wait for the lock have their limits as well.
rn_make_seconds=11

make_by_plan() {
  [ -n "$rn_new" ] && [ -z "$rn_half$rn_fallback$rn_low" ] && [ "$rn_free" -ge 5 ] || return 1
  # Who protects it from the end of the session speaks D-Bus: src/namespace/user-manager.ts.
  ! [ -e "$rn_runtime/systemd/private" ] || return 1
  # shellcheck source=scripts/kept-plan.sh
  . "$rn_scripts/kept-plan.sh"
  has_plan || return 1
  rn_out=$rn_base/.outside/$rn_name
  prepare_making &
  rn_preparing=$!
  is_usual_caller && plan_is_fresh && find_way_out self || { wait "$rn_preparing" || rn_half=1 && return 1; }
  # shellcheck disable=SC1090 # what Node has kept
  . "$rn_plan"
  rn_half=1 rn_host_way=$rn_way
  if wait "$rn_preparing" && start_supervisor && say_what_there_is; then
    rn_half=''
    eval "exec $rn_answer<&-"
    return
  fi
  [ -z "$rn_answer" ] || eval "exec $rn_go>&- $rn_both>&- $rn_answer<&-"
  # A signal that is caught ends a wait before its time.
  wait "$rn_preparing"
  return 1
}

# Three, beside the lock and the lease.
find_descriptors() {
  for rn_fd in 9 8 7 6 5 4 3; do
    if [ -e "/proc/self/fd/$rn_fd" ]; then continue; fi
    if [ -z "$rn_go" ]; then rn_go=$rn_fd; elif [ -z "$rn_both" ]; then rn_both=$rn_fd; else rn_answer=$rn_fd && return; fi
  done
}

# What stays serves every caller: where one has a niceness, fewer CPUs, an OOM score or no new privileges, Node undoes what can
# be undone (src/exec/fair-share.ts). $rn_strange: descriptors above 9 that would be inherited; only bash can close those.
is_usual_caller() {
  rn_cpus='' rn_online='' rn_score=0 rn_privileges='' rn_strange=''
  while read -r rn_key rn_value; do
    case $rn_key in
      NoNewPrivs:) rn_privileges=$rn_value ;;
      Cpus_allowed_list:) rn_cpus=$rn_value && break ;;
    esac
  done </proc/self/status
  { read -r rn_online </sys/devices/system/cpu/online && read -r rn_score </proc/self/oom_score_adj; } 2>/dev/null
  # shellcheck source=scripts/process.sh
  . "$rn_scripts/process.sh"
  start_of "$$" && [ "$rn_privileges $rn_nice $rn_score $rn_cpus" = "0 0 0 $rn_online" ] || return 1
  for rn_file in /proc/self/fd/??*; do
    is_closed_by_exec "${rn_file##*/}" || rn_strange="$rn_strange ${rn_file##*/}"
  done
  [ -z "$rn_strange" ] || search_path bash
}

# O_CLOEXEC of open(2), as proc_pid_fdinfo(5) has the flags; the shell's own have it.
is_closed_by_exec() {
  while read -r rn_key rn_value; do
    case $rn_key:$rn_value in flags:*[2367]??????) return 0 ;; esac
  done <"/proc/self/fdinfo/$1"
  # What the glob had open.
  ! [ -e "/proc/self/fd/$1" ]
} 2>/dev/null

# find_way_out PID|self: $rn_way, 4 or 6, the first family that it has a default route in
find_way_out() {
  rn_way=''
  while read -r rn_ rn_to rn_ rn_ rn_ rn_ rn_ rn_mask rn_; do
    [ "$rn_to$rn_mask" != 0000000000000000 ] || rn_way=4
  done <"/proc/$1/net/route"
  [ -z "$rn_way" ] && [ -e "/proc/$1/net/ipv6_route" ] || return 0
  # shellcheck disable=SC2034 # rn_ is what nobody asks for
  while read -r rn_to rn_mask rn_ rn_ rn_ rn_ rn_ rn_ rn_ rn_interface; do
    [ "$rn_to$rn_mask" != 0000000000000000000000000000000000 ] || [ "$rn_interface" = lo ] || rn_way=6
  done <"/proc/$1/net/ipv6_route"
  [ -n "$rn_way" ]
} 2>/dev/null

# What is needed by any plan, while it is asked whether there is a fresh one.
prepare_making() {
  umask 022
  # shellcheck source=scripts/fifos.sh
  . "$rn_scripts/fifos.sh"
  mkdir -p -- "$rn_dir/netns" "$rn_out" || return
  date -u +%Y-%m-%dT%H:%M:%S.000Z >"$rn_out/since" &
  make_fifos "$rn_out" "$rn_out/go" "$rn_out/answer" "$rn_lease" "$rn_dir/keeper.$rn_gen" && wait "$!"
} 2>/dev/null

# What the mounts need in the state directory (src/namespace/mount-points.ts).
make_mount_points() {
  umask 022
  plan_directories mkdir -p -- && exec ln -s -- "$rn_runtime/netns" "$rn_dir/run/netns"
}

# The process that makes O becomes the supervisor when its ids are mapped. Each end of a FIFO is opened while the other one
# is open, so that nothing blocks, and the death of one side is end-of-file for the other.
start_supervisor() {
  take_lease "$rn_lease" && true >"$rn_dir/resolv.conf" && printf '%s' "$rn_shell_plan" >"$rn_out/plan" && find_descriptors || return
  eval "exec $rn_go<>\"\$rn_out/go\" $rn_both<>\"\$rn_out/answer\" $rn_answer<\"\$rn_out/answer\""
  # An orphan, as what Node starts is: a command that waits for its children must not find it.
  eval "rn_outside=\$(become_supervisor <&$rn_go 3>&$rn_both 2>/dev/null & echo \"\$!\"); exec $rn_both>&-"
  # It has made O, and waits there; and then for the plan.
  eval "read -r rn_word <&$rn_answer" && map_ids && eval "echo >&$rn_go" && (make_mount_points) &&
    eval "echo >&$rn_go; exec $rn_go>&-" || return
  rn_families='' rn_addresses='' rn_inode='' rn_word=''
  # Each word is known by its look.
  for rn_found in $(eval "hear <&$rn_answer"); do
    case $rn_found in
      ready) rn_word=ready ;;
      net:*) rn_inode=${rn_found#*[} rn_inode=${rn_inode%]} ;;
      4 | 6 | 46) rn_families=$rn_found ;;
      *) rn_addresses=$rn_found ;;
    esac
  done
  [ "$rn_word" = ready ]
} 2>/dev/null

# With nothing of the caller's unit or session: src/cli/context.ts has the same list. O first, so that its ids are mapped beside the
# rest; capabilities are the next program's after that (capabilities(7), "User namespaces and capabilities").
# shellcheck disable=SC2016,SC2086 # the inner shell's; options
become_supervisor() {
  cd / && exec >&3 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  exec ${rn_strange:+bash -c 'for fd in $0; do eval "exec $fd>&-"; done; exec "$@"' "$rn_strange"} ${rn_raise:+prlimit $rn_raise} \
    unshare --user --mount --propagation slave -- \
    sh -c 'exec 4<"$1" <&4 4<&-; shift; echo made; exec "$@"' sh "$rn_out/go" \
    setsid -- env -i PATH="$PATH" LC_ALL=C.UTF-8 XDG_RUNTIME_DIR="$rn_runtime" ${HOME+"HOME=$HOME"} \
    ${XDG_CONFIG_HOME+"XDG_CONFIG_HOME=$XDG_CONFIG_HOME"} ${RNETNS_CONFIG+"RNETNS_CONFIG=$RNETNS_CONFIG"} \
    ${RNETNS_LOG_LEVEL+"RNETNS_LOG_LEVEL=$RNETNS_LOG_LEVEL"} ${CONTAINERS_CONF+"CONTAINERS_CONF=$CONTAINERS_CONF"} \
    ${CONTAINERS_CONF_OVERRIDE+"CONTAINERS_CONF_OVERRIDE=$CONTAINERS_CONF_OVERRIDE"} \
    sh -c 'read -r _ && exec sh "$@" create' sh "$rn_scripts/supervisor.sh" "$rn_dir" "$rn_gen"
}

# As mapIds() of src/namespace/outside-userns.ts has it. Both at once.
# shellcheck disable=SC2086 # numbers
map_ids() {
  rn_mapper=''
  case $rn_uid_map in
    *' '*' '*' '*)
      newuidmap "$rn_outside" $rn_uid_map &
      rn_mapper=$!
      ;;
    *) echo "$rn_uid_map" >"/proc/$rn_outside/uid_map" || return ;;
  esac
  case $rn_gid_map in
    *' '*' '*' '*) newgidmap "$rn_outside" $rn_gid_map || return ;;
    *) echo deny >"/proc/$rn_outside/setgroups" && echo "$rn_gid_map" >"/proc/$rn_outside/gid_map" || return ;;
  esac
  [ -z "$rn_mapper" ] || wait "$rn_mapper"
} 2>/dev/null

# The files by which others know what there is, `live` last: src/lifecycle/publish.ts. Nobody reads half of one: the lock is ours, and
# `live` has a point at its end.
say_what_there_is() {
  read -r rn_supervisor rn_supervisor_start <"$rn_out/supervisor" && read -r rn_keeper rn_keeper_start <"$rn_out/keeper" &&
    read -r rn_guard <"$rn_out/guard" && start_of "$rn_guard" && read -r rn_boot </proc/sys/kernel/random/boot_id &&
    read -r rn_since <"$rn_out/since" && [ -n "$rn_inode" ] || return
  find_way_out "$rn_keeper"
  [ "$rn_host_way" != 4 ] || [ -z "$rn_leaves_ipv4" ] || [ "$rn_way" = 4 ] || return
  plan_for "$rn_families" || return
  printf '%s' "$rn_resolv_conf" >"$rn_dir/resolv.conf"
  echo "{\"addresses\":[$rn_addresses],$rn_info" >"$rn_dir/info.json"
  rn_text="{\"version\":1,\"generation\":\"$rn_gen\",\"bootId\":\"$rn_boot\",\"since\":\"$rn_since\",\"netnsInode\":$rn_inode,$rn_record"
  printf '%s\n' "$rn_text" >"$rn_out/state.json" && printf '%s\n' "$rn_text" >"$rn_dir/state.json" || return
  [ -z "$rn_target" ] || {
    [ "/proc/$rn_keeper/root$rn_target" -ef "$rn_dir/resolv.conf" ] && printf '%s\n' "$rn_target" >"$rn_dir/resolv.conf.target"
  } || return
  echo "rnetns1 $rn_gen $rn_boot $rn_supervisor $rn_supervisor_start $rn_guard $rn_start $rn_keeper $rn_keeper_start ." >"$rn_dir/live"
} 2>/dev/null

# The answer, from stdin; what the kernel calls the network namespace; and what src/plan/addresses.ts finds in the same files: the
# families (4, 6 or 46) and the addresses as strings of JSON. The program is there before it is needed.
# shellcheck disable=SC2016 # awk's
hear() {
  OUT=$rn_out NETNS=$rn_dir/rootless-netns exec timeout "$rn_make_seconds" awk '
    # RFC 5952: no leading zeros, and the first of the longest runs of zeros goes, if it is longer than one.
    function short(digits, part, i, run, from, best, text) {
      for (i = 1; i <= 8; i++) {
        part[i] = substr(digits, i * 4 - 3, 4); sub(/^0+/, "", part[i])
        run = part[i] == "" ? run + 1 : 0
        if (run > best) { best = run; from = i - run + 1 }
      }
      for (i = 1; i <= 8; i++) {
        if (best > 1 && i == from) { text = text "::"; i += best - 1; continue }
        text = text (text == "" || text ~ /::$/ ? "" : ":") (part[i] == "" ? "0" : part[i])
      }
      return text
    }
    function add(family, address) {
      if (seen[address]++) return
      has[family] = family; list = list (list == "" ? "" : ",") "\"" address "\""
    }
    BEGIN {
      getline
      if ($0 != "ready") exit
      getline <(ENVIRON["OUT"] "/keeper")
      keeper = $1
      net = "/proc/" keeper "/net/"
      while ((getline <(net "fib_trie")) > 0) {
        if ($1 == "|--") leaf = $2
        else if (/^[^ ]/ || /\+--/) leaf = ""
        else if (leaf != "" && $1 == "/32" && $3 == "LOCAL" && leaf !~ /^(0|127|22[4-9]|23[0-9])\./) add(4, leaf)
      }
      while ((getline <(net "if_inet6")) > 0)
        if ($1 !~ /^(ff|fe[89ab]|0000000000000000000000000000000)/) add(6, short($1))
      while ((getline <("/proc/" keeper "/mountinfo")) > 0) {
        # The rest of what proc_pid_mountinfo(5) escapes is in no path of ours.
        gsub(/\\040/, " ", $5); gsub(/\\011/, "\t", $5); gsub(/\\012/, "\n", $5); gsub(/\\134/, "\\", $5)
        if ($4 ~ /^net:/ && $5 == ENVIRON["NETNS"]) netns = $4
      }
      print "ready"; print netns; print has[4] has[6]; print list
    }'
}
