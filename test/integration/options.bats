#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Command lines and config files: each wrong one is named with what would be right, and nothing has started.

load ../support/kedge

setup() {
    dir=$BATS_TEST_TMPDIR
}

refused() { # TEXT OPTION...: exit status 2, and the text in the answer
    local text=$1
    shift
    run timeout 20 "$KEDGE" agent --data-dir "$dir/data" --run-dir "$dir/run" "$@"
    if [ "$status" -ne 2 ] || [[ $output != *"$text"* ]]; then
        printf 'kedge agent %s\nstatus %s: %s\nwanted: %s\n' "$*" "$status" "$output" "$text"
        return 1
    fi
    [ ! -e "$dir/data" ]
}

@test "wrong values are named with what would be right" {
    refused '--service-cidr: "10.32.0.0/33": must be a range' --service-cidr 10.32.0.0/33
    refused '--service-cidr: "10.0.0.0/16,10.1.0.0/16": must be one range, or two of different' \
        --service-cidr 10.0.0.0/16,10.1.0.0/16
    refused '--service-cidr: a range needs 16' --service-cidr 10.32.0.0/29 --cluster-dns 10.32.0.2
    refused '--service-cidr and --cluster-cidr overlap' --cluster-cidr 10.32.128.0/17
    refused '--cluster-dns: must be an address of --service-cidr' --cluster-dns 10.99.0.10
    refused "--cluster-dns: the first address of --service-cidr is the API's" --cluster-dns 10.32.0.1
    refused '--cluster-dns: "ten": must be an IP address' --cluster-dns ten
    refused '--api-listen: "6443": must be' --api-listen 6443
    refused '--api-listen: "none": must be' --api-listen none
    refused '--ingress-http-listen: ":70000": must be' --ingress-http-listen :70000
    refused '--service-node-port-range: "9-1": must be FIRST-LAST' --service-node-port-range 9-1
    refused '--proxy-mode: "ipvs": must be one of: auto, nftables, iptables, none' --proxy-mode ipvs
    refused '--log-level: "loud": must be one of: debug' --log-level loud
    refused '--manage-forward: "maybe": must be true or false' --manage-forward=maybe
    refused '--node-name: "A_b"' --node-name A_b
    refused '--ingress-default-backend: "web": must be NAMESPACE/SERVICE' --ingress-default-backend web
    refused '--dns-upstream: "resolver": must be addresses' --dns-upstream resolver
    refused '--data-dir: ""' --data-dir ''
}

@test "unknown options, and those of other versions, are told apart" {
    refused 'unknown option --colour' --colour red
    refused 'unexpected argument "extra"' extra
    refused '--log-level needs a value' --log-level
    refused '--proxy-mode: "userspace": not available in this version' --proxy-mode userspace
    refused '--etcd-endpoints: not available in this version' --etcd-endpoints http://127.0.0.1:2379
    refused '--container-runtime-endpoint: not available in this version' --container-runtime-endpoint none
    refused '--join: not available in this version' --join https://192.0.2.1:6443
}

@test "a config file has the options as keys, flags win, and errors name file and line" {
    printf 'log-level: warn\nservice-cidr: [10.40.0.0/16]\ncluster-dns: 10.40.0.10\nproxy-mode: ipvs\n' >"$dir/a.yaml"
    refused "--config $dir/a.yaml: line 4: --proxy-mode: \"ipvs\"" --config "$dir/a.yaml"
    # Flags win: the next thing wrong is another one.
    printf 'proxy-mode: none\ncluster-dns: 10.40.0.10\n' >"$dir/b.yaml"
    refused '--cluster-dns: must be an address of' --config "$dir/b.yaml"
    printf 'log-level: loud\n' >"$dir/c.yaml"
    refused 'line 1: --log-level: "loud"' --config "$dir/c.yaml" --log-level info
    printf 'a: [\n' >"$dir/d.yaml"
    refused "--config $dir/d.yaml: line " --config "$dir/d.yaml"
    printf -- '- log-level\n' >"$dir/e.yaml"
    refused 'must be a mapping' --config "$dir/e.yaml"
    printf 'config: other.yaml\n' >"$dir/f.yaml"
    refused 'a file cannot name another one' --config "$dir/f.yaml"
    printf 'log-level: {a: b}\n' >"$dir/g.yaml"
    refused 'line 1: must be KEY: VALUE' --config "$dir/g.yaml"
    refused "$dir/missing.yaml" --config "$dir/missing.yaml"
}

