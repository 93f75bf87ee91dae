/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes with a token: its signature, its times and audiences, and whether all that it names is
 * still there. Any thread. */
#include "core/auth/bearer.h"

#include <stdatomic.h>

#include "core/auth/bootstrap.h"
#include "core/auth/token_cache.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"

#define LEEWAY_S             60 /* clocks differ, and what is deleted may still say good-bye */
#define REMEMBER_NS          (600 * KE_S)
#define TEXTS_MAX            (16U << 10)

#define LEGACY_INVALID_LABEL "kubernetes.io/legacy-token-invalid-since"

struct auth_bearer {
    struct registry *registry;
    struct token_keys *keys;
    const struct ke_clock *clock;
    struct ke_arena *arena; /* texts */
    struct ke_str issuer;
    struct ke_str audiences[AUTH_BEARER_AUDIENCES];
    size_t n_audiences;
    struct token_cache *cache;
    atomic_uint_fast64_t n_verified, n_remembered;
};

/* ---- life --------------------------------------------------------------------------------------
 */

static enum ke_code copy_texts(struct auth_bearer *bearer,
                               const struct auth_bearer_options *options, struct ke_err *err)
{
    bearer->issuer = ke_arena_str(bearer->arena, options->issuer);
    bool is_ok = bearer->issuer.ptr != NULL;
    for (size_t i = 0; is_ok && i < options->n_audiences; i++) {
        bearer->audiences[i] = ke_arena_str(bearer->arena, options->audiences[i]);
        is_ok = bearer->audiences[i].ptr != NULL;
    }
    bearer->n_audiences = options->n_audiences;
    if (bearer->n_audiences == 0)
        bearer->audiences[bearer->n_audiences++] = bearer->issuer;
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "tokens");
}

enum ke_code auth_bearer_new(const struct auth_bearer_options *options, struct auth_bearer **out,
                             struct ke_err *err)
{
    if (options->n_audiences > AUTH_BEARER_AUDIENCES)
        return ke_fail(err, KE_INVALID, "more than %d audiences", AUTH_BEARER_AUDIENCES);
    KE_AUTO(auth_bearer) *bearer = ke_alloc(sizeof(*bearer));
    if (bearer == NULL)
        return ke_fail(err, KE_NOMEM, "tokens");
    bearer->registry = options->registry;
    bearer->keys = options->keys;
    bearer->clock = options->clock != NULL ? options->clock : &ke_clock_system;
    bearer->arena = ke_arena_new(TEXTS_MAX);
    bearer->cache = token_cache_new();
    atomic_init(&bearer->n_verified, 0);
    atomic_init(&bearer->n_remembered, 0);
    if (bearer->arena == NULL || bearer->cache == NULL)
        return ke_fail(err, KE_NOMEM, "tokens");
    enum ke_code rc = copy_texts(bearer, options, err);
    if (rc == KE_OK)
        *out = KE_TAKE(bearer);
    return rc;
}

void auth_bearer_free(struct auth_bearer *bearer)
{
    if (bearer == NULL)
        return;
    token_cache_free(bearer->cache);
    ke_arena_free(bearer->arena);
    free(bearer);
}

struct ke_str auth_bearer_issuer(const struct auth_bearer *bearer)
{
    return bearer->issuer;
}

const struct ke_str *auth_bearer_audiences(const struct auth_bearer *bearer, size_t *out_n)
{
    *out_n = bearer->n_audiences;
    return bearer->audiences;
}

struct token_keys *auth_bearer_keys(const struct auth_bearer *bearer)
{
    return bearer->keys;
}

struct registry *auth_bearer_registry(const struct auth_bearer *bearer)
{
    return bearer->registry;
}

int64_t auth_bearer_now_s(const struct auth_bearer *bearer)
{
    return bearer->clock->wall_us(bearer->clock->ctx) / 1000000;
}

struct auth_bearer_counts auth_bearer_counts(const struct auth_bearer *bearer)
{
    return (struct auth_bearer_counts){ atomic_load(&bearer->n_verified),
                                        atomic_load(&bearer->n_remembered) };
}

