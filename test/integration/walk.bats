#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The walk of a newcomer, in each proxy mode: real kubectl, real requests from a pod, from the node and from outside, to
# real HTTP servers behind Pods. The hosts are network namespaces:
#   node 192.0.2.10, the agent; out 192.0.2.1, a client outside; web-a, web-b, other, client: pods on 10.200.0.0/24

load ../support/kedge

setup() {
    kedge_setup
    need_kubectl
}
teardown() { kedge_teardown; }

step() { echo "--- $*"; }

# The names of the backends that answer n requests, sorted, once each.
names_of() { # N HOST URL [CURL-OPTION...]
    local n=$1 host=$2 i
    shift 2
    for i in $(seq "$n"); do on "$host" curl -sS --max-time 5 "$@" | sed -n 's/^name //p'; done | sort -u | xargs
}

both_answer() { [ "$(names_of 24 "$@")" = 'web-a web-b' ]; }
only_answers() { # NAME HOST URL...
    local name=$1
    shift
    [ "$(names_of 8 "$@")" = "$name" ]
}
has_endpoints() { # SERVICE N
    local found
    found=$(api GET "/api/v1/namespaces/default/endpoints/$1" | jq '[.subsets[]?.addresses[]?] | length')
    [ "$found" = "$2" ]
}
resolves() { # NAME ADDRESS
    [ "$(on node dig +short +time=2 +tries=1 @10.32.0.10 "$1")" = "$2" ]
}
is_status() { # CODE HOST URL...
    local code=$1 host=$2
    shift 2
    [ "$(on "$host" curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$@")" = "$code" ]
}

walk_create() {
    step 'kubectl create deployment, pods, expose'
    # Pods are made by hand: there is no container runtime in this walk.
    backend_new web-a '{"app":"web"}'
    backend_new web-b '{"app":"web"}'
    backend_new other '{"app":"other"}'
    pod_host_new client
    client_ip=$pod_ip
    kubectl create deployment web --image=echo --port=8080
    kubectl expose deployment web --port=80 --target-port=8080
    kubectl create service nodeport web-np --tcp=80:8080
    kubectl set selector service web-np app=web
    kubectl expose pod other --port=80 --target-port=http --name=other
    wait_for $SECONDS_MAX has_endpoints web 2
    wait_for $SECONDS_MAX has_endpoints web-np 2
    wait_for $SECONDS_MAX has_endpoints other 1
}

walk_look() {
    step 'kubectl get, describe'
    run kubectl get svc,endpoints
    [[ $output == *service/web*ClusterIP*80/TCP* ]]
    [[ $output == *service/web-np*NodePort*80:*/TCP* ]]
    [[ $output == *endpoints/web*10.200.0.11:8080,10.200.0.12:8080* ]]
    run kubectl describe svc web
    [[ $output == *Selector:*app=web*Endpoints:*10.200.0.11:8080,10.200.0.12:8080* ]]
    run kubectl get nodes
    [[ $output == *node-1*Ready* ]]
    run kubectl get pods -o wide
    [[ $output == *web-a*1/1*Running*10.200.0.11* ]]
    ip=$(kubectl get svc web -o 'jsonpath={.spec.clusterIP}')
    node_port=$(kubectl get svc web-np -o 'jsonpath={.spec.ports[0].nodePort}')
}

walk_addresses() {
    step 'by ClusterIP, from the node and from a pod'
    wait_for $SECONDS_MAX both_answer node "http://$ip/"
    both_answer client "http://$ip/"
    step 'a pod reaches itself through its own service'
    both_answer web-a "http://$ip/"
    step 'pods are seen with their own address, others with the node'"'"'s'
    on client curl -sS "http://$ip/" | grep -qx "peer $client_ip"
    on out curl -sS "http://$NODE_IP:$node_port/" | grep -qx 'peer 10.200.0.1'
    step 'by NodePort, from outside, from the node, on loopback'
    both_answer out "http://$NODE_IP:$node_port/"
    both_answer node "http://$NODE_IP:$node_port/"
    both_answer node "http://127.0.0.1:$node_port/"
    on node ss -Hltn "sport = :$node_port" | grep -q LISTEN
    step 'a port that is no service port is refused at once'
    run on client curl -sS --max-time 5 "http://$ip:81/"
    [ "$status" -eq 7 ]
}

walk_names() {
    step 'by name'
    resolves web.default.svc.cluster.local "$ip"
    run in_pod client dig +search +short web
    [ "$output" = "$ip" ]
    run in_pod client dig +short -x "$ip"
    [ "$output" = web.default.svc.cluster.local. ]
    run on client dig +tcp +short @10.32.0.10 web.default.svc.cluster.local
    [ "$output" = "$ip" ]
    local name
    for name in web web.default web.default.svc web.default.svc.cluster.local; do
        in_pod client curl -sS --max-time 5 "http://$name/" | grep -q '^name web-'
    done
    run in_pod client curl -sS --max-time 5 http://no-such-service/
    [ "$status" -eq 6 ]
}

