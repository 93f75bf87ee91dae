#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kedge registry over the local socket, and registries that are damaged, foreign or on a full disk.

load ../support/kedge

setup() { kedge_setup; }
teardown() { kedge_teardown; }

@test "ls, get and watch show keys and stored JSON" {
    node_new
    agent_start
    wait_for $SECONDS_MAX namespace_is_there default
    api POST /api/v1/namespaces/default/services \
        '{"metadata":{"name":"web"},"spec":{"type":"NodePort","selector":{"app":"web"},"ports":[{"port":80}]}}' >/dev/null
    run kedge registry ls /registry
    [[ $output == *namespaces/*services/* ]]
    run kedge registry ls --recursive /registry/services/specs
    grep -qx /registry/services/specs/default/web <<<"$output"
    kedge registry get /registry/services/specs/default/web >"$dir/got.json"
    local ip
    ip=$(jq -r .spec.clusterIP "$dir/got.json")
    [ "$(api GET /api/v1/namespaces/default/services/web | jq -r .spec.clusterIP)" = "$ip" ]
    [[ $ip == 10.32.* ]]
    kedge registry get /registry/ranges/serviceips | jq -e .range
    run kedge registry get /registry/services/specs/default/none
    [ "$status" -eq 1 ]
    run kedge registry get /registry/services/specs/default/none/
    [ "$status" -ne 0 ]
    run_on node "$dir/watched" "$KEDGE" registry watch /registry/configmaps/ --run-dir "$dir/run"
    # Its first change may come before it listens: so one after the other until one is seen.
    local n=0
    until [ -s "$dir/watched" ]; do
        n=$((n + 1))
        [ $n -lt 200 ]
        api POST /api/v1/namespaces/default/configmaps "{\"metadata\":{\"name\":\"c$n\"}}" >/dev/null
    done
    api DELETE "/api/v1/namespaces/default/configmaps/c$n" >/dev/null
    wait_for 10 grep -q '"type":"DELETE"' "$dir/watched"
    head -n 1 "$dir/watched" | jq -e '.type == "PUT" and (.key | startswith("/registry/configmaps/default/c"))'
    agent_stop
}

refused_file() { # the agent must end with status 1, name the file, and leave it as it is
    local before
    before=$(sha256sum "$dir/data/registry.db")
    run on node timeout 30 "$KEDGE" agent --data-dir "$dir/data" --run-dir "$dir/run"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"$dir/data/registry.db"* ]]
    [ "$(sha256sum "$dir/data/registry.db")" = "$before" ]
}

@test "a file that is no registry is refused and left alone" {
    node_new
    mkdir -p "$dir/data"
    head -c 100000 /dev/urandom >"$dir/data/registry.db"
    refused_file
}

@test "another program's database is refused and left alone" {
    node_new
    mkdir -p "$dir/data"
    sqlite3 "$dir/data/registry.db" 'create table songs(name text); insert into songs values("one");'
    refused_file
}

@test "a damaged registry is refused and left alone" {
    node_new
    agent_start
    wait_for $SECONDS_MAX namespace_is_there default
    local n
    for n in $(seq 50); do
        api POST /api/v1/namespaces/default/configmaps \
            "{\"metadata\":{\"name\":\"c$n\"},\"data\":{\"a\":\"$(head -c 2000 /dev/zero | tr '\0' x)\"}}" >/dev/null
    done
    agent_stop
    # Every page but the first: as a bad flash block leaves it.
    local pages
    pages=$(($(stat -c %s "$dir/data/registry.db") / 4096))
    dd if=/dev/urandom of="$dir/data/registry.db" bs=4096 seek=1 count=$((pages - 1)) conv=notrunc status=none
    refused_file
}

# A small write of the agent's own may still fit, which ends the complaint: another large one brings it back.
full_disk_is_told() {
    ! api POST /api/v1/namespaces/default/configmaps "@$dir/big.json" >/dev/null 2>&1 || return 1
    on node curl -s --unix-socket "$dir/run/kedge.sock" 'http://kedge/readyz?verbose' | grep -qF '[-]registry'
}

@test "a full disk fails writes, keeps reads, is told, and mends" {
    node_new
    mkdir -p "$dir/data"
    # A file system of its own, in a mount namespace that ends with the agent.
    ip netns exec "$id-node" unshare -m bash -c 'mount -t tmpfs -o size=6m tmpfs "$0/data" && exec "$@"' "$dir" \
        "$KEDGE" agent --data-dir "$dir/data" --run-dir "$dir/run" --node-name node-1 --kubeconfig-out "$KUBECONFIG" \
        >>"$dir/agent.log" 2>&1 3>&- &
    agent_pid=$!
    wait_for $SECONDS_MAX agent_is_ready
    wait_for $SECONDS_MAX namespace_is_there default
    local body n=0 big
    big=$(head -c 200000 /dev/zero | tr '\0' x)
    printf '{"metadata":{"generateName":"c-"},"data":{"a":"%s"}}' "$big" >"$dir/big.json"
    until ! body=$(api POST /api/v1/namespaces/default/configmaps "@$dir/big.json"); do
        n=$((n + 1))
        [ $n -lt 200 ]
    done
    [[ $body == *"registry: no space left on $dir/data"* ]]
    [ "$(jq -r .code <<<"$body")" = 500 ]
    # All that was acknowledged is there.
    [ "$(api GET /api/v1/namespaces/default/configmaps | jq '[.items[] | select(.metadata.generateName == "c-")] | length')" = $n ]
    wait_for $SECONDS_MAX full_disk_is_told
    agent_stop
}
