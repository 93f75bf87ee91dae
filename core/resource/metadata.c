/* SPDX-License-Identifier: Apache-2.0 */
/* See metadata.h. Pure but for random uids. */
#include "core/resource/metadata.h"

#include "core/base/json.h"
#include "core/base/rand.h"

/* What a client's text never decides. */
static const char *const server_members[] = {
    "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "generation", "resourceVersion"
};

/* They stand last, as upstream prints them, and not between a name and its uid. */
static void put_managed_last(cJSON *meta)
{
    cJSON *managed = ke_json_get_mut(meta, "managedFields");
    if (managed != NULL)
        (void)cJSON_AddItemToArray(meta, cJSON_DetachItemViaPointer(meta, managed));
}

bool metadata_prepare_create(const struct model_kind *kind, cJSON *object, struct ke_str ns,
                             struct ke_str now)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL)
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(server_members); i++)
        ke_json_del(meta, server_members[i]);
    ke_json_del(meta, "selfLink");
    char uid[KE_UUID_TEXT_MAX];
    ke_rand_uuid(uid);
    if (!ke_json_set_str(meta, "uid", ke_str_c(uid)) ||
        !ke_json_set_str(meta, "creationTimestamp", now))
        return false;
    if (kind->has_generation && !ke_json_set(meta, "generation", cJSON_CreateNumber(1)))
        return false;
    if (!kind->is_namespaced)
        ke_json_del(meta, "namespace");
    else if (!ke_json_set_str(meta, "namespace", ns))
        return false;
    put_managed_last(meta);
    return true;
}

bool metadata_prepare_update(const struct model_kind *kind, cJSON *object, const cJSON *old)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    const cJSON *before = ke_json_get(old, "metadata");
    if (meta == NULL)
        return false;
    ke_json_del(meta, "selfLink");
    for (size_t i = 0; i < KE_ARRAY_LEN(server_members); i++) {
        const cJSON *value = ke_json_get(before, server_members[i]);
        if (value == NULL)
            ke_json_del(meta, server_members[i]);
        else if (!ke_json_set(meta, server_members[i], cJSON_Duplicate(value, true)))
            return false;
    }
    if (!kind->is_namespaced) {
        ke_json_del(meta, "namespace");
        return true;
    }
    return ke_json_set_str(meta, "namespace", ke_json_str(before, "namespace"));
}

static bool is_outside_spec(const char *name)
{
    return strcmp(name, "metadata") == 0 || strcmp(name, "status") == 0 ||
           strcmp(name, "kind") == 0 || strcmp(name, "apiVersion") == 0;
}

/* Is every member of a that counts the same in b? */
static bool spec_is_within(const cJSON *a, const cJSON *b)
{
    for (const cJSON *it = a->child; it != NULL; it = it->next) {
        if (is_outside_spec(it->string))
            continue;
        const cJSON *other = ke_json_get(b, it->string);
        if (other == NULL || !ke_json_equal(it, other))
            return false;
    }
    return true;
}

bool metadata_spec_differs(const cJSON *object, const cJSON *old)
{
    return !spec_is_within(object, old) || !spec_is_within(old, object);
}

bool metadata_bump_generation(cJSON *object)
{
    cJSON *meta = ke_json_get_mut(object, "metadata");
    int64_t generation = ke_json_i64(meta, "generation", 0);
    if (generation <= 0)
        return true;
    return ke_json_set(meta, "generation", cJSON_CreateNumber((double)(generation + 1)));
}

bool metadata_is_deleting(const cJSON *object)
{
    return ke_json_path_str(object, "metadata.deletionTimestamp").len > 0;
}

size_t metadata_n_finalizers(const cJSON *object)
{
    int n = cJSON_GetArraySize(ke_json_path(object, "metadata.finalizers"));
    return n > 0 ? (size_t)n : 0;
}

bool metadata_has_finalizer(const cJSON *object, const char *name)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "metadata.finalizers")) {
        if (ke_str_eq_c(ke_json_value_str(it), name))
            return true;
    }
    return false;
}

static bool is_gc_finalizer(const cJSON *item)
{
    struct ke_str name = ke_json_value_str(item);
    return ke_str_eq_c(name, METADATA_ORPHAN) || ke_str_eq_c(name, METADATA_FOREGROUND);
}

bool metadata_set_gc_finalizer(cJSON *object, const char *name)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *list = meta != NULL ? ke_json_need_array(meta, "finalizers") : NULL;
    if (list == NULL)
        return false;
    cJSON *next = NULL;
    for (cJSON *it = list->child; it != NULL; it = next) {
        next = it->next;
        if (is_gc_finalizer(it))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    if (name != NULL) {
        cJSON *item = cJSON_CreateString(name);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    if (list->child == NULL)
        ke_json_del(meta, "finalizers");
    return true;
}

bool metadata_mark_deleted(cJSON *object, struct ke_str when, int64_t grace_s)
{
    if (!metadata_is_deleting(object) && !metadata_bump_generation(object))
        return false;
    cJSON *meta = ke_json_need_object(object, "metadata");
    return meta != NULL && ke_json_set_str(meta, "deletionTimestamp", when) &&
           ke_json_set(meta, "deletionGracePeriodSeconds", cJSON_CreateNumber((double)grace_s));
}
