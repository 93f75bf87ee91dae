# shellcheck shell=bash
# shellcheck disable=SC2034 # what scripts use
# SPDX-License-Identifier: Apache-2.0
# What the scripts of test/bench share: a scratch folder, a network namespace, an agent in it, rows of the table. Whatever
# a script starts ends with it, also when it is interrupted. Sourced; the script runs as root.
#   KEDGE_BUILD_DIR   a build of the preset bench; build/bench when not set
#   KEDGE_BENCH_ROWS  file to which rows are added; when not set, the script prints a table of its own at its end
set -u
export LC_ALL=C.UTF-8

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$bench_dir/../.." && pwd)
build=${KEDGE_BUILD_DIR:-$source_dir/build/bench}
kedge=${KEDGE:-$build/kedge}
tool=$build/test

NODE_IP=10.99.0.1
CLUSTER_DNS=10.32.0.10

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# ---- what was started, and its end ----------------------------------------------------------------------------------

pids=()       # processes in the background
namespaces=() # made by this script
child=''      # the one in the foreground

end_process() { # PID: asks, and after ten seconds makes it
    local i
    kill "$1" 2>/dev/null || return 0
    for ((i = 0; i < 200; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.05
    done
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

bench_cleanup() {
    local status=$? one
    trap '' INT TERM
    if [ -n "$child" ]; then end_process "$child"; fi
    for one in ${pids[@]+"${pids[@]}"}; do end_process "$one"; done
    for one in ${namespaces[@]+"${namespaces[@]}"}; do ip netns del "$one" 2>/dev/null; done
    if [ -n "${scratch:-}" ]; then rm -rf "$scratch" "$disk"; fi
    exit "$status"
}

# In the background and waited for: a signal to the script is then dealt with at once.
run() {
    local status
    "$@" &
    child=$!
    wait "$child"
    status=$?
    child=''
    return "$status"
}

begin() {
    [ "$(id -u)" -eq 0 ] || die 'needs root: it works in network namespaces of its own'
    [ -x "$kedge" ] || die "no $kedge: cmake --preset bench && ninja -C build/bench kedge benches"
    scratch=$(mktemp -d /tmp/kedge-bench.XXXXXX) # short: paths of sockets are
    disk=$(mktemp -d "$build/bench-data.XXXXXX") # the same disk for kedge and its peers
    rows=${KEDGE_BENCH_ROWS:-$scratch/rows}
    trap bench_cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p "$scratch/run"
    node_new
}

end() {
    if [ -z "${KEDGE_BENCH_ROWS:-}" ]; then print_table "$rows"; fi
}

# ---- a node ---------------------------------------------------------------------------------------------------------

# A namespace with an address and a default route that leads nowhere: $ns. "${in_node[@]}" COMMAND runs there; no function,
# so that in the background the process is the command itself.
node_new() {
    if [ -n "${ns:-}" ]; then
        ip netns del "$ns"
        namespaces=()
    fi
    ns=kedge-bench-$$
    in_node=(ip netns exec "$ns")
    ip netns add "$ns" || die 'no network namespace'
    namespaces+=("$ns")
    ip -n "$ns" link set lo up
    ip -n "$ns" link add node0 type veth peer name node1
    ip -n "$ns" link set node1 up
    ip -n "$ns" link set node0 up
    ip -n "$ns" addr add $NODE_IP/24 dev node0
    ip -n "$ns" route add default via 10.99.0.2
}


# The command line of an agent: $agent. Log and socket are in $scratch.
agent_command() { # DATA-DIR [OPTION...]
    local data=$1
    shift
    agent_socket=$scratch/run/kedge.sock
    agent=("$kedge" agent --data-dir "$data" --run-dir "$scratch/run" --node-name bench --node-ip "$NODE_IP"
        --dns-upstream 10.99.0.2 --log-file "$scratch/agent.log" "$@")
}

is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$agent_socket" http://kedge/readyz)" = 200 ]; }

# Starts one and waits until it is ready: $agent_pid.
agent_start() { # DATA-DIR [OPTION...]
    local i
    agent_command "$@"
    rm -f "$agent_socket"
    "${in_node[@]}" "${agent[@]}" &
    agent_pid=$!
    pids+=("$agent_pid")
    for ((i = 0; i < 1200; i++)); do
        is_ready && return
        kill -0 "$agent_pid" 2>/dev/null || break
        sleep 0.05
    done
    tail -n 5 "$scratch/agent.log" >&2
    die 'the agent did not become ready'
}

agent_stop() {
    end_process "$agent_pid"
    pids=()
}

# ---- etcd, the peer of the API --------------------------------------------------------------------------------------

has_etcd=false
if command -v etcd >/dev/null; then has_etcd=true; fi

# Its data lie in $disk/etcd-NAME; $etcd is the target of benches, $etcd_pid its process.
etcd_start() { # NAME
    local i
    etcd=unix:$scratch/etcd/localhost:2379
    mkdir -p "$scratch/etcd"
    rm -f "$scratch/etcd/localhost:2379"
    # Its socket is made in the working directory.
    (cd "$scratch/etcd" && exec "${in_node[@]}" etcd --data-dir "$disk/etcd-$1" --listen-client-urls unix://localhost:2379 \
        --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
        --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380 \
        --logger zap --log-level error >"$scratch/etcd.log" 2>&1) &
    etcd_pid=$!
    pids+=("$etcd_pid")
    for ((i = 0; i < 200; i++)); do
        curl -s --unix-socket "$scratch/etcd/localhost:2379" http://etcd/health 2>/dev/null | grep -q true && return
        sleep 0.1
    done
    die 'etcd did not start'
}

# Resident memory of a process, MB.
rss_mb() { awk '/^VmRSS:/ { printf "%.2f", $2 / 1024 }' "/proc/$1/status"; }

# ---- figures --------------------------------------------------------------------------------------------------------

# Lines "name value unit" of the C programs are kept in $scratch/figures and shown.
measure() {
    local status
    run "$@" >"$scratch/output"
    status=$?
    cat "$scratch/output"
    cat "$scratch/output" >>"$scratch/figures"
    return "$status"
}
figure() { awk -v name="$1" '$1 == name { value = $2 } END { print value }' "$scratch/figures"; }
# The median, where there were rounds.
typical() { awk -v name="$1" '$1 == name { print $2 }' "$scratch/figures" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# One row of the table. BOUND: "<= N" for the figure, ">= Nx" or "<= Nx" for its ratio to the peer's; empty: none.
row() { # WHAT FIGURE UNIT [PEER PEERS-FIGURE [BOUND]]
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" "${5:-}" "${6:-}" >>"$rows"
}

# The table of a file of rows.
print_table() {
    [ -s "$1" ] || return 0
    awk -F '\t' '
        function show(v) { return v == "" ? "-" : v >= 1000 ? sprintf("%.0f", v) : v >= 100 ? sprintf("%.1f", v) : sprintf("%.4g", v) }
        BEGIN { split("what|figure|peer|peer'"'"'s figure|ratio|bound|met", cell, "|"); for (i = 1; i <= 7; i++) t[0, i] = cell[i]; n = 1 }
        {
            ratio = $2 != "" && $5 != "" && $5 + 0 != 0 ? $2 / $5 : ""
            split($6, bound, " ")
            limit = bound[2]; value = sub(/x$/, "", limit) ? ratio : $2
            met = bound[1] == "" ? "" : value == "" ? "not measured" : (bound[1] == "<=" ? value + 0 <= limit + 0 : value + 0 >= limit + 0) ? "yes" : "NO"
            unit = $6 == "" || $6 ~ /x$/ ? "" : " " $3
            t[n, 1] = $1; t[n, 2] = $2 == "" ? "-" : show($2) " " $3; t[n, 3] = $4; t[n, 4] = $5 == "" ? "" : show($5) " " $3
            t[n, 5] = ratio == "" ? "" : sprintf("%.2fx", ratio); t[n, 6] = $6 unit; t[n, 7] = met
            n++
        }
        END {
            for (r = 0; r < n; r++) for (c = 1; c <= 7; c++) if (length(t[r, c]) > width[c]) width[c] = length(t[r, c])
            for (r = 0; r < n; r++) {
                for (c = 1; c <= 7; c++) printf "| %-*s ", width[c], t[r, c]
                print "|"
                if (r == 0) { for (c = 1; c <= 7; c++) { dashes = sprintf("%*s", width[c] + 2, ""); gsub(/ /, "-", dashes); printf "|%s", dashes }; print "|" }
            }
        }' "$1"
}
