/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of metadata. Source: apimachinery api/validation/objectmeta.go, apis/core/validation,
 * apiserver registry/rest/update.go and storage/names. Pure; any thread.
 */
#include "core/model/meta.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/field_manager.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define GENERATED_PREFIX_MAX (63 - MODEL_GENERATED_RANDOM)

const char *model_meta_generate_name(struct ke_str prefix,
                                     const uint8_t random[MODEL_GENERATED_RANDOM],
                                     char out[MODEL_GENERATED_MAX])
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    size_t len = prefix.len < GENERATED_PREFIX_MAX ? prefix.len : GENERATED_PREFIX_MAX;
    if (len > 0)
        memcpy(out, prefix.ptr, len);
    for (size_t i = 0; i < MODEL_GENERATED_RANDOM; i++)
        out[len + i] = letters[random[i] % (sizeof(letters) - 1)];
    out[len + MODEL_GENERATED_RANDOM] = '\0';
    return out;
}

static model_name_fn *rule_of(enum model_name_rule rule)
{
    switch (rule) {
    case MODEL_NAME_LABEL:
        return model_name_label;
    case MODEL_NAME_LABEL_1035:
        return model_name_label_1035;
    case MODEL_NAME_PATH_SEGMENT:
        return model_name_path_segment;
    case MODEL_NAME_SUBDOMAIN:
        break;
    }
    return model_name_subdomain;
}

bool model_meta_check_name(const struct model_kind *kind, struct model_issues *issues,
                           struct model_path path, struct ke_str name, bool is_prefix)
{
    struct ke_str checked = name;
    /* A prefix may end in a dash: letters follow. */
    if (is_prefix && kind->name_rule != MODEL_NAME_PATH_SEGMENT && name.len > 1 &&
        name.ptr[name.len - 1] == '-')
        checked.len--;
    struct model_complaints c = rule_of(kind->name_rule)(checked);
    for (size_t i = 0; i < c.n; i++)
        model_report_invalid(issues, path, name, c.text[i]);
    return c.n == 0;
}

static void check_names(const struct model_kind *kind, const struct model_path *path,
                        const cJSON *meta, struct model_issues *issues)
{
    struct ke_str prefix = ke_json_str(meta, "generateName");
    if (!ke_str_is_empty(prefix))
        (void)model_meta_check_name(kind, issues, model_path_child(path, "generateName"), prefix,
                                    true);
    struct ke_str name = ke_json_str(meta, "name");
    if (ke_str_is_empty(name)) {
        model_report_required(issues, model_path_child(path, "name"),
                              "name or generateName is required");
    } else {
        (void)model_meta_check_name(kind, issues, model_path_child(path, "name"), name, false);
    }
    struct ke_str ns = ke_json_str(meta, "namespace");
    struct model_path ns_path = model_path_child(path, "namespace");
    if (!kind->is_namespaced) {
        if (!ke_str_is_empty(ns))
            model_report_forbidden(issues, ns_path, "not allowed on this type");
    } else if (ke_str_is_empty(ns)) {
        model_report_required(issues, ns_path, "");
    } else {
        (void)model_check_name(issues, ns_path, ns, model_name_label);
    }
}

static struct ke_str print_json(struct model_issues *issues, const cJSON *value)
{
    ke_auto_buf buf = KE_BUF_INIT(64U << 10);
    ke_json_print(value, &buf);
    return buf.failed == KE_OK ? ke_arena_str(issues->arena, ke_buf_str(&buf)) : KE_STR("{...}");
}

