#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real kubectls against the agent, every verb as a user types it. Each test runs once for every kubectl of
# test/ci/kubectls, in a namespace of its own.

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

manifest() { # REPLICAS
    cat <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: $1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "nginx:1", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
YAML
}

creating() {
    run k create deployment web --image=nginx --port=80
    assert_equal "$output" 'deployment.apps/web created' || return
    run k create service clusterip s1 --tcp=80:8080
    assert_equal "$output" 'service/s1 created' || return
    run k create service nodeport s2 --tcp=80:8080
    assert_equal "$output" 'service/s2 created' || return
    run k create service externalname s3 --external-name=a.b
    assert_equal "$output" 'service/s3 created' || return
    run k create ingress i1 '--rule=a.b/*=web:80'
    assert_equal "$output" 'ingress.networking.k8s.io/i1 created' || return
    run k create secret generic x1 --from-literal=a=b
    assert_equal "$output" 'secret/x1 created' || return
    run k create configmap c1 --from-literal=a=b
    assert_equal "$output" 'configmap/c1 created' || return
    run k expose deployment web --port=80
    assert_equal "$output" 'service/web exposed' || return
    run k get service,deployment,ingress,secret,configmap -o name
    assert_line '^service/s1$' && assert_line '^deployment.apps/web$' &&
        assert_line '^ingress.networking.k8s.io/i1$' && assert_line '^secret/x1$' && assert_line '^configmap/c1$' ||
        return
    run k get service s2 -o 'jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}'
    assert_line '^10\.32\.[0-9]+\.[0-9]+ 3[0-2][0-9]{3}$' || return
    run k create configmap c1
    assert_line 'configmaps "c1" already exists'
}

@test "create deployment, service, ingress, secret, configmap, namespace; expose" { each_kubectl creating; }

getting() {
    manifest 1 | k create -f - || return
    run k get deployments
    assert_line '^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$' && assert_line '^web +0/1 +0 +0 +[0-9]+s$' || return
    run k get svc -o wide
    assert_line '^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR$' || return
    assert_line '^web +ClusterIP +10\.32\.[0-9.]+ +<none> +80/TCP +[0-9]+s +app=web$' || return
    run k get svc web -o yaml
    assert_line '^kind: Service$' && assert_line '^  internalTrafficPolicy: Cluster$' || return
    run k get svc web -o json
    assert_line '"kind": "Service"' || return
    run k get svc web -o 'go-template={{.metadata.name}}'
    assert_equal "$output" web || return
    run k get svc -o custom-columns=A:.metadata.name,B:.spec.type
    assert_line '^web +ClusterIP$' || return
    run k get svc,deployments --show-labels
    assert_line '^deployment.apps/web .* app=web$' || return
    run k get deployments -l app=other
    assert_line '^No resources found' || return
    run k get deployments -l 'app in (web,x)' --sort-by=.metadata.name -L app
    assert_line '^web .* web$' || return
    run k get all
    assert_line '^service/web ' && assert_line '^deployment.apps/web ' || return
    run k get deployments -A --field-selector metadata.name=web
    assert_line "^$NS +web " || return
    run k get configmap nope
    assert_line '^Error from server \(NotFound\): configmaps "nope" not found$' || return
    run k get --raw /healthz
    assert_equal "$output" ok || return
    run k get componentstatuses
    assert_line '^registry +Healthy'
}

@test "get: tables, wide, yaml, json, names, columns, templates, selectors" { each_kubectl getting; }

describing() {
    manifest 2 | k create -f - || return
    run k describe deployment web
    assert_line '^Replicas: +2 desired' && assert_line 'Image: +nginx:1' || return
    run k describe service web
    assert_line '^Selector: +app=web$' && assert_line '^Port: +<unset>  80/TCP$' || return
    run k describe namespace "$NS"
    assert_line '^Status: +Active$' || return
    k create ingress i1 '--rule=a.b/x=web:80' || return
    run k describe ingress i1
    assert_line 'a\.b'
}

@test "describe" { each_kubectl describing; }

watching() {
    local seen=$AGENT_DIR/seen-$NS
    in_netns timeout 60 "$KUBECTL" -n "$NS" get configmaps --watch-only -o 'jsonpath={.metadata.name}={.data.a}{"\n"}' \
        >"$seen" 2>&1 3>&- &
    local pid=$!
    # What is made before the watch stands is seen as new, too: repeat until it is.
    change() { k patch configmap w --type=merge -p "{\"data\":{\"a\":\"$RANDOM\"}}" && grep -q '^w=' "$seen"; }
    k create configmap w --from-literal=a=1 || return
    await 20 change || return
    k patch configmap w --type=merge -p '{"data":{"a":"last"}}' || return
    await 10 grep -qx 'w=last' "$seen" || return
    kill $pid
    wait $pid || :
}

@test "get -w tells changes as they come" { each_kubectl watching; }

