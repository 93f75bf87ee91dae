# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The same test body with every kubectl of test/ci/kubectls, in a namespace of its own, against the agent of
# test/support/agent.bash.

kubectls_find() { # sets and exports KUBECTLS; skips where there is none
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    KUBECTLS=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls)
    [ -n "$KUBECTLS" ] || skip 'no kubectl'
    export KUBECTLS
}

kubectls_home() { # after agent_start: their caches of discovery are theirs alone
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
}

k() { in_netns timeout 30 "$KUBECTL" -n "$NS" "$@"; }

# The same test body with each kubectl; $MINOR tells them apart.
each_kubectl() { # FUNCTION
    local version path
    while read -r version path; do
        KUBECTL=$path
        MINOR=${version#1.}
        MINOR=${MINOR%%.*}
        NS=$1-$MINOR
        NS=${NS//_/-}
        export KUBECACHEDIR=$AGENT_DIR/cache-$MINOR
        in_netns "$KUBECTL" create namespace "$NS"
        echo "# kubectl $version"
        "$1" || return
        in_netns "$KUBECTL" delete namespace "$NS" --wait=false
    done <<<"$KUBECTLS"
}
