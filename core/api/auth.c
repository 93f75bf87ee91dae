/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication by connection, the default authoriser, and the words of a refusal. Any thread.
 */
#include "core/api/auth.h"

#include <stdatomic.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

#define IDENTITY_BYTES 16384 /* a certificate's names */

struct api_identity {
    atomic_uint n_refs;
    struct ke_arena *arena;
    struct auth_user user;
    bool is_monitor;
};

static const struct auth_user anonymous = {
    .name = { "system:anonymous", sizeof("system:anonymous") - 1 },
    .groups = { { "system:unauthenticated", sizeof("system:unauthenticated") - 1 } },
    .n_groups = 1,
};

static struct api_identity *identity_new(struct ke_str name)
{
    KE_AUTO(api_identity) *identity = ke_alloc(sizeof(*identity));
    if (identity == NULL) {
        return NULL;
    }
    atomic_init(&identity->n_refs, 1);
    identity->arena = ke_arena_new(IDENTITY_BYTES);
    if (identity->arena == NULL) {
        return NULL;
    }
    identity->user.name = ke_arena_str(identity->arena, name);
    return identity->user.name.ptr != NULL ? KE_TAKE(identity) : NULL;
}

static bool identity_add_group(struct api_identity *identity, struct ke_str group)
{
    if (identity->user.n_groups == AUTH_MAX_GROUPS) {
        return false;
    }
    struct ke_str copy = ke_arena_str(identity->arena, group);
    identity->user.groups[identity->user.n_groups++] = copy;
    return copy.ptr != NULL;
}

struct api_identity *api_identity_ref(struct api_identity *identity)
{
    atomic_fetch_add(&identity->n_refs, 1);
    return identity;
}

void api_identity_free(struct api_identity *identity)
{
    if (identity != NULL && atomic_fetch_sub(&identity->n_refs, 1) == 1) {
        ke_arena_free(identity->arena);
        free(identity);
    }
}

struct api_identity *api_identity_from_peer(const struct tls_peer *peer)
{
    KE_AUTO(api_identity) *identity = identity_new(peer->common_name);
    if (identity == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < peer->n_organizations; i++) {
        if (!identity_add_group(identity, peer->organizations[i])) {
            return NULL;
        }
    }
    return identity_add_group(identity, KE_STR("system:authenticated")) ? KE_TAKE(identity) : NULL;
}

struct api_identity *api_identity_local_root(void)
{
    KE_AUTO(api_identity) *identity = identity_new(KE_STR("system:admin"));
    if (identity == NULL || !identity_add_group(identity, KE_STR("system:masters")) ||
        !identity_add_group(identity, KE_STR("system:authenticated"))) {
        return NULL;
    }
    return KE_TAKE(identity);
}

struct api_identity *api_identity_monitoring(void)
{
    KE_AUTO(api_identity) *identity = identity_new(anonymous.name);
    if (identity == NULL || !identity_add_group(identity, KE_STR("system:monitoring")) ||
        !identity_add_group(identity, anonymous.groups[0])) {
        return NULL;
    }
    identity->is_monitor = true;
    return KE_TAKE(identity);
}

bool api_identity_is_monitor(const struct api_identity *identity)
{
    return identity != NULL && identity->is_monitor;
}

#define TOKEN_PROTOCOL "base64url.bearer.authorization.k8s.io."

bool api_protocol_is_token(struct ke_str protocol)
{
    return ke_str_has_prefix(protocol, KE_STR(TOKEN_PROTOCOL));
}

/* "Bearer TOKEN". Schemes other than Bearer name no credential, as upstream. */
static struct ke_str token_of_header(struct ke_str authorization)
{
    struct ke_str header = ke_str_trim(authorization);
    size_t blank = ke_str_find(header, ' ');
    struct ke_str rest = ke_str_trim(ke_str_sub(header, blank, header.len - blank));
    if (!ke_str_eq_nocase(ke_str_sub(header, 0, blank), KE_STR("bearer"))) {
        return (struct ke_str){ NULL, 0 };
    }
    return ke_str_sub(rest, 0, ke_str_find(rest, ' '));
}

/* The first protocol that carries a token, decoded into out. A token must not be the only one. */
static enum ke_code token_of_protocols(struct ke_str protocols, struct ke_buf *out,
                                       struct ke_err *err)
{
    struct ke_str rest = protocols;
    struct ke_str item;
    struct ke_str token = { NULL, 0 };
    bool has_other = false;
    while (ke_str_split(&rest, ',', &item)) {
        struct ke_str protocol = ke_str_trim(item);
        if (!ke_str_cut_prefix(&protocol, KE_STR(TOKEN_PROTOCOL))) {
            has_other = has_other || protocol.len > 0;
        } else if (token.ptr != NULL) {
            return ke_fail(err, KE_UNAUTHENTICATED, "Unauthorized");
        } else {
            token = protocol;
        }
    }
    if (token.ptr == NULL) {
        return KE_OK;
    }
    if (!has_other || token.len == 0 || ke_base64_decode(token, out, err) != KE_OK) {
        return ke_fail(err, KE_UNAUTHENTICATED, "Unauthorized");
    }
    return KE_OK;
}

