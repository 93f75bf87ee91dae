/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of CertificateSigningRequests, and their approval. Thread: the operation's. */
#include "core/resource/csr.h"

#include "core/model/path.h"
#include "core/net/tls/x509.h"
#include "core/resource/part.h"

#define CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"

/* ---- who asks ----------------------------------------------------------------------------------
 */

static bool add_text(struct operation *op, cJSON *list, struct ke_str text)
{
    struct ke_str copy = ke_arena_str(op->arena, text);
    cJSON *item = copy.ptr != NULL ? cJSON_CreateString(copy.ptr) : NULL;
    if (item != NULL && cJSON_AddItemToArray(list, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool set_extra(struct operation *op, cJSON *spec, const struct auth_user *asker)
{
    for (size_t i = 0; i < asker->n_extra; i++) {
        struct ke_str key = ke_arena_str(op->arena, asker->extra[i].key);
        cJSON *extra = key.ptr != NULL ? ke_json_need_object(spec, "extra") : NULL;
        cJSON *values = extra != NULL ? ke_json_need_array(extra, key.ptr) : NULL;
        if (values == NULL || !add_text(op, values, asker->extra[i].value))
            return false;
    }
    return true;
}

/* Whatever the body says: nobody asks in another's name. */
static bool set_asker(struct operation *op, cJSON *spec)
{
    static const char *const members[] = { "username", "uid", "groups", "extra" };
    const struct auth_user *asker = op->request.asker;
    if (asker == NULL)
        return true;
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++)
        ke_json_del(spec, members[i]);
    cJSON *groups = asker->n_groups > 0 ? ke_json_need_array(spec, "groups") : NULL;
    bool is_ok = ke_json_set_str(spec, "username", asker->name) &&
                 (asker->uid.len == 0 || ke_json_set_str(spec, "uid", asker->uid)) &&
                 (asker->n_groups == 0 || groups != NULL);
    for (size_t i = 0; is_ok && i < asker->n_groups; i++)
        is_ok = add_text(op, groups, asker->groups[i]);
    return is_ok && set_extra(op, spec, asker);
}

/* ---- the request -------------------------------------------------------------------------------
 */

/* As Go prints bytes: []byte{0x2d, ...}. */
static void report_bytes(struct operation *op, struct ke_str bytes, const char *why)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    struct model_path spec = model_path_root("spec");
    ke_buf_add_c(&text, "[]byte{");
    for (size_t i = 0; i < bytes.len; i++)
        ke_buf_addf(&text, "%s0x%x", i > 0 ? ", " : "", (unsigned)(unsigned char)bytes.ptr[i]);
    ke_buf_add_char(&text, '}');
    if (text.failed != KE_OK)
        model_report_no_memory(&op->issues);
    else
        model_report_invalid_raw(&op->issues, model_path_child(&spec, "request"), ke_buf_str(&text),
                                 why);
}

static bool is_master(const struct x509_csr *csr)
{
    for (size_t i = 0; i < csr->n_organizations; i++) {
        if (strcmp(csr->organizations[i], "system:masters") == 0)
            return true;
    }
    return false;
}

static enum ke_code check_request(struct operation *op, const cJSON *spec)
{
    struct ke_err err = KE_ERR_INIT;
    struct x509_csr csr;
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    enum ke_code rc = ke_base64_decode(ke_json_str(spec, "request"), &pem, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    rc = x509_csr_read(ke_buf_str(&pem), &csr, &err);
    if (rc == KE_OK && is_master(&csr) &&
        ke_str_eq_c(ke_json_str(spec, "signerName"), CLIENT_SIGNER)) {
        rc = operation_fail_forbidden(op, op->request.name,
                                      "use of " CLIENT_SIGNER
                                      " signer with system:masters group is not allowed");
    } else if (rc == KE_MALFORMED || rc == KE_TOO_LARGE) {
        report_bytes(op, ke_buf_str(&pem), err.msg);
    } else if (rc != KE_OK) {
        rc = operation_fail_err(op, &err);
    }
    x509_csr_clear(&csr);
    /* What was reported is answered with all else that is wrong. */
    return rc == KE_MALFORMED || rc == KE_TOO_LARGE ? KE_OK : rc;
}

enum ke_code csr_admit_create(struct operation *op, cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !set_asker(op, spec))
        return operation_fail_nomem(op);
    return check_request(op, spec);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static bool may(struct operation *op, const char *verb, struct ke_str signer)
{
    struct auth_attributes asked = { .user = op->request.asker,
                                     .verb = ke_str_c(verb),
                                     .is_resource = true,
                                     .group = KE_STR("certificates.k8s.io"),
                                     .version = KE_STR("*"),
                                     .resource = KE_STR("signers"),
                                     .name = signer };
    if (op->store->authorize == NULL || op->request.asker == NULL)
        return true;
    return op->store->authorize(op->store->authorize_ctx, &asked, NULL);
}

/* For this signer, or for all of its domain. */
static enum ke_code check_permission(struct operation *op, const cJSON *object, const char *verb)
{
    struct ke_str signer = ke_json_path_str(object, "spec.signerName");
    struct ke_str domain = ke_arena_fmt(
        op->arena, "%.*s/*", KE_STR_ARG(ke_str_sub(signer, 0, ke_str_find(signer, '/'))));
    if (domain.ptr == NULL)
        return operation_fail_nomem(op);
    if (may(op, verb, signer) || may(op, verb, domain))
        return KE_OK;
    return operation_fail_forbidden(op, op->request.name,
                                    "user not permitted to %s requests with signerName \"%.*s\"",
                                    verb, KE_STR_ARG(signer));
}

static const cJSON *find_condition(const cJSON *object, struct ke_str type)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        if (ke_str_eq(ke_json_str(it, "type"), type))
            return it;
    }
    return NULL;
}

