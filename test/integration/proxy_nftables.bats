#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real traffic through the nftables rules, in network namespaces.

load ../support/proxy_net

setup() { net_up; }
teardown() { net_down; }

@test "nftables: spreads connections evenly, from the node, from pods and from outside" { spreads_evenly nftables; }
@test "nftables: serves UDP" { serves_udp nftables; }
@test "nftables: keeps pods' addresses and masquerades others" { keeps_pod_addresses_and_masquerades_others nftables; }
@test "nftables: a pod that meets itself gets an answer" { masquerades_a_pod_that_meets_itself nftables; }
@test "nftables: serves node ports from outside, from the node and on loopback" { serves_node_ports nftables; }
@test "nftables: refuses services without endpoints" { refuses_what_has_no_endpoints nftables; }
@test "nftables: refuses unused ports and addresses" { refuses_unused_ports_and_addresses nftables; }
@test "nftables: keeps a client at its backend while it is there" { keeps_a_client_at_its_backend nftables; }
@test "nftables: removes stale UDP flows and leaves live ones" { removes_stale_udp_flows nftables; }
@test "nftables: rules outlive the process" { leaves_rules_when_it_dies_and_takes_them_up_again nftables; }
@test "nftables: external policy Local" { keeps_outsiders_on_this_node_with_policy_local nftables; }
@test "nftables: external IPs" { serves_external_addresses nftables; }
@test "nftables: source ranges guard load-balancer addresses" { honours_source_ranges nftables; }
@test "nftables: touches only its own table" { touches_only_its_own nftables; }

await_kernel() { # a command that must come to succeed within 10 s
    local until=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
    done
}

@test "nftables: repairs what somebody else flushed" {
    web_up nftables "$web,$tcp"
    ip netns exec "$N" nft flush ruleset
    await_kernel ip netns exec "$N" nft get element ip kedge services '{ 10.32.0.5 . tcp . 80 }'
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
    ip netns exec "$N" nft delete element ip kedge services '{ 10.32.0.5 . tcp . 80 }'
    await_kernel ip netns exec "$N" nft get element ip kedge services '{ 10.32.0.5 . tcp . 80 }'
}

@test "nftables: keeps DNS at its address out of connection tracking" {
    web_up nftables "$web,$tcp"
    ip -n "$N" addr add 10.32.0.10/32 dev lo
    expect refused "$C" udp 10.32.0.10 53
    say dns on
    publish
    await_kernel bash -c "ip netns exec $N nft list chain ip kedge raw_output | grep -q notrack"
    expect refused "$C" tcp 10.32.0.10 22
    ask "$C" udp 10.32.0.10 53
    if ip netns exec "$N" conntrack -L 2>/dev/null | grep -q 'dst=10.32.0.10.*dport=53'; then return 1; fi
}

@test "nftables: says what drifted and repairs it" {
    web_up nftables "$web,$tcp"
    say status | jq -e '.drift == [] and .services == 1 and .backend == "nftables"'
    kill -STOP "$PROXY"
    ip netns exec "$N" nft delete element ip kedge backends '{ 10.32.0.5 . tcp . 80 . 0 }'
    kill -CONT "$PROXY"
    await_kernel ip netns exec "$N" nft get element ip kedge backends '{ 10.32.0.5 . tcp . 80 . 0 }'
    say status | jq -e '.drift == [] and .repairs == 1'
    say trace 10.32.0.5:80 | jq -e '.hops[] | select(.phase == "kernel") | .outcome == "pass"'
}

@test "nftables: traces a rule that is missing in the kernel" {
    web_up nftables "$web,$tcp"
    local element='{ 10.32.0.5 . tcp . 80 }'
    # The second removal within a second of a repair is left for the rest of that second.
    ip netns exec "$N" nft delete element ip kedge services "$element"
    await_kernel ip netns exec "$N" nft get element ip kedge services "$element"
    ip netns exec "$N" nft delete element ip kedge services "$element"
    say trace 10.32.0.5:80 | jq -e '.verdict.cause | test("rule missing in the kernel: table ip kedge, services")'
}

@test "nftables: names the firewall that drops forwarded traffic, and its command mends it" {
    web_up nftables "$web,$tcp"
    ip netns exec "$N" iptables -P FORWARD DROP
    expect timeout "$C" tcp 10.32.0.5 80
    say trace 10.32.0.5:80 >"$BATS_TEST_TMPDIR/trace"
    jq -e '.verdict.cause | test("FORWARD")' "$BATS_TEST_TMPDIR/trace"
    ip netns exec "$N" bash -c "$(jq -r .verdict.mend "$BATS_TEST_TMPDIR/trace")"
    expect "* 10.200.255.1" "$C" tcp 10.32.0.5 80
}

@test "nftables: --manage-forward opens FORWARD once and records it" {
    ip netns exec "$N" iptables -P FORWARD DROP
    proxy_up nftables --manage-forward "$BATS_TEST_TMPDIR/host.ledger"
    service web "$web,$tcp"
    endpoints web TCP 10.200.0.1
    publish
    expect "one *" "$C" tcp 10.32.0.5 80
    grep -q kedge "$BATS_TEST_TMPDIR/host.ledger"
    [ "$(ip netns exec "$N" iptables -S FORWARD | grep -c kedge)" = 1 ]
}
