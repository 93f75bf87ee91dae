#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The API: durable creates, updates, gets and lists a second by 1, 16 and 64 connections over the local socket and TLS, idle
# watches, and one event to all of them; the same of etcd, on the same disk, over a local socket and its own protocol.
# Over TLS kedge is held against etcd without it.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

ms=${KEDGE_BENCH_MS:-1000}
rounds=${KEDGE_BENCH_ROUNDS:-3}
ulimit -n "$(ulimit -H -n)"
# A server and a bench with 5,000 connections need as many descriptors.
n_watches='1000'
if [ "$(ulimit -n)" -ge 12000 ]; then n_watches='1000 5000'; fi

agent_fresh() { # DATA-DIR: an agent with the namespace and nothing more
    agent_start "$1"
    run "$tool/bench_fill" "unix:$agent_socket" 0 0 || die 'no namespace'
}

target_of() { if [ "$1" = tls ]; then say "tls:$NODE_IP:6443"; else say "unix:$agent_socket"; fi; }

# Both servers run; rounds alternate between them, so that what else the machine does meets all alike.
agent_fresh "$disk/api"
$has_etcd && etcd_start load
for ((round = 0; round < rounds; round++)); do
    for by in unix tls; do
        measure "${in_node[@]}" "$tool/bench_api" "$(target_of $by)" "$disk/api/pki" $by "$ms" || die 'the API was not measured'
    done
    if $has_etcd; then measure "$tool/bench_etcd" "$etcd" "$ms" || die 'etcd was not measured'; fi
done
agent_stop
$has_etcd && end_process "$etcd_pid"

# Fresh servers: memory that an earlier load has left behind would hide what watches take.
for n in $n_watches; do
    for by in unix tls; do
        agent_fresh "$disk/watch-$by-$n"
        measure "${in_node[@]}" "$tool/bench_watch" kedge "$(target_of $by)" "$disk/watch-$by-$n/pki" $by "$n" "$agent_pid"
        agent_stop
    done
    if $has_etcd; then
        etcd_start "watch-$n"
        measure "$tool/bench_watch" etcd "$etcd" - etcd "$n" "$etcd_pid"
        end_process "$etcd_pid"
    fi
done

for verb in create update get list; do
    for by in unix tls; do
        for n in 1 16 64; do
            what="${verb}s, $n clients, $by"
            bound=''
            if [ "$verb-$by-$n" = create-unix-64 ]; then bound='>= 0.5x'; fi
            row "$what" "$(typical "${by}_${verb}_$n")" /s etcd "$(typical "etcd_${verb}_$n")" "$bound"
        done
    done
done
for n in $n_watches; do
    for by in unix tls; do
        bound=''
        if [ "$n" = 5000 ]; then bound='<= 50'; fi
        if [ "$n-$by" = 5000-tls ]; then bound='<= 250'; fi
        row "memory of $n idle watches, $by" "$(figure "${by}_watches_$n")" MB etcd "$(figure "etcd_watches_$n")" "$bound"
        row "a create until $n watches have it (p50), $by" "$(figure "${by}_fan_out_${n}_p50")" ms \
            etcd "$(figure "etcd_fan_out_${n}_p50")"
    done
done
end
