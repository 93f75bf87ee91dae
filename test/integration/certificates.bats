#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Certificate signing requests and bootstrap tokens with real kubectl and OpenSSL: a person's certificate, a node's first
# one, and what is refused.

load ../support/agent.bash
load ../support/assert.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    KUBECTL=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls | tail -n 1 | cut -d' ' -f2)
    [ -n "$KUBECTL" ] || skip 'no kubectl'
    export KUBECTL
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=none
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
    SERVER=https://$AGENT_ADDRESS:6443
    CA=$AGENT_DIR/data/pki/ca.crt
    export SERVER CA
}

teardown_file() { agent_stop; }

setup() { cd "$BATS_TEST_TMPDIR" || return; }

k() { in_netns timeout 30 "$KUBECTL" "$@"; }
# kubectl with these credentials only.
as() { # CREDENTIAL OPTIONS... -- ARGUMENT...
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    in_netns env KUBECONFIG=/dev/null timeout 30 "$KUBECTL" --server "$SERVER" --certificate-authority "$CA" \
        "${options[@]}" "$@"
}
# A key and a request: NAME SUBJECT [SAN [KEY ARGUMENT...]]
request_new() {
    local name=$1 subject=$2 san=${3:-}
    shift $(($# < 3 ? $# : 3))
    if [ $# -gt 0 ]; then openssl "$@" -out "$name.key" 2>/dev/null; else
        openssl ecparam -name prime256v1 -genkey -noout -out "$name.key"
    fi
    openssl req -new -key "$name.key" -subj "$subject" ${san:+-addext "subjectAltName=$san"} -out "$name.csr"
}
# The object: NAME SIGNER USAGES [SECONDS]
csr_object() {
    cat <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $1}
spec:
  request: $(base64 -w0 "$1.csr")
  signerName: kubernetes.io/$2
  usages: [$3]
  ${4:+expirationSeconds: $4}
END
}
certificate_of() { k get csr "$1" -o jsonpath='{.status.certificate}' | base64 -d; }
has_certificate() { [ -n "$(certificate_of "$1")" ]; }
condition_of() { k get csr "$1" --no-headers | awk '{print $NF}'; }
is_condition() { [ "$(condition_of "$1")" = "$2" ]; }

@test "a person's request is approved by hand and the certificate authenticates" {
    local kind
    for kind in ec rsa; do
        if [ $kind = ec ]; then request_new jane-$kind /O=dev/O=ops/CN=jane; else
            request_new jane-$kind /O=dev/O=ops/CN=jane '' genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048
        fi
        csr_object jane-$kind kube-apiserver-client 'client auth, digital signature' 86400 | k create -f -
        assert_has "$(k get csr jane-$kind --no-headers)" 'kubernetes.io/kube-apiserver-client   kedge-admin   24h'
        assert_equal "$(condition_of jane-$kind)" Pending
        k certificate approve jane-$kind
        await 5 has_certificate jane-$kind
        certificate_of jane-$kind >jane-$kind.crt
        openssl verify -CAfile "$CA" jane-$kind.crt
        assert_equal "$(condition_of jane-$kind)" Approved,Issued
        local who
        who=$(as --client-certificate jane-$kind.crt --client-key jane-$kind.key -- auth whoami -o json)
        assert_equal "$(jq -r .status.userInfo.username <<<"$who")" jane
        assert_equal "$(jq -c '.status.userInfo.groups' <<<"$who")" '["dev","ops","system:authenticated"]'
        # A day, from five minutes ago.
        openssl x509 -in jane-$kind.crt -noout -checkend 80000
        run openssl x509 -in jane-$kind.crt -noout -checkend 90000
        [ "$status" -ne 0 ]
    done
}

@test "every kubectl approves" {
    local version path
    while read -r version path; do
        local name=old-${version//./-}
        echo "# kubectl $version"
        request_new "$name" "/CN=$name"
        csr_object "$name" kube-apiserver-client 'client auth' | in_netns "$path" create -f -
        in_netns "$path" certificate approve "$name"
        await 5 has_certificate "$name"
        assert_has "$(in_netns "$path" get csr "$name")" Approved,Issued
    done <<<"$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls)"
}

@test "a denied request stays denied and gets no certificate" {
    request_new bob /CN=bob
    csr_object bob kube-apiserver-client 'client auth' | k create -f -
    k certificate deny bob
    assert_equal "$(condition_of bob)" Denied
    run k certificate approve bob
    [ "$status" -ne 0 ]
    assert_equal "$(certificate_of bob)" ''
}

@test "what its signer does not sign fails with the reason" {
    request_new wrong /O=system:nodes/CN=system:node:x DNS:x
    csr_object wrong kube-apiserver-client-kubelet 'client auth, digital signature' | k create -f -
    k certificate approve wrong
    await 5 is_condition wrong Approved,Failed
    assert_equal "$(k get csr wrong -o jsonpath='{.status.conditions[?(@.type=="Failed")].message}')" \
        'DNS subjectAltNames are not allowed'
}

@test "another signer's request is left to it, which answers through the subresources" {
    request_new other /CN=other
    csr_object other x 'digital signature, key encipherment, server auth' 86400 |
        sed 's|kubernetes.io/x|example.com/theirs|' | k create -f -
    assert_equal "$(k get csr --field-selector spec.signerName=example.com/theirs -o name)" \
        certificatesigningrequest.certificates.k8s.io/other
    k patch csr other --subresource approval --type merge -p \
        '{"metadata":{"annotations":{"a":"b"}},"status":{"conditions":[{"type":"Approved","status":"True"},{"type":"Theirs","status":"True"}]}}'
    assert_equal "$(k get csr other -o jsonpath='{.metadata.annotations.a} {.status.conditions[*].type}')" 'b Approved Theirs'
    run k patch csr other --subresource status --type merge -p '{"status":{"certificate":"bm9uZQ=="}}'
    [ "$status" -ne 0 ]
    assert_has "$output" 'must contain at least one CERTIFICATE PEM block'
    # Text around the certificates is theirs.
    local pem
    pem=$({ echo before && cat "$CA" && echo between && cat "$CA" && echo behind; } | base64 -w0)
    k patch csr other --subresource status --type merge -p "{\"status\":{\"certificate\":\"$pem\"}}"
    assert_equal "$(k get csr other -o jsonpath='{.status.certificate}')" "$pem"
    run k patch csr other --subresource status --type merge -p "{\"status\":{\"certificate\":\"$(base64 -w0 "$CA")\"}}"
    [ "$status" -ne 0 ]
    assert_has "$(k get csr other --no-headers)" 'example.com/theirs   kedge-admin   24h'
    assert_equal "$(condition_of other)" Approved,Issued
}

@test "requests that cannot be are refused in upstream's words" {
    request_new boss /O=system:masters/CN=boss
    run k create -f - <<<"$(csr_object boss kube-apiserver-client 'client auth')"
    [ "$status" -ne 0 ]
    assert_has "$output" 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed'
    echo nothing >bad.csr
    run k create -f - <<<"$(csr_object bad kube-apiserver-client 'client auth')"
    assert_has "$output" 'PEM block type must be CERTIFICATE REQUEST'
    request_new odd /CN=odd
    run k create -f - <<<"$(csr_object odd kube-apiserver-client 'client auth, smoke' 60)"
    assert_has "$output" 'spec.usages[1]: Unsupported value: "smoke"'
    assert_has "$output" 'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)'
    run k create -f - <<<"$(csr_object odd legacy-unknown 'client auth')"
    assert_has "$output" 'the legacy signerName is not allowed via this API version'
    run k create -f - <<<"$(csr_object odd nothing/at/all 'client auth')"
    assert_has "$output" "must be a fully qualified domain and path of the form 'example.com/signer-name'"
}

@test "who asks is written by the server, and approving needs the permission for the signer" {
    k create namespace ask
    await 5 k -n ask get serviceaccount default
    k create clusterrole asker --verb=create,get,update,patch --resource=certificatesigningrequests,certificatesigningrequests/approval
    k create clusterrolebinding asker --clusterrole=asker --serviceaccount=ask:default
    local token
    token=$(k -n ask create token default)
    request_new eve /CN=eve
    csr_object eve kube-apiserver-client 'client auth' | sed 's/^spec:/spec:\n  username: system:admin\n  groups: [system:masters]/' >eve.yaml
    as --token "$token" -- create -f eve.yaml
    assert_equal "$(k get csr eve -o jsonpath='{.spec.username}')" system:serviceaccount:ask:default
    assert_has "$(k get csr eve -o jsonpath='{.spec.groups}')" system:serviceaccounts:ask
    run as --token "$token" -- certificate approve eve
    [ "$status" -ne 0 ]
    assert_has "$output" 'user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"'
    k create -f - <<END
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: approver}
rules: [{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/*], verbs: [approve]}]
END
    k create clusterrolebinding approver --clusterrole=approver --serviceaccount=ask:default
    as --token "$token" -- certificate approve eve
    await 5 has_certificate eve
}

@test "a node comes with a bootstrap token and leaves with its certificate" {
    local token
    token=$("$KEDGE" token create --run-dir "$AGENT_DIR/run" --description 'the rack' --ttl 1h)
    [[ $token =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ ]]
    local listed
    listed=$("$KEDGE" token list --run-dir "$AGENT_DIR/run")
    assert_has "$listed" "$token"
    assert_has "$listed" 'the rack'
    local who
    who=$(as --token "$token" -- auth whoami -o json)
    assert_equal "$(jq -r .status.userInfo.username <<<"$who")" "system:bootstrap:${token%.*}"
    assert_equal "$(jq -c .status.userInfo.groups <<<"$who")" \
        '["system:bootstrappers","system:bootstrappers:kedge:default-node-token","system:authenticated"]'
    request_new node-b /O=system:nodes/CN=system:node:node-b
    csr_object node-b kube-apiserver-client-kubelet 'client auth, digital signature' | as --token "$token" -- create -f -
    await 5 has_certificate node-b
    assert_equal "$(k get csr node-b -o jsonpath='{.status.conditions[0].reason}')" AutoApproved
    certificate_of node-b >node-b.crt
    assert_equal "$(as --client-certificate node-b.crt --client-key node-b.key -- auth whoami -o json | jq -r .status.userInfo.username)" \
        system:node:node-b
    # It renews with what it has.
    cp node-b.csr again.csr
    csr_object again kube-apiserver-client-kubelet 'client auth, digital signature' |
        as --client-certificate node-b.crt --client-key node-b.key -- create -f -
    await 5 has_certificate again
    "$KEDGE" token delete "${token%.*}" --run-dir "$AGENT_DIR/run"
    run as --token "$token" -- auth whoami
    [ "$status" -ne 0 ]
    assert_has "$output" Unauthorized
}

@test "a bootstrap token that is over is refused and deleted" {
    local token
    token=$("$KEDGE" token create --run-dir "$AGENT_DIR/run" --ttl 1s)
    await 10 bash -c "! '$KEDGE' token list --run-dir '$AGENT_DIR/run' | grep -q '$token'"
    run as --token "$token" -- auth whoami
    [ "$status" -ne 0 ]
    assert_has "$output" Unauthorized
    run as --token "abcdef.0123456789abcdef" -- auth whoami
    assert_has "$output" Unauthorized
}

@test "a Secret is given a token of its account and goes with it" {
    k create namespace old
    k -n old create serviceaccount robot
    k -n old create -f - <<END
apiVersion: v1
kind: Secret
metadata: {name: robot-token, annotations: {kubernetes.io/service-account.name: robot}}
type: kubernetes.io/service-account-token
END
    has_token() { [ -n "$(k -n old get secret robot-token -o jsonpath='{.data.token}')" ]; }
    await 5 has_token
    local token
    token=$(k -n old get secret robot-token -o jsonpath='{.data.token}' | base64 -d)
    assert_equal "$(k -n old get secret robot-token -o jsonpath='{.data.namespace}' | base64 -d)" old
    assert_equal "$(k -n old get secret robot-token -o jsonpath='{.data.ca\.crt}' | base64 -d)" "$(cat "$CA")"
    assert_equal "$(as --token "$token" -- auth whoami -o json | jq -r .status.userInfo.username)" \
        system:serviceaccount:old:robot
    k -n old delete serviceaccount robot
    run as --token "$token" -- auth whoami
    [ "$status" -ne 0 ]
    gone() { ! k -n old get secret robot-token; }
    await 5 gone
}
