#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What programming the kernel costs, next to iptables-legacy-restore of kube-proxy's layout.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

measure "$tool/bench_proxy" || die 'programming the kernel was not measured'
for n in 1000 5000 10000; do
    bound=''
    if [ $n = 10000 ]; then bound='<= 0.5'; fi
    row "rules: full load, $n services x 3" "$(figure "proxy_nftables_load_$n")" s iptables-restore "$(figure "proxy_iptables_load_$n")" "$bound"
    row "rules: one endpoint replaced, $n services" "$(figure "proxy_nftables_replaced_${n}_p50")" ms iptables-restore "$(figure "proxy_iptables_replaced_${n}_p50")" '<= 1'
    row "rules: number of endpoints changed, $n services" "$(figure "proxy_nftables_counted_${n}_p50")" ms iptables-restore "$(figure "proxy_iptables_counted_${n}_p50")" '<= 2'
done
end
