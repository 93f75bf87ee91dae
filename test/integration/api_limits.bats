#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the API does when too much is asked of it at a time.

load ../support/agent.bash

setup() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --max-requests-inflight=4
}

teardown() {
    if [ -n "${WAITING:-}" ]; then
        # shellcheck disable=SC2086 # one word each
        kill $WAITING 2>/dev/null || :
    fi
    agent_stop
}

ask() { curl -s --unix-socket "$AGENT_DIR/run/kedge.sock" "$@"; }

# Reads under way, the one that asks included.
n_reads() {
    in_netns curl -sf http://127.0.0.1:10249/metrics |
        awk '/^apiserver_current_inflight_requests.*readOnly/ { print $2 }'
}

are_under_way() { [ "$(n_reads)" -eq "$1" ]; }

@test "one client with too many requests is told to come again, others are served" {
    local url='http://k/api/v1/namespaces?resourceVersion=99999999' # waits three seconds for it
    for _ in 1 2 3; do
        ask -o /dev/null "$url" 3>&- &
        WAITING="${WAITING:-} $!"
    done
    await 3 are_under_way 4
    run ask -i http://k/api/v1/namespaces
    [[ $output == *'HTTP/1.1 429 '* ]]
    [[ $output == *'Retry-After: 1'* ]]
    [[ $output == *'"reason": "TooManyRequests"'* ]]
    # Somebody else, who does not even say who.
    in_netns curl -skf "https://$AGENT_ADDRESS:6443/version" >/dev/null
    # shellcheck disable=SC2086
    wait $WAITING
    WAITING=
    ask -f http://k/api/v1/namespaces >/dev/null
    in_netns curl -sf http://127.0.0.1:10249/metrics |
        grep -q '^apiserver_dropped_requests_total{request_kind="readOnly"} 1$'
}
