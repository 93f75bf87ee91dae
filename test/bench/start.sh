#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From starting the program to /readyz 200: with an empty data directory on a fresh node, keys and certificates made; and
# with 10,000 services of three endpoints in the registry, their rules in the kernel.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
most() { sort -n | tail -n 1; }

start_once() { # DATA-DIR: milliseconds
    agent_command "$1"
    run "${in_node[@]}" "$tool/bench_start" "$agent_socket" "${agent[@]}" >"$scratch/start" || die 'an agent did not start'
    awk '{ print $2 }' "$scratch/start"
}

for i in 1 2 3 4 5 6 7 8 9 10; do
    node_new
    start_once "$disk/empty-$i" >>"$scratch/empty"
done
row 'start to ready, empty data directory (p50 of 10)' "$(median <"$scratch/empty")" ms '' '' '<= 100'
row 'start to ready, empty data directory (slowest)' "$(most <"$scratch/empty")" ms

node_new
agent_start "$disk/full"
measure "$tool/bench_fill" "unix:$agent_socket" 0 10000 || die 'could not fill'
agent_stop
for i in 1 2 3 4 5; do start_once "$disk/full" >>"$scratch/full"; done
row 'start to ready, 10,000 services x 3 (p50 of 5)' "$(median <"$scratch/full")" ms
end
