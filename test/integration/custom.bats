#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# CustomResourceDefinitions as operators and their users see them, with real kubectl. One agent for all; each test has a
# group of its own (a namespace too, where it needs one).

load ../support/agent.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
}

teardown_file() { agent_stop; }

setup() {
    CASES=$BATS_TEST_DIRNAME/custom
    first_pid=$AGENT_PID
}

# An agent that a test started itself: teardown_file does not know it.
teardown() { [ "$AGENT_PID" = "$first_pid" ] || agent_end; }

k() { in_netns timeout 30 kubectl "$@"; }
established() { k wait --for=condition=established "crd/$1" --timeout=10s; }
raw() { k get --raw "$@"; }

# A definition with one version v1: GROUP PLURAL KIND, the schema of spec as JSON, more of the version as JSON members.
define() {
    cat <<X
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"$2.$1"},"spec":{"group":"$1",
"scope":"${5:-Namespaced}","names":{"plural":"$2","kind":"$3"},"versions":[{"name":"v1","served":true,"storage":true,
"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":$4,"status":{"type":"object",
"x-kubernetes-preserve-unknown-fields":true}}}}${6:+,$6}}]}}
X
}

object() { # API-VERSION KIND NAME SPEC
    echo "{\"apiVersion\":\"$1\",\"kind\":\"$2\",\"metadata\":{\"name\":\"$3\"},\"spec\":$4}"
}

ANY='{"type":"object","x-kubernetes-preserve-unknown-fields":true}'

@test "a definition is established at once, and its objects can be written then" {
    k apply -f "$CASES/certificate.yaml"
    established certificates.pki.example.com
    k create -f - <<'X'
{"apiVersion":"pki.example.com/v1","kind":"Certificate","metadata":{"name":"web"},"spec":{"secretName":"web-tls",
"dnsNames":["a.example","b.example"],"issuerRef":{"name":"ca"},"extra":{"any":{"thing":[1]}}}}
X
    [ "$(k get cert web -o jsonpath='{.spec.duration} {.spec.issuerRef.kind} {.spec.privateKey.algorithm}')" = '2160h Issuer RSA' ]
    [ "$(k get cert web -o jsonpath='{.spec.extra.any.thing[0]}')" = 1 ]
    k get crd certificates.pki.example.com -o json | jq -e '.status.storedVersions == ["v1"] and
        .status.acceptedNames.shortNames == ["cert", "certs"] and
        ([.status.conditions[] | {(.type): .reason}] | add) == {NamesAccepted: "NoConflicts", Established: "InitialNamesAccepted"}'
    [ "$(k get crd certificates.pki.example.com --no-headers | wc -w)" -eq 2 ]
}

@test "columns, categories, short names and field selectors" {
    k patch cert web --subresource=status --type=merge -p '{"status":{"names":2,"notAfter":"2001-01-01T00:00:00Z",
        "conditions":[{"type":"Issuing","status":"False"},{"type":"Ready","status":"True"}]}}'
    run k get certs web
    [ "$(head -n 1 <<<"$output" | tr -s ' ')" = 'NAME READY SECRET NAMES EXPIRES AGE' ]
    [[ $(tail -n 1 <<<"$output" | tr -s ' ') =~ ^web\ True\ web-tls\ 2\ [0-9]+y[0-9d]*\ [0-9]+[sm] ]]
    run k get certs web -o wide
    [[ $(head -n 1 <<<"$output") == *ISSUER* ]]
    [[ $(k get pki -o name) == certificate.pki.example.com/web ]]
    [ "$(k get cert --field-selector spec.secretName=web-tls -o name)" = certificate.pki.example.com/web ]
    [ -z "$(k get cert --field-selector spec.secretName=none -o name)" ]
    run k get cert --field-selector spec.commonName=x
    [ "$status" -ne 0 ]
    [[ $output == *'field label not supported'* ]]
    raw '/apis/pki.example.com/v1/namespaces/default/certificates?limit=1' | jq -e '.kind == "CertificateList" and
        .apiVersion == "pki.example.com/v1" and (.items | length) == 1'
}

