/* SPDX-License-Identifier: Apache-2.0 */
/* What a bootstrap token's Secret says, and who comes with it. Pure; any thread. */
#include "core/auth/bootstrap.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#define VALUE_MAX_BYTES 4096

static bool is_token_text(struct ke_str text, size_t len)
{
    bool is_good = text.len == len;
    for (size_t i = 0; is_good && i < text.len; i++) {
        char c = text.ptr[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    }
    return is_good;
}

bool bootstrap_token_split(struct ke_str token, struct ke_str *out_id, struct ke_str *out_secret)
{
    size_t dot = ke_str_find(token, '.');
    if (dot == token.len)
        return false;
    *out_id = ke_str_sub(token, 0, dot);
    *out_secret = ke_str_sub(token, dot + 1, token.len - dot - 1);
    return is_token_text(*out_id, BOOTSTRAP_ID_BYTES) &&
           is_token_text(*out_secret, BOOTSTRAP_SECRET_BYTES);
}

/* system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9] */
bool bootstrap_group_is_valid(struct ke_str group)
{
    struct ke_str rest = group;
    if (!ke_str_cut_prefix(&rest, KE_STR(BOOTSTRAP_GROUP ":")) || rest.len == 0 || rest.len > 256)
        return false;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_alnum && (i == rest.len - 1 || (c != ':' && c != '-')))
            return false;
    }
    return true;
}

bool bootstrap_value(const cJSON *secret, const char *key, struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    const cJSON *value = ke_json_get(ke_json_get(secret, "data"), key);
    ke_buf_clear(out);
    return cJSON_IsString(value) && ke_base64_decode(ke_json_value_str(value), out, &err) == KE_OK;
}

static bool read_expiration(const cJSON *secret, bool *out_is_there, int64_t *out_s)
{
    ke_auto_buf text = KE_BUF_INIT(VALUE_MAX_BYTES);
    struct ke_err err = KE_ERR_INIT;
    int64_t us = 0;
    *out_is_there = ke_json_get(ke_json_get(secret, "data"), "expiration") != NULL;
    if (!*out_is_there)
        return true;
    if (!bootstrap_value(secret, "expiration", &text))
        return false;
    *out_is_there = text.len > 0;
    if (text.len > 0 && ke_time_parse_us(ke_buf_str(&text), &us, &err) != KE_OK)
        return false;
    *out_s = us / 1000000;
    return true;
}

bool bootstrap_is_expired(const cJSON *secret, int64_t now_s)
{
    bool is_there = false;
    int64_t at_s = 0;
    if (!read_expiration(secret, &is_there, &at_s))
        return true;
    return is_there && at_s <= now_s;
}

int64_t bootstrap_expiration_s(const cJSON *secret)
{
    bool is_there = false;
    int64_t at_s = 0;
    return read_expiration(secret, &is_there, &at_s) && is_there ? at_s : 0;
}

/* The time it takes says nothing about where they differ. */
static bool is_same_secret(struct ke_str a, struct ke_str b)
{
    if (a.len != b.len)
        return false;
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference = (unsigned char)(difference | (unsigned char)(a.ptr[i] ^ b.ptr[i]));
    return difference == 0;
}

static enum ke_code refuse(struct ke_err *err, const char *why)
{
    return ke_fail(err, KE_UNAUTHENTICATED, "bootstrap token: %s", why);
}

static enum ke_code add_groups(const cJSON *secret, struct ke_arena *arena, struct auth_user *user,
                               struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(VALUE_MAX_BYTES);
    user->groups[user->n_groups++] = KE_STR(BOOTSTRAP_GROUP);
    struct ke_str rest = { NULL, 0 };
    if (bootstrap_value(secret, "auth-extra-groups", &text) && text.len > 0)
        rest = ke_buf_str(&text);
    struct ke_str group;
    while (ke_str_split(&rest, ',', &group)) {
        if (!bootstrap_group_is_valid(group) || user->n_groups >= AUTH_MAX_GROUPS - 1)
            return refuse(err, "auth-extra-groups is not valid");
        struct ke_str copy = ke_arena_str(arena, group);
        if (copy.ptr == NULL)
            return ke_fail(err, KE_NOMEM, "bootstrap token");
        user->groups[user->n_groups++] = copy;
    }
    user->groups[user->n_groups++] = KE_STR("system:authenticated");
    return KE_OK;
}

/* What is wrong with the token; NULL: nothing. */
static const char *find_fault(const cJSON *secret, struct ke_str id, struct ke_str token_secret,
                              int64_t now_s)
{
    ke_auto_buf value = KE_BUF_INIT(VALUE_MAX_BYTES);
    if (!ke_str_eq_c(ke_json_str(secret, "type"), BOOTSTRAP_SECRET_TYPE) ||
        ke_json_path(secret, "metadata.deletionTimestamp") != NULL)
        return "not that of a token";
    if (!bootstrap_value(secret, "token-secret", &value) ||
        !is_same_secret(ke_buf_str(&value), token_secret))
        return "wrong secret";
    if (!bootstrap_value(secret, "token-id", &value) || !ke_str_eq(ke_buf_str(&value), id))
        return "wrong id";
    if (bootstrap_is_expired(secret, now_s))
        return "expired";
    bool is_usable = bootstrap_value(secret, "usage-bootstrap-authentication", &value) &&
                     ke_str_eq_c(ke_buf_str(&value), "true");
    return is_usable ? NULL : "not for authentication";
}

enum ke_code bootstrap_check(const cJSON *secret, struct ke_str token, int64_t now_s,
                             struct ke_arena *arena, struct auth_user *out, struct ke_err *err)
{
    struct auth_user user = { .n_groups = 0 };
    struct ke_str id;
    struct ke_str token_secret;
    if (!bootstrap_token_split(token, &id, &token_secret))
        return refuse(err, "not like one");
    const char *fault = find_fault(secret, id, token_secret, now_s);
    if (fault != NULL)
        return refuse(err, fault);
    user.name = ke_arena_fmt(arena, "system:bootstrap:%.*s", KE_STR_ARG(id));
    if (user.name.ptr == NULL)
        return ke_fail(err, KE_NOMEM, "bootstrap token");
    enum ke_code rc = add_groups(secret, arena, &user, err);
    if (rc == KE_OK)
        *out = user;
    return rc;
}
