/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may write. See permission.h. */
#include <stdlib.h>

#include "core/auth/node.h"
#include "core/model/path.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

#define MIRROR     "kubernetes.io/config.mirror"
#define MAX_LABELS 64 /* that are told */

struct restriction {
    struct operation *op;
    struct ke_str node;
    const cJSON *object, *old;
};

/* text with one %s: the node's name, quoted. */
static enum ke_code forbid(const struct restriction *r, const char *before, const char *after)
{
    struct ke_str node = model_go_quote(r->op->arena, r->node);
    return operation_fail_forbidden(r->op, r->op->request.name, "%snode %.*s %s", before,
                                    KE_STR_ARG(node), after);
}

static enum ke_code forbid_plain(const struct restriction *r, const char *text)
{
    return operation_fail_forbidden(r->op, r->op->request.name, "%s", text);
}

static bool is_of_node(const struct restriction *r, const cJSON *pod)
{
    return ke_str_eq(ke_json_path_str(pod, "spec.nodeName"), r->node);
}

/* ---- pods */

static enum ke_code check_owner(const struct restriction *r)
{
    const cJSON *owners = ke_json_path(r->object, "metadata.ownerReferences");
    const cJSON *owner = owners != NULL ? owners->child : NULL;
    struct operation *op = r->op;
    if (owner == NULL)
        return forbid(r, "", "can only create pods with an owner reference set to itself");
    if (owner->next != NULL)
        return forbid(r, "", "can only create pods with a single owner reference set to itself");
    if (!ke_str_eq_c(ke_json_str(owner, "apiVersion"), "v1") ||
        !ke_str_eq_c(ke_json_str(owner, "kind"), "Node") ||
        !ke_str_eq(ke_json_str(owner, "name"), r->node))
        return forbid(r, "", "can only create pods with an owner reference set to itself");
    if (!ke_json_bool(owner, "controller", false))
        return forbid(r, "",
                      "can only create pods with a controller owner reference set to itself");
    if (ke_json_bool(owner, "blockOwnerDeletion", false))
        return forbid(r, "", "must not set blockOwnerDeletion on an owner reference");
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *node = NULL;
    enum ke_code rc = operation_key(op, model_kind_by_id(MODEL_NODE), KE_STR(""), r->node, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &node, &err);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, model_kind_by_id(MODEL_NODE), r->node);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    struct ke_str uid = ke_json_str(owner, "uid");
    if (ke_str_eq(uid, node->uid))
        return KE_OK;
    struct ke_str quoted = model_go_quote(op->arena, r->node);
    return operation_fail_forbidden(op, op->request.name,
                                    "node %.*s UID mismatch: expected %.*s got %.*s",
                                    KE_STR_ARG(quoted), KE_STR_ARG(node->uid), KE_STR_ARG(uid));
}

static bool has_anywhere(const cJSON *value, const char *const *names)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, value) {
        for (size_t i = 0; it->string != NULL && names[i] != NULL; i++) {
            if (ke_str_eq_c(ke_str_c(it->string), names[i]))
                return true;
        }
        if ((cJSON_IsObject(it) || cJSON_IsArray(it)) && has_anywhere(it, names))
            return true;
    }
    return false;
}

/* What a mirror pod would be given besides what the node has. */
static enum ke_code check_references(const struct restriction *r)
{
    static const char *const secrets[] = { "secret",     "secretRef",        "secretKeyRef",
                                           "secretName", "imagePullSecrets", "nodePublishSecretRef",
                                           NULL };
    static const char *const configmaps[] = { "configMap", "configMapRef", "configMapKeyRef",
                                              NULL };
    static const char *const claims[] = { "persistentVolumeClaim", "ephemeral", NULL };
    static const char *const resources[] = { "resourceClaims", NULL };
    const cJSON *spec = ke_json_get(r->object, "spec");
    if (ke_json_str(spec, "serviceAccountName").len > 0)
        return forbid(r, "", "can not create pods that reference a service account");
    if (has_anywhere(spec, secrets))
        return forbid(r, "", "can not create pods that reference secrets");
    if (has_anywhere(spec, configmaps))
        return forbid(r, "", "can not create pods that reference configmaps");
    if (has_anywhere(spec, claims))
        return forbid(r, "", "can not create pods that reference persistentvolumeclaims");
    if (ke_json_get(spec, "resourceClaims") != NULL && has_anywhere(spec, resources))
        return forbid(r, "", "can not create pods that reference resourceclaims");
    return KE_OK;
}