@test "explain tells every field, describe shows an object" {
    run k explain certificate.spec.privateKey
    [[ $output == *algorithm* && $output == *rotationPolicy* ]]
    run k explain certs.spec.issuerRef
    [[ $output == *'<string> -required-'* ]]
    run k explain certs
    [[ $output == *'A Certificate asks for a key'* ]]
    run k describe cert web
    [[ $output == *'Secret Name:'*web-tls* ]]
}

@test "wrong objects are refused in words that people know" {
    run k create -f - <<'X'
{"apiVersion":"pki.example.com/v1","kind":"Certificate","metadata":{"name":"bad"},"spec":{"secretName":"","dnsNames":["a","a"],
"issuerRef":{"kind":"Nobody"},"privateKey":{"size":257},"duration":"1 day","notBefore":"soon","ipAddresses":["::1"],
"secretTemplate":{"labels":{"a":"","b":"","c":"","d":""}},"source":{},"isCA":"yes","renewBefore":true,
"additionalOutputs":[{"type":"DER"},{"type":"DER"}],"template":{"metadata":{"name":"x"}}}}
X
    echo "$output"
    [ "$status" -ne 0 ]
    local line
    while read -r line; do
        [[ $output == *"$line"* ]] || {
            echo "lacks: $line"
            return 1
        }
    done <<'X'
spec.issuerRef.name: Required value
spec.issuerRef.kind: Unsupported value: "Nobody": supported values: "Issuer", "ClusterIssuer"
spec.dnsNames[1]: Duplicate value: "a"
spec.privateKey.size: Invalid value: 257: spec.privateKey.size in body should be a multiple of 2
spec.duration: Invalid value: "1 day": spec.duration in body should match '^([0-9]+h)?([0-9]+m)?([0-9]+s)?$'
spec.notBefore: Invalid value: "soon": spec.notBefore in body must be of type date-time: "soon"
spec.ipAddresses[0]: Invalid value: "::1": spec.ipAddresses[0] in body must be of type ipv4: "::1"
spec.secretTemplate.labels: Too many: 4: must have at most 3 items
<nil>: Invalid value: "": "spec.source" must validate one and only one schema (oneOf). Found none valid
spec.isCA: Invalid value: "string": spec.isCA in body must be of type boolean: "string"
spec.renewBefore: Invalid value: "boolean": spec.renewBefore in body must be of type integer,string: "boolean"
spec.additionalOutputs[1]: Duplicate value: {"type":"DER"}
spec.template.apiVersion: Required value: must not be empty
spec.secretName: Invalid value: "": spec.secretName in body should be at least 1 chars long
X
    run k create -f - <<<'{"apiVersion":"pki.example.com/v1","kind":"Certificate","metadata":{"name":"bad","oops":1},"spec":{
"secretName":"s","issuerRef":{"name":"ca","nome":"x"},"template":{"apiVersion":"v1","kind":"K","metadata":{"oops":2}}}}'
    [[ $output == *'strict decoding error'* ]]
    [[ $output == *'unknown field "spec.issuerRef.nome"'* && $output == *'unknown field "metadata.oops"'* ]]
    [[ $output == *'unknown field "spec.template.metadata.oops"'* ]]
    run k create --validate=warn -f - <<<"$(object pki.example.com/v1 Certificate warned \
        '{"secretName":"s","issuerRef":{"name":"ca"},"unknown":1}')"
    [ "$status" -eq 0 ]
    [[ $output == *'unknown field "spec.unknown"'* ]]
    [ -z "$(k get cert warned -o jsonpath='{.spec.unknown}')" ]
    k delete cert warned
}

