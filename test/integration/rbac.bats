#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may do what, with real kubectls: roles and bindings, what nobody may grant, nodes, reviews, impersonation, and the
# audit log.

load ../support/agent.bash
load ../support/assert.bash

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip 'needs root for a network namespace'
    KUBECTLS=$(cd "$KEDGE_SOURCE_DIR" && test/ci/kubectls)
    [ -n "$KUBECTLS" ] || skip 'no kubectl'
    KUBECTL=$(tail -n 1 <<<"$KUBECTLS" | cut -d' ' -f2)
    AUDIT=$(mktemp -d)/audit.log
    export KUBECTLS KUBECTL AUDIT
    agent_start --proxy-mode=none --dns-listen=none --ingress-http-listen=none --ingress-https-listen=none \
        --metrics-listen=127.0.0.1:10249 --audit-log-path="$AUDIT" --audit-log-level=Request
    export HOME=$AGENT_DIR/home
    mkdir "$HOME"
    SERVER=https://$AGENT_ADDRESS:6443
    CA=$AGENT_DIR/data/pki/ca.crt
    export SERVER CA
}

teardown_file() {
    agent_stop
    rm -rf "$(dirname "$AUDIT")"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    NS=r$BATS_TEST_NUMBER
    k create namespace "$NS" >/dev/null
}

k() { in_netns timeout 30 "$KUBECTL" "$@"; }
# curl with these credentials: the answer's body, then its code on a line of its own.
ask() { # CURL ARGUMENT...
    in_netns curl -s --max-time 20 --cacert "$CA" -w '\n%{http_code}' "$@"
}
# The same as root of the node, by the socket, maybe as somebody else.
root() { # PATH CURL ARGUMENT...
    local path=$1
    shift
    curl -s --max-time 20 --unix-socket "$AGENT_DIR/run/kedge.sock" -w '\n%{http_code}' "$@" "http://kedge$path"
}
code() { tail -n 1 <<<"$1"; }
body() { sed '$d' <<<"$1"; }
certificate_new() { # NAME SUBJECT: NAME.key and NAME.crt, of the cluster's CA
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$CA" -CAkey "$AGENT_DIR/data/pki/ca.pem" -CAcreateserial -CAserial "$1.srl" \
        -days 1 -extfile <(echo extendedKeyUsage=clientAuth) -out "$1.crt" 2>/dev/null
}

# ---- answers of a kube-apiserver 1.20 --------------------------------------------------------------------------------

@test "who comes without a certificate is anonymous and reads what is public" {
    local answer
    for path in /healthz /livez /readyz /version; do
        assert_equal "$(code "$(ask "$SERVER$path")")" 200
    done
    answer=$(ask "$SERVER/api/v1/namespaces/default/pods?pretty=false")
    assert_equal "$(code "$answer")" 403
    assert_equal "$(body "$answer" | jq -c .)" '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"","reason":"Forbidden","details":{"kind":"pods"},"code":403}'
    answer=$(ask "$SERVER/api?pretty=false")
    assert_equal "$(body "$answer" | jq -c .)" '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"forbidden: User \"system:anonymous\" cannot get path \"/api\"","reason":"Forbidden","details":{},"code":403}'
}