static enum ke_code create_pod(const struct restriction *r)
{
    const cJSON *annotations = ke_json_path(r->object, "metadata.annotations");
    if (ke_json_get(annotations, MIRROR) == NULL)
        return forbid(r, "pod does not have \"" MIRROR "\" annotation, ",
                      "can only create mirror pods");
    if (!is_of_node(r, r->object))
        return forbid(r, "", "can only create pods with spec.nodeName set to itself");
    enum ke_code rc = check_owner(r);
    return rc == KE_OK ? check_references(r) : rc;
}

static bool same_at(const cJSON *object, const cJSON *old, const char *path)
{
    const cJSON *a = ke_json_path(object, path);
    const cJSON *b = ke_json_path(old, path);
    return a == NULL || b == NULL ? a == b : ke_json_equal(a, b);
}

static enum ke_code admit_pod(const struct restriction *r)
{
    if (r->old == NULL)
        return create_pod(r);
    if (r->object == NULL) {
        return is_of_node(r, r->old)
                   ? KE_OK
                   : forbid(r, "", "can only delete pods with spec.nodeName set to itself");
    }
    if (!ke_str_eq_c(r->op->request.subresource, "status"))
        return forbid(r, "unexpected operation \"UPDATE\", ",
                      "can only create and delete mirror pods");
    if (!is_of_node(r, r->old))
        return forbid(r, "",
                      "can only update pod status for pods with spec.nodeName set to itself");
    if (!same_at(r->object, r->old, "metadata.labels"))
        return forbid(r, "", "cannot update labels through pod status");
    /* The authoriser lets a node read the claims that these name. */
    if (!same_at(r->object, r->old, "status.resourceClaimStatuses"))
        return forbid(r, "", "cannot update resource claim statuses");
    return KE_OK;
}

/* ---- nodes */

static bool is_in_domain(struct ke_str key, const char *domain)
{
    struct ke_str ns = ke_str_sub(key, 0, ke_str_find(key, '/'));
    struct ke_str wanted = ke_str_c(domain);
    if (ns.len == key.len || !ke_str_has_suffix(ns, wanted))
        return false;
    return ns.len == wanted.len || ns.ptr[ns.len - wanted.len - 1] == '.';
}

static bool is_kubelet_label(struct ke_str key)
{
    static const char *const labels[] = { "kubernetes.io/hostname",
                                          "topology.kubernetes.io/zone",
                                          "topology.kubernetes.io/region",
                                          "failure-domain.beta.kubernetes.io/zone",
                                          "failure-domain.beta.kubernetes.io/region",
                                          "node.kubernetes.io/instance-type",
                                          "beta.kubernetes.io/instance-type",
                                          "kubernetes.io/os",
                                          "kubernetes.io/arch",
                                          "beta.kubernetes.io/os",
                                          "beta.kubernetes.io/arch" };
    for (size_t i = 0; i < KE_ARRAY_LEN(labels); i++) {
        if (ke_str_eq_c(key, labels[i]))
            return true;
    }
    return is_in_domain(key, "kubelet.kubernetes.io") || is_in_domain(key, "node.kubernetes.io");
}

static bool is_forbidden_label(struct ke_str key)
{
    if (!is_in_domain(key, "kubernetes.io") && !is_in_domain(key, "k8s.io"))
        return false;
    return is_in_domain(key, "node-restriction.kubernetes.io") || !is_kubelet_label(key);
}

