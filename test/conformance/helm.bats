#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Helm 4 through the life of a release: install, upgrade, rollback, test, uninstall. No container runs here: a Deployment
# becomes available and a test's pod succeeds when the test writes their status, as controllers and a kubelet would.

load ../support/agent.bash
load ../support/assert.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    [ -x "$KEDGE_SOURCE_DIR/build/clients/helm" ] || skip 'no Helm'
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
    k create namespace apps
}

teardown_file() { agent_stop; }

k() { in_netns timeout 30 kubectl -n apps "$@"; }

helm() { in_netns timeout 100 "$KEDGE_SOURCE_DIR/build/clients/helm" -n apps "$@"; }

chart=$KEDGE_SOURCE_DIR/test/conformance/chart

field() { # KIND/NAME JSONPATH
    k get "$1" -o "jsonpath={$2}"
}

has_value() { [ "$(field "$1" "$2")" = "$3" ]; }

# What controllers would say of a Deployment once all its pods serve.
make_available() { # NAME REPLICAS
    await 30 has_value "deployment/$1" .spec.replicas "$2" || return
    local generation
    generation=$(field "deployment/$1" .metadata.generation)
    k patch deployment "$1" --subresource=status --type=merge -p "{\"status\":{\"observedGeneration\":$generation,
        \"replicas\":$2,\"updatedReplicas\":$2,\"readyReplicas\":$2,\"availableReplicas\":$2,\"conditions\":[
        {\"type\":\"Available\",\"status\":\"True\",\"reason\":\"MinimumReplicasAvailable\"},
        {\"type\":\"Progressing\",\"status\":\"True\",\"reason\":\"NewReplicaSetAvailable\"}]}}"
}

make_succeed() { # POD
    await 30 k get pod "$1" || return
    k patch pod "$1" --subresource=status --type=merge -p '{"status":{"phase":"Succeeded"}}'
}

@test "install puts every object of the chart there and remembers the release" {
    make_available web 2 3>&- &
    run helm install web "$chart" --wait=watcher --timeout 60s
    assert_line '^STATUS: deployed'
    assert_line '^REVISION: 1'
    wait
    run k get serviceaccount,configmap,role,rolebinding,deployment,service,ingress,poddisruptionbudget web -o name
    [ "$status" -eq 0 ]
    [ "$(field configmap/web .data.greeting)" = hello ]
    [ "$(field configmap/web '.metadata.labels.app\.kubernetes\.io/managed-by')" = Helm ]
    run helm list
    assert_line '^web.*deployed'
    run k get secrets --field-selector type=helm.sh/release.v1 -o name
    assert_line '^secret/sh.helm.release.v1.web.v1$'
}

@test "installing it again is refused" {
    run helm install web "$chart"
    [ "$status" -ne 0 ]
    assert_line 'cannot (re-use|reuse) a name that is still in use'
}

@test "upgrade changes what the values change, and nothing else" {
    uid=$(field deployment/web .metadata.uid)
    k label configmap web mine=kept
    run helm upgrade web "$chart" --set greeting=hi --set replicas=3
    assert_line '^STATUS: deployed'
    assert_line '^REVISION: 2'
    [ "$(field configmap/web .data.greeting)" = hi ]
    [ "$(field configmap/web .metadata.labels.mine)" = kept ]
    [ "$(field deployment/web .spec.replicas)" = 3 ]
    [ "$(field deployment/web .metadata.uid)" = "$uid" ]
}

@test "a bad value fails the upgrade and leaves the objects as they were" {
    run helm upgrade web "$chart" --set host=Not_A_Host
    [ "$status" -ne 0 ]
    assert_line 'Invalid value'
    [ "$(field ingress/web '.spec.rules[0].host')" = whoami.example.net ]
}

@test "rollback brings the first revision back" {
    run helm rollback web 1
    assert_line 'Rollback was a success'
    [ "$(field configmap/web .data.greeting)" = hello ]
    [ "$(field deployment/web .spec.replicas)" = 2 ]
    run helm history web
    assert_line 'Rollback to 1'
}

@test "test runs the chart's pod to its end" {
    make_succeed web-test 3>&- &
    run helm test web --timeout 60s
    wait
    echo "$output"
    assert_line 'Phase: +Succeeded'
}

@test "uninstall takes everything away" {
    run helm uninstall web
    assert_line 'release "web" uninstalled'
    run k get serviceaccount,configmap,role,rolebinding,deployment,service,ingress,poddisruptionbudget web -o name \
        --ignore-not-found
    [ -z "$output" ]
    run helm list
    [ -z "$(grep '^web' <<<"$output")" ]
}
