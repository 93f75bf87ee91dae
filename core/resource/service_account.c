/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod gets of its service account: the account's name, a volume with a token of it in every
 * container, its image pull secrets; and the secrets that it may mount at all, where the account
 * says so. Source: Kubernetes plugin/pkg/admission/serviceaccount. Thread: the operation's.
 */
#include "core/base/rand.h"
#include "core/model/meta.h"
#include "core/resource/operation.h"

#define MOUNT_PATH    "/var/run/secrets/kubernetes.io/serviceaccount"
#define VOLUME_PREFIX "kube-api-access-"
#define TOKEN_SECONDS "3607"
#define MIRROR        "kubernetes.io/config.mirror"
#define ENFORCE       "kubernetes.io/enforce-mountable-secrets"
/* A new namespace gets its default account by a controller, which its first pod may outrun. */
#define DEFAULT_LATE_S 10

static const char *const container_lists[] = { "initContainers", "containers" };

/* ---- the account -------------------------------------------------------------------------------
 */

static enum ke_code set_name(struct operation *op, cJSON *spec, struct ke_str *out)
{
    struct ke_str name = ke_json_str(spec, "serviceAccountName");
    if (name.len == 0)
        name = ke_json_str(spec, "serviceAccount");
    if (name.len == 0)
        name = KE_STR("default");
    *out = ke_arena_str(op->arena, name);
    if (out->ptr == NULL || !ke_json_set_str(spec, "serviceAccountName", *out) ||
        !ke_json_set_str(spec, "serviceAccount", *out))
        return operation_fail_nomem(op);
    return KE_OK;
}

static enum ke_code read_object(struct operation *op, enum model_kind_id kind, struct ke_str ns,
                                struct ke_str name, cJSON **out)
{
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    enum ke_code rc = operation_key(op, model_kind_by_id(kind), ns, name, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &object, &err);
    if (rc != KE_OK)
        return rc == KE_NOT_FOUND ? rc : operation_fail_err(op, &err);
    *out = registry_object_parse(object);
    return *out != NULL ? KE_OK : operation_fail_nomem(op);
}

static enum ke_code look_at_namespace(struct operation *op, bool *out_is_new)
{
    ke_auto_json *ns = NULL;
    struct ke_err err = KE_ERR_INIT;
    int64_t made_us = 0;
    const struct ke_clock *clock = op->store->clock;
    *out_is_new = false;
    enum ke_code rc =
        read_object(op, MODEL_NAMESPACE, (struct ke_str){ NULL, 0 }, op->request.ns, &ns);
    if (rc == KE_OK && ke_time_parse_us(ke_json_path_str(ns, "metadata.creationTimestamp"),
                                        &made_us, &err) == KE_OK)
        *out_is_new = clock->wall_us(clock->ctx) - made_us < (int64_t)DEFAULT_LATE_S * 1000000;
    return rc == KE_NOT_FOUND ? KE_OK : rc;
}

/* *out NULL: the default account, which is about to be made, empty. */
static enum ke_code read_account(struct operation *op, struct ke_str name, cJSON **out)
{
    bool is_late = false;
    enum ke_code rc = read_object(op, MODEL_SERVICEACCOUNT, op->request.ns, name, out);
    if (rc != KE_NOT_FOUND)
        return rc;
    rc = ke_str_eq_c(name, "default") ? look_at_namespace(op, &is_late) : KE_OK;
    if (rc != KE_OK || is_late)
        return rc;
    return operation_fail_forbidden(op, op->request.name,
                                    "error looking up service account %.*s/%.*s: serviceaccount "
                                    "\"%.*s\" not found",
                                    KE_STR_ARG(op->request.ns), KE_STR_ARG(name), KE_STR_ARG(name));
}

/* ---- the token's volume ------------------------------------------------------------------------
 */

static bool wants_token(const cJSON *account, const cJSON *spec)
{
    bool by_account = ke_json_bool(account, "automountServiceAccountToken", true);
    return ke_json_bool(spec, "automountServiceAccountToken", by_account);
}

static struct ke_str find_volume(const cJSON *spec)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "volumes")) {
        struct ke_str name = ke_json_str(it, "name");
        if (ke_str_has_prefix(name, KE_STR(VOLUME_PREFIX)))
            return name;
    }
    return (struct ke_str){ NULL, 0 };
}

