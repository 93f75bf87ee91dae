/* SPDX-License-Identifier: Apache-2.0 */
#include "core/controller/namespace_status.h"

#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/json_sort.h"
#include "core/controller/definition_status.h"

#define MESSAGE_BYTES 4096 /* of a longer one some parts are left out */

bool namespace_remains_init(struct namespace_remains *remains)
{
    remains->resources = cJSON_CreateObject();
    remains->finalizers = cJSON_CreateObject();
    return remains->resources != NULL && remains->finalizers != NULL;
}

void namespace_remains_deinit(struct namespace_remains *remains)
{
    cJSON_Delete(remains->resources);
    cJSON_Delete(remains->finalizers);
}

static bool one_more(cJSON *counts, const char *name)
{
    int64_t n = ke_json_i64(counts, name, 0) + 1;
    return ke_json_set(counts, name, ke_json_new_i64(n));
}

bool namespace_remains_add(struct namespace_remains *remains, const char *resource,
                           const cJSON *object)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "metadata.finalizers")) {
        if (cJSON_IsString(it) && !one_more(remains->finalizers, it->valuestring))
            return false;
    }
    return one_more(remains->resources, resource);
}

/* "<head><name><between><count> resource instances, ..." by name. */
static bool list_counts(struct ke_buf *out, const char *head, const cJSON *counts,
                        const char *between)
{
    size_t n = (size_t)cJSON_GetArraySize(counts);
    struct json_member *sorted = json_sort_members(counts, n);
    if (sorted == NULL)
        return false;
    ke_buf_add_c(out, head);
    for (size_t i = 0; i < n; i++) {
        const char *name = sorted[i].node->string;
        ke_buf_addf(out, "%s%s%s", i > 0 ? ", " : "", name, between);
        ke_buf_add_i64(out, ke_json_i64(counts, name, 0));
        ke_buf_add_c(out, " resource instances");
    }
    free(sorted);
    return true;
}

static bool tell(cJSON *ns, const char *type, const cJSON *counts, const char *reasons[2],
                 const char *words[3], struct ke_str now)
{
    bool is_some = counts->child != NULL;
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_BYTES);
    if (!is_some)
        ke_buf_add_c(&text, words[0]);
    else if (!list_counts(&text, words[1], counts, words[2]))
        return false;
    return text.failed != KE_NOMEM &&
           definition_set_condition(ns, type, is_some, reasons[is_some ? 1 : 0], ke_buf_str(&text),
                                    now);
}

bool namespace_remains_tell(const struct namespace_remains *remains, cJSON *ns, struct ke_str now)
{
    static const char *content_reasons[] = { "ContentRemoved", "SomeResourcesRemain" };
    static const char *content_words[] = { "All content successfully removed",
                                           "Some resources are remaining: ", " has " };
    static const char *finalizer_reasons[] = { "ContentHasNoFinalizers", "SomeFinalizersRemain" };
    static const char *finalizer_words[] = {
        "All content-preserving finalizers finished",
        "Some content in the namespace has finalizers remaining: ", " in "
    };
    return definition_set_condition(ns, "NamespaceDeletionDiscoveryFailure", false,
                                    "ResourcesDiscovered",
                                    KE_STR("All resources successfully discovered"), now) &&
           definition_set_condition(ns, "NamespaceDeletionGroupVersionParsingFailure", false,
                                    "ParsedGroupVersions",
                                    KE_STR("All legacy kube types successfully parsed"), now) &&
           definition_set_condition(ns, "NamespaceDeletionContentFailure", false, "ContentDeleted",
                                    KE_STR("All content successfully deleted, may be waiting on "
                                           "finalization"),
                                    now) &&
           tell(ns, "NamespaceContentRemaining", remains->resources, content_reasons, content_words,
                now) &&
           tell(ns, "NamespaceFinalizersRemaining", remains->finalizers, finalizer_reasons,
                finalizer_words, now);
}
