#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real kubectls on workloads, jobs, budgets, autoscalers and classes, as objects: nothing here runs a container.

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

template='{metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "nginx:1"}]}}'

workload() { # KIND EXTRA
    cat <<YAML
apiVersion: apps/v1
kind: $1
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template: $template
  $2
YAML
}

# A pod that a node has, running and ready as far as its status goes.
run_pod() { # NAME LABEL
    k run "$1" --image=nginx --labels="$2" || return
    k create --raw "/api/v1/namespaces/$NS/pods/$1/binding" -f - <<JSON || return
{"apiVersion":"v1","kind":"Binding","metadata":{"name":"$1"},"target":{"kind":"Node","name":"node-a"}}
JSON
    set_status "pods/$1" '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
}

# Through /status, which old kubectls cannot patch.
set_status() { # PATH PATCH
    in_netns curl -sf --unix-socket "$AGENT_DIR/run/kedge.sock" -X PATCH \
        -H 'Content-Type: application/merge-patch+json' --data "$2" \
        "http://kedge/api/v1/namespaces/$NS/$1/status" -o "$AGENT_DIR/answer"
}

daemonsets() {
    workload DaemonSet 'minReadySeconds: 1' | k create -f - || return
    run k get ds
    assert_line '^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE$' &&
        assert_line '^web +0 +0 +0 +0 +0 +<none> +[0-9]+s$' || return
    run k get ds web -o 'jsonpath={.spec.updateStrategy.type} {.spec.updateStrategy.rollingUpdate.maxUnavailable}'
    assert_equal "$output" 'RollingUpdate 1' || return
    run k describe ds web
    assert_line '^Selector: +app=web$' && assert_line 'Image: +nginx:1' || return
    k set image ds/web c=nginx:2 || return
    run k get ds web -o 'jsonpath={.metadata.generation} {.metadata.annotations}'
    assert_line '^2 .*"deprecated.daemonset.template.generation":"2"' || return
    run k patch ds web --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'
    assert_line 'spec.selector: Invalid value: .*field is immutable' || return
    k rollout restart ds/web || return
    run k delete ds web
    assert_line '^daemonset.apps "web" deleted'
}

@test "DaemonSets: create, get, describe, set image, restart, delete" { each_kubectl daemonsets; }

statefulsets() {
    workload StatefulSet 'serviceName: web' | k apply -f - || return
    run k get sts
    assert_line '^NAME +READY +AGE$' && assert_line '^web +0/1 +[0-9]+s$' || return
    run k scale sts web --replicas=3
    assert_line '^statefulset.apps/web scaled$' || return
    run k get sts web -o 'jsonpath={.spec.replicas} {.metadata.generation} {.spec.podManagementPolicy}'
    assert_equal "$output" '3 2 OrderedReady' || return
    run k scale sts web --current-replicas=2 --replicas=5
    assert_line 'Expected replicas to be 2, was 3' || return
    run k describe sts web
    assert_line '^Replicas: +3 desired' || return
    run k apply -f - < <(workload StatefulSet 'serviceName: other')
    assert_line 'spec: Forbidden: updates to statefulset spec for fields other than'
}

@test "StatefulSets: apply, scale, what may not change" { each_kubectl statefulsets; }

scaling() {
    workload Deployment 'replicas: 2' | k create -f - || return
    workload ReplicaSet 'replicas: 2' | k create -f - || return
    run k scale deployment/web rs/web --replicas=4
    assert_line '^deployment.apps/web scaled$' && assert_line '^replicaset.apps/web scaled$' || return
    run k get deployment/web rs/web -o 'jsonpath={.items[*].spec.replicas}'
    assert_equal "$output" '4 4' || return
    run k get --raw "/apis/apps/v1/namespaces/$NS/deployments/web/scale"
    assert_line '"kind":"Scale","apiVersion":"autoscaling/v1"' && assert_line '"selector":"app=web"' || return
    run k autoscale deployment web --min=2 --max=5 --cpu-percent=70
    assert_line '^horizontalpodautoscaler.autoscaling/web autoscaled$' || return
    run k get hpa
    assert_line '^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE$' &&
        assert_line '^web +Deployment/web +(cpu: )?<unknown>/70% +2 +5 +0 +[0-9]+s$' || return
    run k get --raw "/apis/autoscaling/v1/namespaces/$NS/horizontalpodautoscalers/web"
    assert_line '"targetCPUUtilizationPercentage":70' || return
    run k describe hpa web
    assert_line 'Reference: +Deployment/web'
}

