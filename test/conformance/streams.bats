#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec, attach, cp, port-forward, logs and the proxy with real kubectls of every protocol: SPDY up to 1.29, WebSocket from
# 1.30 on, SPDY inside WebSocket for port-forward from 1.31 on. The API server is tool_api_serve, in a network namespace
# of its own; its containers are processes there.

load ../support/assert.bash
load ../support/kubectl.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    export ns=kedge-streams-$BASHPID SERVE_DIR=$BATS_FILE_TMPDIR
    export HOME=$SERVE_DIR KUBECONFIG=$SERVE_DIR/kubeconfig
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
    kubectls_find
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    ip -n "$ns" addr add 10.77.0.1/32 dev lo # of the pods: a loopback address is never gone to
    mkfifo "$SERVE_DIR/in"
    on "${KEDGE_BUILD_DIR:=build/debug}/test/tool_api_serve" "$SERVE_DIR" <"$SERVE_DIR/in" >"$SERVE_DIR/port" \
        2>"$SERVE_DIR/log" 3>&- &
    echo $! >"$SERVE_DIR/pids"
    exec 9>"$SERVE_DIR/in" # open as long as we are
    wait_until test -s "$SERVE_DIR/port"
    # The proxy goes to the pod's address, a port-forward to 127.0.0.1 of its namespace.
    serve_web 10.77.0.1
    serve_web 127.0.0.1
    head -c 52428800 /dev/urandom >"$SERVE_DIR/big"
    sha256sum <"$SERVE_DIR/big" >"$SERVE_DIR/sum"
    printf 'one\ntwo\nthree\n' >"$SERVE_DIR/p_c.log"
    on kubectl create --validate=false -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default, labels: {a: b}}
