/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client can put into a request line and its headers: path, query, Accept. Lines of the
 * input: path, query, accept. Checks that texts stay inside the input's reach and that list options
 * free what they hold.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/api/negotiate.h"
#include "core/api/options.h"
#include "core/api/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_options(const struct api_query *query, struct ke_arena *arena, bool is_watch)
{
    struct ke_err err;
    struct model_issues issues;
    struct api_list_options options;
    struct resource_request write = { .verb = RESOURCE_DELETE };
    model_issues_init(&issues, arena);
    if (api_list_options_parse(query, model_kind_by_id(MODEL_POD), is_watch, &options, &issues,
                               &err) == KE_OK) {
        KE_ASSERT(options.limit >= 0 && options.timeout_s >= 0 && options.revision >= 0);
        api_list_options_clear(&options);
    }
    model_issues_init(&issues, arena);
    (void)!api_delete_options_parse(query, NULL, &write, &issues, &err);
    (void)!api_write_options_parse(query, "PatchOptions", &write, &issues, &err);
}

static void try_path(struct ke_str path, struct ke_arena *arena)
{
    struct ke_err err;
    struct api_target target;
    if (api_target_parse(path, arena, &target, &err) != KE_OK) {
        return;
    }
    KE_ASSERT(target.path.len <= path.len);
    KE_ASSERT(!target.is_resource || target.resource.len > 0);
    KE_ASSERT(target.subresource.len == 0 || target.name.len > 0);
}

static void try_query(struct ke_str text, struct ke_arena *arena)
{
    struct ke_err err;
    struct api_query query;
    if (api_query_parse(text, arena, &query, &err) != KE_OK) {
        return;
    }
    KE_ASSERT(query.n_params <= API_MAX_QUERY);
    try_options(&query, arena, false);
    try_options(&query, arena, true);
}

static void try_accept(struct ke_str text)
{
    struct api_accept accept;
    if (api_negotiate(text, API_FORM_PLAIN | API_FORM_TABLE, &accept) == API_NEGOTIATED) {
        KE_ASSERT(accept.form == API_FORM_PLAIN || accept.form == API_FORM_TABLE);
        KE_ASSERT(accept.version != NULL);
    }
    (void)api_accepts_gzip(text);
    (void)api_accepts(text, "application/json");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_str rest = ke_str_of((const char *)data, size);
    struct ke_str path = { "", 0 };
    struct ke_str query = { "", 0 };
    KE_AUTO(ke_arena) *arena = ke_arena_new(8U << 20);
    if (arena == NULL) {
        return 0;
    }
    (void)ke_str_split(&rest, '\n', &path);
    (void)ke_str_split(&rest, '\n', &query);
    try_path(path, arena);
    try_query(query, arena);
    try_accept(rest);
    return 0;
}