static int compare_labels(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

/* Keys of `labels` that `other` has with another value or not at all, and that are forbidden. */
static size_t find_forbidden(const cJSON *labels, const cJSON *other, struct ke_str *out, size_t n)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, labels) {
        const cJSON *there = ke_json_get(other, it->string);
        struct ke_str key = ke_str_c(it->string);
        bool is_same = there != NULL && ke_json_equal(it, there);
        bool is_listed = false;
        for (size_t i = 0; i < n; i++)
            is_listed = is_listed || ke_str_eq(out[i], key);
        if (!is_same && !is_listed && n < MAX_LABELS && is_forbidden_label(key))
            out[n++] = key;
    }
    return n;
}

static enum ke_code check_labels(const struct restriction *r, const char *text)
{
    struct ke_str found[MAX_LABELS];
    const cJSON *now = ke_json_path(r->object, "metadata.labels");
    const cJSON *before = ke_json_path(r->old, "metadata.labels");
    ke_auto_buf list = KE_BUF_INIT(65536);
    size_t n = find_forbidden(now, before, found, 0);
    n = find_forbidden(before, now, found, n);
    if (n == 0)
        return KE_OK;
    qsort(found, n, sizeof(found[0]), compare_labels);
    ke_buf_addf(&list, "%s", text);
    for (size_t i = 0; i < n; i++)
        ke_buf_addf(&list, "%s%.*s", i > 0 ? ", " : "", KE_STR_ARG(found[i]));
    ke_buf_add_char(&list, '\0');
    return list.failed == KE_OK ? forbid(r, "", list.ptr) : operation_fail_nomem(r->op);
}

static enum ke_code admit_node(const struct restriction *r)
{
    if (!ke_str_eq(r->op->request.name, r->node)) {
        struct ke_str own = model_go_quote(r->op->arena, r->node);
        struct ke_str other = model_go_quote(r->op->arena, r->op->request.name);
        return operation_fail_forbidden(r->op, r->op->request.name,
                                        "node %.*s is not allowed to modify node %.*s",
                                        KE_STR_ARG(own), KE_STR_ARG(other));
    }
    if (r->object == NULL)
        return KE_OK;
    if (r->old == NULL)
        return check_labels(r, "is not allowed to set the following labels: ");
    if (!same_at(r->object, r->old, "spec.taints"))
        return forbid(r, "", "is not allowed to modify taints");
    if (!same_at(r->object, r->old, "metadata.ownerReferences"))
        return forbid(r, "", "is not allowed to modify ownerReferences");
    return check_labels(r, "is not allowed to modify labels: ");
}

/* ---- claims */

/* A copy without these members; NULL: out of memory. */
static cJSON *copy_without(const cJSON *object, const char *member, const char *const *names)
{
    const cJSON *value = ke_json_get(object, member);
    cJSON *copy = value != NULL ? cJSON_Duplicate(value, true) : cJSON_CreateObject();
    for (size_t i = 0; copy != NULL && names[i] != NULL; i++)
        ke_json_del(copy, names[i]);
    return copy;
}

/* What a node learns of a claim as it makes its file system larger. */
static enum ke_code admit_claim(const struct restriction *r)
{
    static const char *const told[] = { "capacity",
                                        "conditions",
                                        "allocatedResources",
                                        "allocatedResourceStatuses",
                                        "currentVolumeAttributesClassName",
                                        "modifyVolumeStatus",
                                        NULL };
    static const char *const kept[] = { "managedFields", NULL };
    if (r->object == NULL || r->old == NULL || !ke_str_eq_c(r->op->request.subresource, "status"))
        return forbid_plain(r, "may only update PVC status");
    ke_auto_json *meta = copy_without(r->object, "metadata", kept);
    ke_auto_json *old_meta = copy_without(r->old, "metadata", kept);
    ke_auto_json *status = copy_without(r->object, "status", told);
    ke_auto_json *old_status = copy_without(r->old, "status", told);
    if (meta == NULL || old_meta == NULL || status == NULL || old_status == NULL)
        return operation_fail_nomem(r->op);
    return ke_json_equal(meta, old_meta) && ke_json_equal(status, old_status)
               ? KE_OK
               : forbid(r, "",
                        "is not allowed to update fields other than status.quantity and "
                        "status.conditions");
}

