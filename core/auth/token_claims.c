/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of service account tokens, both ways. Pure; any thread. */
#include "core/auth/token_claims.h"

#define LEGACY "kubernetes.io/serviceaccount/"
#define MAX_S  ((double)((int64_t)1 << 52))

/* A whole number of seconds that is there. */
static bool read_time(const cJSON *json, const char *name, int64_t *out)
{
    const cJSON *value = ke_json_get(json, name);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= MAX_S))
        return false;
    *out = (int64_t)value->valuedouble;
    return true;
}

static bool read_audiences(const cJSON *json, struct token_claims *out)
{
    const cJSON *value = ke_json_get(json, "aud");
    if (cJSON_IsString(value)) {
        out->audiences[out->n_audiences++] = ke_json_value_str(value);
        return true;
    }
    if (!cJSON_IsArray(value))
        return false;
    const cJSON *it;
    cJSON_ArrayForEach(it, value) {
        if (!cJSON_IsString(it) || out->n_audiences == TOKEN_MAX_AUDIENCES)
            return false;
        out->audiences[out->n_audiences++] = ke_json_value_str(it);
    }
    return out->n_audiences > 0;
}

/* {"name","uid"}; absent is fine, half of one is not. */
static bool read_ref(const cJSON *kubernetes, const char *name, struct token_ref *out)
{
    const cJSON *ref = ke_json_get(kubernetes, name);
    if (ref == NULL)
        return true;
    out->name = ke_json_str(ref, "name");
    out->uid = ke_json_str(ref, "uid");
    return out->name.len > 0;
}

static bool read_bound(const cJSON *json, struct token_claims *out)
{
    const cJSON *kubernetes = ke_json_get(json, "kubernetes.io");
    out->ns = ke_json_str(kubernetes, "namespace");
    bool has_warning = ke_json_get(kubernetes, "warnafter") != NULL;
    return read_audiences(json, out) && read_time(json, "exp", &out->expires_s) &&
           read_time(json, "iat", &out->issued_s) && read_time(json, "nbf", &out->not_before_s) &&
           (!has_warning || read_time(kubernetes, "warnafter", &out->warn_after_s)) &&
           read_ref(kubernetes, "serviceaccount", &out->account) &&
           read_ref(kubernetes, "pod", &out->pod) && read_ref(kubernetes, "node", &out->node) &&
           read_ref(kubernetes, "secret", &out->secret) && out->account.uid.len > 0;
}

static bool read_legacy(const cJSON *json, struct token_claims *out)
{
    out->is_legacy = true;
    out->ns = ke_json_str(json, LEGACY "namespace");
    out->account.name = ke_json_str(json, LEGACY "service-account.name");
    out->account.uid = ke_json_str(json, LEGACY "service-account.uid");
    out->secret.name = ke_json_str(json, LEGACY "secret.name");
    return out->account.uid.len > 0 && out->secret.name.len > 0;
}

/* system:serviceaccount:NS:NAME, which is what the other claims name? */
static bool is_subject(const struct token_claims *claims)
{
    struct ke_str rest = claims->subject;
    if (!ke_str_cut_prefix(&rest, KE_STR("system:serviceaccount:")))
        return false;
    size_t colon = ke_str_find(rest, ':');
    return colon < rest.len && ke_str_eq(ke_str_sub(rest, 0, colon), claims->ns) &&
           ke_str_eq(ke_str_sub(rest, colon + 1, rest.len - colon - 1), claims->account.name);
}

enum ke_code token_claims_read(const cJSON *json, struct token_claims *out, struct ke_err *err)
{
    struct token_claims claims = { .issuer = ke_json_str(json, "iss"),
                                   .subject = ke_json_str(json, "sub"),
                                   .id = ke_json_str(json, "jti") };
    bool is_legacy = ke_str_eq_c(claims.issuer, TOKEN_LEGACY_ISSUER);
    bool is_whole = is_legacy ? read_legacy(json, &claims) : read_bound(json, &claims);
    if (!is_whole || claims.ns.len == 0 || claims.account.name.len == 0 || !is_subject(&claims))
        return ke_fail(err, KE_MALFORMED, "token: not the claims of a service account");
    *out = claims;
    return KE_OK;
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void print_member(struct ke_buf *out, const char *name, struct ke_str value)
{
    ke_buf_addf(out, "\"%s\":", name);
    ke_buf_add_json_str(out, value);
}

static void print_ref(struct ke_buf *out, const char *name, const struct token_ref *ref)
{
    if (ref->name.len == 0)
        return;
    ke_buf_addf(out, ",\"%s\":{", name);
    print_member(out, "name", ref->name);
    if (ref->uid.len > 0) {
        ke_buf_add_char(out, ',');
        print_member(out, "uid", ref->uid);
    }
    ke_buf_add_char(out, '}');
}

static void print_subject(const struct token_claims *claims, struct ke_buf *out)
{
    /* Names are those of objects: nothing in them needs escaping. */
    ke_buf_addf(out, "\"sub\":\"system:serviceaccount:%.*s:%.*s\"", KE_STR_ARG(claims->ns),
                KE_STR_ARG(claims->account.name));
}

static void print_legacy(const struct token_claims *claims, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"iss\":\"" TOKEN_LEGACY_ISSUER "\",");
    print_member(out, LEGACY "namespace", claims->ns);
    ke_buf_add_char(out, ',');
    print_member(out, LEGACY "secret.name", claims->secret.name);
    ke_buf_add_char(out, ',');
    print_member(out, LEGACY "service-account.name", claims->account.name);
    ke_buf_add_char(out, ',');
    print_member(out, LEGACY "service-account.uid", claims->account.uid);
    ke_buf_add_char(out, ',');
    print_subject(claims, out);
    ke_buf_add_char(out, '}');
}

void token_claims_print(const struct token_claims *claims, struct ke_buf *out)
{
    if (claims->is_legacy) {
        print_legacy(claims, out);
        return;
    }
    ke_buf_add_c(out, "{\"aud\":[");
    for (size_t i = 0; i < claims->n_audiences; i++) {
        ke_buf_add_c(out, i > 0 ? "," : "");
        ke_buf_add_json_str(out, claims->audiences[i]);
    }
    ke_buf_addf(out, "],\"exp\":%lld,\"iat\":%lld,", (long long)claims->expires_s,
                (long long)claims->issued_s);
    print_member(out, "iss", claims->issuer);
    ke_buf_add_char(out, ',');
    print_member(out, "jti", claims->id);
    ke_buf_add_c(out, ",\"kubernetes.io\":{");
    print_member(out, "namespace", claims->ns);
    print_ref(out, "node", &claims->node);
    print_ref(out, "pod", &claims->pod);
    print_ref(out, "secret", &claims->secret);
    print_ref(out, "serviceaccount", &claims->account);
    if (claims->warn_after_s > 0)
        ke_buf_addf(out, ",\"warnafter\":%lld", (long long)claims->warn_after_s);
    ke_buf_addf(out, "},\"nbf\":%lld,", (long long)claims->not_before_s);
    print_subject(claims, out);
    ke_buf_add_char(out, '}');
}
