#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 10,000 and 100,000 ConfigMaps of 1 KB: resident memory, and a list of the 10,000 in one answer over the local socket and
# TLS; the same of etcd. kedge keeps all objects in memory; etcd maps its file and keeps an index.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

ulimit -n "$(ulimit -H -n)"
agent_start "$disk/crowd" --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none
run "$tool/bench_fill" "unix:$agent_socket" 0 0 || die 'no namespace'
row_rss() { # N
    row "resident memory with $1 objects of 1 KB" "$(rss_mb "$agent_pid")" MB etcd \
        "$(if $has_etcd; then rss_mb "$etcd_pid"; fi)"
}
crowd() { # FROM TO
    measure "$tool/bench_crowd" kedge "unix:$agent_socket" - unix "$1" "$2" || die 'kedge was not measured'
    measure "${in_node[@]}" "$tool/bench_crowd" kedge "tls:$NODE_IP:6443" "$disk/crowd/pki" tls "$2" "$2" ||
        die 'kedge was not measured over TLS'
    if $has_etcd; then measure "$tool/bench_crowd" etcd "$etcd" - etcd "$1" "$2" || die 'etcd was not measured'; fi
    run sleep 2 # what the last writes set off
    for by in unix tls; do
        row "a list of all $2, $by (p50)" "$(figure "${by}_list_$2_p50")" ms etcd "$(figure "etcd_list_$2_p50")"
    done
    row_rss "$2"
}

$has_etcd && etcd_start crowd
crowd 0 10000
crowd 10000 100000
end