@test "refusals and reviews are worded as recorded" {
    local bob=(-H 'Impersonate-User: bob')
    assert_equal "$(body "$(root /metrics "${bob[@]}")" | jq -r .message)" 'forbidden: User "bob" cannot get path "/metrics"'
    assert_equal "$(body "$(root /api/v1/namespaces/default/pods "${bob[@]}" -H 'Content-Type: application/json' -d '{}')" |
        jq -r .message)" 'pods is forbidden: User "bob" cannot create resource "pods" in API group "" in the namespace "default"'
    local review='{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":{"namespace":"default","verb":"get","resource":"pods"}}}'
    local path=/apis/authorization.k8s.io/v1
    local answer
    answer=$(root $path/selfsubjectaccessreviews -H 'Content-Type: application/json' -d "$review")
    assert_equal "$(code "$answer")" 201
    assert_equal "$(body "$answer" | jq -c '[.spec, .status]')" '[{"resourceAttributes":{"namespace":"default","verb":"get","resource":"pods"}},{"allowed":true}]'
    answer=$(root $path/selfsubjectaccessreviews "${bob[@]}" -H 'Content-Type: application/json' -d "$review")
    assert_equal "$(body "$answer" | jq -c .status)" '{"allowed":false}'
    answer=$(root $path/selfsubjectrulesreviews "${bob[@]}" -H 'Content-Type: application/json' \
        -d '{"spec":{"namespace":"default"}}')
    assert_equal "$(body "$answer" | jq -c '[.spec, .status.resourceRules[0], .status.incomplete]')" \
        '[{},{"verbs":["create"],"apiGroups":["authorization.k8s.io"],"resources":["selfsubjectaccessreviews","selfsubjectrulesreviews"]},false]'
    assert_equal "$(body "$answer" | jq -c '[.status.nonResourceRules[].nonResourceURLs | length] | sort')" '[5,11]'
    answer=$(root $path/selfsubjectrulesreviews -H 'Content-Type: application/json' -d '{"spec":{}}')
    assert_equal "$(body "$answer" | jq -r .message)" 'no namespace on request'
    answer=$(root $path/subjectaccessreviews -H 'Content-Type: application/json' -d '{"spec":{"user":"u"}}')
    assert_equal "$(code "$answer")" 422
    assert_has "$(body "$answer" | jq -r .message)" 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
}

@test "the default roles are those of Kubernetes" {
    local name
    while read -r name; do
        k get clusterrole "$name" -o json | jq -e '.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults"' >/dev/null
    done <<'EOF'
admin
cluster-admin
edit
system:aggregate-to-admin
system:aggregate-to-edit
system:aggregate-to-view
system:auth-delegator
system:basic-user
system:certificates.k8s.io:certificatesigningrequests:nodeclient
system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
system:discovery
system:kube-dns
system:kube-scheduler
system:monitoring
system:node
system:node-bootstrapper
system:node-proxier
system:public-info-viewer
system:volume-scheduler
view
EOF
    # Sums: recorded 9, 19 and 21 rules of 1.20, and what came since (EndpointSlices; leases, evictions, tokens).
    assert_equal "$(k get clusterrole view edit admin -o json | jq -c '[.items[].rules | length]')" '[10,23,25]'
    assert_equal "$(k get clusterrolebinding system:public-info-viewer -o json | jq -c '[.subjects[].name]')" \
        '["system:authenticated","system:unauthenticated"]'
    assert_has "$(k get clusterrolebindings -o wide)" system:kube-proxy
}

# ---- roles -----------------------------------------------------------------------------------------------------------

@test "every kubectl makes roles and bindings, and they count with the next request" {
    local version program
    v() { in_netns timeout 30 "$program" "$@"; }
    while read -r version program; do
        [ "${version%%.*}" = 1 ] || version=x
        v -n "$NS" create role "r-$version" --verb=get,list --resource=pods,deployments.apps --resource=pods/log
        run v -n "$NS" get pods --as "u-$version"
        assert_has "$output" 'cannot list resource "pods"'
        v -n "$NS" create rolebinding "b-$version" --role="r-$version" --user="u-$version"
        v -n "$NS" get pods,deployments --as "u-$version"
        [ "$(v -n "$NS" auth can-i get pods --subresource=log --as "u-$version")" = yes ]
        run v -n "$NS" auth can-i delete pods --as "u-$version"
        assert_has "$output" no
        v create clusterrole "c-$version" --verb=get --non-resource-url='/logs/*'
        v create clusterrolebinding "c-$version" --clusterrole="c-$version" --group="g-$version"
        [ "$(v auth can-i get /logs/x --as u --as-group "g-$version")" = yes ]
        assert_has "$(v -n "$NS" auth can-i --list --as "u-$version")" deployments.apps
        v -n "$NS" delete rolebinding "b-$version"
        run v -n "$NS" get pods --as "u-$version"
        assert_has "$output" 'cannot list resource "pods"'
    done <<<"$KUBECTLS"
}