static void check_owner(const struct model_path *path, const cJSON *owner,
                        struct model_issues *issues)
{
    static const struct {
        const char *name;
        const char *text;
    } members[] = {
        { "apiVersion", "version must not be empty" },
        { "kind", "must not be empty" },
        { "name", "must not be empty" },
        { "uid", "must not be empty" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        struct ke_str value = ke_json_str(owner, members[i].name);
        if (ke_str_is_empty(value))
            model_report_invalid(issues, model_path_child(path, members[i].name), value,
                                 members[i].text);
    }
    if (ke_str_eq_c(ke_json_str(owner, "kind"), "Event") &&
        ke_str_eq_c(ke_json_str(owner, "apiVersion"), "v1")) {
        model_report_invalid_raw(issues, *path, print_json(issues, owner),
                                 "/v1, Kind=Event is disallowed from being an owner");
    }
}

static void check_owners(const struct model_path *path, const cJSON *owners,
                         struct model_issues *issues)
{
    const cJSON *controller = NULL;
    const cJSON *owner;
    cJSON_ArrayForEach(owner, owners) {
        check_owner(path, owner, issues);
        if (!ke_json_bool(owner, "controller", false))
            continue;
        if (controller == NULL) {
            controller = owner;
            continue;
        }
        struct ke_str detail = ke_arena_fmt(
            issues->arena,
            "Only one reference can have Controller set to true. Found \"true\" in references for "
            "%.*s/%.*s and %.*s/%.*s",
            KE_STR_ARG(ke_json_str(controller, "kind")),
            KE_STR_ARG(ke_json_str(controller, "name")), KE_STR_ARG(ke_json_str(owner, "kind")),
            KE_STR_ARG(ke_json_str(owner, "name")));
        model_report_invalid_raw(issues, *path, print_json(issues, owners),
                                 detail.ptr != NULL ? detail.ptr : "");
    }
}

/* Names without a domain that are known all the same. */
static bool is_standard_finalizer(struct ke_str name)
{
    return ke_str_eq_c(name, "kubernetes") || ke_str_eq_c(name, "orphan") ||
           ke_str_eq_c(name, "foregroundDeletion");
}

static void check_finalizers(const struct model_path *path, const cJSON *finalizers,
                             struct model_issues *issues)
{
    if (!model_check_count(issues, *path, finalizers))
        return;
    bool has_orphan = false;
    bool has_foreground = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, finalizers) {
        struct ke_str name = ke_json_value_str(item);
        (void)model_check_name(issues, *path, name, model_name_qualified);
        has_orphan = has_orphan || ke_str_eq_c(name, "orphan");
        has_foreground = has_foreground || ke_str_eq_c(name, "foregroundDeletion");
    }
    if (has_orphan && has_foreground) {
        model_report_invalid_raw(issues, *path, model_go_strings(issues->arena, finalizers),
                                 "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

/* Reported behind everything else of metadata, as upstream does. */
static void check_finalizer_domains(const struct model_path *path, const cJSON *finalizers,
                                    struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, finalizers) {
        struct ke_str name = ke_json_value_str(item);
        if (ke_str_find(name, '/') == name.len && !is_standard_finalizer(name)) {
            model_report_invalid(
                issues, model_path_index(path, i), name,
                "name is neither a standard finalizer name nor is it fully qualified");
        }
        i++;
    }
}

static bool list_has(const cJSON *list, struct ke_str text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (ke_str_eq(ke_json_value_str(item), text))
            return true;
    }
    return false;
}

/* An object that is going away may not be held up by anything new. */
static void check_no_new_finalizers(const struct model_path *path, const cJSON *now,
                                    const cJSON *was, struct model_issues *issues)
{
    ke_auto_json *extra = cJSON_CreateArray();
    bool is_whole = extra != NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, now) {
        if (is_whole && !list_has(was, ke_json_value_str(item))) {
            cJSON *copy = cJSON_Duplicate(item, true);
            is_whole = copy != NULL && cJSON_AddItemToArray(extra, copy);
        }
    }
    if (!is_whole) {
        model_report_no_memory(issues);
        return;
    }
    if (cJSON_GetArraySize(extra) == 0)
        return;
    struct ke_str names = model_go_strings(issues->arena, extra);
    struct ke_str detail =
        ke_arena_fmt(issues->arena,
                     "no new finalizers can be added if the object is being deleted, found new "
                     "finalizers %.*s",
                     KE_STR_ARG(names));
    model_report_forbidden(issues, *path, detail.ptr != NULL ? detail.ptr : "");
}