walk_ingress() {
    step 'the Ingress of 2017'
    kubectl create service clusterip nginx-svc --tcp=8080:8080
    kubectl set selector service nginx-svc app=web
    api POST /apis/extensions/v1beta1/namespaces/default/ingresses '{"apiVersion":"extensions/v1beta1","kind":"Ingress",
        "metadata":{"name":"my-nginx-ingress","annotations":{"kubernetes.io/ingress.class":"nginx"}},"spec":{"rules":[
        {"host":"foobar.com","http":{"paths":[{"path":null,"backend":{"serviceName":"nginx-svc","servicePort":8080}}]}}]}}' \
        >/dev/null
    wait_for $SECONDS_MAX both_answer out -H 'Host: foobar.com' "http://$NODE_IP/"
    on out curl -sS -H 'Host: foobar.com' "http://$NODE_IP/any/path" >"$dir/reply"
    grep -qi "^x-forwarded-for: $OUT_IP" "$dir/reply"
    grep -qi '^host: foobar.com' "$dir/reply"
    grep -q '^GET /any/path ' "$dir/reply"
    wait_for $SECONDS_MAX ingress_has_address my-nginx-ingress
    step 'the default backend'
    on out curl -sS -H 'Host: unknown.example' "http://$NODE_IP/" | grep -qx 'name other'
    step 'TLS by SNI'
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=shop.example \
        -addext subjectAltName=DNS:shop.example -keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null
    kubectl create secret tls shop --cert="$dir/tls.crt" --key="$dir/tls.key"
    kubectl create ingress shop --class=kedge --rule='shop.example/cart*=web:80,tls=shop'
    wait_for $SECONDS_MAX on out curl -sS --cacert "$dir/tls.crt" --resolve "shop.example:443:$NODE_IP" https://shop.example/cart
    on out curl -sS --cacert "$dir/tls.crt" --resolve "shop.example:443:$NODE_IP" https://shop.example/cart/1 >"$dir/reply"
    grep -qi '^x-forwarded-proto: https' "$dir/reply"
    grep -q '^name web-' "$dir/reply"
    run on out curl -sS --cacert "$dir/tls.crt" --resolve "wrong.example:443:$NODE_IP" https://wrong.example/
    [ "$status" -eq 60 ]
}

ingress_has_address() {
    [ "$(kubectl get ingress "$1" -o 'jsonpath={.status.loadBalancer.ingress[0].ip}')" = "$NODE_IP" ]
}

walk_trace() {
    step 'kedge trace'
    run kedge trace web
    [ "$status" -eq 0 ]
    [[ $output == *reachable ]]
    run kedge trace http://foobar.com/ -o json
    [ "$(jq .verdict.reachable <<<"$output")" = true ]
}

walk_failover() {
    step 'a backend dies: its probe fails, and traffic moves on'
    kill -KILL "${backend_pid[web-a]}"
    pod_set_ready web-a false
    wait_for $SECONDS_MAX has_endpoints web 1
    wait_for $SECONDS_MAX only_answers web-b client "http://$ip/"
    only_answers web-b out "http://$NODE_IP:$node_port/"
    only_answers web-b out -H 'Host: foobar.com' "http://$NODE_IP/"
    step 'no backend is left: refused at once, 503 by ingress'
    pod_set_ready web-b false
    wait_for $SECONDS_MAX has_endpoints web 0
    wait_for $SECONDS_MAX refuses client "http://$ip/"
    wait_for $SECONDS_MAX refuses out "http://$NODE_IP:$node_port/"
    wait_for $SECONDS_MAX is_status 503 out -H 'Host: foobar.com' "http://$NODE_IP/"
    step 'and it comes back'
    pod_set_ready web-b true
    wait_for $SECONDS_MAX only_answers web-b client "http://$ip/"
}

refuses() { # HOST URL: at once, not by running into the time limit
    local status=0
    on "$1" curl -s --max-time 5 -o /dev/null "$2" || status=$?
    [ $status -eq 7 ]
}

walk_delete() {
    step 'delete, and it is gone'
    kubectl delete ingress my-nginx-ingress shop
    wait_for $SECONDS_MAX backend_is other -H 'Host: foobar.com' "http://$NODE_IP/"
    kubectl delete service web web-np nginx-svc
    wait_for $SECONDS_MAX resolves web.default.svc.cluster.local ''
    wait_for $SECONDS_MAX refuses client "http://$ip/"
    wait_for $SECONDS_MAX refuses out "http://$NODE_IP:$node_port/"
    run kubectl get endpoints web
    [[ $output == *'"web" not found'* ]]
    run on node ss -Hltn "sport = :$node_port"
    [ -z "$output" ]
}

backend_is() { # NAME CURL-ARGUMENT...
    local name=$1
    shift
    [ "$(on out curl -sS --max-time 5 "$@" | sed -n 's/^name //p')" = "$name" ]
}

walk() { # PROXY-MODE
    node_new
    pod_network_new
    # Nobody answers DNS outside: names of elsewhere fail at once instead of being waited for.
    agent_start --proxy-mode "$1" --ingress-default-backend default/other:80 --dns-upstream $OUT_IP
    wait_for $SECONDS_MAX namespace_is_there default
    walk_create
    walk_look
    walk_addresses
    walk_names
    walk_ingress
    walk_trace
    walk_failover
    walk_delete
    agent_stop
}

@test "the walk of a newcomer, nftables" {
    walk nftables
}

@test "the walk of a newcomer, iptables" {
    walk iptables
}
