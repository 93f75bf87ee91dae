#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ingress router: keep-alive requests a second and core, next to HAProxy and nginx in the same run. The proxy has a core
# of its own, load and backend share another; the figure is requests for each second of processor time that the proxy used,
# which other load on the machine does not change. Rounds alternate; the median counts.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
command -v wrk >/dev/null || { say 'ingress: no wrk: not measured'; exit 0; }
begin

seconds=${KEDGE_BENCH_SECONDS:-3}
rounds=${KEDGE_BENCH_ROUNDS:-3}
proxy_core=0
load_core=$(($(nproc) > 1 ? 1 : 0))
ticks=$(getconf CLK_TCK)
mkfifo "$scratch/hold"
exec 9<>"$scratch/hold" # standard input that never ends

# The first line a program prints is its port: $port, $pid.
start_on() { # CORE COMMAND...
    local core=$1 i
    shift
    : >"$scratch/port"
    taskset -c "$core" "${in_node[@]}" "$@" <&9 >"$scratch/port" 2>/dev/null &
    pid=$!
    pids+=("$pid")
    for ((i = 0; i < 100; i++)); do
        port=$(grep -m1 -E '^[0-9]+$' "$scratch/port") && return
        sleep 0.05
    done
    die "$1 did not start"
}

await_port() { # PORT
    local i
    for ((i = 0; i < 100; i++)); do
        run "${in_node[@]}" curl -s -o /dev/null "http://127.0.0.1:$1/" && return
        sleep 0.05
    done
    die "nothing listens on $1"
}

start_on "$load_core" "$tool/tool_http_hello"
backend=$port
start_on "$proxy_core" "$tool/tool_ingress_serve" "$backend"
declare -A ports=([kedge]=$port) proxies=([kedge]=$pid)

if command -v haproxy >/dev/null; then
    ports[haproxy]=18081
    cat >"$scratch/haproxy.cfg" <<EOT
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
    option forwardfor
frontend f
    bind 127.0.0.1:18081
    use_backend b if { hdr(host) -i bench.example }
    default_backend b
backend b
    server s 127.0.0.1:$backend
EOT
    taskset -c $proxy_core "${in_node[@]}" haproxy -db -f "$scratch/haproxy.cfg" >/dev/null 2>&1 &
    proxies[haproxy]=$!
    pids+=("$!")
    await_port 18081
fi
if command -v nginx >/dev/null; then
    ports[nginx]=18082
    cat >"$scratch/nginx.conf" <<EOT
daemon off; master_process off; worker_processes 1; pid $scratch/nginx.pid; error_log /dev/null;
events { worker_connections 1024; }
http {
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path $scratch/n1; proxy_temp_path $scratch/n2; fastcgi_temp_path $scratch/n3;
    uwsgi_temp_path $scratch/n4; scgi_temp_path $scratch/n5;
    upstream b { server 127.0.0.1:$backend; keepalive 128; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:18082;
        location / {
            proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Real-IP \$remote_addr; proxy_set_header X-Forwarded-Proto \$scheme;
        }
    }
}
EOT
    taskset -c $proxy_core "${in_node[@]}" nginx -c "$scratch/nginx.conf" >/dev/null 2>&1 &
    proxies[nginx]=$!
    pids+=("$!")
    await_port 18082
fi

cpu_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # ticks

one_round() { # NAME: a line "NAME requests-a-cpu-second requests-a-second"
    local name=$1 before after done_n
    before=$(cpu_of "${proxies[$name]}")
    run taskset -c "$load_core" "${in_node[@]}" wrk -t1 -c64 -d"${seconds}s" -H 'Host: bench.example' \
        "http://127.0.0.1:${ports[$name]}/" >"$scratch/wrk" || die "wrk against $name"
    after=$(cpu_of "${proxies[$name]}")
    if grep -q 'Non-2xx\|Socket errors' "$scratch/wrk"; then
        cat "$scratch/wrk" >&2
        die "$name failed requests"
    fi
    done_n=$(awk '/requests in/ { print $1 }' "$scratch/wrk")
    awk -v name="$name" -v n="$done_n" -v ticks=$((after - before)) -v hz="$ticks" -v s="$seconds" \
        'BEGIN { printf "%s %.0f %.0f\n", name, ticks ? n * hz / ticks : 0, n / s }' | tee -a "$scratch/rounds"
}
median() { # NAME COLUMN
    awk -v name="$1" -v c="$2" '$1 == name { print $c }' "$scratch/rounds" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for ((round = 0; round < rounds; round++)); do
    for name in kedge haproxy nginx; do
        if [ -n "${ports[$name]:-}" ]; then one_round $name; fi
    done
done
for name in haproxy nginx; do
    [ -n "${ports[$name]:-}" ] || continue
    row 'ingress: requests a second of processor time' "$(median kedge 2)" /s $name "$(median $name 2)" '>= 1x'
    row 'ingress: requests a second, one core' "$(median kedge 3)" /s $name "$(median $name 3)"
done
end
