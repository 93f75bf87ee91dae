#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may come in with a token, with real kubectls: service account tokens, their bindings and ends, reviews, and the keys
# that others verify them with.

load ../support/agent.bash
load ../support/assert.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    KUBECTLS=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls)
    [ -n "$KUBECTLS" ] || skip 'no kubectl'
    KUBECTL=$(tail -n 1 <<<"$KUBECTLS" | cut -d' ' -f2)
    export KUBECTLS KUBECTL
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
    SERVER=https://$AGENT_ADDRESS:6443
    CA=$AGENT_DIR/data/pki/ca.crt
    export SERVER CA
}

teardown_file() { agent_stop; }

setup() {
    NS=t$BATS_TEST_NUMBER
    k create namespace "$NS"
    await 5 k get serviceaccount default
}

k() { in_netns timeout 30 "$KUBECTL" -n "$NS" "$@"; }
# kubectl with nothing but a token.
kt() { # TOKEN ARGUMENT...
    local token=$1
    shift
    in_netns env KUBECONFIG=/dev/null timeout 30 "$KUBECTL" --server "$SERVER" --certificate-authority "$CA" \
        --token "$token" "$@"
}
# The HTTP status that a token gets.
status_of() { # TOKEN PATH [CURL ARGUMENT...]
    local token=$1 path=$2
    shift 2
    in_netns curl -s -o /dev/null -w '%{http_code}' --cacert "$CA" -H "Authorization: Bearer $token" "$@" "$SERVER$path"
}
# base64url to text
decode() {
    local text
    text=$(tr -- '-_' '+/')
    while [ $((${#text} % 4)) -ne 0 ]; do text=$text=; done
    base64 -d <<<"$text"
}
encode() { base64 -w0 | tr -- '+/' '-_' | tr -d '='; }
claim() { # TOKEN JQ
    cut -d. -f2 <<<"$1" | decode | jq -r "$2"
}
review() { # TOKEN [AUDIENCE...]
    local token=$1 audiences
    shift
    audiences=$(jq -nc '$ARGS.positional' --args "$@")
    printf '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"%s","audiences":%s}}' \
        "$token" "$audiences" | k create -f - -o json
}
WHO=/apis/authentication.k8s.io/v1/selfsubjectreviews
whoami() { # TOKEN
    in_netns curl -s --cacert "$CA" -H "Authorization: Bearer $1" -H 'Content-Type: application/json' "$SERVER$WHO" \
        -d '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}'
}

@test "every kubectl makes a token that says who it is" {
    local version path
    while read -r version path; do
        case $version in 1.2[0-3]*) continue ;; esac # before kubectl create token
        KUBECTL=$path
        echo "# kubectl $version"
        local token
        token=$(k create token default)
        assert_equal "$(claim "$token" .sub)" "system:serviceaccount:$NS:default"
        assert_equal "$(whoami "$token" | jq -r .status.userInfo.username)" "system:serviceaccount:$NS:default"
    done <<<"$KUBECTLS"
}

@test "a token's user has the account's name, uid and groups, and the token's id" {
    local token uid who
    token=$(k create token default --duration=700s)
    uid=$(k get serviceaccount default -o jsonpath='{.metadata.uid}')
    who=$(whoami "$token")
    assert_equal "$(jq -r .status.userInfo.uid <<<"$who")" "$uid"
    assert_equal "$(jq -c .status.userInfo.groups <<<"$who")" \
        "[\"system:serviceaccounts\",\"system:serviceaccounts:$NS\",\"system:authenticated\"]"
    assert_equal "$(jq -r '.status.userInfo.extra["authentication.kubernetes.io/credential-id"][0]' <<<"$who")" \
        "JTI=$(claim "$token" .jti)"
    assert_equal "$(claim "$token" '.exp - .iat')" 700
    assert_equal "$(claim "$token" '.aud[0]')" https://kubernetes.default.svc.cluster.local
}

@test "a deleted account's token is refused at once, and stays so when the name comes back" {
    k create serviceaccount gone
    local token
    token=$(k create token gone)
    assert_equal "$(whoami "$token" | jq -r .kind)" SelfSubjectReview
    k delete serviceaccount gone
    assert_equal "$(status_of "$token" /api)" 401
    k create serviceaccount gone
    assert_equal "$(status_of "$token" /api)" 401
    assert_equal "$(whoami "$(k create token gone)" | jq -r .kind)" SelfSubjectReview
}

@test "a pod's token ends with the pod" {
    k run p --image=x --restart=Never
    local token who
    token=$(k create token default --bound-object-kind=Pod --bound-object-name=p)
    who=$(whoami "$token")
    assert_equal "$(jq -r '.status.userInfo.extra["authentication.kubernetes.io/pod-name"][0]' <<<"$who")" p
    k delete pod p
    assert_equal "$(status_of "$token" /api)" 401
    run k create token default --bound-object-kind=Pod --bound-object-name=p
    [ "$status" -ne 0 ]
    [[ "$output" == *'pods "p" not found'* ]]
}

@test "a token for others is none for the API, and theirs by review" {
    local token
    token=$(k create token default --audience=vault --audience=other)
    assert_equal "$(status_of "$token" /api)" 401
    assert_equal "$(review "$token" vault | jq -c '[.status.authenticated, .status.audiences]')" '[true,["vault"]]'
    local refused
    refused=$(review "$token")
    assert_equal "$(jq -r .status.authenticated <<<"$refused")" null
    [[ "$(jq -r .status.error <<<"$refused")" == *'token audiences ["vault" "other"] is invalid for the target audiences'* ]]
}

@test "an account may what its roles say, and nothing else" {
    local token
    k create role reader --verb=get,list --resource=configmaps
    k create rolebinding reader --role=reader --serviceaccount="$NS:default"
    token=$(k create token default)
    kt "$token" -n "$NS" get configmaps kube-root-ca.crt
    assert_equal "$(kt "$token" -n "$NS" auth can-i list configmaps)" yes
    run kt "$token" -n "$NS" auth can-i delete configmaps
    assert_equal "$output" no
    run kt "$token" -n default get configmaps
    [ "$status" -ne 0 ]
    [[ "$output" == *"configmaps is forbidden: User \"system:serviceaccount:$NS:default\" cannot list resource"* ]]
    assert_equal "$(kt "$token" auth whoami -o jsonpath='{.status.userInfo.username}')" "system:serviceaccount:$NS:default"
}

@test "a WebSocket client shows its token among the protocols" {
    local token
    token=$(k create token default)
    upgrade() { # PROTOCOLS
        status_of '' "/api/v1/namespaces/$NS/pods/none/log" -H 'Authorization:' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
            -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H "Sec-WebSocket-Protocol: $1"
    }
    # Known, and without the permission.
    assert_equal "$(upgrade "base64url.bearer.authorization.k8s.io.$(printf %s "$token" | encode), binary.k8s.io")" 403
    assert_equal "$(upgrade "base64url.bearer.authorization.k8s.io.$(printf %s "${token%??}" | encode), binary.k8s.io")" 401
    assert_equal "$(upgrade "base64url.bearer.authorization.k8s.io.$(printf %s "$token" | encode)")" 401
}

@test "forged, cut and expired tokens are refused" {
    local token key
    token=$(k create token default)
    key=$AGENT_DIR/data/pki/sa.key
    assert_equal "$(stat -c %a "$key")" 600
    assert_equal "$(status_of nonsense /healthz)" 401
    assert_equal "$(status_of "${token%?????}AAAAA" /api)" 401
    assert_equal "$(status_of "$(cut -d. -f1,2 <<<"$token")." /api)" 401
    assert_equal "$(status_of "$(printf '{"alg":"none"}' | encode).$(cut -d. -f2 <<<"$token")." /api)" 401
    # The server's own key, with other claims: only times are wrong.
    local head claims der r s
    head=$(cut -d. -f1 <<<"$token")
    sign() { # CLAIMS
        local text
        text=$head.$(printf %s "$1" | encode)
        der=$(printf %s "$text" | openssl dgst -sha256 -sign "$key" -hex | sed 's/.*= *//')
        r=${der:8:$((2 * 16#${der:6:2}))}
        s=${der:$((8 + ${#r} + 4))}
        r=$(printf '%64s' "${r#"${r%%[!0]*}"}" | tr ' ' 0)
        s=$(printf '%64s' "${s#"${s%%[!0]*}"}" | tr ' ' 0)
        echo "$text.$(printf %s "${r: -64}${s: -64}" | tr a-f A-F | basenc --base16 -d | encode)"
    }
    claims=$(cut -d. -f2 <<<"$token" | decode)
    assert_equal "$(whoami "$(sign "$claims")" | jq -r .kind)" SelfSubjectReview
    assert_equal "$(status_of "$(sign "$(jq -c '.exp = now - 100 | .exp |= floor' <<<"$claims")")" /api)" 401
    assert_equal "$(status_of "$(sign "$(jq -c '.nbf = now + 1000 | .nbf |= floor' <<<"$claims")")" /api)" 401
    assert_equal "$(status_of "$(sign "$(jq -c '.iss = "https://other"' <<<"$claims")")" /api)" 401
    assert_equal "$(status_of "$(sign "$(jq -c '.sub = "system:admin"' <<<"$claims")")" /api)" 401
}

@test "what cannot be a token request is refused in upstream's words" {
    run k create token default --duration=5m
    [ "$status" -ne 0 ]
    [[ "$output" == *'spec.expirationSeconds: Invalid value: 300: may not specify a duration less than 10 minutes'* ]]
    run k create token nobody
    [ "$status" -ne 0 ]
    [[ "$output" == *'serviceaccounts "nobody" not found'* ]]
    k create serviceaccount other
    k run p --image=x --restart=Never
    run k create token other --bound-object-kind=Pod --bound-object-name=p
    [ "$status" -ne 0 ]
    [[ "$output" == *'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.'* ]]
    run k create token default --bound-object-kind=Pod --bound-object-name=p --bound-object-uid=none
    [ "$status" -ne 0 ]
    [[ "$output" == *'the UID in the bound object reference (none) does not match the UID in record'* ]]
}

@test "others find the keys and verify a token with them" {
    local token keys
    token=$(k create token default)
    assert_equal "$(k get --raw /.well-known/openid-configuration | jq -r '.issuer, .jwks_uri')" \
        "https://kubernetes.default.svc.cluster.local
$SERVER/openid/v1/jwks"
    keys=$(k get --raw /openid/v1/jwks)
    assert_equal "$(jq -r '.keys[0].kid' <<<"$keys")" "$(cut -d. -f1 <<<"$token" | decode | jq -r .kid)"
    # The point of the key, as OpenSSL prints it.
    local point
    point=$(openssl ec -in "$AGENT_DIR/data/pki/sa.key" -pubout -outform DER 2>/dev/null | tail -c 64 | basenc --base16 -w0)
    assert_equal "$({ jq -r '.keys[0].x' <<<"$keys" | decode && jq -r '.keys[0].y' <<<"$keys" | decode; } | basenc --base16 -w0)" \
        "$point"
}

@test "a changed signing key leaves old tokens good while their key is kept" {
    local old new pki=$AGENT_DIR/data/pki
    old=$(k create token default)
    mv "$pki/sa.key" "$pki/sa-old.key"
    agent_restart
    new=$(k create token default)
    [ "$(cut -d. -f1 <<<"$old")" != "$(cut -d. -f1 <<<"$new")" ]
    assert_equal "$(whoami "$old" | jq -r .kind)" SelfSubjectReview
    assert_equal "$(whoami "$new" | jq -r .kind)" SelfSubjectReview
    assert_equal "$(k get --raw /openid/v1/jwks | jq '.keys | length')" 2
    rm "$pki/sa-old.key"
    agent_restart
    assert_equal "$(status_of "$old" /api)" 401
    assert_equal "$(whoami "$new" | jq -r .kind)" SelfSubjectReview
}