@test "scale and autoscale" { each_kubectl scaling; }

# What a controller keeps of the states of a DaemonSet, made by hand.
revisions() {
    workload DaemonSet 'revisionHistoryLimit: 3' | k create -f - || return
    local uid n
    uid=$(k get ds web -o 'jsonpath={.metadata.uid}') || return
    for n in 1 2; do
        k create -f - <<YAML || return
apiVersion: apps/v1
kind: ControllerRevision
metadata:
  name: web-$n
  labels: {app: web}
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: web, uid: $uid, controller: true}]
revision: $n
data: {spec: {template: {\$patch: replace, metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "nginx:$n"}]}}}}
YAML
    done
    run k get controllerrevisions
    assert_line '^NAME +CONTROLLER +REVISION +AGE$' && assert_line '^web-2 +daemonset.apps/web +2 +[0-9]+s$' || return
    run k rollout history ds/web
    assert_line '^1 ' && assert_line '^2 ' || return
    run k rollout history ds/web --revision=2
    assert_line 'Image:.*nginx:2' || return
    run k rollout undo ds/web --to-revision=2
    assert_line 'rolled back' || return
    run k get ds web -o 'jsonpath={.spec.template.spec.containers[0].image}'
    assert_equal "$output" nginx:2 || return
    run k patch controllerrevision web-1 --type=merge -p '{"data":{"a":"b"}}'
    assert_line 'data: Invalid value: .*field is immutable' || return
    # They go with their owner.
    k delete ds web || return
    run_until_gone() { [ -z "$(k get controllerrevisions -o name)" ]; }
    await 20 run_until_gone
}

@test "rollout history and undo of a DaemonSet" { each_kubectl revisions; }

jobs() {
    run k create job hello --image=busybox -- echo hi
    assert_equal "$output" 'job.batch/hello created' || return
    run k get jobs
    assert_line '^hello .* 0/1 ' || return
    run k describe job hello
    assert_line '^Parallelism: +1$' && assert_line 'controller-uid=' || return
    k create cronjob tick --image=busybox --schedule='*/5 * * * *' || return
    run k get cronjobs
    assert_line '^tick +\*/5 \* \* \* \* .* 0 +<none> ' || return
    run k describe cronjob tick
    assert_line '^Schedule: +\*/5 \* \* \* \*$' || return
    if [ "$MINOR" -ge 21 ]; then # before, kubectl knows no CronJob of batch/v1, which is what servers prefer
        run k create job now --from=cronjob/tick
        assert_line 'job.batch/now created' || return
    fi
    run k create cronjob bad --image=busybox --schedule='61 * * * *'
    assert_line 'spec.schedule: Invalid value: "61 \* \* \* \*": end of range \(61\) above maximum \(59\): 61' || return
    run k patch job hello --type=merge -p '{"spec":{"completions":3}}'
    assert_line 'spec.completions: Invalid value: 3: field is immutable' || return
    k patch job hello --type=merge -p '{"spec":{"suspend":true}}' || return
    k delete job --all && k delete cronjob tick || return
    run k get jobs,cronjobs
    assert_line '^No resources found'
}

@test "Jobs and CronJobs" { each_kubectl jobs; }

debugging() {
    [ "$MINOR" -ge 23 ] || return 0 # before, with a kind of its own
    run_pod target app=x || return
    run k debug target --image=busybox -c dbg -- sh
    k get pod target -o 'jsonpath={.spec.ephemeralContainers[*].name}' >"$AGENT_DIR/answer" || return
    assert_equal "$(<"$AGENT_DIR/answer")" dbg || return
    run k debug target --image=busybox -c dbg2 -- sh
    run k get pod target -o 'jsonpath={.spec.ephemeralContainers[*].name}'
    assert_line 'dbg' && assert_line 'dbg2'
}

