#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a namespace may hold, and the kinds of storage and network, with a real kubectl against the agent: quotas, limit
# ranges, volumes and claims, network policies, APIServices. Follows upstream's conformance tests for ResourceQuota and
# LimitRange where they need no container.

load ../support/agent.bash
load ../support/assert.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    command -v kubectl >/dev/null || skip 'no kubectl'
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
}

teardown_file() { agent_stop; }

setup() {
    NS=t$BATS_TEST_NUMBER
    in_netns kubectl create namespace "$NS"
}

teardown() { in_netns kubectl delete namespace "$NS" --timeout=20s; }

k() { in_netns timeout 30 kubectl -n "$NS" "$@"; }

refused() { # TEXT COMMAND...: fails, and says this
    local text=$1
    shift
    run "$@"
    if [ "$status" -eq 0 ] || ! grep -qF -- "$text" <<<"$output"; then
        printf 'status %s, not "%s" but:\n%s\n' "$status" "$text" "$output"
        return 1
    fi
}

used() { k get quota "$1" -o "jsonpath={.status.used['${2//./\\.}']}"; } # QUOTA RESOURCE

is_used() { [ "$(used "$1" "$2")" = "$3" ]; } # QUOTA RESOURCE AMOUNT

quota() { # NAME HARD [OPTION...]: made and counted
    local name=$1 hard=$2
    shift 2
    k create quota "$name" --hard="$hard" "$@"
    await 10 has_status "$name"
}

has_status() { [ -n "$(k get quota "$1" -o 'jsonpath={.status.used}')" ]; }

@test "a quota is counted promptly and shown" {
    k create configmap before
    quota q pods=2,configmaps=4,requests.cpu=1,count/deployments.apps=1
    is_used q configmaps 2 # and kube-root-ca.crt
    run k get quota
    assert_line '^q +[0-9]+s +configmaps: 2/4, count/deployments.apps: 0/1, pods: 0/2, requests.cpu: 0/1'
    run k describe quota q
    assert_line '^configmaps +2 +4$'
    run k describe namespace "$NS"
    assert_line '^  pods +0 +2$'
}

@test "objects beyond the quota are refused, and what is deleted is given back" {
    quota q count/secrets=1,count/deployments.apps=1
    k create secret generic a
    refused "secrets \"b\" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1" \
        k create secret generic b
    k delete secret a
    is_used q count/secrets 0
    k create secret generic b
    k create deployment d --image=x
    refused 'exceeded quota: q, requested: count/deployments.apps=1' k create deployment e --image=x
}

@test "pods are charged for what they ask, and must say it" {
    quota q pods=3,requests.cpu=500m,limits.memory=1Gi
    refused 'pods "a" is forbidden: failed quota: q: must specify limits.memory for: a; requests.cpu for: a' \
        k run a --image=x
    k apply -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - {name: c, image: x, resources: {requests: {cpu: 300m}, limits: {memory: 512Mi}}}
YAML
    is_used q requests.cpu 300m
    is_used q limits.memory 512Mi
    refused 'exceeded quota: q, requested: requests.cpu=300m, used: requests.cpu=300m, limited: requests.cpu=500m' \
        k apply -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: b}
spec:
  containers:
  - {name: c, image: x, resources: {requests: {cpu: 300m}, limits: {memory: 128Mi}}}
YAML
    k delete pod a
    await 10 is_used q requests.cpu 0
}

@test "scopes keep quotas apart" {
    quota best pods=5 --scopes=BestEffort
    quota rest pods=5 --scopes=NotBestEffort
    k run a --image=x
    is_used best pods 1
    is_used rest pods 0
}

@test "services are charged for node ports and load balancers" {
    quota q services=5,services.nodeports=1,services.loadbalancers=1
    k create service nodeport n --tcp=80
    refused 'exceeded quota: q, requested: services.nodeports=1' k create service loadbalancer l --tcp=80
    k delete service n
    k create service loadbalancer l --tcp=80
    is_used q services.loadbalancers 1
    is_used q services.nodeports 1
}

@test "a quota can be changed and deleted" {
    quota q configmaps=1
    refused 'exceeded quota' k create configmap a
    k patch quota q --type=merge -p '{"spec":{"hard":{"configmaps":"5"}}}'
    [ "$(k get quota q -o 'jsonpath={.spec.hard.configmaps}')" = 5 ]
    await 10 k create configmap a
    k delete quota q
    k create configmap b
}

@test "the status of a quota can be written" {
    quota q cpu=500m
    k patch quota q --subresource=status --type=merge -p '{"status":{"hard":{"cpu":"1"}}}'
    [ "$(k get quota q -o 'jsonpath={.status.hard.cpu} {.spec.hard.cpu}')" = '1 500m' ]
}

@test "custom kinds are counted like any other" {
    in_netns kubectl apply -f - <<YAML
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
YAML
    in_netns kubectl wait --for=condition=Established crd/things.test.example --timeout=10s
    quota q count/things.test.example=1
    thing() { printf 'apiVersion: test.example/v1\nkind: Thing\nmetadata: {name: %s}\n' "$1" | k create -f -; }
    await 10 thing a
    is_used q count/things.test.example 1
    refused 'things.test.example "b" is forbidden: exceeded quota: q' thing b
    run in_netns kubectl get apiservice v1.test.example
    assert_line '^v1.test.example +Local +True'
    in_netns kubectl delete crd things.test.example
    await 10 gone in_netns kubectl get apiservice v1.test.example
}

gone() { ! "$@"; }

