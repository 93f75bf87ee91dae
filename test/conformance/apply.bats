#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Server-side apply with real kubectls: creating, changing, taking away, conflicts, several managers, the way from
# client-side apply, and who is said to manage what. Each test runs once for every kubectl there is (see kubectl.bash).

load ../support/agent.bash
load ../support/assert.bash
load ../support/kubectl.bash

setup_file() {
    kubectls_find
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    kubectls_home
}

teardown_file() { agent_stop; }

configmap() { # LINE...: of data
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n'
    printf '  %s\n' "$@"
}

ssa() { k apply --server-side -f - "$@"; }

managers() { # KIND NAME: manager/operation/subresource, in the order of the list
    k get "$1" "$2" -o json --show-managed-fields 2>/dev/null >"$AGENT_DIR/managed" ||
        k get "$1" "$2" -o json >"$AGENT_DIR/managed" # before 1.21 they were always shown
    jq -r '[.metadata.managedFields[]? | .manager + "/" + .operation + (if .subresource then "/" + .subresource else "" end)]
        | sort | join(" ")' "$AGENT_DIR/managed"
}

changing() {
    run ssa <<<"$(configmap 'a: "1"' 'b: "2"')"
    assert_equal "$output" 'configmap/c serverside-applied' || return
    run managers configmap c
    assert_equal "$output" kubectl/Apply || return
    local revision
    revision=$(k get configmap c -o 'jsonpath={.metadata.resourceVersion}')
    ssa <<<"$(configmap 'a: "1"' 'b: "2"')" || return
    assert_equal "$(k get configmap c -o 'jsonpath={.metadata.resourceVersion}')" "$revision" || return
    ssa <<<"$(configmap 'b: "3"')" || return
    run k get configmap c -o 'jsonpath={.data}'
    assert_equal "$output" '{"b":"3"}' || return
    run ssa --dry-run=server <<<"$(configmap 'z: "9"')"
    assert_equal "$output" 'configmap/c serverside-applied (server dry run)' || return
    run k get configmap c -o 'jsonpath={.data}'
    assert_equal "$output" '{"b":"3"}'
}

@test "apply --server-side creates, changes, removes, and writes nothing when nothing changes" { each_kubectl changing; }

conflicting() {
    ssa --field-manager=one <<<"$(configmap 'a: "1"')" || return
    run ssa --field-manager=two <<<"$(configmap 'a: "2"')"
    [ "$status" -ne 0 ] || return
    assert_line 'Apply failed with 1 conflict: conflict with "one": \.data\.a' || return
    k patch configmap c --type=merge -p '{"data":{"b":"x"}}' || return
    run ssa --field-manager=two <<<"$(configmap 'a: "2"' 'b: "2"')"
    [ "$status" -ne 0 ] || return
    assert_line 'Apply failed with 2 conflicts' && assert_line 'conflicts with "kubectl-patch" using v1:' &&
        assert_line '^- \.data\.b' && assert_line '^conflicts with "one":' || return
    run ssa --field-manager=two --force-conflicts <<<"$(configmap 'a: "2"' 'b: "2"')"
    assert_equal "$output" 'configmap/c serverside-applied' || return
    run k get configmap c -o 'jsonpath={.data}'
    assert_equal "$output" '{"a":"2","b":"2"}' || return
    run managers configmap c
    assert_equal "$output" two/Apply || return
    # The first gives in by applying the same value, and then shares it.
    ssa --field-manager=one <<<"$(configmap 'a: "2"')" || return
    run managers configmap c
    assert_equal "$output" 'one/Apply two/Apply' || return
    ssa --field-manager=two <<<"$(configmap 'b: "2"')" || return
    run k get configmap c -o 'jsonpath={.data}'
    assert_equal "$output" '{"a":"2","b":"2"}'
}

@test "apply --server-side: conflicts, --force-conflicts, sharing" { each_kubectl conflicting; }

deployment() { # CONTAINERS
    cat <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [$1]}
YAML
}

sharing() {
    ssa --field-manager=one <<<"$(deployment '{name: a, image: "i:1", ports: [{containerPort: 80}]}')" || return
    ssa --field-manager=two <<<"$(deployment '{name: b, image: "i:2"}')" || return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[*].name}'
    assert_equal "$output" 'a b' || return
    # Another's port goes into the same container; the defaulted protocol is part of its key.
    ssa --field-manager=two <<<"$(deployment '{name: b, image: "i:2"}, {name: a, ports: [{containerPort: 80, protocol: UDP}]}')" ||
        return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[?(@.name=="a")].ports[*].protocol}'
    assert_equal "$output" 'TCP UDP' || return
    ssa --field-manager=one <<<"$(deployment '{name: a, image: "i:1"}')" || return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[?(@.name=="a")].ports[*].protocol}'
    assert_equal "$output" UDP || return
    # It stays while one of the two says it.
    ssa --field-manager=two <<<"$(deployment '{name: b, image: "i:2"}')" || return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[?(@.name=="a")].image}'
    assert_equal "$output" i:1 || return
    k scale deployment web --replicas=3 || return
    run ssa --field-manager=one <<<"$(deployment '{name: a, image: "i:1"}' | sed 's/^spec:$/spec:\n  replicas: 1/')"
    [ "$status" -ne 0 ] || return
    assert_line 'conflict with .*: \.spec\.replicas'
}

@test "apply --server-side: two managers share lists by their items; scale is a manager" { each_kubectl sharing; }

