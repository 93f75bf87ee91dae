# SPDX-License-Identifier: Apache-2.0
# A node with two pods and a client outside, each in a network namespace of its own, and the real proxy on the node,
# driven by build/.../test/tool_proxy. What both modes must do is here as functions; the .bats files name the mode.

net_up() {
    N="kp$$n" P1="kp$$a" P2="kp$$b" C="kp$$c"
    PIDS=()
    local ns
    for ns in $N $P1 $P2 $C; do
        ip netns add "$ns"
        ip -n "$ns" link set lo up
    done
    local i=1
    for ns in $P1 $P2; do
        ip -n "$N" link add "p$i" type veth peer name eth0 netns "$ns"
        ip -n "$N" addr add 10.200.255.1/32 dev "p$i"
        ip -n "$N" link set "p$i" up
        ip -n "$N" route add "10.200.0.$i/32" dev "p$i" src 10.200.255.1
        ip -n "$ns" addr add "10.200.0.$i/32" dev eth0
        ip -n "$ns" link set eth0 up
        ip -n "$ns" route add 10.200.255.1/32 dev eth0
        ip -n "$ns" route add default via 10.200.255.1 dev eth0
        i=$((i + 1))
    done
    ip -n "$N" link add out type veth peer name eth0 netns "$C"
    ip -n "$N" addr add 192.0.2.1/24 dev out
    ip -n "$N" link set out up
    ip -n "$C" addr add 192.0.2.2/24 dev eth0
    ip -n "$C" link set eth0 up
    ip -n "$C" route add default via 192.0.2.1
    ip -n "$N" route add 10.32.0.0/16 dev lo src 192.0.2.1
    ip -n "$N" route add default via 192.0.2.2
    ip netns exec "$N" sysctl -qw net.ipv4.ip_forward=1
    server "$P1" one 10.200.0.1
    server "$P2" two 10.200.0.2
}

server() { # namespace, name, address
    local ready="$BATS_TEST_TMPDIR/ready.$2" line
    mkfifo "$ready"
    ip netns exec "$1" python3 "$KEDGE_SOURCE_DIR/test/support/echo_server.py" "$2" "$3" 8080 >"$ready" 2>&1 3>&- &
    PIDS+=($!)
    exec 7<>"$ready"
    read -rt 30 line <&7
    [ "$line" = ready ]
}

proxy_up() { # mode, further arguments
    mkfifo "$BATS_TEST_TMPDIR/to.$1" "$BATS_TEST_TMPDIR/from.$1" 2>/dev/null || true
    ip netns exec "$N" "$KEDGE_BUILD_DIR/test/tool_proxy" "$@" <"$BATS_TEST_TMPDIR/to.$1" \
        >"$BATS_TEST_TMPDIR/from.$1" 2>"$BATS_TEST_TMPDIR/log.$1" 3>&- &
    PROXY=$!
    exec 8>"$BATS_TEST_TMPDIR/to.$1" 9<"$BATS_TEST_TMPDIR/from.$1"
}

say() { # one command; its answer
    echo "$*" >&8
    read -rt 15 ANSWER <&9
    echo "$ANSWER"
}

publish() {
    [[ $(say publish) == applied* ]]
}

proxy_down() {
    exec 8>&- 9<&-
    wait "$PROXY" || true
    PROXY=
}

net_down() {
    local pid ns
    exec 8>&- 9<&- || true
    for pid in "${PIDS[@]}" $PROXY; do kill -9 "$pid" 2>/dev/null || true; done
    for ns in $N $P1 $P2 $C; do ip netns del "$ns" || true; done
    [ -z "$BATS_TEST_COMPLETED" ] && cat "$BATS_TEST_TMPDIR"/log.* >&2
    return 0
}

service() { # name, spec without the braces
    [ "$(say put Service "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"namespace\":\"default\",\"name\":\"$1\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{$2}}")" = ok ]
}

endpoints() { # service, protocol, addresses...
    local name=$1 protocol=$2 list="" address node
    shift 2
    for address in "$@"; do
        node=n2
        [[ $address == *@here ]] && node=n1 address=${address%@here}
        list+="${list:+,}{\"addresses\":[\"$address\"],\"conditions\":{\"ready\":true},\"nodeName\":\"$node\"}"
    done
    [ "$(say put EndpointSlice "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"namespace\":\"default\",\"name\":\"$name-1\",\"labels\":{\"kubernetes.io/service-name\":\"$name\"}},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"x\",\"protocol\":\"$protocol\",\"port\":8080}],\"endpoints\":[$list]}")" = ok ]
}

