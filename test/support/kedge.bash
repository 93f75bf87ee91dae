# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of the running program share: hosts as network namespaces, the agent, waiting with a deadline. A test file
# says `load ../support/kedge` and has `setup() { kedge_setup; }` and `teardown() { kedge_teardown; }`. All state is in
# $BATS_TEST_TMPDIR; what runs is ended by its process id.

: "${KEDGE:=build/debug/kedge}" "${KEDGE_SOURCE_DIR:=$PWD}" "${KEDGE_BUILD_DIR:=$KEDGE_SOURCE_DIR/build/debug}"
KEDGE=$(realpath "$KEDGE")
SECONDS_MAX=${SECONDS_MAX:-20} # of wait_for; sanitizers are slow

NODE_IP=192.0.2.10
OUT_IP=192.0.2.1

kedge_setup() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for network namespaces'
    dir=$BATS_TEST_TMPDIR
    id=k$BASHPID-$RANDOM
    hosts=()
    pids=()
    declare -gA backend_pid=()
    agent_pid=
    export HOME=$dir KUBECONFIG=$dir/kubeconfig
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
}

kedge_teardown() {
    local pid host
    if [ -n "$agent_pid" ]; then pids+=("$agent_pid"); fi
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    for host in "${hosts[@]}"; do
        for pid in $(ip netns pids "$id-$host" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
        ip netns delete "$id-$host" 2>/dev/null || true
    done
    # bats shows this only when the test failed.
    if [ -s "$dir/agent.log" ]; then tail -n 60 "$dir/agent.log" | sed 's/^/agent: /'; fi
}

# ---- hosts ----------------------------------------------------------------------------------------------------------

host_new() { # NAME: a network namespace of its own
    ip netns add "$id-$1"
    hosts+=("$1")
    ip -n "$id-$1" link set lo up
}

on() { # NAME COMMAND...
    local name=$1
    shift
    ip netns exec "$id-$name" "$@"
}

# A cable between two hosts.
link_new() { # NAME LINK ADDRESS/PREFIX NAME LINK ADDRESS/PREFIX
    ip -n "$id-$1" link add "$2" type veth peer name "$5" netns "$id-$4"
    link_up "$1" "$2" "$3"
    link_up "$4" "$5" "$6"
}

link_up() { # NAME LINK ADDRESS/PREFIX
    # No waiting for duplicate addresses, no router solicitations.
    on "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1" 2>/dev/null || true
    ip -n "$id-$1" addr add "$3" dev "$2"
    ip -n "$id-$1" link set "$2" up
}

# node: where the agent runs; out: a client outside.
node_new() {
    host_new node
    host_new out
    link_new node eth0 $NODE_IP/24 out eth0 $OUT_IP/24
    ip -n "$id-node" route add default via $OUT_IP
}

# A bridge on the node, as a network plugin makes it.
pod_network_new() {
    ip -n "$id-node" link add cni0 type bridge
    link_up node cni0 10.200.0.1/24
    # What network plugins ask of their users: else replies between pods of one bridge bypass the translation.
    on node sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
    pod_number=10
}

pod_host_new() { # NAME: a pod's network; its address is in $pod_ip
    pod_number=$((pod_number + 1))
    pod_ip=10.200.0.$pod_number
    host_new "$1"
    ip -n "$id-node" link add "v$pod_number" type veth peer name eth0 netns "$id-$1"
    ip -n "$id-node" link set "v$pod_number" master cni0 up
    # Traffic of a pod to itself through its own service comes back by the port that it left by.
    ip -n "$id-node" link set "v$pod_number" type bridge_slave hairpin on
    link_up "$1" eth0 $pod_ip/24
    ip -n "$id-$1" route add default via 10.200.0.1
}

# Runs with a pod's /etc/resolv.conf (dnsPolicy ClusterFirst, namespace default).
in_pod() { # NAME COMMAND...
    local name=$1
    shift
    printf 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.32.0.10\noptions ndots:5\n' \
        >"$dir/resolv.conf"
    # shellcheck disable=SC2016 # $0 and $@ are the inner shell's
    on "$name" unshare -m sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$dir/resolv.conf" "$@"
}

# ---- programs -------------------------------------------------------------------------------------------------------

# In the background, ended by teardown; its process id is in $pid.
run_on() { # NAME LOG COMMAND...
    local name=$1 log=$2
    shift 2
    ip netns exec "$id-$name" "$@" >"$log" 2>&1 3>&- &
    pid=$!
    pids+=("$pid")
}

# Until COMMAND succeeds; shows its last output when it does not in time.
wait_for() { # SECONDS COMMAND...
    local until=$((SECONDS + $1)) out
    shift
    until out=$("$@" 2>&1); do
        if [ $SECONDS -ge $until ]; then
            printf 'waited in vain for: %s\n%s\n' "$*" "$out"
            return 1
        fi
        sleep 0.05
    done
}

# ---- the agent ------------------------------------------------------------------------------------------------------

agent_launch() { # OPTION...: does not wait
    ip netns exec "$id-node" "$KEDGE" agent --data-dir "$dir/data" --run-dir "$dir/run" --node-name node-1 \
        --kubeconfig-out "$KUBECONFIG" "$@" >>"$dir/agent.log" 2>&1 3>&- &
    agent_pid=$!
}

agent_is_ready() { on node curl -sf --unix-socket "$dir/run/kedge.sock" http://kedge/readyz; }

agent_start() { # OPTION...: returns when it is ready
    agent_launch "$@"
    wait_for $SECONDS_MAX agent_is_ready
}

# Ends it, which must be clean: sanitizers report by exit status.
agent_stop() {
    local status=0
    kill -TERM "$agent_pid"
    wait "$agent_pid" || status=$?
    agent_pid=
    [ $status -eq 0 ] || printf 'the agent ended with status %d\n' $status
    return $status
}

agent_kill() {
    kill -KILL "$agent_pid"
    wait "$agent_pid" || true
    agent_pid=
}

kedge() { # a subcommand that asks the agent
    on node "$KEDGE" "$@" --run-dir "$dir/run"
}

kubectl() { on node "${KUBECTL:-$(type -P kubectl)}" "$@"; }
need_kubectl() { type -P kubectl >/dev/null || skip 'no kubectl here'; }

# The API over the agent's own socket: what kubectl is too slow or too kind for.
api() { # METHOD PATH [BODY [CONTENT-TYPE]]
    on node curl -sS --fail-with-body --unix-socket "$dir/run/kedge.sock" -X "$1" \
        -H "Content-Type: ${4:-application/json}" ${3:+--data-binary "$3"} "http://kedge$2"
}

namespace_is_there() { api GET "/api/v1/namespaces/$1" >/dev/null; }

# ---- a machine ------------------------------------------------------------------------------------------------------

# The node as a machine to install on: a copy-on-write view of this one's files, so that nothing of it changes.
machine_new() {
    machine=$dir/machine
    mkdir -p "$machine"
    # shellcheck disable=SC2016 # $0 is the inner shell's
    run_on node "$dir/machine.log" unshare -m bash -c '
        set -e
        mount -t tmpfs tmpfs "$0"
        mkdir "$0/upper" "$0/work" "$0/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
        mount -t proc proc "$0/root/proc"
        mount --bind /sys "$0/root/sys"
        mount --rbind /dev "$0/root/dev"
        mount -t tmpfs tmpfs "$0/root/run"
        mount -t tmpfs tmpfs "$0/root/tmp"
        mount -t tmpfs -o mode=700 tmpfs "$0/root/root"
        touch "$0/root/run/up"
        exec sleep infinity' "$machine"
    machine_pid=$pid
    wait_for 10 in_machine test -e /run/up
}

in_machine() { nsenter -t "$machine_pid" -m -n -r chroot "$machine/root" env -C / -u KUBECONFIG HOME=/root "$@"; }

# All that an installation may change and a removal must put back.
machine_state() {
    in_machine nft list ruleset
    in_machine iptables-save | grep -v '^#' | sed 's/\[[0-9:]*\]//'
    in_machine ip6tables-save | grep -v '^#' | sed 's/\[[0-9:]*\]//'
    in_machine ip -o address
    in_machine ip route show table all
    in_machine ip -6 route show table all
    in_machine ip rule
    # Without what the kernel counts.
    in_machine sysctl -a 2>/dev/null | grep -vE '^(fs\.(dentry-state|inode-|file-nr|aio-nr|quota)|kernel\.(random|ns_last_pid|pty\.nr|perf_event|tainted|keys)|.*(conntrack_count|nf_conntrack_buckets|_stable_secret))'
    # What was written: files, and folders that this machine does not have. (Others may work on the files below.)
    # shellcheck disable=SC2016 # $0 is the inner shell's
    nsenter -t "$machine_pid" -m bash -c 'cd "$0/upper" && find . ! -type d -printf "%y %m %p %l\n" &&
        find . -type f -exec cksum {} + &&
        find . -type d | while read -r path; do [ -d "/$path" ] || printf "folder %s\n" "$path"; done' "$machine" | sort
    in_machine find /run /tmp /root -xdev -printf '%y %m %u:%g %p %l\n' | sort
}

# ---- backends -------------------------------------------------------------------------------------------------------

# A Pod whose container is a real HTTP server in a network of its own.
backend_new() { # NAME LABELS(json) [PORT]
    pod_host_new "$1"
    run_on "$1" "$dir/$1.log" "$KEDGE_BUILD_DIR/test/tool_echo" "$1" "${3:-8080}"
    # shellcheck disable=SC2034 # for tests that end one
    backend_pid[$1]=$pid
    api POST /api/v1/namespaces/default/pods "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$1\",
        \"labels\":$2},\"spec\":{\"nodeName\":\"node-1\",\"containers\":[{\"name\":\"web\",\"image\":\"echo\",
        \"ports\":[{\"name\":\"http\",\"containerPort\":${3:-8080}}]}]}}" >/dev/null
    pod_set_ready "$1" true "$pod_ip"
}

pod_set_ready() { # NAME true|false [IP]
    local ready=False ip=
    if [ "$2" = true ]; then ready=True; fi
    if [ -n "${3:-}" ]; then ip=",\"podIP\":\"$3\",\"podIPs\":[{\"ip\":\"$3\"}]"; fi
    api PATCH "/api/v1/namespaces/default/pods/$1/status" "{\"status\":{\"phase\":\"Running\"$ip,\"conditions\":[
        {\"type\":\"Ready\",\"status\":\"$ready\"},{\"type\":\"ContainersReady\",\"status\":\"$ready\"}],
        \"containerStatuses\":[{\"name\":\"web\",\"image\":\"echo\",\"imageID\":\"\",\"restartCount\":0,\"ready\":$2,
        \"state\":{\"running\":{}}}]}}" \
        application/merge-patch+json >/dev/null
}