@test "flags win over the config file, which wins over defaults" {
    kedge_setup
    node_new
    printf 'metrics-listen: 127.0.0.1:11000\ningress-http-listen: none\nnode-name: from-file\n' >"$dir/config.yaml"
    agent_start --config "$dir/config.yaml" --metrics-listen 127.0.0.1:11001
    run kedge status
    [[ $output == *'127.0.0.1:11001'* ]]
    [[ $output != *'ingress http '* ]]
    agent_stop
    kedge_teardown
}

@test "other commands refuse what they do not know" {
    run "$KEDGE" frobnicate
    [ "$status" -eq 2 ]
    [[ $output == *'unknown command "frobnicate"'* ]]
    run "$KEDGE" join
    [ "$status" -eq 2 ]
    [[ $output == *'not available in this version'* ]]
    run "$KEDGE" token list --run-dir "$dir/none"
    [ "$status" -eq 1 ]
    [[ $output == *"no agent answers on $dir/none/kedge.sock"* ]]
    run "$KEDGE" token create short.token
    [ "$status" -eq 2 ]
    [[ $output == *'the token must be like abcdef.0123456789abcdef'* ]]
    run "$KEDGE" token create --ttl soon
    [ "$status" -eq 2 ]
    [[ $output == *'--ttl must be like 24h'* ]]
    run "$KEDGE" token create --groups system:masters
    [ "$status" -eq 2 ]
    [[ $output == *'--groups must be like system:bootstrappers:NAME'* ]]
    run "$KEDGE" status --run-dir "$dir/none"
    [ "$status" -eq 1 ]
    [[ $output == *"no agent answers on $dir/none/kedge.sock"* ]]
    run "$KEDGE" trace
    [ "$status" -eq 2 ]
    run "$KEDGE" trace -o yaml web
    [ "$status" -eq 2 ]
    run "$KEDGE" registry frob /
    [ "$status" -eq 2 ]
    [[ $output == *'must be ls, get or watch'* ]]
    run "$KEDGE" registry backup /
    [ "$status" -eq 2 ]
    [[ $output == *'not available in this version'* ]]
    run "$KEDGE" plan "$dir/none"
    [ "$status" -eq 1 ]
    run "$KEDGE" version
    [ "$status" -eq 0 ]
    [[ $output == 'kedge '*' (Kubernetes v1.33'* ]]
}

@test "completion knows commands and options" {
    run bash -c "source <(\"$KEDGE\" completion bash); COMP_WORDS=(kedge tr); COMP_CWORD=1; _kedge; echo \"\${COMPREPLY[*]}\"
        COMP_WORDS=(kedge agent --proxy); COMP_CWORD=2; _kedge; echo \"\${COMPREPLY[*]}\""
    [ "${lines[0]}" = trace ]
    [ "${lines[1]}" = --proxy-mode ]
}

@test "systemd accepts the unit, which names options that the agent has" {
    command -v systemd-analyze >/dev/null || skip 'no systemd-analyze here'
    sed "s#/usr/local/bin/kedge#$KEDGE#" "$KEDGE_SOURCE_DIR/cmd/kedge/kedge.service" >"$dir/kedge.service"
    run systemd-analyze verify "$dir/kedge.service"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    for option in $(grep '^ExecStart=' "$dir/kedge.service" | grep -o -- '--[a-z-]*'); do
        "$KEDGE" agent --help | grep -q -- "  $option "
    done
}