@test "generation counts spec alone, and status is a part of its own" {
    k create -f - <<<'{"apiVersion":"pki.example.com/v1","kind":"Certificate","metadata":{"name":"gen"},"spec":{"secretName":"s",
"issuerRef":{"name":"ca"}},"status":{"names":7}}'
    [ -z "$(k get cert gen -o jsonpath='{.status.names}')" ]
    k patch cert gen --subresource=status --type=merge -p '{"status":{"names":1},"spec":{"secretName":"other"}}'
    [ "$(k get cert gen -o jsonpath='{.metadata.generation} {.status.names} {.spec.secretName}')" = '1 1 s' ]
    k patch cert gen --type=merge -p '{"status":{"names":9},"spec":{"secretName":"other"}}'
    [ "$(k get cert gen -o jsonpath='{.metadata.generation} {.status.names} {.spec.secretName}')" = '2 1 other' ]
    k label cert gen a=b
    [ "$(k get cert gen -o jsonpath='{.metadata.generation}')" = 2 ]
    run k patch cert gen --type=strategic -p '{"spec":{"secretName":"x"}}'
    [ "$status" -ne 0 ]
    [[ $output == *'strategic-merge-patch+json is not supported'* ]]
}

@test "client-side apply, edit and deletecollection" {
    object pki.example.com/v1 Certificate applied '{"secretName":"a","issuerRef":{"name":"ca"},"dnsNames":["x"]}' | k apply -f -
    object pki.example.com/v1 Certificate applied '{"secretName":"b","issuerRef":{"name":"ca"}}' | k apply -f -
    [ "$(k get cert applied -o jsonpath='{.spec.secretName}:{.spec.dnsNames}')" = 'b:' ]
    KUBE_EDITOR='sed -i s/secretName:.b/secretName:\ c/' k edit cert applied
    [ "$(k get cert applied -o jsonpath='{.spec.secretName}')" = c ]
    k delete cert --all
    [ -z "$(k get cert -o name)" ]
}

@test "server-side apply merges by the schema, and refuses what others own" {
    local conf="$BATS_TEST_TMPDIR/conf"
    object pki.example.com/v1 Certificate ssa '{"secretName":"a","issuerRef":{"name":"ca"},"dnsNames":["one"],
        "additionalOutputs":[{"type":"DER","path":"p"}]}' >"$conf"
    k apply --server-side -f "$conf"
    object pki.example.com/v1 Certificate ssa '{"secretName":"a","issuerRef":{"name":"ca"},"dnsNames":["two"],
        "additionalOutputs":[{"type":"CombinedPEM"}]}' >"$conf"
    k apply --server-side --field-manager=other -f "$conf"
    k get cert ssa -o json | jq -e '.spec.dnsNames == ["one", "two"] and ([.spec.additionalOutputs[].type] | sort) == ["CombinedPEM", "DER"]'
    sed -i s/\"secretName\":\"a\"/\"secretName\":\"b\"/ "$conf"
    run k apply --server-side --field-manager=other -f "$conf"
    [ "$status" -ne 0 ]
    [[ $output == *'.spec.secretName'* && $output == *conflict* ]]
    k apply --server-side --field-manager=other --force-conflicts -f "$conf"
    [ "$(k get cert ssa -o jsonpath='{.spec.secretName}')" = b ]
    k delete cert ssa
}

@test "scale goes through the paths of the definition" {
    define scale.example.com workers Worker '{"type":"object","properties":{"size":{"type":"integer","minimum":0,"maximum":5}}}' \
        Namespaced '"subresources":{"status":{},"scale":{"specReplicasPath":".spec.size","statusReplicasPath":".status.size",
        "labelSelectorPath":".status.selector"}}' | k create -f -
    established workers.scale.example.com
    object scale.example.com/v1 Worker w '{"size":1}' | k create -f -
    k scale workers/w --replicas=4
    [ "$(k get worker w -o jsonpath='{.spec.size} {.metadata.generation}')" = '4 2' ]
    k patch worker w --subresource=status --type=merge -p '{"status":{"size":3,"selector":"app=x"}}'
    raw /apis/scale.example.com/v1/namespaces/default/workers/w/scale | jq -e '.kind == "Scale" and
        .apiVersion == "autoscaling/v1" and .spec.replicas == 4 and .status.replicas == 3 and .status.selector == "app=x"'
    run k scale workers/w --replicas=9
    [[ $output == *'spec.size in body should be less than or equal to 5'* ]]
}

