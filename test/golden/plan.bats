#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `kedge plan` makes of folders of objects, in both modes, word for word. After a wanted change:
#   test/golden/plan.bats with UPDATE=1 writes the expected files anew: read their diff.

check() { # folder, mode
    local dir="$KEDGE_SOURCE_DIR/test/golden/plan/$1"
    "$KEDGE" plan "$dir" --node-name n1 --dns-listen=none --ingress-http-listen=none \
        --ingress-https-listen=none --proxy-mode "$2" | sed '/^# ingress/,$d' >"$BATS_TEST_TMPDIR/got"
    [ -z "$UPDATE" ] || cp "$BATS_TEST_TMPDIR/got" "$dir/$2.expected"
    diff -u "$dir/$2.expected" "$BATS_TEST_TMPDIR/got"
}

@test "plan: a service with node port, one without endpoints, nftables" { check basic nftables; }
@test "plan: a service with node port, one without endpoints, iptables" { check basic iptables; }
@test "plan: affinity and an external IP, nftables" { check affinity nftables; }
@test "plan: affinity and an external IP, iptables" { check affinity iptables; }
@test "plan: policy Local with source ranges, nftables" { check local nftables; }
@test "plan: policy Local with source ranges, iptables" { check local iptables; }
