#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Answers against recordings: those of a kube-apiserver, and what kubectl of every version was seen to ask for.

load ../support/agent.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
}

teardown_file() { agent_stop; }

oracle() { in_netns python3 "$KEDGE_SOURCE_DIR/test/conformance/oracle/$1" "${@:2}"; }
data() { echo "$KEDGE_SOURCE_DIR/test/conformance/oracle/$1"; }

@test "answers are those of a kube-apiserver, but where the data says why not" {
    oracle oracle.py "$(data cases.jsonl)" "$AGENT_DIR/run/kedge.sock" "$AGENT_ADDRESS:6443"
}

@test "whatever kubectl 1.20 to 1.35 sends has a sane answer" {
    oracle replay.py "$(data requests.txt)" "$AGENT_DIR/run/kedge.sock"
}

# Every kind and every field of it, as far as --recursive goes.
explain_all() { # KUBECTL
    local kind
    while read -r kind; do
        case $1 in *1.20*) kind=${kind%%.*} ;; esac # where a dot is a field
        in_netns timeout 30 "$1" explain "$kind" --recursive >"$BATS_TEST_TMPDIR/out" 2>&1 || {
            echo "$1 explain $kind: $(head -3 "$BATS_TEST_TMPDIR/out")" >&2
            return 1
        }
        [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -gt 8 ]
    done
    in_netns "$1" explain pod.spec.containers.livenessProbe.httpGet.port | grep -qE '^FIELD: +port'
    in_netns "$1" explain deployments.spec.strategy | grep -q rollingUpdate
}

@test "kubectl explains every kind" {
    local kubectls path kinds
    kubectls=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls)
    [ -n "$kubectls" ] || skip 'no kubectl'
    if [ -z "${KEDGE_LONG:-}" ]; then kubectls=$(sed -n '1p;$p' <<<"$kubectls"); fi
    export HOME=$BATS_TEST_TMPDIR
    while read -r _ path; do
        kinds=$(in_netns "$path" api-resources --no-headers -o name)
        [ "$(wc -l <<<"$kinds")" -gt 15 ]
        explain_all "$path" <<<"$kinds" || return
    done <<<"$kubectls"
}

@test "every kind is had in every form, by its fields, and as a watch that begins with the list" {
    oracle forms.py "$AGENT_DIR/run/kedge.sock"
}
