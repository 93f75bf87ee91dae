#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Cluster DNS, one thread, next to Unbound with the same 10,000 names as local data: answers a second that each gives
# while dnsperf asks as fast as it can, and answers a second of the server's own processor time ("a core"), which does not
# depend on what the other core can ask. Both run in turns, so that what else the machine does meets both.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

n_names=10000
seconds=3
rounds=3
kedge_port=5301
unbound_port=5302

awk -v n=$n_names 'BEGIN { srand(1); for (i = 0; i < 4 * n; i++) printf "service-%d.default.svc.cluster.local A\n", rand() * n }' \
    >"$scratch/questions"
{
    printf '%s\n' 'server:' ' username: ""' ' chroot: ""' ' pidfile: ""' ' use-syslog: no' ' do-daemonize: no' ' num-threads: 1' \
        " directory: \"$scratch\"" " interface: 127.0.0.1@$unbound_port" ' module-config: "iterator"' \
        ' local-zone: "cluster.local." static'
    awk -v n=$n_names 'BEGIN { for (i = 0; i < n; i++)
        printf " local-data: \"service-%d.default.svc.cluster.local. 5 IN A 10.32.%d.%d\"\n", i, i / 256, i % 256 }'
    printf '%s\n' 'remote-control:' ' control-enable: no'
} >"$scratch/unbound.conf"

on_core() { # CORE COMMAND...: the first core for servers, the second for who asks; anywhere when there is but one
    local core=$1
    shift
    if [ "$(nproc)" -gt 1 ]; then set -- taskset -c "$core" "$@"; fi
    exec "$@"
}

cpu_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# Waits until a name is answered.
await_answer() { # PORT PID
    local i
    for ((i = 0; i < 200; i++)); do
        kill -0 "$2" 2>/dev/null || return 1
        printf 'service-1.default.svc.cluster.local A\n' >"$scratch/one"
        "${in_node[@]}" dnsperf -s 127.0.0.1 -p "$1" -d "$scratch/one" -n 1 -t 0.2 2>/dev/null |
            grep -q 'Queries completed: *1 ' && return 0
        sleep 0.05
    done
    return 1
}

# One round: answers a second into <name>.rate, answers a second of processor time into <name>.core.
ask() { # NAME PORT PID
    local before after ticks completed
    ticks=$(getconf CLK_TCK)
    before=$(cpu_ticks "$3")
    (on_core 1 "${in_node[@]}" dnsperf -s 127.0.0.1 -p "$2" -d "$scratch/questions" -T 1 -c 10 -q 100 -l $seconds) \
        >"$scratch/dnsperf" 2>/dev/null || return 1
    after=$(cpu_ticks "$3")
    completed=$(sed -nE 's/^ *Queries completed: *([0-9]+) .*/\1/p' "$scratch/dnsperf")
    grep -qE 'Response codes: *NOERROR [0-9]+ \(100\.00%\)' "$scratch/dnsperf" || die "$1 gave other answers than NOERROR"
    sed -nE 's/^ *Queries per second: *([0-9]+).*/\1/p' "$scratch/dnsperf" >>"$scratch/$1.rate"
    awk -v n="$completed" -v t="$((after - before))" -v hz="$ticks" 'BEGIN { printf "%d\n", n * hz / (t > 0 ? t : 1) }' \
        >>"$scratch/$1.core"
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { if (NR > 0) print v[int((NR + 1) / 2)] }'; }

mkfifo "$scratch/hold"
exec 3<>"$scratch/hold" # the server ends when its input does
(on_core 0 "${in_node[@]}" "$tool/tool_dns_serve" $kedge_port $n_names) <"$scratch/hold" >/dev/null 2>&1 3>&- &
kedge_pid=$!
pids+=("$kedge_pid")
await_answer $kedge_port "$kedge_pid" || die 'cluster DNS does not answer'

unbound_pid=
if command -v unbound >/dev/null; then
    (on_core 0 "${in_node[@]}" unbound -c "$scratch/unbound.conf") >/dev/null 2>&1 3>&- &
    unbound_pid=$!
    pids+=("$unbound_pid")
    await_answer $unbound_port "$unbound_pid" || die 'Unbound does not answer'
fi

for ((round = 0; round < rounds; round++)); do
    ask kedge $kedge_port "$kedge_pid" || die 'cluster DNS was not measured'
    if [ -n "$unbound_pid" ]; then ask unbound $unbound_port "$unbound_pid" || die 'Unbound was not measured'; fi
done

peer() { if [ -n "$unbound_pid" ]; then median "$scratch/unbound.$1"; fi; }
memory_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
say "dns: kedge $(median "$scratch/kedge.rate") q/s, $(median "$scratch/kedge.core") q/s of processor time"
if [ -n "$unbound_pid" ]; then say "dns: unbound $(peer rate) q/s, $(peer core) q/s of processor time"; fi
row 'DNS: answers a second and core' "$(median "$scratch/kedge.core")" '1/s' Unbound "$(peer core)" '>= 1x'
row 'DNS: answers a second, one client' "$(median "$scratch/kedge.rate")" '1/s' Unbound "$(peer rate)" '>= 1x'
row 'DNS: resident memory, 10,000 names' "$(memory_kib "$kedge_pid")" KiB Unbound \
    "$(if [ -n "$unbound_pid" ]; then memory_kib "$unbound_pid"; fi)"
end