/* ---- what is stored ----------------------------------------------------------------------------
 */

static enum ke_code find(struct auth_bearer *bearer, enum model_kind_id kind, struct ke_str ns,
                         struct ke_str name, struct registry_object **out, struct ke_err *err)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(model_kind_by_id(kind), ns, name, &key);
    enum ke_code rc = ke_buf_check(&key, "token", err);
    return rc == KE_OK ? registry_get(bearer->registry, ke_buf_str(&key), out, err) : rc;
}

/* Most objects are not being deleted, and that is seen without a parse. */
static bool is_deleted(const struct registry_object *object, int64_t before_s)
{
    static const char member[] = "\"deletionTimestamp\"";
    if (memmem(object->json.ptr, object->json.len, member, sizeof(member) - 1) == NULL)
        return false;
    ke_auto_json *json = registry_object_parse(object);
    struct ke_str text = ke_json_path_str(json, "metadata.deletionTimestamp");
    struct ke_err err = KE_ERR_INIT;
    int64_t us = 0;
    if (json != NULL && text.len == 0)
        return false;
    return ke_time_parse_us(text, &us, &err) != KE_OK || us / 1000000 < before_s;
}

static enum ke_code refuse_account(enum ke_code rc, const struct token_claims *claims,
                                   struct ke_err *err)
{
    return rc != KE_NOT_FOUND
               ? rc
               : ke_fail(err, KE_UNAUTHENTICATED, "serviceaccounts \"%.*s\" not found",
                         KE_STR_ARG(claims->account.name));
}

static enum ke_code check_account(struct auth_bearer *bearer, const struct token_claims *claims,
                                  int64_t deleted_before_s, struct ke_err *err)
{
    ke_auto_object *account = NULL;
    enum ke_code rc =
        find(bearer, MODEL_SERVICEACCOUNT, claims->ns, claims->account.name, &account, err);
    if (rc != KE_OK)
        return refuse_account(rc, claims, err);
    if (!ke_str_eq(account->uid, claims->account.uid)) {
        return ke_fail(err, KE_UNAUTHENTICATED,
                       "service account UID (%.*s) does not match claim (%.*s)",
                       KE_STR_ARG(account->uid), KE_STR_ARG(claims->account.uid));
    }
    if (is_deleted(account, deleted_before_s))
        return ke_fail(err, KE_UNAUTHENTICATED, "service account %.*s/%.*s has been deleted",
                       KE_STR_ARG(claims->ns), KE_STR_ARG(claims->account.name));
    return KE_OK;
}

/* What a token is bound to ends it. */
static enum ke_code check_bound(struct auth_bearer *bearer, enum model_kind_id kind,
                                const struct token_claims *claims, const struct token_ref *ref,
                                int64_t deleted_before_s, struct ke_err *err)
{
    if (ref->name.len == 0)
        return KE_OK;
    const struct model_kind *row = model_kind_by_id(kind);
    struct ke_str ns = row->is_namespaced ? claims->ns : (struct ke_str){ NULL, 0 };
    ke_auto_object *object = NULL;
    enum ke_code rc = find(bearer, kind, ns, ref->name, &object, err);
    if (rc == KE_NOT_FOUND)
        return ke_fail(err, KE_UNAUTHENTICATED, "service account token has been invalidated");
    if (rc != KE_OK)
        return rc;
    if (!ke_str_eq(object->uid, ref->uid)) {
        return ke_fail(err, KE_UNAUTHENTICATED,
                       "%s UID (%.*s) does not match service account %s ref claim (%.*s)",
                       row->singular, KE_STR_ARG(object->uid), row->singular, KE_STR_ARG(ref->uid));
    }
    if (is_deleted(object, deleted_before_s))
        return ke_fail(err, KE_UNAUTHENTICATED, "service account token has been invalidated");
    return KE_OK;
}