static void check_immutable(const struct model_path *path, const char *name, const cJSON *meta,
                            const cJSON *old, struct model_issues *issues)
{
    struct ke_str now = ke_json_str(meta, name);
    if (!ke_str_eq(now, ke_json_str(old, name)))
        model_report_invalid(issues, model_path_child(path, name), now, "field is immutable");
}

static void check_update(const struct model_kind *kind, const struct model_path *path,
                         const cJSON *meta, const cJSON *old, struct model_issues *issues)
{
    struct model_path finalizers = model_path_child(path, "finalizers");
    bool is_few = cJSON_GetArraySize(ke_json_get(meta, "finalizers")) <= LIMIT_LIST_ITEMS;
    if (is_few && ke_json_get(old, "deletionTimestamp") != NULL) {
        check_no_new_finalizers(&finalizers, ke_json_get(meta, "finalizers"),
                                ke_json_get(old, "finalizers"), issues);
    }
    struct ke_str rv = ke_json_str(meta, "resourceVersion");
    if (!kind->can_update_unconditionally && ke_str_is_empty(rv)) {
        model_report_invalid(issues, model_path_child(path, "resourceVersion"), rv,
                             "must be specified for an update");
    }
    check_immutable(path, "name", meta, old, issues);
    check_immutable(path, "namespace", meta, old, issues);
    check_immutable(path, "uid", meta, old, issues);
}

static void check_managed_entry(const struct model_path *path, const cJSON *entry,
                                struct model_issues *issues)
{
    struct ke_str operation = ke_json_str(entry, "operation");
    struct ke_str type = ke_json_str(entry, "fieldsType");
    if (!ke_str_eq_c(operation, "Apply") && !ke_str_eq_c(operation, "Update"))
        model_report_invalid(issues, model_path_child(path, "operation"), operation,
                             "must be `Apply` or `Update`");
    if (type.len > 0 && !ke_str_eq_c(type, "FieldsV1"))
        model_report_invalid(issues, model_path_child(path, "fieldsType"), type,
                             "must be `FieldsV1`");
    model_check_field_manager(issues, model_path_child(path, "manager"),
                              ke_json_str(entry, "manager"));
    if (ke_json_str(entry, "subresource").len > LIMIT_SUBRESOURCE_BYTES)
        model_report_too_long(issues, model_path_child(path, "subresource"),
                              LIMIT_SUBRESOURCE_BYTES);
}

static void check_managed(const struct model_path *path, const cJSON *entries,
                          struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, entries) {
        struct model_path place = model_path_index(path, i++);
        check_managed_entry(&place, it, issues);
    }
}

void model_meta_validate(const struct model_kind *kind, const cJSON *object, const cJSON *old,
                         struct model_issues *issues)
{
    const cJSON *meta = ke_json_get(object, "metadata");
    struct model_path path = model_path_root("metadata");
    if (old != NULL) {
        check_update(kind, &path, meta, ke_json_get(old, "metadata"), issues);
    } else {
        check_names(kind, &path, meta, issues);
        (void)model_check_not_negative(issues, model_path_child(&path, "generation"),
                                       ke_json_i64(meta, "generation", 0));
    }
    model_check_labels(issues, model_path_child(&path, "labels"), ke_json_get(meta, "labels"));
    model_check_annotations(issues, model_path_child(&path, "annotations"),
                            ke_json_get(meta, "annotations"));
    struct model_path owners = model_path_child(&path, "ownerReferences");
    check_owners(&owners, ke_json_get(meta, "ownerReferences"), issues);
    struct model_path finalizers = model_path_child(&path, "finalizers");
    check_finalizers(&finalizers, ke_json_get(meta, "finalizers"), issues);
    /* The group of definitions and the kinds they define have only the rules common to all. */
    if (kind->custom == NULL && kind->id != MODEL_CUSTOMRESOURCEDEFINITION)
        check_finalizer_domains(&finalizers, ke_json_get(meta, "finalizers"), issues);
    struct model_path managed = model_path_child(&path, "managedFields");
    check_managed(&managed, ke_json_get(meta, "managedFields"), issues);
}
