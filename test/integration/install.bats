#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kedge install, upgrade, rollback and uninstall on a machine of its own (a view of this one's files that is thrown away):
# what was before the installation is after the removal, to the last rule, route, setting and file.

load ../support/kedge

setup() {
    kedge_setup
    node_new
    machine_new
    in_machine mkdir /opt/kedge
    cp "$KEDGE" "/proc/$machine_pid/root$machine/root/opt/kedge/kedge"
    before=$dir/before
    after=$dir/after
    machine_state >"$before"
}

teardown() {
    if [ -n "${machine:-}" ]; then in_machine cat /var/log/kedge.log 2>/dev/null | tail -n 30 || true; fi
    kedge_teardown
}

agent_of_machine() { in_machine cat /run/kedge/kedge.pid; }
ask() { in_machine curl -sf --unix-socket /run/kedge/kedge.sock "http://kedge$1"; }
has_default() { ask /api/v1/namespaces/default; }

nothing_is_left() {
    machine_state >"$after"
    diff -U0 "$before" "$after"
    [ -z "$(for p in $(ip netns pids "$id-node"); do cat "/proc/$p/comm" 2>/dev/null; done | grep -x kedge)" ]
}

@test "install, look, uninstall: nothing is left" {
    run in_machine /opt/kedge/kedge install --node-name edge-1
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output =~ edge-1\ +Ready|node\ edge-1\ is\ ready ]]
    [[ $output == *'export KUBECONFIG=/etc/kedge/kubeconfig'* ]]
    run in_machine kedge status
    [ "$status" -eq 0 ]
    [[ $output == *'edge-1 (ready)'* ]]
    [ "$(in_machine stat -c %a /etc/kedge/kubeconfig)" = 600 ]
    [ "$(in_machine stat -c %a /etc/kedge/config.yaml)" = 600 ]
    [ "$(in_machine stat -c %a /var/lib/kedge)" = 700 ]
    in_machine sysctl -n net.ipv4.ip_forward | grep -qx 1
    in_machine nft list tables | grep -q kedge
    run in_machine kedge uninstall
    echo "$output"
    [ "$status" -eq 0 ]
    nothing_is_left
}

@test "uninstall after the agent was killed: nothing is left" {
    in_machine /opt/kedge/kedge install
    kill -KILL "$(agent_of_machine)"
    in_machine kedge uninstall
    nothing_is_left
}

@test "an upgrade keeps options and data, and uninstall leaves nothing" {
    in_machine /opt/kedge/kedge install --node-name edge-1
    wait_for $SECONDS_MAX has_default
    in_machine curl -sf --unix-socket /run/kedge/kedge.sock -H 'Content-Type: application/json' \
        -d '{"metadata":{"name":"kept"},"data":{"a":"1"}}' http://kedge/api/v1/namespaces/default/configmaps >/dev/null
    local old
    old=$(agent_of_machine)
    # Another version: the same program with something behind its end.
    in_machine bash -c 'cp /opt/kedge/kedge /opt/kedge/new && echo new >>/opt/kedge/new'
    run in_machine /opt/kedge/new install
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(agent_of_machine)" != "$old" ]
    in_machine cmp /opt/kedge/new /usr/local/bin/kedge
    in_machine cmp /opt/kedge/kedge /usr/local/bin/kedge.previous
    ask /api/v1/namespaces/default/configmaps/kept | jq -e '.data.a == "1"'
    run in_machine kedge status
    [[ $output == *'edge-1 (ready)'* ]]
    in_machine kedge uninstall
    in_machine rm /opt/kedge/new
    nothing_is_left
}

@test "what does not become ready goes back to what ran before" {
    in_machine /opt/kedge/kedge install --node-name edge-1
    in_machine bash -c 'cp /opt/kedge/kedge /opt/kedge/new && echo new >>/opt/kedge/new'
    # An address that this node does not have.
    run in_machine /opt/kedge/new install --node-name edge-1 --api-listen 203.0.113.7:6443
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'went back to what was before, which runs'* ]]
    in_machine cmp /opt/kedge/kedge /usr/local/bin/kedge
    run in_machine kedge status
    [ "$status" -eq 0 ]
    [[ $output == *'api https *:6443'* ]]
    in_machine kedge uninstall
    in_machine rm /opt/kedge/new
    nothing_is_left
}

@test "--keep-data keeps the registry for the next installation" {
    in_machine /opt/kedge/kedge install
    wait_for $SECONDS_MAX has_default
    in_machine curl -sf --unix-socket /run/kedge/kedge.sock -H 'Content-Type: application/json' \
        -d '{"metadata":{"name":"kept"}}' http://kedge/api/v1/namespaces/default/configmaps >/dev/null
    in_machine kedge uninstall --keep-data
    in_machine test -e /var/lib/kedge/registry.db
    in_machine test ! -e /usr/local/bin/kedge
    in_machine /opt/kedge/kedge install
    ask /api/v1/namespaces/default/configmaps/kept >/dev/null
    in_machine kedge uninstall
    nothing_is_left
}

@test "a wrong option installs nothing" {
    run in_machine /opt/kedge/kedge install --proxy-mode ipvs
    [ "$status" -eq 2 ]
    [[ $output == *'--proxy-mode: "ipvs"'* ]]
    nothing_is_left
}

@test "a config that was prepared is used and stays" {
    in_machine mkdir /etc/kedge
    in_machine bash -c 'echo "node-name: prepared" >/etc/kedge/config.yaml'
    machine_state >"$before"
    in_machine /opt/kedge/kedge install
    run in_machine kedge status
    [[ $output == *'prepared (ready)'* ]]
    in_machine kedge uninstall
    nothing_is_left
}

@test "rules of others survive" {
    in_machine nft add table inet mine
    in_machine nft add chain inet mine input '{ type filter hook input priority 0; policy accept; }'
    in_machine nft add rule inet mine input tcp dport 2323 drop
    in_machine sysctl -qw net.ipv4.ip_forward=1
    machine_state >"$before"
    in_machine /opt/kedge/kedge install
    in_machine kedge uninstall
    nothing_is_left
}

@test "in iptables mode nothing is left either" {
    # On a host that uses iptables. (Its first user, whoever it is, leaves tables with empty chains of iptables' own.)
    local chain
    for chain in raw:PREROUTING raw:OUTPUT nat:PREROUTING nat:INPUT nat:OUTPUT nat:POSTROUTING filter:INPUT filter:FORWARD \
        filter:OUTPUT mangle:PREROUTING mangle:INPUT mangle:FORWARD mangle:OUTPUT mangle:POSTROUTING; do
        in_machine iptables -t "${chain%:*}" -A "${chain#*:}" -s 203.0.113.9 -j ACCEPT
        in_machine ip6tables -t "${chain%:*}" -A "${chain#*:}" -s 2001:db8::9 -j ACCEPT
    done
    machine_state >"$before"
    in_machine /opt/kedge/kedge install --proxy-mode iptables
    in_machine iptables-save | grep -q KUBE-SERVICES
    in_machine kedge uninstall
    nothing_is_left
}