/* ---- others that carry the node's name */

static enum ke_code admit_lease(const struct restriction *r)
{
    if (!ke_str_eq_c(r->op->request.ns, "kube-node-lease"))
        return forbid_plain(r,
                            "can only access leases in the \"kube-node-lease\" system namespace");
    if (!ke_str_eq(r->op->request.name, r->node))
        return forbid_plain(r,
                            "can only access node lease with the same name as the requesting node");
    return KE_OK;
}

static enum ke_code admit_csinode(const struct restriction *r)
{
    if (!ke_str_eq(r->op->request.name, r->node))
        return forbid_plain(r, "can only access CSINode with the same name as the requesting node");
    return KE_OK;
}

enum ke_code node_restriction_admit(struct operation *op, const cJSON *object, const cJSON *old)
{
    struct restriction r = { .op = op, .object = object, .old = old };
    if (op->request.asker == NULL || !auth_node_identify(op->request.asker, &r.node))
        return KE_OK;
    struct ke_str plural = ke_str_c(op->kind->plural);
    if (op->kind->id == MODEL_POD)
        return admit_pod(&r);
    if (op->kind->id == MODEL_NODE)
        return admit_node(&r);
    if (op->kind->id == MODEL_PERSISTENTVOLUMECLAIM)
        return admit_claim(&r);
    if (op->kind->id == MODEL_LEASE)
        return admit_lease(&r);
    return ke_str_eq_c(plural, "csinodes") ? admit_csinode(&r) : KE_OK;
}

static enum ke_code admit_token(const struct restriction *r)
{
    struct operation *op = r->op;
    const cJSON *ref = ke_json_path(op->body, "spec.boundObjectRef");
    struct ke_str uid = ke_json_str(ref, "uid");
    struct ke_str name = ke_json_str(ref, "name");
    if (!ke_str_eq_c(ke_json_str(ref, "apiVersion"), "v1") ||
        !ke_str_eq_c(ke_json_str(ref, "kind"), "Pod") || name.len == 0)
        return forbid_plain(r, "node requested token not bound to a pod");
    if (uid.len == 0)
        return forbid_plain(r, "node requested token with a pod binding without a uid");
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *pod = NULL;
    const struct model_kind *kind = model_kind_by_id(MODEL_POD);
    enum ke_code rc = operation_key(op, kind, op->request.ns, name, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &pod, &err);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, kind, name);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    ke_auto_json *json = registry_object_parse(pod);
    if (json == NULL)
        return operation_fail_nomem(op);
    if (!ke_str_eq(uid, pod->uid)) {
        return operation_fail_forbidden(op, op->request.name,
                                        "the UID in the bound object reference (%.*s) does not "
                                        "match the UID in record. The object might have been "
                                        "deleted and then recreated",
                                        KE_STR_ARG(uid));
    }
    if (!is_of_node(r, json))
        return forbid_plain(r, "node requested token bound to a pod scheduled on a different node");
    return KE_OK;
}

enum ke_code node_restriction_admit_post(struct operation *op, const cJSON *object)
{
    struct restriction r = { .op = op, .object = object, .old = object };
    if (op->request.asker == NULL || !auth_node_identify(op->request.asker, &r.node))
        return KE_OK;
    if (op->kind->id == MODEL_SERVICEACCOUNT && ke_str_eq_c(op->request.subresource, "token"))
        return admit_token(&r);
    if (op->kind->id == MODEL_POD && ke_str_eq_c(op->request.subresource, "eviction") &&
        !is_of_node(&r, object))
        return forbid(&r, "", "can only evict pods with spec.nodeName set to itself");
    return KE_OK;
}