@test "a name in a rule is a name in a request" {
    k -n "$NS" create secret generic one
    k -n "$NS" create secret generic two
    k -n "$NS" create role named --verb=get,list,watch --resource=secrets --resource-name=one
    k -n "$NS" create rolebinding named --role=named --serviceaccount="$NS:default"
    local sa=system:serviceaccount:$NS:default
    k -n "$NS" get secret one --as "$sa"
    run k -n "$NS" get secret two --as "$sa"
    assert_has "$output" "secrets \"two\" is forbidden: User \"$sa\" cannot get resource \"secrets\" in API group \"\" in the namespace \"$NS\""
    run k -n "$NS" get secrets --as "$sa"
    assert_has "$output" 'secrets is forbidden'
    k -n "$NS" get secrets --field-selector metadata.name=one --as "$sa"
    run k -n "$NS" get secrets --field-selector metadata.name=two --as "$sa"
    [ "$status" -ne 0 ]
}

@test "who may only read a stream of a pod may not open one" {
    local path="/api/v1/namespaces/$NS/pods/p/exec?command=ls" answer
    k -n "$NS" create role streams --verb=get --resource=pods/exec
    k -n "$NS" create rolebinding streams --role=streams --user=reader
    local upgrade=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'
        -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Sec-WebSocket-Protocol: v5.channel.k8s.io')
    answer=$(root "$path" "${upgrade[@]}" -H 'Impersonate-User: reader')
    assert_equal "$(code "$answer")" 403
    assert_has "$(body "$answer" | jq -r .message)" 'cannot create resource "pods/exec"'
    k -n "$NS" create role opens --verb=create --resource=pods/exec
    k -n "$NS" create rolebinding opens --role=opens --user=reader
    answer=$(root "$path" "${upgrade[@]}" -H 'Impersonate-User: reader')
    [ "$(code "$answer")" != 403 ]
}

@test "a role that is not there is told" {
    k create clusterrolebinding lost --clusterrole=nowhere --user=lost
    run k get nodes --as lost
    assert_has "$output" 'nodes is forbidden: User "lost" cannot list resource "nodes" in API group "" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "nowhere" not found'
    k delete clusterrolebinding lost
}

@test "sums of roles follow their parts" {
    k create -f - <<'EOF'
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"monitor-part","labels":{
"rbac.authorization.k8s.io/aggregate-to-view":"true"}},"rules":[{"verbs":["list"],"apiGroups":["example.com","coordination.k8s.io"],
"resources":["widgets","leases"]}]}
EOF
    k -n "$NS" create rolebinding viewer --clusterrole=view --user=viewer
    await 5 k -n "$NS" auth can-i list leases.coordination.k8s.io --as viewer
    k -n "$NS" get configmaps --as viewer
    k get namespace "$NS" --as viewer
    run k get namespace default --as viewer
    assert_has "$output" 'namespaces "default" is forbidden: User "viewer" cannot get resource "namespaces" in API group "" in the namespace "default"'
    run k -n "$NS" get secrets --as viewer
    [ "$status" -ne 0 ]
    await 5 sh -c "ip netns exec $AGENT_NETNS $KUBECTL get clusterrole admin -o yaml | grep -q widgets"
    k delete clusterrole monitor-part
    await 5 sh -c "! ip netns exec $AGENT_NETNS $KUBECTL get clusterrole admin -o yaml | grep -q widgets"
}

