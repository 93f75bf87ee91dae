#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a service adds to connect(): the median to its address next to the median straight to its endpoint, with 10 and with
# 10,000 services, nftables.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

for n in 10 10000; do
    node_new
    agent_start "$disk/data-$n" --proxy-mode nftables
    measure "$tool/bench_fill" "unix:$agent_socket" 0 $n || die 'could not fill'
    run sleep 2
    measure "${in_node[@]}" "$tool/bench_connect" "unix:$agent_socket" $NODE_IP 5000 || die 'connect() was not measured'
    row "connect() through a service (p50), $n services" "$(figure connect_service_p50)" ms direct \
        "$(figure connect_direct_p50)" '<= 1.5x'
    agent_stop
done
end
