/* SPDX-License-Identifier: Apache-2.0 */
/* The default roles and bindings: data only. See default_roles.h. */
#include "core/auth/default_roles_data.h"

#include "core/base/attr.h"

#define READ           "get list watch"
#define WRITE          "create delete deletecollection patch update"
#define READ_WRITE     READ " " WRITE
#define AGGREGATE      "rbac.authorization.k8s.io/aggregate-to-"
#define AUTHENTICATION "authentication.k8s.io"
#define AUTHORIZATION  "authorization.k8s.io"
#define CERTIFICATES   "certificates.k8s.io"
#define COORDINATION   "coordination.k8s.io"
#define DISCOVERY      "discovery.k8s.io"
#define NETWORKING     "networking.k8s.io"
#define STORAGE        "storage.k8s.io"

#define RULES(name)    static const struct default_rule name[]
#define RULES_END                                                                                  \
    {                                                                                              \
        .verbs = NULL                                                                              \
    }
/* clang-format off */
#define R(v, g, r) { .verbs = (v), .groups = (g), .resources = (r) }
#define R_NAMED(v, g, r, n) { .verbs = (v), .groups = (g), .resources = (r), .names = (n) }
#define R_URLS(v, u) { .verbs = (v), .urls = (u) }
#define R_EVENTS R("create patch update", "core events.k8s.io", "events")

RULES(cluster_admin) = { R("*", "*", "*"), R_URLS("*", "*"), RULES_END };
RULES(discovery) = {
    R_URLS("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version "
                  "/version/"),
    RULES_END };
RULES(monitoring) = {
    R_URLS("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*"),
    RULES_END };
RULES(basic_user) = {
    R("create", AUTHORIZATION, "selfsubjectaccessreviews selfsubjectrulesreviews"),
    R("create", AUTHENTICATION, "selfsubjectreviews"),
    RULES_END };
RULES(public_info_viewer) = {
    R_URLS("get", "/healthz /livez /readyz /version /version/"),
    RULES_END };

RULES(aggregate_to_admin) = {
    R("create", AUTHORIZATION, "localsubjectaccessreviews"),
    R(READ_WRITE, "rbac.authorization.k8s.io", "rolebindings roles"),
    RULES_END };