static bool add_parsed(cJSON *list, struct ke_str text)
{
    cJSON *item = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (text.ptr == NULL || ke_json_parse(text, &item, &err) != KE_OK)
        return false;
    if (cJSON_AddItemToArray(list, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool has_mount(const cJSON *container)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(container, "volumeMounts")) {
        if (ke_str_eq_c(ke_json_str(it, "mountPath"), MOUNT_PATH))
            return true;
    }
    return false;
}

/* In each container that has nothing there. *out_is_used: in at least one. */
static bool mount(struct operation *op, cJSON *spec, struct ke_str volume, bool *out_is_used)
{
    struct ke_str text = ke_arena_fmt(
        op->arena, "{\"name\":\"%.*s\",\"readOnly\":true,\"mountPath\":\"" MOUNT_PATH "\"}",
        KE_STR_ARG(volume));
    for (size_t i = 0; i < KE_ARRAY_LEN(container_lists); i++) {
        cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get_mut(spec, container_lists[i])) {
            if (!cJSON_IsObject(container) || has_mount(container))
                continue;
            cJSON *mounts = ke_json_need_array(container, "volumeMounts");
            if (mounts == NULL || !add_parsed(mounts, text))
                return false;
            *out_is_used = true;
        }
    }
    return true;
}

static bool add_volume(struct operation *op, cJSON *spec, struct ke_str name)
{
    cJSON *volumes = ke_json_need_array(spec, "volumes");
    struct ke_str text = ke_arena_fmt(
        op->arena,
        "{\"name\":\"%.*s\",\"projected\":{\"sources\":["
        "{\"serviceAccountToken\":{\"expirationSeconds\":" TOKEN_SECONDS ",\"path\":\"token\"}},"
        "{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\","
        "\"path\":\"ca.crt\"}]}},"
        "{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\","
        "\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}}",
        KE_STR_ARG(name));
    return volumes != NULL && add_parsed(volumes, text);
}

static bool mount_token(struct operation *op, cJSON *spec)
{
    char made[MODEL_GENERATED_MAX];
    struct ke_str volume = find_volume(spec);
    bool is_there = volume.len > 0;
    bool is_used = false;
    if (!is_there) {
        uint8_t random[MODEL_GENERATED_RANDOM];
        ke_rand_secure(random, sizeof(random));
        volume = ke_str_c(model_meta_generate_name(KE_STR(VOLUME_PREFIX), random, made));
    }
    return mount(op, spec, volume, &is_used) &&
           (is_there || !is_used || add_volume(op, spec, volume));
}

/* ---- secrets -----------------------------------------------------------------------------------
 */

static bool set_pull_secrets(cJSON *spec, const cJSON *account)
{
    const cJSON *own = ke_json_get(spec, "imagePullSecrets");
    const cJSON *given = ke_json_get(account, "imagePullSecrets");
    if (given == NULL || given->child == NULL || (own != NULL && own->child != NULL))
        return true;
    return ke_json_set(spec, "imagePullSecrets", cJSON_Duplicate(given, true));
}

static bool names(const cJSON *list, struct ke_str name)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (ke_str_eq(ke_json_str(it, "name"), name))
            return true;
    }
    return false;
}

static bool is_enforced(const cJSON *account)
{
    static const char *const yes[] = { "1", "t", "T", "true", "True", "TRUE" };
    const cJSON *notes = ke_json_path(account, "metadata.annotations");
    struct ke_str value = ke_json_str(notes, ENFORCE);
    for (size_t i = 0; i < KE_ARRAY_LEN(yes); i++) {
        if (ke_str_eq_c(value, yes[i]))
            return true;
    }
    return false;
}

static enum ke_code check_volumes(struct operation *op, const cJSON *spec, const cJSON *account,
                                  struct ke_str account_name)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "volumes")) {
        struct ke_str name = ke_json_path_str(it, "secret.secretName");
        if (ke_json_get(it, "secret") != NULL && !names(ke_json_get(account, "secrets"), name)) {
            return operation_fail_forbidden(
                op, op->request.name,
                "volume with secret.secretName=\"%.*s\" is not allowed because service account "
                "%.*s does not reference that secret",
                KE_STR_ARG(name), KE_STR_ARG(account_name));
        }
    }
    return KE_OK;
}

