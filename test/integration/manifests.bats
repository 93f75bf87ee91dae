#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The manifests directory: files are applied at start and on change, and what they no longer have goes.

load ../support/agent.bash

setup() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
    folder=$(mktemp -d)
    put web.yaml "$(map web 1)"
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none --manifests-dir="$folder"
}

teardown() {
    agent_stop
    rm -rf "$folder"
}

map() { # NAME VALUE
    printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {value: "%s"}\n' "$1" "$2"
}

# As editors do: whole, under another name, then renamed.
put() { # FILE TEXT
    printf '%s\n' "$2" >"$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
}

k() { in_netns timeout 20 kubectl "$@"; }

has() { [ "$(k get configmap "$1" -o 'jsonpath={.data.value}')" = "$2" ]; }

is_gone() { [ -z "$(k get "$@" --ignore-not-found -o name)" ]; }

status_says() { curl -sf --unix-socket "$AGENT_DIR/run/kedge.sock" 'http://kedge/readyz?verbose' | grep -q "$1"; }

@test "files there at the start are applied; changed, added and removed ones follow" {
    await 20 has web 1
    put web.yaml "$(map web 2)"
    await 20 has web 2
    mkdir "$folder/more"
    map other 1 >"$folder/more/other.yaml"
    await 20 has other 1
    put web.yaml "$(map web 3 && map second 1)"
    await 20 has second 1
    put web.yaml "$(map second 1)"
    await 20 is_gone configmap web
    rm "$folder/more/other.yaml"
    await 20 is_gone configmap other
    has second 1
}

@test "the file's word wins where it speaks, and only there" {
    await 20 has web 1
    k patch configmap web --type=merge -p '{"data":{"value":"mine","extra":"kept"}}'
    put web.yaml "$(map web 4)"
    await 20 has web 4
    [ "$(k get configmap web -o 'jsonpath={.data.extra}')" = kept ]
}

@test "a broken file keeps what it asked for, is named, and does not hold up others" {
    await 20 has web 1
    put web.yaml 'a: ['
    put next.yaml "$(map next 1)"
    await 20 has next 1
    await 20 status_says 'web.yaml'
    has web 1
    put web.yaml "$(map web 5)"
    await 20 has web 5
}

@test "an object that is refused is tried again: its namespace may come later" {
    await 20 has web 1
    put late.yaml '{apiVersion: v1, kind: ConfigMap, metadata: {name: late, namespace: later}}'
    await 20 status_says 'late.yaml'
    k create namespace later
    await 30 k -n later get configmap late
}

@test "what was removed while the agent was down is pruned at the start" {
    await 20 has web 1
    agent_end
    rm "$folder/web.yaml"
    put other.yaml "$(map other 1)"
    agent_run
    await 20 has other 1
    await 20 is_gone configmap web
}

@test "what inherited the label stays: slices of a Service from a file" {
    put svc.yaml '{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}, ports: [{port: 80}]}}'
    await 20 k get service s
    await 20 k get endpoints s
    put again.yaml "$(map again 1)"
    await 20 has again 1
    k get endpoints s
    rm "$folder/svc.yaml"
    await 20 is_gone service s
}
