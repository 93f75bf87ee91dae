#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From an acknowledged write to its rule in the kernel, its DNS answer, its ingress route, with 10, 1,000 and 10,000
# services of three endpoints there. 200 changes each, one after the other.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

agent_start "$disk/data"
from=0
for n in 10 1000 10000; do
    measure "$tool/bench_fill" "unix:$agent_socket" $from $n || die 'could not fill'
    from=$n
    run sleep 2
    measure "${in_node[@]}" "$tool/bench_latency" "unix:$agent_socket" $n 200 $CLUSTER_DNS $NODE_IP $NODE_IP || continue
    bound=''
    if [ $n = 10000 ]; then bound='<= 5'; fi
    for kind in 'kernel_endpoint:endpoint replaced -> rule in kernel' 'kernel_service:service made -> rule in kernel' \
        'dns_service:service made -> DNS answer' 'ingress_route:ingress made -> route'; do
        row "${kind#*:}, p50, $n services" "$(figure "${kind%%:*}_${n}_p50")" ms
        row "${kind#*:}, p99, $n services" "$(figure "${kind%%:*}_${n}_p99")" ms '' '' "$bound"
    done
done
end