static enum ke_code check_env(struct operation *op, const cJSON *container, const char *what,
                              const cJSON *account, struct ke_str account_name)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(container, "env")) {
        const cJSON *ref = ke_json_path(it, "valueFrom.secretKeyRef");
        struct ke_str name = ke_json_str(ref, "name");
        if (ref != NULL && !names(ke_json_get(account, "secrets"), name)) {
            return operation_fail_forbidden(
                op, op->request.name,
                "%s %.*s with envVar %.*s referencing secret.secretName=\"%.*s\" is not allowed "
                "because service account %.*s does not reference that secret",
                what, KE_STR_ARG(ke_json_str(container, "name")),
                KE_STR_ARG(ke_json_str(it, "name")), KE_STR_ARG(name), KE_STR_ARG(account_name));
        }
    }
    return KE_OK;
}

static enum ke_code check_pull_secrets(struct operation *op, const cJSON *spec,
                                       const cJSON *account, struct ke_str account_name)
{
    const cJSON *it;
    size_t i = 0;
    cJSON_ArrayForEach(it, ke_json_get(spec, "imagePullSecrets")) {
        struct ke_str name = ke_json_str(it, "name");
        if (!names(ke_json_get(account, "imagePullSecrets"), name)) {
            return operation_fail_forbidden(
                op, op->request.name,
                "imagePullSecrets[%zu].name=\"%.*s\" is not allowed because service account %.*s "
                "does not reference that imagePullSecret",
                i, KE_STR_ARG(name), KE_STR_ARG(account_name));
        }
        i++;
    }
    return KE_OK;
}

static enum ke_code check_secrets(struct operation *op, const cJSON *spec, const cJSON *account,
                                  struct ke_str account_name)
{
    static const char *const what[] = { "init container", "container" };
    enum ke_code rc = check_volumes(op, spec, account, account_name);
    for (size_t i = 0; i < KE_ARRAY_LEN(container_lists); i++) {
        const cJSON *it;
        cJSON_ArrayForEach(it, ke_json_get(spec, container_lists[i])) {
            if (rc == KE_OK)
                rc = check_env(op, it, what[i], account, account_name);
        }
    }
    return rc == KE_OK ? check_pull_secrets(op, spec, account, account_name) : rc;
}

/* ---- pods of a kubelet's own ------------------------------------------------------------------
 */

/* They show what runs already: nothing is put into them, and they reach for nothing of the API. */
static enum ke_code check_mirror(struct operation *op, const cJSON *spec)
{
    const cJSON *it;
    const char *why = NULL;
    if (ke_json_str(spec, "serviceAccountName").len > 0)
        why = "a mirror pod may not reference service accounts";
    cJSON_ArrayForEach(it, ke_json_get(spec, "volumes")) {
        const cJSON *source;
        if (why == NULL && ke_json_get(it, "secret") != NULL)
            why = "a mirror pod may not reference secrets";
        cJSON_ArrayForEach(source, ke_json_path(it, "projected.sources")) {
            if (why == NULL && ke_json_get(source, "serviceAccountToken") != NULL)
                why = "a mirror pod may not use ServiceAccountToken volume projections";
        }
    }
    return why == NULL ? KE_OK : operation_fail_forbidden(op, op->request.name, "%s", why);
}

enum ke_code service_account_admit(struct operation *op, const cJSON *pod, cJSON *spec)
{
    struct ke_str name;
    ke_auto_json *account = NULL;
    if (ke_json_get(ke_json_path(pod, "metadata.annotations"), MIRROR) != NULL)
        return check_mirror(op, spec);
    enum ke_code rc = set_name(op, spec, &name);
    if (rc == KE_OK)
        rc = read_account(op, name, &account);
    if (rc != KE_OK)
        return rc;
    if ((wants_token(account, spec) && !mount_token(op, spec)) || !set_pull_secrets(spec, account))
        return operation_fail_nomem(op);
    return is_enforced(account) ? check_secrets(op, spec, account, name) : KE_OK;
}

enum ke_code service_account_admit_ephemeral(struct operation *op, const cJSON *spec)
{
    struct ke_str name = ke_json_str(spec, "serviceAccountName");
    ke_auto_json *account = NULL;
    enum ke_code rc = name.len > 0 ? read_account(op, name, &account) : KE_OK;
    if (rc != KE_OK || !is_enforced(account))
        return rc;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "ephemeralContainers")) {
        if (rc == KE_OK)
            rc = check_env(op, it, "ephemeral container", account, name);
    }
    return rc;
}