@test "nobody grants what he has not" {
    k -n "$NS" create rolebinding admin --clusterrole=admin --user=chief
    k -n "$NS" create role pods --verb=get --resource=pods --as chief
    run k -n "$NS" create role all --verb='*' --resource='*' --as chief
    [ "$status" -ne 0 ]
    assert_has "$output" 'user "chief" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:'
    assert_has "$output" '{APIGroups:[""], Resources:["*"], Verbs:["*"]}'
    run k -n "$NS" create rolebinding up --clusterrole=cluster-admin --user=chief --as chief
    assert_has "$output" 'is attempting to grant RBAC permissions not currently held'
    k -n "$NS" create rolebinding edit --clusterrole=edit --user=other --as chief
    run k -n "$NS" create rolebinding none --clusterrole=nowhere --user=other --as chief
    assert_has "$output" 'clusterroles.rbac.authorization.k8s.io "nowhere" not found'
    k create clusterrole granter --verb=bind --resource=clusterroles.rbac.authorization.k8s.io --resource-name=cluster-admin
    k -n "$NS" create rolebinding granter --clusterrole=granter --user=chief
    k -n "$NS" create rolebinding up --clusterrole=cluster-admin --user=chief --as chief
    run k -n "$NS" patch rolebinding up --type=merge -p '{"roleRef":{"name":"view"}}'
    assert_has "$output" 'cannot change roleRef'
}

@test "kubectl auth reconcile adds and takes away" {
    cat >roles.yaml <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rec, namespace: $NS}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rec, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rec}
subjects:
- {kind: User, name: rec, apiGroup: rbac.authorization.k8s.io}
EOF
    k auth reconcile -f roles.yaml
    [ "$(k -n "$NS" auth can-i get pods --as rec)" = yes ]
    sed -i 's/\[pods\]/[services]/' roles.yaml
    k auth reconcile -f roles.yaml
    assert_equal "$(k -n "$NS" get role rec -o json | jq -c '[.rules[].resources[]] | sort')" '["pods","services"]'
    k auth reconcile -f roles.yaml --remove-extra-permissions
    assert_equal "$(k -n "$NS" get role rec -o json | jq -c '[.rules[].resources[]]')" '["services"]'
}

# ---- nodes -----------------------------------------------------------------------------------------------------------

@test "a node sees and writes what belongs to it" {
    certificate_new node '/O=system:nodes/CN=system:node:worker'
    local as=(--server "$SERVER" --certificate-authority "$CA" --client-certificate node.crt --client-key node.key)
    n() { in_netns env KUBECONFIG=/dev/null timeout 30 "$KUBECTL" "${as[@]}" "$@"; }
    k -n "$NS" create secret generic mine --from-literal=a=b
    k -n "$NS" create secret generic other --from-literal=a=b
    run n -n "$NS" get secret mine
    assert_has "$output" "secrets \"mine\" is forbidden: User \"system:node:worker\" cannot get resource \"secrets\" in API group \"\" in the namespace \"$NS\": no relationship found between node 'worker' and this object"
    n create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker"}}'
    run n create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"liar"}}'
    assert_has "$output" 'node "worker" is not allowed to modify node "liar"'
    k -n "$NS" create -f - <<'EOF'
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"nodeName":"worker","containers":[{"name":"c","image":"i",
"envFrom":[{"secretRef":{"name":"mine"}}]}]}}
EOF
    assert_equal "$(n -n "$NS" get secret mine -o 'jsonpath={.data.a}')" Yg==
    run n -n "$NS" get secret other
    [ "$status" -ne 0 ]
    run n -n "$NS" get secrets
    assert_has "$output" 'No Object name found'
    run n get pods -A
    assert_has "$output" 'can only list/watch pods with spec.nodeName field selector'
    assert_equal "$(n get pods -A --field-selector spec.nodeName=worker -o 'jsonpath={.items[*].metadata.name}')" p
    assert_equal "$(code "$(ask --cert node.crt --key node.key -X PATCH -H 'Content-Type: application/merge-patch+json' \
        -d '{"status":{"phase":"Running"}}' "$SERVER/api/v1/namespaces/$NS/pods/p/status")")" 200
    assert_equal "$(k -n "$NS" get pod p -o 'jsonpath={.status.phase}')" Running
    run n label node worker node-restriction.kubernetes.io/x=y
    assert_has "$output" 'node "worker" is not allowed to modify labels: node-restriction.kubernetes.io/x'
    n label node worker example.com/x=y
    run n get node node-a
    [ "$status" -ne 0 ]
    run n -n "$NS" create token default
    assert_has "$output" 'node requested token not bound to a pod'
    local uid
    uid=$(k -n "$NS" get pod p -o 'jsonpath={.metadata.uid}')
    n -n "$NS" create token default --bound-object-kind=Pod --bound-object-name=p --bound-object-uid="$uid" >/dev/null
    n -n "$NS" delete pod p --grace-period=0 --force
    await 5 sh -c "! ip netns exec $AGENT_NETNS env KUBECONFIG=/dev/null $KUBECTL ${as[*]} -n $NS get secret mine"
}