@test "many who write at once never exceed a quota" {
    quota q count/configmaps=31
    k proxy --port=8001 >/dev/null 3>&- &
    local proxy=$! n=0 i
    await 10 in_netns curl -sf http://127.0.0.1:8001/readyz
    for i in $(seq 100); do
        printf 'url = "http://127.0.0.1:8001/api/v1/namespaces/%s/configmaps"\n' "$NS"
        printf 'data = "{\\"metadata\\":{\\"name\\":\\"c%s\\"}}"\n' "$i"
        printf 'header = "Content-Type: application/json"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\nnext\n' \
            "$BATS_TEST_TMPDIR/answer-$i"
    done | sed '$d' >"$BATS_TEST_TMPDIR/requests"
    run in_netns curl -s --parallel --parallel-max 64 --config "$BATS_TEST_TMPDIR/requests"
    kill "$proxy"
    n=$(grep -c '^201$' <<<"$output")
    [ "$n" -eq 30 ] || { echo "$n made"; return 1; } # and kube-root-ca.crt
    [ "$(grep -c '^403$' <<<"$output")" -eq 70 ]
    is_used q count/configmaps 31
}

@test "a limit range gives pods defaults and refuses what is too much" {
    k apply -f - <<YAML
apiVersion: v1
kind: LimitRange
metadata: {name: l}
spec:
  limits:
  - type: Container
    min: {cpu: 50m, memory: 100Mi}
    max: {cpu: 500m, memory: 500Mi}
    default: {cpu: 500m, memory: 500Mi}
    defaultRequest: {cpu: 100m, memory: 200Mi}
  - {type: PersistentVolumeClaim, max: {storage: 2Gi}}
YAML
    run k describe limits l
    assert_line '^Container +cpu +50m +500m +100m +500m +-$'
    k run a --image=x
    [ "$(k get pod a -o 'jsonpath={.spec.containers[0].resources}')" = \
        '{"limits":{"cpu":"500m","memory":"500Mi"},"requests":{"cpu":"100m","memory":"200Mi"}}' ]
    [ "$(k get pod a -o "jsonpath={.metadata.annotations['kubernetes\.io/limit-ranger']}")" = \
        'LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a' ]
    refused 'pods "b" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, maximum memory usage per Container is 500Mi, but limit is 600Mi]' \
        k run b --image=x --overrides='{"spec":{"containers":[{"name":"b","image":"x","resources":{"requests":{"cpu":"10m"},"limits":{"memory":"600Mi"}}}]}}'
    refused 'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi' k apply -f - <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 3Gi}}}
YAML
}

@test "limit ranges are listed, patched and deleted by collection" {
    local name
    for name in a b; do
        printf 'apiVersion: v1\nkind: LimitRange\nmetadata: {name: %s, labels: {x: a}}\nspec: {limits: [{type: Pod, max: {cpu: "1"}}]}\n' \
            "$name" | k create -f -
    done
    [ "$(k get limits -l x=a -o name | wc -l)" -eq 2 ]
    k patch limits a --type=merge -p '{"spec":{"limits":[{"type":"Pod","max":{"cpu":"2"}}]}}'
    [ "$(k get limits a -o 'jsonpath={.spec.limits[0].max.cpu}')" = 2 ]
    k delete limits -l x=a
    [ -z "$(k get limits -o name)" ]
}

@test "volumes, claims and classes: defaults, growth, protection" {
    in_netns kubectl apply -f - <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: $NS-std, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.com/p
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $NS-v}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}, storageClassName: $NS-std}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, namespace: $NS}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
YAML
    [ "$(k get pvc c -o 'jsonpath={.spec.storageClassName} {.metadata.finalizers[0]}')" = \
        "$NS-std kubernetes.io/pvc-protection" ]
    run in_netns kubectl get storageclass
    assert_line "^$NS-std \(default\) +example.com/p +Delete +Immediate +true"
    run in_netns kubectl describe pv "$NS-v"
    assert_line '^Reclaim Policy: +Retain$'
    run k describe pvc c
    assert_line '^Used By: +<none>$'
    refused 'spec is immutable after creation except resources.requests' \
        k patch pvc c --type=merge -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
    k patch pvc c --subresource=status --type=merge -p '{"status":{"phase":"Bound"}}'
    k patch pvc c --type=merge -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
    k delete pvc c --timeout=10s
    in_netns kubectl delete pv "$NS-v" --timeout=10s
    in_netns kubectl delete storageclass "$NS-std"
}

@test "network policies are described as they were meant" {
    k apply -f - <<YAML
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np}
spec:
  podSelector: {matchLabels: {a: b}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80}]}]
YAML
    run k get netpol
    assert_line '^np +a=b '
    run k describe netpol np
    assert_line 'To Port: 80/TCP'
    assert_line 'Except: 10.1.0.0/16'
    # shellcheck disable=SC2016 # the backticks are upstream's
    refused 'must be a strict subset of `cidr`' k patch netpol np --type=json \
        -p '[{"op":"replace","path":"/spec/ingress/0/from/0/ipBlock/except/0","value":"11.0.0.0/16"}]'
}

@test "what is served is registered; other servers' APIs are not available" {
    run in_netns kubectl get apiservices
    assert_line '^v1\. +Local +True'
    assert_line '^v1.apps +Local +True'
    in_netns kubectl apply -f - <<YAML
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.$NS.example}
spec: {group: $NS.example, version: v1, service: {namespace: a, name: b}, groupPriorityMinimum: 10, versionPriority: 10}
YAML
    is_refused() { in_netns kubectl get apiservice "v1.$NS.example" | grep -q 'a/b *False (AggregationNotSupported)'; }
    await 10 is_refused
    in_netns kubectl delete apiservice "v1.$NS.example"
    run in_netns kubectl get servicecidr kubernetes
    assert_line '^kubernetes +10.32.0.0/16 '
}