@test "debug adds containers to a pod" { each_kubectl debugging; }

draining() {
    run_pod one app=drain && run_pod two app=drain || return
    k create pdb guard --selector=app=drain --min-available=1 || return
    allowed() { [ "$(k get pdb guard -o 'jsonpath={.status.disruptionsAllowed}')" = "$1" ]; }
    await 20 allowed 1 || return
    run k get pdb
    assert_line '^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE$' &&
        assert_line '^guard +1 +N/A +1 +[0-9]+s$' || return
    # One may go, the other may not.
    run k drain node-a --force --pod-selector=app=drain --grace-period=0 --timeout=2s
    await 20 allowed 0 || return
    run k get pods -o name
    assert_line '^pod/(one|two)$' && assert_equal "$(wc -l <<<"$output")" 1 || return
    run k drain node-a --force --pod-selector=app=drain --grace-period=0 --timeout=2s
    assert_line "Cannot evict pod as it would violate the pod's disruption budget" || return
    k patch pdb guard --type=merge -p '{"spec":{"minAvailable":0}}' || return
    run k drain node-a --force --pod-selector=app=drain --grace-period=0 --timeout=20s
    assert_line 'node/node-a (drained|evicted)' || return
    run k get pods
    assert_line '^No resources found' || return
    run k get node node-a
    assert_line 'SchedulingDisabled' || return
    k uncordon node-a
}

@test "drain evicts what the budget allows" { each_kubectl draining; }

classes() {
    k create priorityclass "high-$MINOR" --value=1000 || return
    run k get pc
    assert_line '^system-node-critical +2000001000 +false ' && assert_line "^high-$MINOR +1000 +false " || return
    run k delete pc system-cluster-critical
    assert_line 'this is a system priority class and cannot be deleted' || return
    k create -f - <<YAML || return
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata-$MINOR}
handler: kata
overhead: {podFixed: {cpu: 250m}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  priorityClassName: high-$MINOR
  runtimeClassName: kata-$MINOR
  containers: [{name: c, image: "nginx:1"}]
YAML
    run k get pod p -o 'jsonpath={.spec.priority} {.spec.overhead.cpu}'
    assert_equal "$output" '1000 250m' || return
    run k run q --image=nginx --overrides='{"apiVersion":"v1","spec":{"priorityClassName":"none"}}'
    assert_line 'no PriorityClass with name none was found' || return
    run k get runtimeclasses
    assert_line "^kata-$MINOR +kata +[0-9]+s$" || return
    in_netns "$KUBECTL" delete "pc/high-$MINOR" "runtimeclass/kata-$MINOR"
}

@test "PriorityClasses and RuntimeClasses" { each_kubectl classes; }

collecting() {
    workload ReplicaSet 'replicas: 1' | k create -f - || return
    local uid
    uid=$(k get rs web -o 'jsonpath={.metadata.uid}') || return
    child() { # NAME
        k create -f - <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: $1
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: $uid, blockOwnerDeletion: true}]
YAML
    }
    child kept || return
    local orphan=--cascade=orphan
    run k delete rs web $orphan
    assert_line '^replicaset.apps "web" deleted' || return
    run k get configmap kept -o 'jsonpath={.metadata.ownerReferences}'
    assert_equal "$output" '' || return
    workload ReplicaSet 'replicas: 1' | k create -f - || return
    uid=$(k get rs web -o 'jsonpath={.metadata.uid}') || return
    child gone || return
    k delete rs web --cascade=foreground || return
    run k get configmap
    assert_line '^kept ' || return
    if grep -q '^gone ' <<<"$output"; then return 1; fi
}

@test "delete: orphans stay, the foreground waits for its dependents" { each_kubectl collecting; }