@test "several versions: one is stored, all are served, the last say so" {
    local crd
    crd='{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"multis.multi.example.com"},
"spec":{"group":"multi.example.com","scope":"Cluster","names":{"plural":"multis","kind":"Multi"},"versions":[
{"name":"v1beta1","served":true,"storage":true,"deprecated":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{
"spec":{"type":"object","properties":{"old":{"type":"string"},"both":{"type":"string"}}}}}}},
{"name":"v1","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","properties":{
"spec":{"type":"object","properties":{"new":{"type":"string","default":"n"},"both":{"type":"string"}}}}}}}]}}'
    k create -f - <<<"$crd"
    established multis.multi.example.com
    run k create -f - <<<"$(object multi.example.com/v1beta1 Multi m '{"old":"o","both":"b"}')"
    [[ $output == *'multi.example.com/v1beta1 Multi is deprecated'* ]]
    raw /apis/multi.example.com/v1/multis/m | jq -e '.apiVersion == "multi.example.com/v1" and .spec == {both: "b", new: "n"}'
    raw /apis/multi.example.com/v1beta1/multis/m | jq -e '.apiVersion == "multi.example.com/v1beta1" and .spec == {old: "o", both: "b"}'
    raw /apis/multi.example.com/v1/multis | jq -e '.items[0].spec.new == "n"'
    raw /apis/multi.example.com | jq -e '.preferredVersion.version == "v1" and ([.versions[].version] == ["v1", "v1beta1"])'
    # The other one is stored from now on; what lies there is read all the same.
    k patch crd multis.multi.example.com --type=json -p '[{"op":"replace","path":"/spec/versions/0/storage","value":false},
        {"op":"replace","path":"/spec/versions/1/storage","value":true}]'
    k get crd multis.multi.example.com -o json | jq -e '.status.storedVersions == ["v1beta1", "v1"]'
    raw /apis/multi.example.com/v1/multis/m | jq -e '.spec.both == "b"'
    k label multis.v1.multi.example.com m x=y
    raw /apis/multi.example.com/v1beta1/multis/m | jq -e '.apiVersion == "multi.example.com/v1beta1"'
    # A version that is served no more is gone from everywhere.
    run k patch crd multis.multi.example.com --type=json -p '[{"op":"remove","path":"/spec/versions/0"}]'
    [[ $output == *'status.storedVersions[0]: Invalid value: "v1beta1": must appear in spec.versions'* ]]
    k patch crd multis.multi.example.com --type=json -p '[{"op":"replace","path":"/spec/versions/0/served","value":false}]'
    run raw /apis/multi.example.com/v1beta1/multis
    [ "$status" -ne 0 ]
    raw /openapi/v3 | jq -e '.paths | has("apis/multi.example.com/v1") and (has("apis/multi.example.com/v1beta1") | not)'
    raw /openapi/v2 | jq -e '.definitions | .["com.example.multi.v1.Multi"].properties.spec.properties.new.default == "n" and
        (has("com.example.multi.v1beta1.Multi") | not)'
    raw /apis/multi.example.com/v1 | jq -e '[.resources[].name] == ["multis"]'
}