spec: {nodeName: n1, containers: [{name: c, image: x, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: default}
spec: {selector: {a: b}, ports: [{name: web, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s-1, namespace: default, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{name: web, port: 8080, protocol: TCP}]
endpoints: [{addresses: [10.77.0.1], targetRef: {kind: Pod, name: p, namespace: default}}]
YAML
    on kubectl patch pod p --subresource=status --type=merge -p '{"status":{"phase":"Running","podIP":"10.77.0.1",
        "podIPs":[{"ip":"10.77.0.1"}],"containerStatuses":[{"name":"c","ready":true,"restartCount":0,"image":"x",
        "imageID":"","state":{"running":{}}}]}}'
}

teardown_file() {
    local pid
    exec 9>&- || true
    for pid in $(cat "$SERVE_DIR/pids"); do kill "$pid" 2>/dev/null || true; done
    for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns delete "$ns"
}

serve_web() { # ADDRESS
    become python3 "$BATS_TEST_DIRNAME/../support/proxied.py" "$1" 8080 "$SERVE_DIR/big" >"$SERVE_DIR/web-$1.log" 2>&1 3>&- 9>&- &
    echo $! >>"$SERVE_DIR/pids"
    wait_until on curl -sS -o /dev/null "http://$1:8080/echo"
}

on() { ip netns exec "$ns" "$@"; }
# Behind an &: the process is the command itself, to be ended by its id.
become() { exec ip netns exec "$ns" "$@"; }

wait_until() { # COMMAND...
    local until=$((SECONDS + 20))
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

each() { # FUNCTION: once for each kubectl, its path in $K
    local version path
    while read -r version path; do
        K=$path
        "$1" </dev/null || {
            echo "with kubectl $version: $output"
            return 1
        }
    done <<<"$KUBECTLS"
}

same() { # WANTED
    [ "$output" = "$1" ] || {
        printf 'wanted: %s\n   got: %s\n' "$1" "$output"
        return 1
    }
}

exit_codes() {
    run on "$K" exec p -- sh -c 'echo out; exit 3'
    [ "$status" -eq 3 ] && same $'out\ncommand terminated with exit code 3' || return
    run on "$K" exec p -- true
    [ "$status" -eq 0 ] && same '' || return
    run on "$K" exec p -- no-such-program
    [ "$status" -ne 0 ] && [[ $output == *'executable file not found in $PATH'* ]] || return
    run on "$K" exec p -c nosuch -- true
    [[ $output == *'container nosuch '*'p'* ]] || return
    run on "$K" exec nosuch -- true
    same 'Error from server (NotFound): pods "nosuch" not found'
}
@test 'exec tells output, exit code and what cannot be run' { each exit_codes; }

input() {
    run on bash -c "echo hello | '$K' exec -i p -- cat"
    same hello || return
    # Much in, little out: what is not read does not hold up the end.
    run on bash -c "head -c 10000000 /dev/zero | '$K' exec -i p -- head -c 3 2>/dev/null | wc -c"
    same 3 || return
    run on bash -c "head -c 10000000 /dev/zero | '$K' exec -i p -- sh -c 'wc -c'"
    same 10000000
}
@test 'exec -i passes input to its end' { each input; }

terminal() {
    run on script -qec "stty rows 33 cols 101; '$K' exec -it p -- sh -c 'tty; sleep 0.3; stty size; exit 5'" /dev/null
    [ "$status" -eq 5 ] && [[ $output == *'/dev/pts/'* && $output == *'33 101'* ]]
}
@test 'exec -it has a terminal of the size of ours' { each terminal; }

copy() {
    rm -rf "$SERVE_DIR/there" "$SERVE_DIR/back"
    mkdir "$SERVE_DIR/there"
    on "$K" cp "$SERVE_DIR/big" "default/p:$SERVE_DIR/there/big" || return
    [ "$(sha256sum <"$SERVE_DIR/there/big")" = "$(cat "$SERVE_DIR/sum")" ] || return
    on "$K" cp "default/p:$SERVE_DIR/there/big" "$SERVE_DIR/back" || return
    [ "$(sha256sum <"$SERVE_DIR/back")" = "$(cat "$SERVE_DIR/sum")" ]
}
@test 'cp brings 50 MiB there and back whole' { each copy; }

attached() {
    run on bash -c "echo attached | '$K' attach -i p"
    [[ $output == *attached* ]]
}
@test 'attach talks to the process' { each attached; }

logs() {
    local pid
    run on "$K" logs p
    same $'one\ntwo\nthree' || return
    run on "$K" logs p --tail=1
    same three || return
    run on "$K" logs p --limit-bytes=5
    same $'one\nt' || return
    run on "$K" logs p --previous
    same 'Error from server (BadRequest): previous terminated container "c" in pod "p" not found' || return
    become "$K" logs -f p >"$SERVE_DIR/followed" 3>&- 9>&- &
    pid=$!
    wait_until grep -q three "$SERVE_DIR/followed" || return
    echo four >>"$SERVE_DIR/p_c.log"
    wait_until grep -q four "$SERVE_DIR/followed" || return
    kill $pid
    printf 'one\ntwo\nthree\n' >"$SERVE_DIR/p_c.log"
}
@test 'logs, the last lines of them, and as they come' { each logs; }

forwarded() {
    local pid port i pids=()
    become "$K" port-forward p :8080 >"$SERVE_DIR/forward" 2>&1 3>&- 9>&- &
    pid=$!
    wait_until grep -q 'Forwarding from 127' "$SERVE_DIR/forward" || return
    port=$(sed -n 's/.*127.0.0.1:\([0-9]*\) .*/\1/p' "$SERVE_DIR/forward")
    for i in $(seq 12); do
        become curl -sS "http://127.0.0.1:$port/big" 3>&- 9>&- | sha256sum >"$SERVE_DIR/sum.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    kill $pid
    for i in $(seq 12); do cmp "$SERVE_DIR/sum" "$SERVE_DIR/sum.$i" || return; done
}
@test 'port-forward carries many connections at a time' { each forwarded; }

@test 'the JavaScript client runs commands, reads logs and forwards ports' {
    local clients=$KEDGE_SOURCE_DIR/build/clients
    command -v node >/dev/null || skip 'no node'
    [ -d "$clients/node_modules/@kubernetes/client-node" ] || skip 'no @kubernetes/client-node'
    on timeout 60 node "$BATS_TEST_DIRNAME/clients/exec.mjs" "$clients" 8080 3>&- 9>&-
}

proxied() {
    local at=/api/v1/namespaces/default pid port
    run on "$K" get --raw $at/services/s:web/proxy/echo?a=b
    [[ $output == *'GET /echo?a=b'* && $output == *"X-Forwarded-Uri: $at/services/s:web/proxy/echo"* ]] || return
    [[ $output != *Authorization* ]] || return
    run on "$K" get --raw $at/services/s/proxy/
    same 'Error from server (ServiceUnavailable): no endpoints available for service "s"' || return
    run on "$K" get --raw $at/pods/p:9/proxy/
    same 'Error from server (ServiceUnavailable): error trying to reach service: dial tcp 10.77.0.1:9: connect: connection refused' ||
        return
    [ "$(on "$K" get --raw $at/pods/p/proxy/big | sha256sum)" = "$(cat "$SERVE_DIR/sum")" ] || return
    become "$K" proxy --port=0 >"$SERVE_DIR/proxy" 2>&1 3>&- 9>&- &
    pid=$!
    wait_until grep -q Starting "$SERVE_DIR/proxy" || return
    port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$SERVE_DIR/proxy")
    run on curl -sS "http://127.0.0.1:$port$at/services/s:80/proxy/page"
    same "<a href=\"$at/services/s:80/proxy/x\">x</a>" || return
    run on bash -c "curl -sS -H Expect: --data-binary @'$SERVE_DIR/big' http://127.0.0.1:$port$at/pods/p/proxy/sum"
    same "$(cut -d' ' -f1 "$SERVE_DIR/sum")" || return
    kill $pid
    run on "$K" cluster-info
    [[ $output == *'is running at '*'https://127.0.0.1:'* ]]
}
@test 'the proxy reaches services and pods, with bodies of any size' { each proxied; }
