#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real traffic through the iptables rules, in network namespaces.

load ../support/proxy_net

setup() { net_up; }
teardown() { net_down; }

@test "iptables: spreads connections evenly, from the node, from pods and from outside" { spreads_evenly iptables; }
@test "iptables: serves UDP" { serves_udp iptables; }
@test "iptables: keeps pods' addresses and masquerades others" { keeps_pod_addresses_and_masquerades_others iptables; }
@test "iptables: a pod that meets itself gets an answer" { masquerades_a_pod_that_meets_itself iptables; }
@test "iptables: serves node ports from outside, from the node and on loopback" { serves_node_ports iptables; }
@test "iptables: refuses services without endpoints" { refuses_what_has_no_endpoints iptables; }
@test "iptables: refuses unused ports and addresses" { refuses_unused_ports_and_addresses iptables; }
@test "iptables: keeps a client at its backend while it is there" { keeps_a_client_at_its_backend iptables; }
@test "iptables: removes stale UDP flows and leaves live ones" { removes_stale_udp_flows iptables; }
@test "iptables: rules outlive the process" { leaves_rules_when_it_dies_and_takes_them_up_again iptables; }
@test "iptables: external policy Local" { keeps_outsiders_on_this_node_with_policy_local iptables; }
@test "iptables: external IPs" { serves_external_addresses iptables; }
@test "iptables: source ranges guard load-balancer addresses" { honours_source_ranges iptables; }
@test "iptables: touches only its own chains" { touches_only_its_own iptables; }


@test "iptables: repairs what somebody else flushed" {
    web_up iptables "$web,$tcp"
    ip netns exec "$N" iptables -t nat -F
    local until=$((SECONDS + 25))
    until ip netns exec "$N" iptables -t nat -S KUBE-SERVICES | grep -q 10.32.0.5; do
        [ $SECONDS -lt $until ]
    done
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
}

@test "iptables: uses legacy iptables where the host does" {
    ip netns exec "$N" iptables-legacy -A INPUT -p tcp --dport 7 -j ACCEPT
    web_up iptables "$web,$tcp"
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
    ip netns exec "$N" iptables-legacy -t nat -S | grep -q KUBE-SVC
    if ip netns exec "$N" iptables-nft-save | grep -q KUBE; then return 1; fi
    [ "$(say cleanup)" = ok ]
    if ip netns exec "$N" iptables-legacy-save | grep -q KUBE; then return 1; fi
}

@test "iptables: traces a rule that is missing in the kernel" {
    web_up iptables "$web,$tcp"
    say trace 10.32.0.5:80 | jq -e '.hops[] | select(.phase == "kernel") | .outcome == "pass" and (.evidence | length > 3)'
    chain=$(ip netns exec "$N" iptables -t nat -S | grep -o 'KUBE-SVC-[A-Z0-9]*' | head -n 1)
    ip netns exec "$N" iptables -t nat -D KUBE-SERVICES "$(ip netns exec "$N" iptables -t nat -S KUBE-SERVICES | grep -n "$chain" | cut -d: -f1 | awk '{ print $1 - 1 }')"
    ip netns exec "$N" iptables -t nat -F "$chain"
    ip netns exec "$N" iptables -t nat -X "$chain"
    say trace 10.32.0.5:80 | jq -e --arg chain "$chain" '.verdict.cause | test("rule missing in the kernel.*" + $chain)'
}

@test "iptables: cleanup leaves a real kube-proxy's chains alone" {
    ip netns exec "$N" iptables -t nat -N KUBE-MARK-MASQ
    ip netns exec "$N" iptables -t nat -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
    proxy_up nftables
    [ "$(say cleanup)" = ok ]
    ip netns exec "$N" iptables -t nat -C KUBE-MARK-MASQ -j MARK --or-mark 0x4000
}