# ---- impersonation ---------------------------------------------------------------------------------------------------

@test "whoever may be somebody else has to be allowed each part of it" {
    k create clusterrole actor --verb=impersonate --resource=users --resource-name=jane
    k create clusterrolebinding actor --clusterrole=actor --user=actor
    certificate_new actor '/CN=actor'
    local me=(--cert actor.crt --key actor.key)
    local path=$SERVER/apis/authentication.k8s.io/v1/selfsubjectreviews
    local post=(-H 'Content-Type: application/json' -d '{}')
    local answer
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: jane' "$path")
    assert_equal "$(body "$answer" | jq -c .status.userInfo)" '{"username":"jane","groups":["system:authenticated"]}'
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: eve' "$path")
    assert_equal "$(body "$answer" | jq -r .message)" 'users "eve" is forbidden: User "actor" cannot impersonate resource "users" in API group "" at the cluster scope'
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: jane' -H 'Impersonate-Group: g' "$path")
    assert_equal "$(body "$answer" | jq -r .message)" 'groups "g" is forbidden: User "actor" cannot impersonate resource "groups" in API group "" at the cluster scope'
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: jane' -H 'Impersonate-Uid: 7' "$path")
    assert_equal "$(body "$answer" | jq -r .message)" 'uids.authentication.k8s.io "7" is forbidden: User "actor" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope'
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: jane' -H 'Impersonate-Extra-Acme.com%2Fscope: a' "$path")
    assert_equal "$(body "$answer" | jq -r .message)" 'userextras.authentication.k8s.io "a" is forbidden: User "actor" cannot impersonate resource "userextras/acme.com/scope" in API group "authentication.k8s.io" at the cluster scope'
    answer=$(ask "${me[@]}" "${post[@]}" -H 'Impersonate-User: system:serviceaccount:default:default' "$path")
    assert_equal "$(body "$answer" | jq -r .message)" 'serviceaccounts "default" is forbidden: User "actor" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"'
    answer=$(root /apis/authentication.k8s.io/v1/selfsubjectreviews "${post[@]}" -H 'Impersonate-User: u' -H 'Impersonate-Uid: 7' \
        -H 'Impersonate-Group: a' -H 'Impersonate-Group: b' -H 'Impersonate-Extra-scope: x' -H 'Impersonate-Extra-scope: y')
    assert_equal "$(body "$answer" | jq -cS .status.userInfo)" \
        '{"extra":{"scope":["x","y"]},"groups":["a","b","system:authenticated"],"uid":"7","username":"u"}'
    answer=$(root /api -H 'Impersonate-Group: a')
    assert_equal "$(code "$answer")" 400
}