refusing() {
    run ssa <<<"$(configmap 'a: "1"')
nope: 1"
    [ "$status" -ne 0 ] || return
    assert_line 'failed to create typed patch object .*/c; /v1, Kind=ConfigMap\): \.nope: field not declared in schema|unknown field "nope"' ||
        return
    run ssa <<<"$(deployment '{name: a, image: x}, {name: a, image: y}')"
    [ "$status" -ne 0 ] || return
    assert_line '\.spec\.template\.spec\.containers: duplicate entries for key \[name="a"\]' || return
    run ssa <<<"$(deployment '{image: x}')"
    [ "$status" -ne 0 ] || return
    # kubectl before 1.27 checks required fields itself.
    assert_line 'omits key field "name"|missing required field "name"' || return
    run ssa <<<"$(configmap 'a: "1"' | sed 's/{name: c}/{name: c, managedFields: []}/')"
    [ "$status" -ne 0 ] || return
    assert_line 'metadata.managedFields must be nil'
}

@test "apply --server-side refuses unknown fields, items there twice, managedFields" { each_kubectl refusing; }

migrating() {
    k apply -f - <<<"$(configmap 'a: "1"' 'b: "2"')" || return
    run managers configmap c
    assert_equal "$output" kubectl-client-side-apply/Update || return
    ssa <<<"$(configmap 'a: "1"')" || return
    run managers configmap c
    if [ "$MINOR" -ge 26 ]; then # kubectl moves its entry over by a JSON patch, and keeps the annotation
        assert_equal "$output" 'kubectl-last-applied/Apply kubectl/Apply' || return
        run k get configmap c -o 'jsonpath={.data}'
        assert_equal "$output" '{"a":"1"}' || return
    else
        assert_line '(^| )kubectl/Apply( |$)' || return
    fi
    run k apply view-last-applied configmap c
    assert_line '^  a: "1"$' && ! assert_line '^  b:' || return
    # And back: client-side apply goes on from the annotation.
    k apply -f - <<<"$(configmap 'a: "5"')" || return
    run k get configmap c -o 'jsonpath={.data.a}'
    assert_equal "$output" 5
}

@test "from client-side apply to server-side apply and back" { each_kubectl migrating; }

showing() {
    k create configmap c --from-literal=a=1 || return
    k label configmap c x=y || return
    k annotate configmap c note=z || return
    run managers configmap c
    assert_line '(^| )kubectl-create/Update( |$)' && assert_line '(^| )kubectl-label/Update( |$)' &&
        assert_line '(^| )kubectl-annotate/Update( |$)' || return
    if [ "$MINOR" -ge 21 ]; then
        run k get configmap c -o yaml
        ! assert_line managedFields || return
    fi
    printf '#!/bin/sh\nexec sed -i "s/^  a:/  b:/" "$1"\n' >"$AGENT_DIR/editor"
    chmod +x "$AGENT_DIR/editor"
    EDITOR=$AGENT_DIR/editor k edit configmap c || return
    run managers configmap c
    assert_line '(^| )kubectl-edit/Update( |$)' || return
    k patch configmap c --type=merge -p '{"metadata":{"managedFields":[{}]}}' || return
    run managers configmap c
    assert_equal "$output" '' || return
    ssa <<<"$(configmap 'z: "1"')" || return
    run managers configmap c
    assert_equal "$output" 'before-first-apply/Update kubectl/Apply'
}

@test "create, label, annotate, edit and patch are shown as managers; [{}] resets" { each_kubectl showing; }

diffing() {
    ssa <<<"$(configmap 'a: "1"')" || return
    run k diff --server-side -f - <<<"$(configmap 'a: "1"')"
    assert_equal "$status" 0 || return
    run k diff --server-side -f - <<<"$(configmap 'a: "2"')"
    assert_equal "$status" 1 || return
    assert_line '^-  a: "1"$' && assert_line '^\+  a: "2"$' || return
    run k get configmap c -o 'jsonpath={.data.a}'
    assert_equal "$output" 1
}

@test "diff --server-side" { each_kubectl diffing; }

custom() {
    local group=g$MINOR.example.com
    k apply --server-side -f - <<YAML || return
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.$group}
spec:
  group: $group
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, n: {type: integer}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
YAML
    k wait --for=condition=established --timeout=10s "crd/things.$group" || return
    local one="apiVersion: $group/v1
kind: Thing
metadata: {name: t}
spec: {size: 1, parts: [{name: a, n: 1}]}"
    ssa --field-manager=one <<<"$one" || return
    run ssa --field-manager=two <<<"${one/size: 1/size: 2}"
    [ "$status" -ne 0 ] || return
    assert_line 'conflict with "one": \.spec\.size' || return
    ssa --field-manager=two <<<"apiVersion: $group/v1
kind: Thing
metadata: {name: t}
spec: {parts: [{name: b}]}" || return
    run k get "things.$group" t -o 'jsonpath={.spec.parts[*].name}'
    assert_equal "$output" 'a b' || return
    ssa --field-manager=one <<<"${one/, parts: *\]\}/\}}" || return
    run k get "things.$group" t -o 'jsonpath={.spec.parts[*].name}'
    assert_equal "$output" b || return
    run managers "things.$group" t
    assert_equal "$output" 'one/Apply two/Apply'
}

@test "apply --server-side of custom objects follows their schema" { each_kubectl custom; }