web='"clusterIP":"10.32.0.5","clusterIPs":["10.32.0.5"]'
tcp='"ports":[{"name":"x","protocol":"TCP","port":80,"targetPort":8080}]'
node_tcp='"type":"NodePort","ports":[{"name":"x","protocol":"TCP","port":80,"targetPort":8080,"nodePort":30080}]'
udp='"ports":[{"name":"x","protocol":"UDP","port":53,"targetPort":8080}]'

ask() { # namespace, then as ask.py
    local ns=$1
    shift
    ip netns exec "$ns" python3 "$KEDGE_SOURCE_DIR/test/support/ask.py" "$@"
}

expect() { # what, then as ask
    local wanted=$1 got
    shift
    got=$(ask "$@")
    # shellcheck disable=SC2053 # a pattern
    [[ $got == $wanted ]] || { echo "ask $*: $got, not $wanted"; return 1; }
}

web_up() { # mode, spec
    proxy_up "$1"
    service web "$2"
    endpoints web TCP 10.200.0.1 10.200.0.2
    publish
}

# ---- what both modes must do ----

spreads_evenly() {
    web_up "$1" "$web,$tcp"
    local ns one
    for ns in $N $C $P1; do
        one=$(ask "$ns" tcp 10.32.0.5 80 200 | sort | uniq -c | grep -c -E '^ +([6-9][0-9]|1[0-3][0-9]) (one|two)')
        [ "$one" = 2 ] || { ask "$ns" tcp 10.32.0.5 80 200 | sort | uniq -c; return 1; }
    done
}

serves_udp() {
    proxy_up "$1"
    service dns "$web,$udp"
    endpoints dns UDP 10.200.0.1
    publish
    expect "one 192.0.2.*" "$N" udp 10.32.0.5 53 || expect "one 10.200.255.1" "$N" udp 10.32.0.5 53
    expect "one 10.200.255.1" "$C" udp 10.32.0.5 53
}

keeps_pod_addresses_and_masquerades_others() {
    proxy_up "$1"
    service web "$web,$tcp"
    endpoints web TCP 10.200.0.2
    publish
    expect "two 10.200.0.1" "$P1" tcp 10.32.0.5 80
    expect "two 10.200.255.1" "$C" tcp 10.32.0.5 80
}

masquerades_a_pod_that_meets_itself() {
    proxy_up "$1"
    service web "$web,$tcp"
    endpoints web TCP 10.200.0.1
    publish
    expect "one 10.200.255.1" "$P1" tcp 10.32.0.5 80
}

serves_node_ports() {
    web_up "$1" "$web,$node_tcp"
    expect "* 10.200.255.1" "$C" tcp 192.0.2.1 30080
    expect "* 10.200.255.1" "$N" tcp 192.0.2.1 30080
    expect "* 10.200.255.1" "$N" tcp 127.0.0.1 30080
    ip netns exec "$N" ss -ltn | grep -q ':30080 '
    [ "$(say del Service default web)" = ok ]
    publish
    expect refused "$C" tcp 192.0.2.1 30080
    if ip netns exec "$N" ss -ltn | grep -q ':30080 '; then return 1; fi
}

refuses_what_has_no_endpoints() {
    proxy_up "$1"
    service web "$web,$node_tcp"
    publish
    expect refused "$N" tcp 10.32.0.5 80
    expect refused "$C" tcp 10.32.0.5 80
    expect refused "$C" tcp 192.0.2.1 30080
    endpoints web TCP 10.200.0.1
    publish
    expect "one *" "$C" tcp 10.32.0.5 80
    endpoints web TCP
    publish
    expect refused "$C" tcp 10.32.0.5 80
}

refuses_unused_ports_and_addresses() {
    web_up "$1" "$web,$tcp"
    expect refused "$N" tcp 10.32.0.5 81
    expect refused "$C" tcp 10.32.0.5 81
    expect refused "$C" udp 10.32.0.5 80
    expect refused "$C" tcp 10.32.9.9 80
    expect refused "$N" udp 10.32.0.10 53
}

keeps_a_client_at_its_backend() {
    web_up "$1" "$web,$tcp,\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":{\"clientIP\":{\"timeoutSeconds\":2}}"
    local ns first
    for ns in $N $C; do
        first=$(ask "$ns" tcp 10.32.0.5 80)
        [ "$(ask "$ns" tcp 10.32.0.5 80 30 | sort -u)" = "$first" ]
    done
    # its backend goes: another one is found, and kept
    case $(ask "$C" tcp 10.32.0.5 80) in
    one*) endpoints web TCP 10.200.0.2 ;;
    *) endpoints web TCP 10.200.0.1 ;;
    esac
    publish
    ask "$C" tcp 10.32.0.5 80
    endpoints web TCP 10.200.0.1 10.200.0.2
    publish
    [ "$(ask "$C" tcp 10.32.0.5 80 30 | sort -u | grep -c -E 'one|two')" = 1 ]
}