@test "reviews about others say why" {
    local post=(-H 'Content-Type: application/json')
    local path=/apis/authorization.k8s.io/v1
    local answer
    answer=$(root $path/subjectaccessreviews "${post[@]}" \
        -d '{"spec":{"user":"system:kube-proxy","resourceAttributes":{"verb":"list","resource":"services"}}}')
    assert_equal "$(body "$answer" | jq -c .status)" '{"allowed":true,"reason":"RBAC: allowed by ClusterRoleBinding \"system:node-proxier\" of ClusterRole \"system:node-proxier\" to User \"system:kube-proxy\""}'
    answer=$(root "$path/namespaces/$NS/localsubjectaccessreviews" "${post[@]}" \
        -d '{"spec":{"user":"u","resourceAttributes":{"namespace":"other","verb":"list","resource":"services"}}}')
    assert_has "$(body "$answer" | jq -r .message)" 'must match metadata.namespace'
    answer=$(root "$path/namespaces/$NS/localsubjectaccessreviews" "${post[@]}" \
        -d "{\"spec\":{\"groups\":[\"system:masters\"],\"resourceAttributes\":{\"namespace\":\"$NS\",\"verb\":\"list\",\"resource\":\"services\"}}}")
    assert_equal "$(body "$answer" | jq -c .status)" '{"allowed":true}'
    answer=$(root $path/subjectaccessreviews "${post[@]}" -d '{"spec":{"user":"u","nonResourceAttributes":{"path":"/healthz","verb":"get"}}}')
    assert_equal "$(body "$answer" | jq -c .status.allowed)" false
    answer=$(root $path/subjectaccessreviews)
    assert_equal "$(code "$answer")" 405
}

# ---- audit -----------------------------------------------------------------------------------------------------------

@test "the audit log tells who did what, and shows no Secret" {
    k -n "$NS" create secret generic hidden --from-literal=word=Not-To-Be-Logged
    k -n "$NS" create configmap hidden --from-literal=word=Not-To-Be-Logged
    k -n "$NS" create service clusterip shown --tcp=80
    run k -n "$NS" get pods --as nobody
    local id
    id=$(curl -s --unix-socket "$AGENT_DIR/run/kedge.sock" -D - -o /dev/null -H 'Audit-Id: my-own-id' http://kedge/version |
        tr -d '\r' | sed -n 's/^Audit-Id: //Ip')
    assert_equal "$id" my-own-id
    events() { jq -c "select(.requestURI | contains(\"$NS\")) | $1" "$AUDIT"; }
    await 5 grep -q my-own-id "$AUDIT"
    not grep -q Not-To-Be-Logged "$AUDIT"
    not grep -q "$(printf Not-To-Be-Logged | base64)" "$AUDIT"
    assert_equal "$(events 'select(.objectRef.resource == "secrets" and .verb == "create") | [.level, .stage, .objectRef.name, .responseStatus.code, .user.username, .sourceIPs[0]]')" \
        '["Metadata","ResponseComplete","hidden",201,"kedge-admin","10.99.0.1"]'
    assert_equal "$(events 'select(.objectRef.resource == "services" and .verb == "create") | [.level, .requestObject.kind, .requestObject.metadata.name]')" \
        '["Request","Service","shown"]'
    assert_equal "$(events 'select(.responseStatus.code == 403) | [.user.username, .impersonatedUser.username, .verb, .annotations["authorization.k8s.io/decision"], .responseStatus.reason]')" \
        '["kedge-admin","nobody","list","forbid","Forbidden"]'
    jq -es 'all(.kind == "Event" and .apiVersion == "audit.k8s.io/v1" and (.auditID | length > 0) and
        (.stageTimestamp >= .requestReceivedTimestamp))' "$AUDIT" >/dev/null
    curl -s --max-time 1 --unix-socket "$AGENT_DIR/run/kedge.sock" "http://kedge/api/v1/namespaces/$NS/pods?watch=true" || :
    await 5 sh -c "grep '$NS/pods?watch' '$AUDIT' | grep -q '\"stage\":\"ResponseComplete\"'"
    assert_equal "$(events 'select(.verb == "watch") | .stage' | tr '\n' ' ')" '"ResponseStarted" "ResponseComplete" '
    assert_equal "$(stat -c %a "$AUDIT")" 600
}
