#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The life of the agent: start, readiness, health, signals, what it refuses and what it survives.

load ../support/kedge

setup() { kedge_setup; }
teardown() { kedge_teardown; }

status_says() { kedge status | grep -qF -- "$1"; }

@test "the agent becomes ready, serves kubectl and stops clean" {
    need_kubectl
    node_new
    agent_start
    grep -q 'agent.ready after_ms=' "$dir/agent.log"
    [ "$(stat -c %a "$KUBECONFIG")" = 600 ]
    [ "$(stat -c %a "$dir/run/kedge.sock")" = 600 ]
    run kubectl version
    [[ $output == *'Server Version: v1.33'*'+kedge'* ]]
    wait_for $SECONDS_MAX namespace_is_there default
    kubectl create configmap seen --from-literal=a=b
    run kubectl get configmap seen -o 'jsonpath={.data.a}'
    [ "$output" = b ]
    run kedge status
    [ "$status" -eq 0 ]
    [[ $output == *'node-1 (ready)'*'api https *:6443'*'dns 10.32.0.10:53'* ]]
    run kedge status -o json
    [ "$(jq -r .ready <<<"$output")" = true ]
    agent_stop
    [ ! -e "$dir/run/kedge.sock" ]
    grep -q agent.stopped "$dir/agent.log"
}

@test "what was written is there after a restart and after a kill" {
    node_new
    agent_start
    wait_for $SECONDS_MAX namespace_is_there default
    api POST /api/v1/namespaces/default/configmaps '{"metadata":{"name":"kept"},"data":{"a":"1"}}' >/dev/null
    agent_stop
    agent_start
    [ "$(api GET /api/v1/namespaces/default/configmaps/kept | jq -r .data.a)" = 1 ]
    api POST /api/v1/namespaces/default/configmaps '{"metadata":{"name":"kept-too"},"data":{"a":"2"}}' >/dev/null
    agent_kill
    agent_start
    [ "$(api GET /api/v1/namespaces/default/configmaps/kept-too | jq -r .data.a)" = 2 ]
    agent_stop
}

@test "a second agent on the same data directory is refused" {
    node_new
    agent_start
    run on node "$KEDGE" agent --data-dir "$dir/data" --run-dir "$dir/run2"
    [ "$status" -eq 1 ]
    [[ $output == *"another agent runs with --data-dir $dir/data"* ]]
    agent_is_ready
    agent_stop
}

@test "a taken API port is fatal and its holder is named" {
    node_new
    agent_start
    run on node "$KEDGE" agent --data-dir "$dir/data2" --run-dir "$dir/run2" --ingress-http-listen none \
        --ingress-https-listen none --dns-listen none --metrics-listen none --proxy-mode none
    [ "$status" -eq 1 ]
    [[ $output == *"port 6443 for the API: held by kedge (pid $agent_pid)"* ]]
    agent_stop
}

@test "a low soft limit on descriptors is raised" {
    [ "$(ulimit -Hn)" -ge 4096 ] || skip 'the hard limit is low too'
    node_new
    ulimit -Sn 512
    agent_start
    [ "$(sed -n 's/.*connections_max=//p' "$dir/agent.log")" -gt 3000 ]
    agent_stop
}

@test "HUP opens the log file again" {
    node_new
    agent_start --log-file "$dir/kedge.log"
    mv "$dir/kedge.log" "$dir/kedge.log.1"
    kill -HUP "$agent_pid"
    wait_for $SECONDS_MAX test -e "$dir/kedge.log"
    agent_stop
    grep -q agent.ready "$dir/kedge.log.1"
    grep -q agent.stopped "$dir/kedge.log"
    ! grep -q agent.stopped "$dir/kedge.log.1"
}

@test "health and metrics are served in plain HTTP, and nothing else is" {
    node_new
    agent_start
    [ "$(on node curl -sf http://127.0.0.1:10249/healthz)" = ok ]
    [ "$(on node curl -sf http://127.0.0.1:10249/livez)" = ok ]
    [ "$(on node curl -sf http://127.0.0.1:10249/readyz)" = ok ]
    on node curl -sf 'http://127.0.0.1:10249/readyz?verbose' | grep -qF '[+]metrics ok'
    on node curl -sf http://127.0.0.1:10249/metrics | grep -q '^apiserver_request_total'
    run on node curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:10249/api/v1/namespaces
    [ "$output" = 403 ]
    run on node curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1:6443/metrics
    [ "$output" = 403 ]
    agent_stop
}

@test "ports held by others degrade, name the holder and are taken when free" {
    node_new
    run_on node "$dir/web.log" "$KEDGE_BUILD_DIR/test/tool_echo" squatter 80
    local web=$pid
    run_on node "$dir/metrics.log" "$KEDGE_BUILD_DIR/test/tool_echo" squatter 10249
    local metrics=$pid
    run_on node "$dir/dns.log" "$KEDGE_BUILD_DIR/test/tool_echo" squatter 53
    local dns=$pid
    wait_for 10 on node curl -sf http://127.0.0.1:80/
    wait_for 10 on node curl -sf http://127.0.0.1:10249/
    wait_for 10 on node curl -sf http://127.0.0.1:53/
    agent_start
    wait_for 10 status_says "held by tool_echo (pid $web)"
    status_says "held by tool_echo (pid $metrics)"
    wait_for 10 status_says "held by tool_echo (pid $dns)"
    run on node curl -sk 'https://127.0.0.1:6443/readyz?verbose'
    [[ $output == *'[-]ingress.http degraded: '*"held by tool_echo (pid $web)"* ]]
    [[ $output == *'readyz check passed'* ]]
    kill "$web" "$metrics" "$dns"
    wait_for 30 on node curl -sf http://127.0.0.1:10249/readyz
    wait_for 30 status_is_whole
    agent_stop
}

status_is_whole() { kedge status >/dev/null && ! kedge status | grep DEGRADED; }

@test "the service manager is told" {
    node_new
    # The datagrams' end; socat is not needed for it.
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(60)
while True:
    text = s.recv(100).decode()
    print(text, flush=True)
    if text.startswith("STOPPING"):
        break
' "$dir/notify" >"$dir/notified" 3>&- &
    local listener=$!
    pids+=("$listener")
    wait_for 10 test -S "$dir/notify"
    NOTIFY_SOCKET=$dir/notify agent_launch
    wait_for $SECONDS_MAX grep -qx READY=1 "$dir/notified"
    agent_stop
    wait "$listener"
    grep -qx STOPPING=1 "$dir/notified"
}
