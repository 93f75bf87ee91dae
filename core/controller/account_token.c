/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of the type kubernetes.io/service-account-token: each is given a token of its account,
 * the cluster's root certificate and its namespace, and goes with its account. Controllers thread;
 * a signature takes it about a millisecond. Source: Kubernetes
 * pkg/controller/serviceaccount/tokens_controller.go.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/controller/controller.h"
#include "core/model/views.h"

#define SECRET_TYPE "kubernetes.io/service-account-token"
#define NAME_NOTE   "kubernetes.io/service-account.name"
#define UID_NOTE    "kubernetes.io/service-account.uid"

struct account_token_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by namespace and name of the Secret */
};

static bool is_token(const struct registry_object *object)
{
    return object->kind->id == MODEL_SECRET &&
           ke_str_eq_c(model_pairs_get(object->fields, object->n_fields, KE_STR("type")),
                       SECRET_TYPE);
}

/* The account of a Secret; NULL: it is gone, or another one has its name now. */
static const struct registry_object *account_of(struct account_token_controller *self,
                                                const struct registry_object *secret,
                                                const cJSON *json)
{
    const cJSON *notes = ke_json_path(json, "metadata.annotations");
    struct ke_str uid = ke_json_str(notes, UID_NOTE);
    const struct registry_object *account = watch_reflector_get(
        self->env->reflector, MODEL_SERVICEACCOUNT, secret->ns, ke_json_str(notes, NAME_NOTE));
    return account != NULL && (uid.len == 0 || ke_str_eq(uid, account->uid)) ? account : NULL;
}

static bool set_data(cJSON *data, const char *key, struct ke_str value)
{
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_PEM_BYTES);
    ke_buf_add_base64(&text, value.ptr, value.len);
    return text.failed == KE_OK && ke_json_set_str(data, key, ke_buf_str(&text));
}

static bool set_token(struct account_token_controller *self, const struct registry_object *secret,
                      const struct registry_object *account, cJSON *data)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    struct token_claims claims = { .is_legacy = true,
                                   .ns = secret->ns,
                                   .account = { account->name, account->uid },
                                   .secret = { secret->name, { NULL, 0 } } };
    if (auth_bearer_issue(self->env->options.bearer, &claims, &token, &err) != KE_OK)
        return false;
    return set_data(data, "token", ke_buf_str(&token));
}

/* Puts in what is missing. False: out of memory. *out_changed: something was. */
static bool fill(struct account_token_controller *self, const struct registry_object *secret,
                 const struct registry_object *account, cJSON *json, bool *out_changed)
{
    struct ke_str ca = self->env->options.ca_pem;
    ke_auto_json *before = cJSON_Duplicate(json, true);
    cJSON *meta = ke_json_need_object(json, "metadata");
    cJSON *notes = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    cJSON *data = ke_json_need_object(json, "data");
    bool is_ok = before != NULL && notes != NULL && data != NULL &&
                 ke_json_set_str(notes, UID_NOTE, account->uid) &&
                 set_data(data, "namespace", secret->ns) &&
                 (ca.len == 0 || set_data(data, "ca.crt", ca)) &&
                 (ke_json_str(data, "token").len > 0 || set_token(self, secret, account, data));
    *out_changed = is_ok && !ke_json_equal(before, json);
    return is_ok;
}

static void run(void *ctx, struct work_item *item)
{
    struct account_token_controller *self = ctx;
    struct ke_str ns;
    struct ke_str name;
    work_item_name(item, &ns, &name);
    const struct registry_object *secret =
        watch_reflector_get(self->env->reflector, MODEL_SECRET, ns, name);
    if (secret == NULL || !is_token(secret))
        return;
    ke_auto_json *json = registry_object_parse(secret);
    if (json == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = secret->kind,
                                        .ns = secret->ns,
                                        .name = secret->name,
                                        .grace_period_s = -1 };
    const struct registry_object *account = account_of(self, secret, json);
    if (account == NULL) {
        request.verb = RESOURCE_DELETE;
        request.precondition_uid = secret->uid;
        work_item_write(item, &request);
        return;
    }
    bool is_changed = false;
    if (ke_json_bool(json, "immutable", false))
        return;
    if (!fill(self, secret, account, json, &is_changed)) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (is_changed) {
        request.body = KE_TAKE(json);
        work_item_write(item, &request);
    }
}

/* An account that comes or goes concerns the Secrets of its namespace. */
static void look_around(struct account_token_controller *self,
                        const struct registry_object *account)
{
    const struct registry_object *secret;
    size_t pos = 0;
    while ((secret = watch_reflector_next(self->env->reflector, MODEL_SECRET, &pos)) != NULL) {
        if (ke_str_eq(secret->ns, account->ns) && is_token(secret))
            work_queue_add_name(self->queue, secret->ns, secret->name);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct account_token_controller *self = (struct account_token_controller *)controller;
    if (is_token(object))
        work_queue_add_name(self->queue, object->ns, object->name);
    else if (object->kind->id == MODEL_SERVICEACCOUNT && old == NULL &&
             watch_reflector_is_synced(self->env->reflector))
        look_around(self, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    if (object->kind->id == MODEL_SERVICEACCOUNT)
        look_around((struct account_token_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    struct account_token_controller *self = (struct account_token_controller *)controller;
    if (self->env->options.bearer != NULL)
        work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct account_token_controller *self = (struct account_token_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *account_token_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "account-token",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct account_token_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "tokens of accounts");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "account-token", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