@test "defaults reach what is stored already" {
    define late.example.com lates Late '{"type":"object","properties":{"a":{"type":"string"}}}' | k create -f -
    established lates.late.example.com
    object late.example.com/v1 Late l '{"a":"1"}' | k create -f -
    local before
    before=$(raw /openapi/v3 | jq -r '.paths["apis/late.example.com/v1"].serverRelativeURL')
    define late.example.com lates Late '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","default":"2"}}}' |
        k replace -f - 2>/dev/null || k patch crd lates.late.example.com --type=json -p '[{"op":"add",
        "path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/b","value":{"type":"string","default":"2"}}]'
    [ "$(k get late l -o jsonpath='{.spec.a}{.spec.b}')" = 12 ]
    raw /apis/late.example.com/v1/lates | jq -e '.items[0].spec.b == "2"'
    [ "$(raw /openapi/v3 | jq -r '.paths["apis/late.example.com/v1"].serverRelativeURL')" != "$before" ]
    # A member that is declared no more is not shown any more.
    k patch crd lates.late.example.com --type=json -p '[{"op":"remove",
        "path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a"}]'
    [ "$(k get late l -o jsonpath='{.spec.a}{.spec.b}')" = 2 ]
}

@test "names that are taken are not given twice" {
    define names.example.com ones One "$ANY" | k create -f -
    established ones.names.example.com
    define names.example.com twos One "$ANY" | k create -f -
    k wait --for=condition=NamesAccepted=false crd/twos.names.example.com --timeout=10s
    k get crd twos.names.example.com -o json | jq -e '([.status.conditions[] | {(.type): .}] | add) |
        .NamesAccepted.message == "\"OneList\" is already in use" and .Established.status == "False"'
    run raw /apis/names.example.com/v1/twos
    [ "$status" -ne 0 ]
    k delete crd ones.names.example.com
    established twos.names.example.com
    raw /apis/names.example.com/v1/twos | jq -e '.items == []'
}

@test "definitions that are wrong are refused whole" {
    run bash -c "$(declare -f define k in_netns); ANY='$ANY'; define x.example.com xs X '{\"type\":\"array\"}' | k create -f -"
    [[ $output == *'properties[spec].items: Required value: must be specified'* ]]
    define x.example.com xs X "$ANY" | jq '.spec.conversion = {strategy: "Webhook", webhook: {conversionReviewVersions: ["v1"],
        clientConfig: {url: "https://example.com/"}}}' >"$BATS_TEST_TMPDIR/webhook"
    run k create -f "$BATS_TEST_TMPDIR/webhook"
    [[ $output == *'spec.conversion.strategy: Forbidden: conversion by webhook is not supported by this server, use None'* ]]
    define x.example.com xs X '{"type":"object","properties":{"n":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.n > 0"}]}' \
        >"$BATS_TEST_TMPDIR/cel"
    run k create -f "$BATS_TEST_TMPDIR/cel"
    [ "$status" -eq 0 ]
    [[ $output == *'x-kubernetes-validations are stored but not evaluated by this server'* ]]
    k get crd xs.x.example.com -o json | jq -e '.spec.versions[0].schema.openAPIV3Schema.properties.spec["x-kubernetes-validations"][0].rule'
}

@test "watches of custom objects see what happens, in their version" {
    define watch.example.com watcheds Watched "$ANY" | k create -f -
    established watcheds.watch.example.com
    k get watcheds -w -o json --output-watch-events >"$BATS_TEST_TMPDIR/events" 2>/dev/null &
    local pid=$! n=0
    until [ -s "$BATS_TEST_TMPDIR/events" ]; do
        n=$((n + 1))
        [ $n -lt 100 ]
        object watch.example.com/v1 Watched "w$n" '{"x":1}' | k create -f - >/dev/null
    done
    k delete watched --all >/dev/null
    await 10 grep -q '"DELETED"' "$BATS_TEST_TMPDIR/events"
    kill $pid
    wait $pid || true
    jq -se '.[0].type == "ADDED" and .[0].object.apiVersion == "watch.example.com/v1" and .[0].object.spec.x == 1' "$BATS_TEST_TMPDIR/events"
}

