#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Client libraries against the agent: Python (Debian's) and JavaScript (npm's), each with a program as its users write it.

load ../support/agent.bash

setup() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
    here=$KEDGE_SOURCE_DIR/test/conformance/clients
}

start() {
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
}

teardown() { agent_stop; }

said() { grep -q "$1" "$AGENT_DIR/client.log"; }

@test "Python: typed and dynamic calls, patches, watch" {
    /usr/bin/python3 -c 'import kubernetes' 2>/dev/null || skip 'no python3-kubernetes'
    start
    run in_netns timeout 120 /usr/bin/python3 "$here/dynamic.py" "$KUBECONFIG" python
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "JavaScript: CRUD, patches, scale, an informer across a restart" {
    clients=$KEDGE_SOURCE_DIR/build/clients
    command -v node >/dev/null || skip 'no node'
    [ -d "$clients/node_modules/@kubernetes/client-node" ] || skip 'no @kubernetes/client-node'
    start
    in_netns node "$here/informer.mjs" "$clients" javascript >"$AGENT_DIR/client.log" 2>&1 3>&- &
    client=$!
    await 60 said 'restart me\|Error' && ! said Error || {
        cat "$AGENT_DIR/client.log"
        return 1
    }
    agent_restart
    in_netns kubectl -n javascript create secret generic after
    in_netns kubectl -n javascript delete secret before
    wait $client || {
        cat "$AGENT_DIR/client.log"
        return 1
    }
}
