#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an agent with everything on takes while nothing happens: memory, CPU, writes to the disk, with 50 objects and with
# 10,000 services of three hand-made endpoints; and the size of the program. An idle minute each (KEDGE_BENCH_IDLE_S).
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

idle_s=${KEDGE_BENCH_IDLE_S:-60}
ticks=$(getconf CLK_TCK)

cpu_ticks() { sed 's/^.*) //' "/proc/$agent_pid/stat" | awk '{ print $12 + $13 }'; }
written() { awk '/^write_bytes:/ { print $2 }' "/proc/$agent_pid/io"; }

measure_idle() { # WITH MB
    local cpu bytes
    run sleep 10 # what the last writes set off
    row "resident memory, $1" "$(rss_mb "$agent_pid")" MB '' '' "<= $2"
    cpu=$(cpu_ticks)
    bytes=$(written)
    run sleep "$idle_s"
    row "idle CPU, $1" "$(awk -v t="$(($(cpu_ticks) - cpu))" -v hz="$ticks" -v s="$idle_s" 'BEGIN { print 100 * t / hz / s }')" \
        '%' '' '' '<= 0.2'
    row "idle writes in a day, $1" "$(awk -v b="$(($(written) - bytes))" -v s="$idle_s" 'BEGIN { print b * 86400 / s / 1048576 }')" \
        MB '' '' '<= 1'
}

strip -o "$scratch/kedge" "$kedge"
row 'program, without symbols' "$(stat -c %s "$scratch/kedge" | awk '{ print $1 / 1048576 }')" MB '' '' '<= 5'

agent_start "$disk/data"
row 'resident memory, just ready' "$(rss_mb "$agent_pid")" MB
measure "$tool/bench_fill" "unix:$agent_socket" 0 10 || die 'could not fill'
measure_idle '50 objects' 16
measure "$tool/bench_fill" "unix:$agent_socket" 10 10000 || die 'could not fill'
measure_idle '10,000 services x 3' 120
agent_stop
agent_start "$disk/data"
run sleep 5
row 'resident memory, 10,000 services x 3, started again' "$(rss_mb "$agent_pid")" MB '' '' '<= 120'
end