static enum ke_code check_things(struct auth_bearer *bearer, const struct token_claims *claims,
                                 int64_t now_s, struct ke_err *err)
{
    int64_t before_s = now_s - LEEWAY_S;
    enum ke_code rc = check_account(bearer, claims, before_s, err);
    if (rc == KE_OK)
        rc = check_bound(bearer, MODEL_SECRET, claims, &claims->secret, before_s, err);
    if (rc == KE_OK)
        rc = check_bound(bearer, MODEL_POD, claims, &claims->pod, before_s, err);
    /* The node of a pod's token is for information; a token of a node's own is bound to it. */
    if (rc == KE_OK && claims->pod.name.len == 0)
        rc = check_bound(bearer, MODEL_NODE, claims, &claims->node, before_s, err);
    return rc;
}

/* A token that lives in a Secret is good as long as it is there, word by word. */
static enum ke_code check_legacy(struct auth_bearer *bearer, const struct token_claims *claims,
                                 struct ke_str token, struct ke_err *err)
{
    ke_auto_object *object = NULL;
    enum ke_code rc = find(bearer, MODEL_SECRET, claims->ns, claims->secret.name, &object, err);
    if (rc == KE_NOT_FOUND)
        return ke_fail(err, KE_UNAUTHENTICATED, "Token has been invalidated");
    if (rc != KE_OK)
        return rc;
    ke_auto_json *secret = registry_object_parse(object);
    ke_auto_buf held = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    if (secret == NULL)
        return ke_fail(err, KE_NOMEM, "token");
    if (ke_json_path(secret, "metadata.deletionTimestamp") != NULL)
        return ke_fail(err, KE_UNAUTHENTICATED, "Token has been invalidated");
    if (!bootstrap_value(secret, "token", &held) || !ke_str_eq(ke_buf_str(&held), token))
        return ke_fail(err, KE_UNAUTHENTICATED, "Token does not match server's copy");
    if (ke_json_get(ke_json_path(secret, "metadata.labels"), LEGACY_INVALID_LABEL) != NULL) {
        return ke_fail(
            err, KE_UNAUTHENTICATED,
            "the token in secret %.*s/%.*s for service account %.*s/%.*s has been marked "
            "invalid",
            KE_STR_ARG(claims->ns), KE_STR_ARG(claims->secret.name), KE_STR_ARG(claims->ns),
            KE_STR_ARG(claims->account.name));
    }
    return check_account(bearer, claims, auth_bearer_now_s(bearer) + 1, err);
}

/* ---- times and audiences -----------------------------------------------------------------------
 */

static enum ke_code check_times(const struct token_claims *claims, int64_t now_s,
                                struct ke_err *err)
{
    if (now_s - LEEWAY_S > claims->expires_s)
        return ke_fail(err, KE_UNAUTHENTICATED, "service account token has expired");
    if (now_s + LEEWAY_S < claims->not_before_s || now_s + LEEWAY_S < claims->issued_s)
        return ke_fail(err, KE_UNAUTHENTICATED, "service account token is not valid yet");
    return KE_OK;
}

static void print_list(struct ke_buf *out, const struct ke_str *items, size_t n)
{
    ke_buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_c(out, i > 0 ? " " : "");
        ke_buf_add_json_str(out, items[i]);
    }
    ke_buf_add_char(out, ']');
}

static enum ke_code check_audiences(const struct token_claims *claims,
                                    const struct auth_bearer_question *question,
                                    struct ke_arena *arena, struct auth_bearer_result *out,
                                    struct ke_err *err)
{
    for (size_t i = 0; i < claims->n_audiences; i++) {
        bool is_wanted = false;
        for (size_t k = 0; k < question->n_audiences; k++)
            is_wanted = is_wanted || ke_str_eq(claims->audiences[i], question->audiences[k]);
        if (!is_wanted)
            continue;
        struct ke_str copy = ke_arena_str(arena, claims->audiences[i]);
        if (copy.ptr == NULL)
            return ke_fail(err, KE_NOMEM, "token");
        out->audiences[out->n_audiences++] = copy;
    }
    if (out->n_audiences > 0)
        return KE_OK;
    ke_auto_buf text = KE_BUF_INIT(sizeof(err->msg));
    ke_buf_add_c(&text, "token audiences ");
    print_list(&text, claims->audiences, claims->n_audiences);
    ke_buf_add_c(&text, " is invalid for the target audiences ");
    print_list(&text, question->audiences, question->n_audiences);
    return ke_fail(err, KE_UNAUTHENTICATED, "%.*s", KE_STR_ARG(ke_buf_str(&text)));
}

