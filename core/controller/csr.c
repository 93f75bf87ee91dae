/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateSigningRequests: those of nodes that may are approved, what is approved for the
 * cluster's own signers is signed by its authority, and what is answered or old is deleted.
 * Controllers thread; a signature takes it about a millisecond.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/controller/controller.h"
#include "core/controller/csr_decide.h"

#define PERMISSION_RETRY_NS (60 * KE_S) /* roles may come later than the request */

struct csr_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by name */
    int64_t ca_not_after_s;
};

/* ---- writing -----------------------------------------------------------------------------------
 */

/* Adds a condition and writes the subresource, of the revision that was decided on. */
static bool add_condition(cJSON *object, const char *type, const char *reason, const char *message)
{
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *list = status != NULL ? ke_json_need_array(status, "conditions") : NULL;
    ke_auto_json *condition = cJSON_CreateObject();
    if (list == NULL || condition == NULL || !ke_json_set_str(condition, "type", ke_str_c(type)) ||
        !ke_json_set_str(condition, "status", KE_STR("True")) ||
        !ke_json_set_str(condition, "reason", ke_str_c(reason)) ||
        !ke_json_set_str(condition, "message", ke_str_c(message)) ||
        !cJSON_AddItemToArray(list, condition))
        return false;
    (void)KE_TAKE(condition);
    return true;
}

static void write_part(struct work_item *item, const struct registry_object *csr, const char *part,
                       cJSON *object)
{
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = csr->kind,
                                        .name = csr->name,
                                        .subresource = ke_str_c(part),
                                        .body = object };
    work_item_write(item, &request);
}

/* ---- approving ---------------------------------------------------------------------------------
 */

static bool add_extra(struct auth_user *user, const cJSON *extra)
{
    const cJSON *key;
    cJSON_ArrayForEach(key, extra) {
        const cJSON *value;
        cJSON_ArrayForEach(value, key) {
            if (user->n_extra == AUTH_MAX_EXTRA)
                return false;
            user->extra[user->n_extra++] =
                (struct auth_extra){ ke_str_c(key->string), ke_json_value_str(value) };
        }
    }
    return true;
}

/* Who asked, as it is written in the request. False: too much to ask about. */
static bool read_asker(const cJSON *object, struct auth_user *out)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *it;
    *out = (struct auth_user){ .name = ke_json_str(spec, "username"),
                               .uid = ke_json_str(spec, "uid") };
    cJSON_ArrayForEach(it, ke_json_get(spec, "groups")) {
        if (out->n_groups == AUTH_MAX_GROUPS)
            return false;
        out->groups[out->n_groups++] = ke_json_value_str(it);
    }
    return add_extra(out, ke_json_get(spec, "extra"));
}

static bool may_have(struct csr_controller *self, const struct auth_user *asker,
                     const char *subresource)
{
    const struct controllers_options *options = &self->env->options;
    struct auth_attributes asked = { .user = asker,
                                     .verb = KE_STR("create"),
                                     .is_resource = true,
                                     .group = KE_STR("certificates.k8s.io"),
                                     .version = KE_STR("*"),
                                     .resource = KE_STR("certificatesigningrequests"),
                                     .subresource = ke_str_c(subresource) };
    return options->authorize != NULL && options->authorize(options->authorize_ctx, &asked, NULL);
}

static const char *find_approval(struct csr_controller *self, const cJSON *object,
                                 const struct x509_csr *csr, bool *out_is_recognised)
{
    struct auth_user *asker = ke_alloc(sizeof(*asker));
    const char *found = NULL;
    const char *subresource;
    if (asker == NULL || !read_asker(object, asker)) {
        free(asker);
        return NULL;
    }
    for (int i = 0; found == NULL && (subresource = csr_approval_of(object, csr, i)) != NULL; i++) {
        *out_is_recognised = true;
        if (may_have(self, asker, subresource))
            found = subresource;
    }
    free(asker);
    return found;
}

static void approve(struct csr_controller *self, struct work_item *item,
                    const struct registry_object *csr, cJSON *object_given,
                    const struct x509_csr *request)
{
    ke_auto_json *object = object_given;
    bool is_recognised = false;
    const char *permission = find_approval(self, object, request, &is_recognised);
    if (permission == NULL) {
        if (is_recognised)
            work_item_again(item, PERMISSION_RETRY_NS);
        return;
    }
    bool is_self = strcmp(permission, "selfnodeclient") == 0;
    if (!add_condition(object, "Approved", "AutoApproved",
                       is_self ? "Auto approving self kubelet client certificate after "
                                 "SubjectAccessReview."
                               : "Auto approving kubelet client certificate after "
                                 "SubjectAccessReview.")) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    ke_log(KE_LOG_INFO, "csr.approved", KV_S("name", csr->name),
           KV_S("user", ke_json_path_str(object, "spec.username")));
    write_part(item, csr, "approval", KE_TAKE(object));
}

/* ---- signing -----------------------------------------------------------------------------------
 */

static void fail(struct work_item *item, const struct registry_object *csr, cJSON *object_given,
                 const char *why)
{
    ke_auto_json *object = object_given;
    if (!add_condition(object, "Failed", "SignerValidationFailure", why)) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    write_part(item, csr, "status", KE_TAKE(object));
}

