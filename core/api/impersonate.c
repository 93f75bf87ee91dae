/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the impersonation headers, asks the authoriser once for each name in them, and puts the
 * user together as if it had come by itself.
 */
#include "core/api/impersonate.h"

#include "core/api/server_impl.h"
#include "core/base/hex.h"
#include "core/base/mem.h"

#define SERVICE_ACCOUNT     "system:serviceaccount:"
#define IMPERSONATED_GROUPS (AUTH_MAX_GROUPS - 3) /* the rest is for those everybody has */
#define EXTRA               "Impersonate-Extra-"

struct asked {
    struct ke_arena *arena;
    struct auth_user user; /* only what was asked for */
    bool has_other; /* a header of the family that is not known, or too many, or out of memory */
};

/* "acme.com%2Fscopes" in small letters and decoded. Empty: it cannot be. */
static struct ke_str extra_key(struct ke_arena *arena, struct ke_str text)
{
    char *out = ke_arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' && i + 2 < text.len) {
            int high = ke_hex_value(text.ptr[i + 1]);
            int low = ke_hex_value(text.ptr[i + 2]);
            if (high < 0 || low < 0) {
                return KE_STR("");
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return out != NULL ? ke_str_of(out, n) : KE_STR("");
}

static void take_extra(struct asked *asked, struct ke_str key, struct ke_str value)
{
    struct auth_user *user = &asked->user;
    struct ke_str decoded = extra_key(asked->arena, key);
    if (decoded.len == 0 || user->n_extra == AUTH_MAX_EXTRA) {
        asked->has_other = true;
        return;
    }
    user->extra[user->n_extra++] = (struct auth_extra){ decoded, value };
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct asked *asked = cls;
    struct auth_user *user = &asked->user;
    struct ke_str key = ke_str_c(name);
    struct ke_str prefix = KE_STR(EXTRA);
    (void)kind;
    if (!ke_str_eq_nocase(ke_str_sub(key, 0, 12), KE_STR("Impersonate-"))) {
        return MHD_YES;
    }
    if (ke_str_eq_nocase(key, KE_STR("Impersonate-User"))) {
        user->name = ke_str_c(value);
    } else if (ke_str_eq_nocase(key, KE_STR("Impersonate-Uid"))) {
        user->uid = ke_str_c(value);
    } else if (ke_str_eq_nocase(key, KE_STR("Impersonate-Group")) &&
               user->n_groups < IMPERSONATED_GROUPS) {
        user->groups[user->n_groups++] = ke_str_c(value);
    } else if (ke_str_eq_nocase(ke_str_sub(key, 0, prefix.len), prefix)) {
        take_extra(asked, ke_str_sub(key, prefix.len, key.len - prefix.len), ke_str_c(value));
    } else {
        asked->has_other = true;
    }
    return MHD_YES;
}

/* May the one who asks be this one? Answers 403 when not. */
static bool is_allowed(struct api_request *request, struct auth_attributes what)
{
    what.user = request->user;
    what.verb = KE_STR("impersonate");
    what.version = what.group.len > 0 ? KE_STR("v1") : what.version;
    what.is_resource = true;
    return api_ask(request, &what);
}

/* system:serviceaccount:NS:NAME */
static bool split_account(struct ke_str user, struct ke_str *ns, struct ke_str *name)
{
    struct ke_str rest = user;
    if (!ke_str_cut_prefix(&rest, KE_STR(SERVICE_ACCOUNT))) {
        return false;
    }
    size_t colon = ke_str_find(rest, ':');
    *ns = ke_str_sub(rest, 0, colon);
    *name = colon < rest.len ? ke_str_sub(rest, colon + 1, rest.len - colon - 1) : KE_STR("");
    return ns->len > 0 && name->len > 0;
}

static bool is_user_allowed(struct api_request *request, struct ke_str user)
{
    struct auth_attributes what = { .resource = KE_STR("users"), .name = user };
    struct ke_str ns;
    struct ke_str name;
    if (split_account(user, &ns, &name)) {
        what = (struct auth_attributes){ .resource = KE_STR("serviceaccounts"),
                                         .ns = ns,
                                         .name = name };
    }
    return is_allowed(request, what);
}

static bool is_all_allowed(struct api_request *request, const struct auth_user *asked)
{
    struct ke_str group = KE_STR("authentication.k8s.io");
    if (!is_user_allowed(request, asked->name)) {
        return false;
    }
    for (size_t i = 0; i < asked->n_groups; i++) {
        struct auth_attributes what = { .resource = KE_STR("groups"), .name = asked->groups[i] };
        if (!is_allowed(request, what)) {
            return false;
        }
    }
    for (size_t i = 0; i < asked->n_extra; i++) {
        struct auth_attributes what = { .group = group,
                                        .resource = KE_STR("userextras"),
                                        .subresource = asked->extra[i].key,
                                        .name = asked->extra[i].value };
        if (!is_allowed(request, what)) {
            return false;
        }
    }
    struct auth_attributes what = { .group = group,
                                    .resource = KE_STR("uids"),
                                    .name = asked->uid };
    return asked->uid.len == 0 || is_allowed(request, what);
}

static void add_group(struct auth_user *user, struct ke_str group)
{
    user->groups[user->n_groups++] = group;
}

/* The groups that somebody of this name has anyway; there is room for them. */
static bool add_own_groups(struct api_request *request, struct auth_user *user)
{
    struct ke_str ns;
    struct ke_str name;
    if (user->n_groups == 0 && split_account(user->name, &ns, &name)) {
        struct ke_str of_ns =
            ke_arena_fmt(request->arena, "system:serviceaccounts:%.*s", KE_STR_ARG(ns));
        if (of_ns.ptr == NULL) {
            return false;
        }
        add_group(user, KE_STR("system:serviceaccounts"));
        add_group(user, of_ns);
    }
    if (!auth_user_is_in(user, "system:authenticated") &&
        !auth_user_is_in(user, "system:unauthenticated")) {
        bool is_anonymous = ke_str_eq_c(user->name, "system:anonymous");
        add_group(user,
                  is_anonymous ? KE_STR("system:unauthenticated") : KE_STR("system:authenticated"));
    }
    return true;
}

bool api_impersonate(struct api_request *request)
{
    struct asked asked = { .arena = request->arena };
    struct auth_user *user = &asked.user;
    (void)MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_header, &asked);
    bool has_more = user->n_groups > 0 || user->n_extra > 0 || user->uid.len > 0;
    if (user->name.len == 0 && !has_more && !asked.has_other) {
        return true;
    }
    if (user->name.len == 0 || asked.has_other) {
        api_respond_code(request, KE_MALFORMED,
                         asked.has_other
                             ? "an impersonation header is not known, or there are too many"
                             : "groups, a uid or extra were requested without impersonating a "
                               "user");
        return false;
    }
    if (!is_all_allowed(request, user)) {
        return false;
    }
    struct auth_user *kept = ke_arena_alloc(request->arena, sizeof(*kept));
    if (kept == NULL || !add_own_groups(request, user)) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    *kept = *user;
    request->impersonator = request->user;
    request->user = kept;
    return true;
}
