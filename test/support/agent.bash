# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One agent for a bats file, in a network namespace of its own.
#   agent_start [OPTION...]   sets AGENT_DIR, AGENT_NETNS, AGENT_PID, KUBECONFIG; fails when it is not ready in time
#   agent_restart             ends it and starts it again with the same options and data
#   agent_stop                ends it and takes the namespace and the folder away
# Commands that talk to it over the network run inside: in_netns COMMAND...

AGENT_ADDRESS=10.99.0.1

in_netns() { ip netns exec "$AGENT_NETNS" "$@"; }

# Repeats a command until it works; fails after SECONDS.
await() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || {
            echo "in vain: $*" >&2
            return 1
        }
        read -rt 0.05 <> <(:) || :
    done
}

agent_is_ready() {
    curl -sf --max-time 2 --unix-socket "$AGENT_DIR/run/kedge.sock" http://kedge/readyz
}

agent_start() {
    AGENT_DIR=$(mktemp -d)
    AGENT_NETNS=kedge-${AGENT_DIR##*.}
    ip netns add "$AGENT_NETNS" || return
    ip -n "$AGENT_NETNS" link set lo up
    ip -n "$AGENT_NETNS" link add node0 type veth peer name node1
    ip -n "$AGENT_NETNS" address add $AGENT_ADDRESS/24 dev node0
    ip -n "$AGENT_NETNS" link set node0 up
    ip -n "$AGENT_NETNS" link set node1 up
    mkdir "$AGENT_DIR/data" "$AGENT_DIR/run"
    export KUBECONFIG=$AGENT_DIR/kubeconfig AGENT_DIR AGENT_NETNS
    : >"$AGENT_DIR/options"
    if [ $# -gt 0 ]; then printf '%s\0' "$@" >"$AGENT_DIR/options"; fi
    agent_run
}

# Options are in a file: a test that starts the agent again is another shell than the one that said them.
agent_run() {
    local AGENT_OPTIONS
    mapfile -d '' AGENT_OPTIONS <"$AGENT_DIR/options"
    ip netns exec "$AGENT_NETNS" "$KEDGE" agent --data-dir "$AGENT_DIR/data" --run-dir "$AGENT_DIR/run" \
        --node-name node-a --node-ip $AGENT_ADDRESS --api-listen $AGENT_ADDRESS:6443 \
        --kubeconfig-out "$KUBECONFIG" "${AGENT_OPTIONS[@]}" >>"$AGENT_DIR/log" 2>&1 3>&- &
    AGENT_PID=$!
    export AGENT_PID
    # A test that starts it again is another shell than the one that stops it.
    echo "$AGENT_PID" >"$AGENT_DIR/pid"
    await 20 agent_is_ready || {
        tail -n 50 "$AGENT_DIR/log" >&2
        return 1
    }
}

# Its parent may be another shell of bats, which collects it later.
agent_is_over() { [ ! -e "/proc/$AGENT_PID" ] || grep -q '^State:.Z' "/proc/$AGENT_PID/status"; }

agent_end() {
    if [ -s "${AGENT_DIR:-}/pid" ]; then AGENT_PID=$(<"$AGENT_DIR/pid"); fi
    if [ -n "${AGENT_PID:-}" ]; then
        kill "$AGENT_PID" 2>/dev/null || :
        await 20 agent_is_over
    fi
}

agent_restart() {
    agent_end
    agent_run
}

agent_stop() {
    agent_end
    if [ -n "${AGENT_NETNS:-}" ]; then ip netns del "$AGENT_NETNS"; fi
    if [ -n "${AGENT_DIR:-}" ]; then rm -rf "$AGENT_DIR"; fi
}