static enum ke_code issue(struct csr_controller *self, const cJSON *object,
                          const struct x509_csr *request, struct ke_buf *out, struct ke_err *err)
{
    const struct controllers_options *options = &self->env->options;
    struct x509_request wanted;
    int64_t now_s = options->clock->wall_us(options->clock->ctx) / 1000000;
    csr_fill_request(object, request, now_s, self->ca_not_after_s, &wanted);
    return x509_sign(&wanted, ke_buf_str(&request->public_key_pem), options->ca_pair_pem,
                     options->ca_pair_pem, out, err);
}

static void sign(struct csr_controller *self, struct work_item *item,
                 const struct registry_object *csr, cJSON *object_given,
                 const struct x509_csr *request)
{
    ke_auto_json *object = object_given;
    ke_auto_buf cert = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES * 2);
    struct ke_err err = KE_ERR_INIT;
    const char *why =
        csr_refusal(csr_signer_of(object), request, ke_json_path(object, "spec.usages"));
    if (why != NULL) {
        fail(item, csr, KE_TAKE(object), why);
        return;
    }
    enum ke_code rc = issue(self, object, request, &cert, &err);
    if (rc == KE_MALFORMED || rc == KE_INVALID || rc == KE_TOO_LARGE) {
        fail(item, csr, KE_TAKE(object), err.msg);
        return;
    }
    ke_buf_add_base64(&text, cert.ptr, cert.len);
    cJSON *status = ke_json_need_object(object, "status");
    if (rc != KE_OK || text.failed != KE_OK || status == NULL ||
        !ke_json_set_str(status, "certificate", ke_buf_str(&text))) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    ke_log(KE_LOG_INFO, "csr.signed", KV_S("name", csr->name), KV_C("cn", request->common_name));
    write_part(item, csr, "status", KE_TAKE(object));
}

/* ---- work --------------------------------------------------------------------------------------
 */

static enum ke_code read_request(const cJSON *object, struct x509_csr *out, struct ke_err *err)
{
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    enum ke_code rc = ke_base64_decode(ke_json_path_str(object, "spec.request"), &pem, err);
    return x509_csr_read(rc == KE_OK ? ke_buf_str(&pem) : KE_STR(""), out, err);
}

/* Approve, sign, or nothing. */
static void answer(struct csr_controller *self, struct work_item *item,
                   const struct registry_object *csr, cJSON *object_given)
{
    ke_auto_json *object = object_given;
    struct ke_err err = KE_ERR_INIT;
    struct x509_csr request;
    bool is_approved = csr_has_condition(object, "Approved");
    if (ke_json_path_str(object, "status.certificate").len > 0 ||
        csr_has_condition(object, "Denied") || csr_has_condition(object, "Failed") ||
        csr_signer_of(object) == CSR_SIGNER_OTHER || self->env->options.ca_pair_pem.len == 0)
        return;
    if (read_request(object, &request, &err) == KE_OK) {
        if (is_approved)
            sign(self, item, csr, KE_TAKE(object), &request);
        else
            approve(self, item, csr, KE_TAKE(object), &request);
    } else if (is_approved && err.code == KE_MALFORMED) {
        fail(item, csr, KE_TAKE(object), err.msg);
    }
    x509_csr_clear(&request);
}

static void run(void *ctx, struct work_item *item)
{
    struct csr_controller *self = ctx;
    const struct ke_clock *clock = self->env->options.clock;
    const struct registry_object *csr = watch_reflector_get(
        self->env->reflector, MODEL_CERTIFICATESIGNINGREQUEST, KE_STR(""), work_item_key(item));
    if (csr == NULL)
        return;
    ke_auto_json *object = registry_object_parse(csr);
    if (object == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    int64_t left_us = csr_forget_at_s(object) * 1000000 - clock->wall_us(clock->ctx);
    if (left_us <= 0) {
        struct resource_request request = { .verb = RESOURCE_DELETE,
                                            .kind = csr->kind,
                                            .name = csr->name,
                                            .grace_period_s = -1,
                                            .precondition_uid = csr->uid };
        work_item_write(item, &request);
        return;
    }
    work_item_again(item, (left_us + 1000000) * 1000);
    answer(self, item, csr, KE_TAKE(object));
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)old;
    if (object->kind->id == MODEL_CERTIFICATESIGNINGREQUEST)
        work_queue_add(((struct csr_controller *)controller)->queue, object->name);
}

/* What waits for its end has nothing to wait for. */
static void on_delete(struct controller *controller, const struct registry_object *object)
{
    on_put(controller, object, NULL);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct csr_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct csr_controller *self = (struct csr_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *csr_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "csr",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct csr_controller *self = ke_alloc(sizeof(*self));
    struct x509_info ca;
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "certificate requests");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    if (env->options.ca_pair_pem.len > 0 && x509_read(env->options.ca_pair_pem, &ca, err) == KE_OK)
        self->ca_not_after_s = ca.not_after_s;
    self->queue = work_queue_new(env->pool, "csr", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