/* ---- the user ----------------------------------------------------------------------------------
 */

static bool add_extra(struct auth_user *user, struct ke_arena *arena, const char *key,
                      struct ke_str value)
{
    if (value.len == 0)
        return true;
    struct auth_extra *extra = &user->extra[user->n_extra++];
    extra->key = ke_str_c(key);
    extra->value = ke_arena_str(arena, value);
    return extra->value.ptr != NULL;
}

static enum ke_code make_user(const struct token_claims *claims, struct ke_arena *arena,
                              struct auth_user *out, struct ke_err *err)
{
    struct ke_str group =
        ke_arena_fmt(arena, "system:serviceaccounts:%.*s", KE_STR_ARG(claims->ns));
    struct ke_str id = { NULL, 0 };
    *out = (struct auth_user){ .name = ke_arena_str(arena, claims->subject),
                               .uid = ke_arena_str(arena, claims->account.uid),
                               .groups = { KE_STR("system:serviceaccounts"), group,
                                           KE_STR("system:authenticated") },
                               .n_groups = 3 };
    if (claims->id.len > 0)
        id = ke_arena_fmt(arena, "JTI=%.*s", KE_STR_ARG(claims->id));
    bool is_ok =
        out->name.ptr != NULL && out->uid.ptr != NULL && group.ptr != NULL &&
        (claims->id.len == 0 || id.ptr != NULL) &&
        add_extra(out, arena, "authentication.kubernetes.io/credential-id", id) &&
        add_extra(out, arena, "authentication.kubernetes.io/node-name", claims->node.name) &&
        add_extra(out, arena, "authentication.kubernetes.io/node-uid", claims->node.uid) &&
        add_extra(out, arena, "authentication.kubernetes.io/pod-name", claims->pod.name) &&
        add_extra(out, arena, "authentication.kubernetes.io/pod-uid", claims->pod.uid);
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "token");
}

/* ---- checking ----------------------------------------------------------------------------------
 */

/* The claims of a token that one of our keys signed: remembered, or read and checked. */
static enum ke_code find_record(struct auth_bearer *bearer,
                                const struct auth_bearer_question *question,
                                struct token_record **out, struct ke_err *err)
{
    struct ke_str token = question->token;
    uint8_t hash[SHA256_BYTES];
    int64_t now_ns = bearer->clock->now_ns(bearer->clock->ctx);
    sha256(token.ptr, token.len, hash);
    *out = token_cache_get(bearer->cache, hash, now_ns);
    if (*out != NULL) {
        atomic_fetch_add(&bearer->n_remembered, 1);
        return KE_OK;
    }
    if (question->is_quick)
        return KE_AGAIN;
    struct jwt jwt;
    struct token_claims claims;
    enum ke_code rc = jwt_parse(token, &jwt, err);
    if (rc == KE_OK)
        rc = token_claims_read(jwt.claims, &claims, err);
    if (rc == KE_OK) {
        atomic_fetch_add(&bearer->n_verified, 1);
        if (!token_keys_verify(bearer->keys, &jwt))
            rc = ke_fail(err, KE_UNAUTHENTICATED, "invalid signature");
    }
    if (rc == KE_OK) {
        *out = token_record_new(KE_TAKE(jwt.claims), &claims);
        rc = *out != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "token");
    }
    if (rc == KE_OK)
        token_cache_put(bearer->cache, hash, *out, now_ns + REMEMBER_NS);
    jwt_clear(&jwt);
    return rc == KE_OK || rc == KE_NOMEM ? rc : ke_fail(err, KE_UNAUTHENTICATED, "invalid token");
}