RULES(aggregate_to_edit) = {
    R(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    R("impersonate", "core", "serviceaccounts"),
    R(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    R("create", "core", "pods/eviction"),
    R(WRITE, "core", "configmaps events persistentvolumeclaims replicationcontrollers "
                     "replicationcontrollers/scale secrets serviceaccounts services services/proxy"),
    R("create", "core", "serviceaccounts/token"),
    R(WRITE, "apps", "daemonsets deployments deployments/rollback deployments/scale replicasets "
                     "replicasets/scale statefulsets statefulsets/scale"),
    R(WRITE, "autoscaling", "horizontalpodautoscalers"),
    R(WRITE, "batch", "cronjobs jobs"),
    R(WRITE, "extensions", "daemonsets deployments deployments/rollback deployments/scale ingresses "
                           "networkpolicies replicasets replicasets/scale "
                           "replicationcontrollers/scale"),
    R(WRITE, "policy", "poddisruptionbudgets"),
    R(WRITE, NETWORKING, "ingresses networkpolicies"),
    R(READ_WRITE, COORDINATION, "leases"),
    RULES_END };
RULES(aggregate_to_view) = {
    R(READ, "core", "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
                    "replicationcontrollers replicationcontrollers/scale serviceaccounts services "
                    "services/status"),
    R(READ, "core", "bindings events limitranges namespaces/status pods/log pods/status "
                    "replicationcontrollers/status resourcequotas resourcequotas/status"),
    R(READ, "core", "namespaces"),
    R(READ, DISCOVERY, "endpointslices"),
    R(READ, "apps", "controllerrevisions daemonsets daemonsets/status deployments deployments/scale "
                    "deployments/status replicasets replicasets/scale replicasets/status "
                    "statefulsets statefulsets/scale statefulsets/status"),
    R(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    R(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    R(READ, "extensions", "daemonsets daemonsets/status deployments deployments/scale "
                          "deployments/status ingresses ingresses/status networkpolicies replicasets "
                          "replicasets/scale replicasets/status replicationcontrollers/scale"),
    R(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    R(READ, NETWORKING, "ingresses ingresses/status networkpolicies"),
    RULES_END };

RULES(node) = {
    R("create", AUTHENTICATION, "tokenreviews"),
    R("create", AUTHORIZATION, "localsubjectaccessreviews subjectaccessreviews"),
    R(READ, "core", "services"),
    R("create get list watch", "core", "nodes"),
    R("patch update", "core", "nodes/status"),
    R("patch update", "core", "nodes"),
    R_EVENTS,
    R(READ, "core", "pods"),
    R("create delete", "core", "pods"),
    R("patch update", "core", "pods/status"),
    R("create", "core", "pods/eviction"),
    R(READ, "core", "configmaps secrets"),
    R("get", "core", "persistentvolumeclaims persistentvolumes"),
    R("get", "core", "endpoints"),
    R("create get list watch", CERTIFICATES, "certificatesigningrequests"),
    R("create delete get patch update", COORDINATION, "leases"),
    R("get", STORAGE, "volumeattachments"),
    R("create", "core", "serviceaccounts/token"),
    R("get patch update", "core", "persistentvolumeclaims/status"),
    R(READ, STORAGE, "csidrivers"),
    R("create delete get patch update", STORAGE, "csinodes"),
    R(READ, "node.k8s.io", "runtimeclasses"),
    R("get", "resource.k8s.io", "resourceclaims"),
    RULES_END };
RULES(node_bootstrapper) = {
    R("create get list watch", CERTIFICATES, "certificatesigningrequests"),
    RULES_END };
RULES(node_problem_detector) = {
    R("get", "core", "nodes"),
    R("patch", "core", "nodes/status"),
    R_EVENTS,
    RULES_END };
RULES(node_proxier) = {
    R("list watch", "core", "endpoints services"),
    R(READ, "core", "nodes"),
    R_EVENTS,
    R("list watch", DISCOVERY, "endpointslices"),
    RULES_END };
RULES(kubelet_api_admin) = {
    R(READ, "core", "nodes"),
    R("proxy", "core", "nodes"),
    R("*", "core", "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy "
                   "nodes/stats"),
    RULES_END };
RULES(auth_delegator) = {
    R("create", AUTHENTICATION, "tokenreviews"),
    R("create", AUTHORIZATION, "subjectaccessreviews"),
    RULES_END };
RULES(kube_aggregator) = { R(READ, "core", "endpoints services"), RULES_END };
RULES(heapster) = {
    R(READ, "core", "events namespaces nodes pods"),
    R(READ, "extensions", "deployments"),
    RULES_END };
RULES(kube_controller_manager) = {
    R_EVENTS,
    R("create", COORDINATION, "leases"),
    R_NAMED("get update", COORDINATION, "leases", "kube-controller-manager"),
    R("create", "core", "secrets serviceaccounts"),
    R("delete", "core", "secrets"),
    R("get", "core", "configmaps namespaces secrets serviceaccounts"),
    R("update", "core", "secrets serviceaccounts"),
    R("create", AUTHENTICATION, "tokenreviews"),
    R("create", AUTHORIZATION, "subjectaccessreviews"),
    R("list watch", "*", "*"),
    R("create", "core", "serviceaccounts/token"),
    RULES_END };
RULES(kube_dns) = { R("list watch", "core", "endpoints services"), RULES_END };
RULES(kube_scheduler) = {
    R_EVENTS,
    R("create list watch", COORDINATION, "leases"),
    R_NAMED("get update", COORDINATION, "leases", "kube-scheduler"),
    R(READ, "core", "nodes"),
    R("delete get list watch", "core", "pods"),
    R("create", "core", "bindings pods/binding"),
    R("patch update", "core", "pods/status"),
    R(READ, "core", "replicationcontrollers services"),
    R(READ, "apps extensions", "replicasets"),
    R(READ, "apps", "statefulsets"),
    R(READ, "policy", "poddisruptionbudgets"),
    R(READ, "core", "persistentvolumeclaims persistentvolumes"),
    R("create", AUTHENTICATION, "tokenreviews"),
    R("create", AUTHORIZATION, "subjectaccessreviews"),
    R(READ, STORAGE, "csinodes"),
    R(READ, "core", "namespaces"),
    R(READ, STORAGE, "csidrivers"),
    R(READ, STORAGE, "csistoragecapacities"),
    RULES_END };
RULES(persistent_volume_provisioner) = {
    R("create delete get list watch", "core", "persistentvolumes"),
    R("get list update watch", "core", "persistentvolumeclaims"),
    R(READ, STORAGE, "storageclasses"),
    R("watch", "core", "events"),
    R_EVENTS,
    RULES_END };
RULES(volume_scheduler) = {
    R("get list patch update watch", "core", "persistentvolumes"),
    R(READ, STORAGE, "storageclasses"),
    R("get list patch update watch", "core", "persistentvolumeclaims"),
    RULES_END };
RULES(nodeclient) = {
    R("create", CERTIFICATES, "certificatesigningrequests/nodeclient"), RULES_END };
RULES(selfnodeclient) = {
    R("create", CERTIFICATES, "certificatesigningrequests/selfnodeclient"), RULES_END };
RULES(approve_legacy) = {
    R_NAMED("approve", CERTIFICATES, "signers", "kubernetes.io/legacy-unknown"), RULES_END };
RULES(approve_serving) = {
    R_NAMED("approve", CERTIFICATES, "signers", "kubernetes.io/kubelet-serving"), RULES_END };
RULES(approve_client) = {
    R_NAMED("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client"), RULES_END };
RULES(approve_kubelet) = {
    R_NAMED("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
    RULES_END };
RULES(issuer_discovery) = {
    R_URLS("get", "/.well-known/openid-configuration /.well-known/openid-configuration/ "
                  "/openid/v1/jwks /openid/v1/jwks/"),
    RULES_END };
RULES(authentication_reader) = {
    R_NAMED(READ, "core", "configmaps", "extension-apiserver-authentication"), RULES_END };
RULES(leader_kcm) = {
    R("watch", "core", "configmaps"),
    R_NAMED("get update", "core", "configmaps", "kube-controller-manager"), RULES_END };
RULES(leader_scheduler) = {
    R("watch", "core", "configmaps"),
    R_NAMED("get update", "core", "configmaps", "kube-scheduler"), RULES_END };

#define CLUSTER_ROLE(n, r) { .object = { MODEL_CLUSTERROLE, "", (n) }, .rules = (r) }
#define LABELLED(n, l, r) { .object = { MODEL_CLUSTERROLE, "", (n) }, .label = (l), .rules = (r) }
#define SUM(n, l, s) { .object = { MODEL_CLUSTERROLE, "", (n) }, .label = (l), .selects = (s) }
#define ROLE(ns, n, r) { .object = { MODEL_ROLE, (ns), (n) }, .rules = (r) }
#define CLUSTER_BINDING(n, s) \
    { .object = { MODEL_CLUSTERROLEBINDING, "", (n) }, .role = (n), .subjects = (s) }
#define CLUSTER_BINDING_OF(n, r, s) \
    { .object = { MODEL_CLUSTERROLEBINDING, "", (n) }, .role = (r), .subjects = (s) }
#define BINDING(ns, n, r, s) \
    { .object = { MODEL_ROLEBINDING, (ns), (n) }, .role = (r), .subjects = (s) }
#define CSRS    "system:certificates.k8s.io:certificatesigningrequests:"
#define SIGNERS "system:certificates.k8s.io:"

const struct default_role_row default_roles_rows[] = {
    CLUSTER_ROLE("cluster-admin", cluster_admin),
    CLUSTER_ROLE("system:discovery", discovery),
    CLUSTER_ROLE("system:monitoring", monitoring),
    CLUSTER_ROLE("system:basic-user", basic_user),
    CLUSTER_ROLE("system:public-info-viewer", public_info_viewer),
    SUM("admin", NULL, AGGREGATE "admin"),
    SUM("edit", AGGREGATE "admin", AGGREGATE "edit"),
    SUM("view", AGGREGATE "edit", AGGREGATE "view"),
    LABELLED("system:aggregate-to-admin", AGGREGATE "admin", aggregate_to_admin),
    LABELLED("system:aggregate-to-edit", AGGREGATE "edit", aggregate_to_edit),
    LABELLED("system:aggregate-to-view", AGGREGATE "view", aggregate_to_view),
    CLUSTER_ROLE("system:auth-delegator", auth_delegator),
    CLUSTER_ROLE(CSRS "nodeclient", nodeclient),
    CLUSTER_ROLE(CSRS "selfnodeclient", selfnodeclient),
    CLUSTER_ROLE(SIGNERS "kube-apiserver-client-approver", approve_client),
    CLUSTER_ROLE(SIGNERS "kube-apiserver-client-kubelet-approver", approve_kubelet),
    CLUSTER_ROLE(SIGNERS "kubelet-serving-approver", approve_serving),
    CLUSTER_ROLE(SIGNERS "legacy-unknown-approver", approve_legacy),
    CLUSTER_ROLE("system:heapster", heapster),
    CLUSTER_ROLE("system:kube-aggregator", kube_aggregator),
    CLUSTER_ROLE("system:kube-controller-manager", kube_controller_manager),
    CLUSTER_ROLE("system:kube-dns", kube_dns),
    CLUSTER_ROLE("system:kube-scheduler", kube_scheduler),
    CLUSTER_ROLE("system:kubelet-api-admin", kubelet_api_admin),
    CLUSTER_ROLE("system:node", node),
    CLUSTER_ROLE("system:node-bootstrapper", node_bootstrapper),
    CLUSTER_ROLE("system:node-problem-detector", node_problem_detector),
    CLUSTER_ROLE("system:node-proxier", node_proxier),
    CLUSTER_ROLE("system:persistent-volume-provisioner", persistent_volume_provisioner),
    CLUSTER_ROLE("system:service-account-issuer-discovery", issuer_discovery),
    CLUSTER_ROLE("system:volume-scheduler", volume_scheduler),
    ROLE("kube-system", "extension-apiserver-authentication-reader", authentication_reader),
    ROLE("kube-system", "system::leader-locking-kube-controller-manager", leader_kcm),
    ROLE("kube-system", "system::leader-locking-kube-scheduler", leader_scheduler),
    CLUSTER_BINDING("cluster-admin", "Group=system:masters"),
    CLUSTER_BINDING("system:basic-user", "Group=system:authenticated"),
    CLUSTER_BINDING("system:discovery", "Group=system:authenticated"),
    CLUSTER_BINDING("system:kube-controller-manager", "User=system:kube-controller-manager"),
    CLUSTER_BINDING("system:kube-dns", "ServiceAccount=kube-system/kube-dns"),
    CLUSTER_BINDING("system:kube-scheduler", "User=system:kube-scheduler"),
    CLUSTER_BINDING("system:monitoring", "Group=system:monitoring"),
    CLUSTER_BINDING("system:node", NULL),
    CLUSTER_BINDING("system:node-proxier", "User=system:kube-proxy"),
    CLUSTER_BINDING("system:public-info-viewer",
                    "Group=system:authenticated Group=system:unauthenticated"),
    CLUSTER_BINDING("system:service-account-issuer-discovery", "Group=system:serviceaccounts"),
    CLUSTER_BINDING("system:volume-scheduler", "User=system:kube-scheduler"),
    /* What kubeadm adds: a node with a token of `kedge token create` asks for its certificate and is
     * approved, and so is a node that renews its own. */
    CLUSTER_BINDING_OF("kedge:node-bootstrapper", "system:node-bootstrapper",
                       "Group=system:bootstrappers:kedge:default-node-token"),
    CLUSTER_BINDING_OF("kedge:node-autoapprove-bootstrap", CSRS "nodeclient",
                       "Group=system:bootstrappers:kedge:default-node-token"),
    CLUSTER_BINDING_OF("kedge:node-autoapprove-certificate-rotation", CSRS "selfnodeclient",
                       "Group=system:nodes"),
    BINDING("kube-system", "system::extension-apiserver-authentication-reader",
            "extension-apiserver-authentication-reader",
            "User=system:kube-controller-manager User=system:kube-scheduler"),
    BINDING("kube-system", "system::leader-locking-kube-controller-manager",
            "system::leader-locking-kube-controller-manager",
            "User=system:kube-controller-manager ServiceAccount=kube-system/kube-controller-manager"),
    BINDING("kube-system", "system::leader-locking-kube-scheduler",
            "system::leader-locking-kube-scheduler",
            "User=system:kube-scheduler ServiceAccount=kube-system/kube-scheduler"),
};
/* clang-format on */
const size_t default_roles_n_rows = KE_ARRAY_LEN(default_roles_rows);