applying() {
    manifest 1 | k apply -f - || return
    run k apply -f - < <(manifest 1)
    assert_line '^deployment.apps/web unchanged$' && assert_line '^service/web unchanged$' || return
    run k apply -f - < <(manifest 3)
    assert_line '^deployment.apps/web configured$' || return
    run k get deployment web -o 'jsonpath={.spec.replicas} {.metadata.generation}'
    assert_equal "$output" '3 2' || return
    run k replace -f - < <(manifest 2)
    assert_line '^deployment.apps/web replaced$' || return
    EDITOR='sed -i s/nginx:1/nginx:2/' run k edit deployment web
    assert_line 'deployment.apps/web edited' || return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
    assert_equal "$output" nginx:2 || return
    run k delete -f - < <(manifest 2)
    assert_line '^deployment.apps "web" deleted' && assert_line '^service "web" deleted'
}

@test "apply, replace, edit, delete -f" { each_kubectl applying; }

patching() {
    manifest 1 | k create -f - || return
    k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:3"}]}}}}' || return
    k patch deployment web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":4}]' || return
    k patch deployment web --type=merge -p '{"metadata":{"labels":{"app":null,"x":"y"}}}' || return
    run k get deployment web -o 'jsonpath={.spec.template.spec.containers[*].image} {.spec.replicas} {.metadata.labels}'
    assert_equal "$output" 'nginx:3 4 {"x":"y"}' || return
    run k patch deployment web --type=json -p '[{"op":"remove","path":"/spec/nope"}]'
    assert_line '^The request is invalid' || return
    k label deployment web a=b && k annotate deployment web c=d || return
    k set selector service web new=selector && k set image deployment/web c=nginx:4 || return
    run k get service web -o 'jsonpath={.spec.selector}'
    assert_equal "$output" '{"new":"selector"}' || return
    run k get deployment web -o 'jsonpath={.metadata.labels.a} {.metadata.annotations.c}'
    assert_equal "$output" 'b d' || return
    k label deployment web a- || return
    run k get deployment web -o 'jsonpath={.metadata.labels}'
    assert_equal "$output" '{"x":"y"}'
}

@test "patch in three types, label, annotate, set selector, set image" { each_kubectl patching; }

n_watches() {
    curl -sf --unix-socket "$AGENT_DIR/run/kedge.sock" http://kedge/metrics | awk '/^kedge_api_watches_total/ { print $2 }'
}

deleting() {
    k create configmap a && k create configmap b && k create configmap c || return
    k label configmap b c group=x || return
    run k delete configmap a
    assert_line '^configmap "a" deleted' || return
    run k get configmap a
    assert_line 'NotFound' || return
    run k delete configmap -l group=x
    assert_line '^configmap "b" deleted' && assert_line '^configmap "c" deleted' || return
    # The finalizer holds it until the waiting one has its watch.
    k create configmap w && k patch configmap w --type=merge -p '{"metadata":{"finalizers":["x.y/z"]}}' || return
    k delete configmap w --wait=false || return
    local watches
    watches=$(n_watches)
    in_netns timeout 30 "$KUBECTL" -n "$NS" wait --for=delete configmap/w --timeout=20s >"$AGENT_DIR/wait" 2>&1 3>&- &
    local pid=$!
    watches_more_than() { [ "$(n_watches)" -gt "$1" ]; }
    await 20 watches_more_than "$watches" || return
    k patch configmap w --type=merge -p '{"metadata":{"finalizers":null}}' || return
    wait $pid || {
        cat "$AGENT_DIR/wait"
        return 1
    }
    run k delete namespace kube-system
    assert_line 'Forbidden.*namespaces "kube-system" is forbidden: this namespace may not be deleted'
}

@test "delete by name and selector, wait for it" { each_kubectl deleting; }

refusing() {
    run k create -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Bad_"}}'
    assert_line 'The ConfigMap "Bad_" is invalid: metadata.name: Invalid value: "Bad_": a lowercase RFC 1123 subdomain' ||
        return
    run k create -f - <<<'{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"clusterIP":"9.9.9.9","ports":[{"port":1}]}}'
    assert_line 'The range of valid IPs is 10\.32\.0\.0/16' || return
    run k -n nope create configmap x
    assert_line 'namespaces "nope" not found' || return
    run k get nosuch
    assert_line "the server doesn't have a resource type \"nosuch\"" || return
    run in_netns "$KUBECTL" --server "https://$AGENT_ADDRESS:6443" --kubeconfig /dev/null --insecure-skip-tls-verify \
        --token nonsense get pods
    assert_line 'Unauthorized|must be logged in'
}

@test "refusals in words users know" { each_kubectl refusing; }

old_ingress() {
    run k create -f - <<'JSON'
{"apiVersion":"extensions/v1beta1","kind":"Ingress","metadata":{"name":"my-nginx-ingress","annotations":{"kubernetes.io/ingress.class":"nginx"}},"spec":{"rules":[{"host":"foobar.com","http":{"paths":[{"path":null,"backend":{"serviceName":"nginx-svc","servicePort":8080}}]}}]}}
JSON
    assert_line 'my-nginx-ingress created' || return
    run k get ingress
    assert_line '^my-nginx-ingress +<none> +foobar\.com ' || return
    run k get ingress my-nginx-ingress -o 'jsonpath={.spec.rules[0].http.paths[0].backend.service.port.number}'
    assert_line '8080'
}

@test "an Ingress as users of 2017 wrote it" { each_kubectl old_ingress; }