static enum ke_code check_account_token(struct auth_bearer *bearer,
                                        const struct auth_bearer_question *question,
                                        struct ke_arena *arena, struct auth_bearer_result *out,
                                        struct ke_err *err)
{
    KE_AUTO(token_record) *record = NULL;
    enum ke_code rc = find_record(bearer, question, &record, err);
    if (rc != KE_OK)
        return rc;
    struct token_claims claims = *token_record_claims(record);
    int64_t now_s = auth_bearer_now_s(bearer);
    if (claims.is_legacy) { /* is for the API, whatever it calls itself */
        memcpy(claims.audiences, bearer->audiences, sizeof(bearer->audiences));
        claims.n_audiences = bearer->n_audiences;
        rc = check_legacy(bearer, &claims, question->token, err);
    } else if (!ke_str_eq(claims.issuer, bearer->issuer)) {
        rc = ke_fail(err, KE_UNAUTHENTICATED, "invalid issuer");
    } else {
        rc = check_times(&claims, now_s, err);
        if (rc == KE_OK)
            rc = check_things(bearer, &claims, now_s, err);
    }
    if (rc == KE_OK)
        rc = check_audiences(&claims, question, arena, out, err);
    return rc == KE_OK ? make_user(&claims, arena, &out->user, err) : rc;
}

static enum ke_code check_bootstrap(struct auth_bearer *bearer, struct ke_str token,
                                    struct ke_arena *arena, struct auth_user *out,
                                    struct ke_err *err)
{
    ke_auto_object *object = NULL;
    struct ke_str id = ke_str_sub(token, 0, BOOTSTRAP_ID_BYTES);
    struct ke_str name = ke_arena_fmt(arena, BOOTSTRAP_NAME_PREFIX "%.*s", KE_STR_ARG(id));
    enum ke_code rc = name.ptr != NULL ? find(bearer, MODEL_SECRET, KE_STR(BOOTSTRAP_NAMESPACE),
                                              name, &object, err)
                                       : ke_fail(err, KE_NOMEM, "token");
    if (rc == KE_NOT_FOUND)
        return ke_fail(err, KE_UNAUTHENTICATED, "bootstrap token: not known");
    if (rc != KE_OK)
        return rc;
    ke_auto_json *json = registry_object_parse(object);
    if (json == NULL)
        return ke_fail(err, KE_NOMEM, "token");
    return bootstrap_check(json, token, auth_bearer_now_s(bearer), arena, out, err);
}

enum ke_code auth_bearer_check(struct auth_bearer *bearer,
                               const struct auth_bearer_question *question, struct ke_arena *arena,
                               struct auth_bearer_result *out, struct ke_err *err)
{
    struct ke_str id;
    struct ke_str secret;
    struct auth_bearer_result result = { .n_audiences = 0 };
    struct auth_bearer_question asked = *question;
    enum ke_code rc = KE_OK;
    if (bearer->registry == NULL)
        return ke_fail(err, KE_UNAUTHENTICATED, "no token is known");
    if (asked.n_audiences == 0) {
        asked.audiences = bearer->audiences;
        asked.n_audiences = bearer->n_audiences;
    }
    if (bootstrap_token_split(asked.token, &id, &secret)) {
        struct token_claims api = { .n_audiences = bearer->n_audiences };
        memcpy(api.audiences, bearer->audiences, sizeof(bearer->audiences));
        rc = check_bootstrap(bearer, asked.token, arena, &result.user, err);
        if (rc == KE_OK)
            rc = check_audiences(&api, &asked, arena, &result, err);
    } else {
        rc = check_account_token(bearer, &asked, arena, &result, err);
    }
    if (rc == KE_OK)
        *out = result;
    return rc;
}

/* ---- issuing -----------------------------------------------------------------------------------
 */

enum ke_code auth_bearer_issue(struct auth_bearer *bearer, const struct token_claims *claims,
                               struct ke_buf *out, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    struct token_claims all = *claims;
    char id[KE_UUID_TEXT_MAX];
    ke_rand_uuid(id);
    all.issuer = bearer->issuer;
    all.id = ke_str_c(id);
    token_claims_print(&all, &text);
    enum ke_code rc = ke_buf_check(&text, "token", err);
    return rc == KE_OK ? token_keys_sign(bearer->keys, ke_buf_str(&text), out, err) : rc;
}