static bool is_one_of(struct ke_str type, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ke_str_eq_c(type, types[i]))
            return true;
    }
    return false;
}

struct condition_filter {
    const char *const *types;
    size_t n_types;
    bool is_of_types; /* or of all others */
};

static bool copy_conditions(cJSON *to, const cJSON *object, const struct condition_filter *filter)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        struct ke_str type = ke_json_str(it, "type");
        if (is_one_of(type, filter->types, filter->n_types) != filter->is_of_types)
            continue;
        cJSON *copy = cJSON_Duplicate(it, true);
        if (copy == NULL || !cJSON_AddItemToArray(to, copy)) {
            cJSON_Delete(copy);
            return false;
        }
    }
    return true;
}

/* The conditions of these types are those of old: another part decides them. */
static bool keep_conditions(cJSON *object, const cJSON *old, const char *const *types, size_t n)
{
    cJSON *status = ke_json_need_object(object, "status");
    ke_auto_json *kept = cJSON_CreateArray();
    struct condition_filter theirs = { types, n, true };
    struct condition_filter ours = { types, n, false };
    if (status == NULL || kept == NULL || !copy_conditions(kept, old, &theirs) ||
        !copy_conditions(kept, object, &ours))
        return false;
    if (kept->child == NULL) {
        ke_json_del(status, "conditions");
        return true;
    }
    return ke_json_set(status, "conditions", KE_TAKE(kept));
}

/* Conditions without times get them. */
static bool set_times(struct operation *op, cJSON *object, const cJSON *old)
{
    struct ke_str now = operation_timestamp(op, 0);
    cJSON *it;
    if (now.ptr == NULL)
        return false;
    cJSON_ArrayForEach(it, ke_json_get_mut(ke_json_get_mut(object, "status"), "conditions")) {
        const cJSON *before = find_condition(old, ke_json_str(it, "type"));
        bool is_same =
            before != NULL && ke_str_eq(ke_json_str(before, "status"), ke_json_str(it, "status"));
        struct ke_str since = is_same ? ke_json_str(before, "lastTransitionTime") : now;
        if (ke_json_str(it, "lastTransitionTime").len == 0 &&
            !ke_json_set_str(it, "lastTransitionTime", since.len > 0 ? since : now))
            return false;
        if (ke_json_str(it, "lastUpdateTime").len == 0 &&
            !ke_json_set_str(it, "lastUpdateTime", now))
            return false;
    }
    return true;
}

static bool is_same_path(const cJSON *a, const cJSON *b, const char *path)
{
    const cJSON *one = ke_json_path(a, path);
    const cJSON *other = ke_json_path(b, path);
    return one == NULL || other == NULL ? one == other : ke_json_equal(one, other);
}

/* Certificates, where one is said: PEM blocks that are certificates. */
static void check_certificate(struct operation *op, const cJSON *object)
{
    struct ke_str text = ke_json_path_str(object, "status.certificate");
    struct ke_err err = KE_ERR_INIT;
    struct x509_info info;
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct model_path status = model_path_root("status");
    if (text.len == 0)
        return;
    if (ke_base64_decode(text, &pem, &err) != KE_OK ||
        x509_read(ke_buf_str(&pem), &info, &err) != KE_OK) {
        model_report_invalid_raw(&op->issues, model_path_child(&status, "certificate"),
                                 KE_STR("\"<certificate data>\""),
                                 "must contain at least one CERTIFICATE PEM block");
    }
}

enum ke_code csr_admit_status(struct operation *op, cJSON *object, const cJSON *old)
{
    static const char *const approvals[] = { "Approved", "Denied" };
    if (!keep_conditions(object, old, approvals, KE_ARRAY_LEN(approvals)) ||
        !set_times(op, object, old))
        return operation_fail_nomem(op);
    if (is_same_path(object, old, "status"))
        return KE_OK;
    check_certificate(op, object);
    return check_permission(op, old, "sign");
}

/* old, with the decisions of object. */
static enum ke_code merge_approval(struct operation *op, cJSON **object, const cJSON *old)
{
    static const char *const failures[] = { "Failed" };
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    const cJSON *meta = ke_json_get(*object, "metadata");
    const cJSON *conditions = ke_json_path(*object, "status.conditions");
    cJSON *status = merged != NULL ? ke_json_need_object(merged, "status") : NULL;
    ke_json_del(status, "conditions");
    bool is_ok = status != NULL && ke_json_set(merged, "metadata", cJSON_Duplicate(meta, true)) &&
                 (conditions == NULL ||
                  ke_json_set(status, "conditions", cJSON_Duplicate(conditions, true))) &&
                 keep_conditions(merged, old, failures, KE_ARRAY_LEN(failures)) &&
                 set_times(op, merged, old);
    if (!is_ok)
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return check_permission(op, old, "approve");
}

static void validate_approval(struct operation *op, const cJSON *object, const cJSON *old)
{
    model_kind_validate_status(op->kind, object, old, &op->issues);
}

const struct operation_part part_approval = {
    .name = "approval",
    .merge = merge_approval,
    .validate = validate_approval,
};