@test "owners and dependents of custom kinds, and namespaces that go" {
    define own.example.com owners Owner "$ANY" | k create -f -
    established owners.own.example.com
    k create namespace own
    object own.example.com/v1 Owner o '{}' | k -n own create -f -
    local uid
    uid=$(k -n own get owner o -o jsonpath='{.metadata.uid}')
    local refs="\"ownerReferences\":[{\"apiVersion\":\"own.example.com/v1\",\"kind\":\"Owner\",\"name\":\"o\",\"uid\":\"$uid\"}]"
    k -n own create -f - <<<"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"child\",$refs}}"
    k -n own create -f - <<<"{\"apiVersion\":\"own.example.com/v1\",\"kind\":\"Owner\",\"metadata\":{\"name\":\"child\",$refs}}"
    k -n own delete owner o
    k -n own wait --for=delete configmap/child owner/child --timeout=10s
    # orphans stay
    object own.example.com/v1 Owner o '{}' | k -n own create -f -
    uid=$(k -n own get owner o -o jsonpath='{.metadata.uid}')
    refs="\"ownerReferences\":[{\"apiVersion\":\"own.example.com/v1\",\"kind\":\"Owner\",\"name\":\"o\",\"uid\":\"$uid\"}]"
    k -n own create -f - <<<"{\"apiVersion\":\"own.example.com/v1\",\"kind\":\"Owner\",\"metadata\":{\"name\":\"orphan\",$refs}}"
    k -n own delete owner o --cascade=orphan
    [ -z "$(k -n own get owner orphan -o jsonpath='{.metadata.ownerReferences}')" ]
    k delete namespace own --timeout=20s
    [ -z "$(k get owners -A -o name)" ]
}

@test "a definition goes after its objects, and nothing new comes meanwhile" {
    define gone.example.com goners Goner "$ANY" | k create -f -
    established goners.gone.example.com
    object gone.example.com/v1 Goner plain '{}' | k create -f -
    k create -f - <<<'{"apiVersion":"gone.example.com/v1","kind":"Goner","metadata":{"name":"held","finalizers":["example.com/wait"]}}'
    k delete crd goners.gone.example.com --wait=false
    k wait --for=condition=Terminating crd/goners.gone.example.com --timeout=10s
    k wait --for=delete goner/plain --timeout=10s
    run k create -f - <<<"$(object gone.example.com/v1 Goner late '{}')"
    [[ $output == *'create not allowed while custom resource definition is terminating'* ]]
    k get crd goners.gone.example.com -o json | jq -e '.metadata.finalizers == ["customresourcecleanup.apiextensions.k8s.io"]'
    k patch goner held --type=merge -p '{"metadata":{"finalizers":null}}'
    k wait --for=delete crd/goners.gone.example.com --timeout=10s
    run raw /apis/gone.example.com/v1/goners
    [ "$status" -ne 0 ]
    run raw /apis/gone.example.com
    [ "$status" -ne 0 ]
    # and comes back empty
    define gone.example.com goners Goner "$ANY" | k create -f -
    established goners.gone.example.com
    raw /apis/gone.example.com/v1/goners | jq -e '.items == []'
}

@test "definitions and their objects are there after a restart" {
    define stay.example.com stayers Stayer '{"type":"object","properties":{"a":{"type":"string","default":"x"}}}' | k create -f -
    established stayers.stay.example.com
    object stay.example.com/v1 Stayer s '{}' | k create -f -
    local before
    before=$(k get stayer s -o json)
    # shellcheck disable=SC2034 # agent_run reads it
    AGENT_OPTIONS=(--proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none --metrics-listen=none)
    agent_restart
    [ "$(k get stayer s -o json)" = "$before" ]
    object stay.example.com/v1 Stayer t '{}' | k create -f -
    k delete stayer s
    [ "$(k get stayer -o name)" = stayer.stay.example.com/t ]
}