removes_stale_udp_flows() {
    proxy_up "$1"
    service dns "$web,$udp"
    endpoints dns UDP 10.200.0.1
    publish
    expect "one *" "$C" udp 10.32.0.5 53 1 5555
    endpoints dns UDP 10.200.0.2
    publish
    expect "two *" "$C" udp 10.32.0.5 53 1 5555
    endpoints dns UDP
    publish
    expect refused "$C" udp 10.32.0.5 53 1 5555
    endpoints dns UDP 10.200.0.1
    publish
    expect "one *" "$C" udp 10.32.0.5 53 1 5555
    # other flows stay
    ip netns exec "$N" conntrack -L -p udp 2>/dev/null | grep -q 'sport=5555'
    endpoints dns UDP 10.200.0.1 10.200.0.2
    publish
    ip netns exec "$N" conntrack -L -p udp 2>/dev/null | grep -q 'sport=5555'
    [ "$(say del Service default dns)" = ok ]
    publish
    if ip netns exec "$N" conntrack -L -p udp 2>/dev/null | grep -q 'sport=5555'; then return 1; fi
}

leaves_rules_when_it_dies_and_takes_them_up_again() {
    web_up "$1" "$web,$tcp"
    kill -9 "$PROXY"
    wait "$PROXY" || true
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
    exec 8>&- 9<&-
    proxy_up "$1"
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
    service web "$web,$tcp"
    endpoints web TCP 10.200.0.2
    publish
    [ "$(ask "$C" tcp 10.32.0.5 80 20 | sort -u)" = "two 10.200.255.1" ]
}

keeps_outsiders_on_this_node_with_policy_local() {
    proxy_up "$1"
    service web "$web,$node_tcp,\"externalTrafficPolicy\":\"Local\""
    endpoints web TCP 10.200.0.1@here 10.200.0.2
    publish
    [ "$(ask "$C" tcp 192.0.2.1 30080 20 | sort -u)" = "one 192.0.2.2" ]
    [ "$(ask "$N" tcp 192.0.2.1 30080 40 | sort -u | wc -l)" = 2 ]
    endpoints web TCP 10.200.0.2
    publish
    expect timeout "$C" tcp 192.0.2.1 30080
    expect "two *" "$N" tcp 192.0.2.1 30080
}

serves_external_addresses() {
    proxy_up "$1"
    service web "$web,$tcp,\"externalIPs\":[\"198.51.100.7\"]"
    endpoints web TCP 10.200.0.1
    publish
    expect "one 10.200.255.1" "$C" tcp 198.51.100.7 80
}

honours_source_ranges() {
    proxy_up "$1"
    [ "$(say put Service '{"apiVersion":"v1","kind":"Service","metadata":{"namespace":"default","name":"web"},"spec":{"type":"LoadBalancer","loadBalancerSourceRanges":["192.0.2.2/32"],'"$web,$tcp"'},"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.8"}]}}}')" = ok ]
    endpoints web TCP 10.200.0.1
    publish
    expect "one *" "$C" tcp 198.51.100.8 80
    ip -n "$C" addr add 192.0.2.3/24 dev eth0
    ip -n "$C" route replace default via 192.0.2.1 src 192.0.2.3
    expect timeout "$C" tcp 198.51.100.8 80
    expect "one *" "$C" tcp 10.32.0.5 80
}

touches_only_its_own() {
    # Somebody else's rules in both worlds.
    ip netns exec "$N" nft -f - <<<'table inet other { chain input { type filter hook input priority 10; tcp dport 9 counter; }; }'
    ip netns exec "$N" iptables -A INPUT -p tcp --dport 7 -j ACCEPT
    ip netns exec "$N" iptables -t nat -A PREROUTING -p tcp --dport 7 -j ACCEPT
    ip netns exec "$N" nft -s list ruleset >"$BATS_TEST_TMPDIR/before"
    web_up "$1" "$web,$node_tcp"
    [ "$(say cleanup)" = ok ]
    proxy_down
    ip netns exec "$N" nft -s list ruleset >"$BATS_TEST_TMPDIR/after"
    # iptables-nft leaves its empty tables and base chains behind: they are no rules
    diff <(grep -v -E '^\s*(table|chain|type|})|^$' "$BATS_TEST_TMPDIR/before") \
        <(grep -v -E '^\s*(table|chain|type|})|^$' "$BATS_TEST_TMPDIR/after")
    if grep -q -i -E 'kube|kedge' "$BATS_TEST_TMPDIR/after"; then return 1; fi
}
