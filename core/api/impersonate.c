/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the impersonation headers, asks the authoriser once for each name in them, and puts the
 * user together as if it had come by itself.
 */
#include "core/api/impersonate.h"

#include "core/api/server_impl.h"
#include "core/base/mem.h"

#define SERVICE_ACCOUNT "system:serviceaccount:"

struct asked {
    struct ke_str user;
    struct ke_str groups[AUTH_MAX_GROUPS];
    size_t n_groups;
    bool has_other; /* a header of the family that is not served, or too many groups */
};

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct asked *asked = cls;
    struct ke_str key = ke_str_c(name);
    (void)kind;
    if (ke_str_eq_nocase(key, KE_STR("Impersonate-User"))) {
        asked->user = ke_str_c(value);
    } else if (ke_str_eq_nocase(key, KE_STR("Impersonate-Group")) &&
               asked->n_groups < AUTH_MAX_GROUPS - 1) {
        asked->groups[asked->n_groups++] = ke_str_c(value);
    } else if (ke_str_eq_nocase(ke_str_sub(key, 0, 12), KE_STR("Impersonate-"))) {
        asked->has_other = true;
    }
    return MHD_YES;
}

/* May the one who asks be this one? Answers 403 when not. */
static bool is_allowed(struct api_request *request, const char *resource, struct ke_str ns,
                       struct ke_str name)
{
    const struct api_options *options = &request->server->options;
    struct auth_attributes attributes = {
        .user = request->user,
        .verb = KE_STR("impersonate"),
        .is_resource = true,
        .resource = ke_str_c(resource),
        .ns = ns,
        .name = name,
    };
    if (options->authorize(options->authorize_ctx, &attributes, NULL)) {
        return true;
    }
    api_respond_forbidden(request, &attributes);
    return false;
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

static bool is_all_allowed(struct api_request *request, const struct asked *asked)
{
    struct ke_str none = { "", 0 };
    struct ke_str ns = none;
    struct ke_str name = none;
    bool is_account = split_account(asked->user, &ns, &name);
    if (is_account ? !is_allowed(request, "serviceaccounts", ns, name)
                   : !is_allowed(request, "users", none, asked->user)) {
        return false;
    }
    for (size_t i = 0; i < asked->n_groups; i++) {
        if (!is_allowed(request, "groups", none, asked->groups[i])) {
            return false;
        }
    }
    return true;
}

static void add_group(struct auth_user *user, struct ke_str group)
{
    if (user->n_groups < AUTH_MAX_GROUPS) {
        user->groups[user->n_groups++] = group;
    }
}

/* The groups that somebody of this name has anyway. */
static bool add_own_groups(struct api_request *request, struct auth_user *user, bool has_asked)
{
    struct ke_str ns;
    struct ke_str name;
    if (ke_str_eq_c(user->name, "system:anonymous")) {
        add_group(user, KE_STR("system:unauthenticated"));
        return true;
    }
    if (!has_asked && split_account(user->name, &ns, &name)) {
        struct ke_str of_ns =
            ke_arena_fmt(request->arena, "system:serviceaccounts:%.*s", KE_STR_ARG(ns));
        add_group(user, KE_STR("system:serviceaccounts"));
        add_group(user, of_ns);
        add_group(user, KE_STR("system:authenticated"));
        return of_ns.ptr != NULL;
    }
    add_group(user, KE_STR("system:authenticated"));
    return true;
}

bool api_impersonate(struct api_request *request)
{
    struct asked asked = { .n_groups = 0 };
    (void)MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_header, &asked);
    if (asked.user.len == 0 && asked.n_groups == 0 && !asked.has_other) {
        return true;
    }
    if (asked.user.len == 0 || asked.has_other) {
        api_respond_code(request, KE_MALFORMED,
                         asked.has_other ? "of impersonation only users and groups are served"
                                         : "groups were requested without impersonating a user");
        return false;
    }
    if (!is_all_allowed(request, &asked)) {
        return false;
    }
    struct auth_user *user = ke_arena_alloc(request->arena, sizeof(*user));
    if (user == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    user->name = asked.user;
    for (size_t i = 0; i < asked.n_groups; i++) {
        add_group(user, asked.groups[i]);
    }
    if (!add_own_groups(request, user, asked.n_groups > 0)) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    request->user = user;
    return true;
}