/* Why a token is refused is not told to who sent it: only TokenReview says, to who may ask. */
static enum ke_code check_token(const struct api_credentials *credentials, struct ke_str token,
                                struct ke_arena *arena, const struct auth_user **out,
                                struct ke_err *err)
{
    struct auth_bearer_result *result = ke_arena_alloc(arena, sizeof(*result));
    if (result == NULL) {
        return ke_fail(err, KE_NOMEM, "token");
    }
    enum ke_code rc = KE_UNAUTHENTICATED;
    if (credentials->bearer != NULL) {
        struct auth_bearer_question question = { .token = token,
                                                 .is_quick = credentials->is_quick };
        rc = auth_bearer_check(credentials->bearer, &question, arena, result, err);
    }
    if (rc == KE_UNAUTHENTICATED) {
        return ke_fail(err, rc, "Unauthorized");
    }
    if (rc == KE_OK) {
        *out = &result->user;
    }
    return rc;
}

enum ke_code api_authenticate(const struct api_credentials *credentials, struct ke_arena *arena,
                              const struct auth_user **out, struct ke_err *err)
{
    if (credentials->identity != NULL) {
        *out = &credentials->identity->user;
        return KE_OK;
    }
    struct ke_str token = token_of_header(credentials->authorization);
    ke_auto_buf decoded = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    if (token.len == 0) {
        enum ke_code rc = token_of_protocols(credentials->protocols, &decoded, err);
        if (rc != KE_OK) {
            return rc;
        }
        token = ke_buf_str(&decoded);
    }
    if (token.len > 0) {
        return check_token(credentials, token, arena, out, err);
    }
    *out = &anonymous;
    return KE_OK;
}

static bool is_public_path(struct ke_str path)
{
    static const char *const roots[] = { "/healthz", "/livez", "/readyz", "/version" };
    struct ke_str bare = path;
    if (bare.len > 1 && bare.ptr[bare.len - 1] == '/') {
        bare.len--;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(roots); i++) {
        if (ke_str_eq_c(bare, roots[i])) {
            return true;
        }
    }
    return false;
}

bool api_authorize_default(void *ctx, const struct auth_attributes *attributes,
                           struct ke_buf *out_reason)
{
    (void)ctx;
    (void)out_reason;
    if (auth_user_is_in(attributes->user, "system:masters")) {
        return true;
    }
    /* Everybody may ask who they are. */
    if (attributes->is_resource) {
        return ke_str_eq_c(attributes->verb, "create") &&
               ke_str_eq_c(attributes->group, "authentication.k8s.io") &&
               ke_str_eq_c(attributes->resource, "selfsubjectreviews") &&
               auth_user_is_in(attributes->user, "system:authenticated");
    }
    if (!ke_str_eq_c(attributes->verb, "get")) {
        return false;
    }
    return is_public_path(attributes->path) ||
           (ke_str_eq_c(attributes->path, "/metrics") &&
            auth_user_is_in(attributes->user, "system:monitoring"));
}

void api_forbidden_message(const struct auth_attributes *a, struct ke_buf *out)
{
    if (!a->is_resource) {
        ke_buf_addf(out, "forbidden: User \"%.*s\" cannot %.*s path \"%.*s\"",
                    KE_STR_ARG(a->user->name), KE_STR_ARG(a->verb), KE_STR_ARG(a->path));
        return;
    }
    ke_buf_add_str(out, a->resource);
    if (a->group.len > 0) {
        ke_buf_addf(out, ".%.*s", KE_STR_ARG(a->group));
    }
    if (a->name.len > 0) {
        ke_buf_addf(out, " \"%.*s\"", KE_STR_ARG(a->name));
    }
    ke_buf_addf(out, " is forbidden: User \"%.*s\" cannot %.*s resource \"%.*s",
                KE_STR_ARG(a->user->name), KE_STR_ARG(a->verb), KE_STR_ARG(a->resource));
    if (a->subresource.len > 0) {
        ke_buf_addf(out, "/%.*s", KE_STR_ARG(a->subresource));
    }
    ke_buf_addf(out, "\" in API group \"%.*s\"", KE_STR_ARG(a->group));
    if (a->ns.len > 0) {
        ke_buf_addf(out, " in the namespace \"%.*s\"", KE_STR_ARG(a->ns));
    } else {
        ke_buf_add_c(out, " at the cluster scope");
    }
}
