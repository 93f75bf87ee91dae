#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kedge trace names each cause rightly, with what mends it; and a healthy service has none. All causes are made one after the
# other on one node, each undone before the next, so that a cause that sticks is noticed.

load ../support/kedge

setup() { kedge_setup; }
teardown() { kedge_teardown; }

service() { # NAME SPEC(json)
    api POST /api/v1/namespaces/default/services "{\"metadata\":{\"name\":\"$1\"},\"spec\":$2}" >/dev/null
}
ingress() { # NAME SPEC(json)
    api POST /apis/networking.k8s.io/v1/namespaces/default/ingresses "{\"metadata\":{\"name\":\"$1\"},\"spec\":$2}" >/dev/null
}
remove() { api DELETE "$1" >/dev/null; }

healthy() { # TARGET...
    run kedge trace "$@"
    if [ "$status" -eq 0 ] && [[ $output == *$'\n'reachable ]] && [[ $output != *STOP* ]]; then return 0; fi
    printf 'kedge trace %s\n%s\n' "$*" "$output"
    return 1
}

# The verdict has every word of CAUSE (words apart by |), and says what mends it.
stopped_by() { # CAUSE TARGET...
    local words=$1 word
    shift
    run kedge trace "$@"
    local verdict=${output#*not reachable:}
    local is_right=true
    [ "$status" -eq 1 ] && [[ $output == *'not reachable:'*'to mend it:'* ]] || is_right=false
    while read -r word; do [[ $verdict == *"$word"* ]] || is_right=false; done < <(tr '|' '\n' <<<"$words")
    $is_right && return 0
    printf 'kedge trace %s\nwanted: %s\n%s\n' "$*" "$words" "$output"
    return 1
}

world() {
    node_new
    pod_network_new
    agent_start --proxy-mode "${1:-nftables}" --dns-upstream $OUT_IP
    wait_for $SECONDS_MAX namespace_is_there default
    backend_new web-a '{"app":"web"}'
    backend_new web-b '{"app":"web"}'
    service web '{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080}]}'
    ip=$(api GET /api/v1/namespaces/default/services/web | jq -r .spec.clusterIP)
    wait_for $SECONDS_MAX healthy web
}

@test "a healthy set-up has no cause, by name, address, node port and URL" {
    world
    service np '{"type":"NodePort","selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080}]}'
    ingress shop '{"ingressClassName":"kedge","rules":[{"host":"shop.example","http":{"paths":[{"path":"/","pathType":"Prefix",
        "backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}'
    local port
    port=$(api GET /api/v1/namespaces/default/services/np | jq -r '.spec.ports[0].nodePort')
    wait_for $SECONDS_MAX healthy np
    healthy web.default:80
    healthy "$ip:80"
    wait_for $SECONDS_MAX healthy "$NODE_IP:$port"
    wait_for $SECONDS_MAX healthy http://shop.example/any
    healthy web --from default/web-a
    run kedge trace web -o json
    [ "$(jq -r '.verdict.reachable' <<<"$output")" = true ]
    [ "$(jq '[.hops[] | select(.phase == "backend")] | length' <<<"$output")" -ge 1 ]
    agent_stop
}

@test "causes at the service and its pods are named" {
    world
    service lost '{"selector":{"app":"wbe"},"ports":[{"port":80,"targetPort":8080}]}'
    wait_for $SECONDS_MAX stopped_by 'default/lost|app=wbe|matches no pod' lost
    pod_set_ready web-a false
    pod_set_ready web-b false
    wait_for $SECONDS_MAX stopped_by 'none of the 2 pods|web-a|Ready' web
    pod_set_ready web-a true
    pod_set_ready web-b true
    wait_for $SECONDS_MAX healthy web
    service named '{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"metrics"}]}'
    wait_for $SECONDS_MAX stopped_by 'metrics|named' named
    service wrong '{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":8081}]}'
    wait_for $SECONDS_MAX stopped_by '8081|refuse' wrong
    stopped_by '81|not a port' web:81
    stopped_by '81' "$ip:81"
    stopped_by 'ping' "$ip"
    stopped_by 'nothing' nothing
    wait_for $SECONDS_MAX healthy web
    agent_stop
}

@test "causes in the kernel are named, nftables" {
    world
    # Somebody takes the services out of their map, again and again: it is repaired each time.
    run_on node "$dir/foe.log" bash -c 'while :; do nft flush map ip kedge services; done'
    wait_for $SECONDS_MAX stopped_by 'kernel' web
    kill -KILL "$pid"
    wait_for 60 healthy web
    on node iptables -P FORWARD DROP
    wait_for $SECONDS_MAX stopped_by 'FORWARD' web
    on node iptables -P FORWARD ACCEPT
    wait_for $SECONDS_MAX healthy web
    agent_stop
}

@test "causes in the kernel are named, iptables" {
    world iptables
    on node iptables -P FORWARD DROP
    wait_for $SECONDS_MAX stopped_by 'FORWARD' web
    on node iptables -P FORWARD ACCEPT
    wait_for $SECONDS_MAX healthy web
    agent_stop
}

@test "causes at the ingress are named" {
    world
    local rule='"http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}'
    ingress theirs "{\"ingressClassName\":\"other\",\"rules\":[{\"host\":\"theirs.example\",$rule}]}"
    wait_for $SECONDS_MAX stopped_by 'default/theirs|no IngressClass of that name' http://theirs.example/
    api POST /apis/networking.k8s.io/v1/ingressclasses \
        '{"metadata":{"name":"other"},"spec":{"controller":"example.com/other"}}' >/dev/null
    wait_for $SECONDS_MAX stopped_by 'default/theirs|other' http://theirs.example/
    ingress first "{\"ingressClassName\":\"kedge\",\"rules\":[{\"host\":\"twice.example\",$rule}]}"
    wait_for $SECONDS_MAX healthy http://twice.example/
    service lost '{"selector":{"app":"wbe"},"ports":[{"port":80}]}'
    rule_lost=$(sed 's/"web"/"lost"/' <<<"$rule")
    ingress second "{\"ingressClassName\":\"kedge\",\"rules\":[{\"host\":\"twice.example\",$rule_lost}]}"
    # The older one wins; the evidence names the one that lost.
    wait_for $SECONDS_MAX loser_is_named default/second http://twice.example/
    ingress secure "{\"ingressClassName\":\"kedge\",\"tls\":[{\"hosts\":[\"tls.example\"],\"secretName\":\"absent\"}],
        \"rules\":[{\"host\":\"tls.example\",$rule}]}"
    wait_for $SECONDS_MAX stopped_by 'Secret|absent' https://tls.example/
    stopped_by 'nowhere.example' http://nowhere.example/
    agent_stop
}

loser_is_named() { # NS/NAME URL
    run kedge trace "$2"
    echo "$output"
    grep -F "$1" <<<"$output"
}
