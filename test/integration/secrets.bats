#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a start puts right, and Secrets that are encrypted on disk: the file never shows them, keys change under load and
# over crashes.

load ../support/agent.bash
load ../support/assert.bash

setup() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    KUBECTL=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls | tail -n 1 | cut -d' ' -f2)
    [ -n "$KUBECTL" ] || skip 'no kubectl'
    cd "$BATS_TEST_TMPDIR" || return
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
    NS=secret-test
    k create namespace $NS
}

teardown() { agent_stop; }

k() { in_netns timeout 30 "$KUBECTL" "$@"; }

@test "a default role that was changed is put right at the next start, unless its owner says no" {
    k patch clusterrole system:kube-dns --type=merge -p '{"rules":[]}'
    k annotate --overwrite clusterrole system:volume-scheduler rbac.authorization.kubernetes.io/autoupdate=false
    k patch clusterrole system:volume-scheduler --type=merge -p '{"rules":[]}'
    k delete clusterrolebinding system:discovery
    agent_restart
    await 10 k get clusterrolebinding system:discovery
    await 10 sh -c "ip netns exec $AGENT_NETNS $KUBECTL get clusterrole system:kube-dns -o json | jq -e '.rules | length == 1'"
    assert_equal "$(k get clusterrole system:volume-scheduler -o json | jq '.rules | length')" 0
}

# ---- secrets at rest -------------------------------------------------------------------------------------------------

key_id() { sed -n 's/^aesgcm:v1 \([0-9a-f]*\) .*/\1/p' "$AGENT_DIR/data/pki/secrets.key" | head -n 1; }
database_has() { grep -qF -- "$1" "$AGENT_DIR"/data/registry.db*; }

@test "a Secret is not in the database file" {
    k -n "$NS" create secret generic s --from-literal=word=Kept-From-Readers
    k -n "$NS" patch secret s --type=merge -p '{"stringData":{"word":"Kept-From-Readers-Too"}}'
    k -n "$NS" create configmap c --from-literal=word=For-All-Readers
    database_has For-All-Readers
    database_has k8s:enc:aesgcm:v1:
    not database_has "$(printf Kept-From-Readers | base64 | cut -c 1-20)"
    not database_has Kept-From-Readers
    assert_equal "$(stat -c %a "$AGENT_DIR/data/pki/secrets.key")" 600
    agent_restart
    assert_equal "$(k -n "$NS" get secret s -o 'jsonpath={.data.word}' | base64 -d)" Kept-From-Readers-Too
    not database_has "$(printf Kept-From-Readers | base64 | cut -c 1-20)"
}

@test "another key comes while the agent works, without it, and over crashes" {
    local i before now
    for i in $(seq 60); do
        printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s%s"},"stringData":{"a":"value-%s"}}\n' "$i" "$i"
    done >secrets.json
    k -n "$NS" create -f secrets.json >/dev/null
    before=$(key_id)
    "$KEDGE" registry rekey --run-dir "$AGENT_DIR/run"
    now=$(key_id)
    [ "$before" != "$now" ]
    for i in 1 2 3 4 5; do
        (while k -n "$NS" annotate --overwrite secret s1 at=$RANDOM; do :; done) >/dev/null 2>&1 3>&- &
        local writer=$!
        "$KEDGE" registry rekey --run-dir "$AGENT_DIR/run" >/dev/null 2>&1 3>&- &
        local rekey=$!
        read -rt "0.0$((RANDOM % 6))" <> <(:) || :
        kill -KILL "$AGENT_PID"
        await 10 agent_is_over
        wait "$rekey" || :
        wait "$writer" || :
        agent_run
    done
    assert_equal "$(k -n "$NS" get secret s60 -o 'jsonpath={.data.a}' | base64 -d)" value-60
    agent_end
    "$KEDGE" registry rekey --run-dir "$AGENT_DIR/run" --data-dir "$AGENT_DIR/data"
    not database_has "k8s:enc:aesgcm:v1:$now"
    database_has "k8s:enc:aesgcm:v1:$(key_id)"
    mv "$AGENT_DIR/data/pki/secrets.key" kept.key
    run "$KEDGE" registry rekey --run-dir "$AGENT_DIR/run" --data-dir "$AGENT_DIR/data"
    [ "$status" -ne 0 ]
    assert_has "$output" 'put the key file back'
    mv kept.key "$AGENT_DIR/data/pki/secrets.key"
    agent_run
    for i in $(seq 60); do
        assert_equal "$(k -n "$NS" get secret "s$i" -o 'jsonpath={.data.a}' | base64 -d)" "value-$i"
    done
}
