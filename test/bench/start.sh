#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From starting the program to /readyz 200: with an empty data directory on a fresh node, keys and certificates made; and
# with 10,000 services of three endpoints in the registry, their rules in the kernel.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
most() { sort -n | tail -n 1; }

start_once() { # DATA-DIR FILE: adds lines "start MS" and "start_cpu MS"
    agent_command "$1"
    run "${in_node[@]}" "$tool/bench_start" "$agent_socket" "${agent[@]}" >>"$2" || die 'an agent did not start'
}
values() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }

for i in 1 2 3 4 5 6 7 8 9 10; do
    node_new
    start_once "$disk/empty-$i" "$scratch/empty"
done
row 'start to ready, empty data directory (p50 of 10)' "$(values start "$scratch/empty" | median)" ms '' '' '<= 100'
row 'start to ready, empty data directory (slowest)' "$(values start "$scratch/empty" | most)" ms
row 'processor time of that start (p50)' "$(values start_cpu "$scratch/empty" | median)" ms

node_new
agent_start "$disk/full"
measure "$tool/bench_fill" "unix:$agent_socket" 0 10000 || die 'could not fill'
agent_stop
for i in 1 2 3 4 5; do start_once "$disk/full" "$scratch/full"; done
row 'start to ready, 10,000 services x 3 (p50 of 5)' "$(values start "$scratch/full" | median)" ms
row 'processor time of that start (p50)' "$(values start_cpu "$scratch/full" | median)" ms
end
