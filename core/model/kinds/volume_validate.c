/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of a PodSpec's volumes: one source each, and what the sources that a node of ours can
 * mount need. Source: Kubernetes apis/core/validation (ValidateVolumes). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void check_mode(const cJSON *object, const char *name, const struct model_path *path,
                       struct model_issues *issues)
{
    int64_t mode = ke_json_i64(object, name, 0);
    if (mode < 0 || mode > 0777)
        model_report_invalid_int(issues, model_path_child(path, name), mode,
                                 "must be a number between 0 and 0777 (octal), both inclusive");
}

static void require(const cJSON *object, const char *name, const struct model_path *path,
                    struct model_issues *issues)
{
    if (model_is_unset(object, name))
        model_report_required(issues, model_path_child(path, name), "");
}

/* Keys put to paths. */
static void check_items(const cJSON *source, const struct model_path *path,
                        struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "items");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(source, "items")) {
        struct model_path at = model_path_index(&list, i++);
        require(item, "key", &at, issues);
        require(item, "path", &at, issues);
        podspec_check_relative(model_path_child(&at, "path"), ke_json_str(item, "path"), issues);
        check_mode(item, "mode", &at, issues);
    }
}

static void check_downward_items(const cJSON *source, const struct model_path *path,
                                 struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "items");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(source, "items")) {
        struct model_path at = model_path_index(&list, i++);
        require(item, "path", &at, issues);
        podspec_check_relative(model_path_child(&at, "path"), ke_json_str(item, "path"), issues);
        bool has_field = ke_json_get(item, "fieldRef") != NULL;
        bool has_resource = ke_json_get(item, "resourceFieldRef") != NULL;
        if (has_field && has_resource) {
            model_report_invalid(
                issues, at, KE_STR("resource"),
                "fieldRef and resourceFieldRef can not be specified simultaneously");
        } else if (!has_field && !has_resource) {
            model_report_required(issues, at, "one of fieldRef and resourceFieldRef is required");
        }
        check_mode(item, "mode", &at, issues);
    }
}

static void check_file_source(const cJSON *source, const struct model_path *path, const char *name,
                              struct model_issues *issues)
{
    require(source, name, path, issues);
    check_mode(source, "defaultMode", path, issues);
    check_items(source, path, issues);
}

static void check_host_path(const cJSON *source, const struct model_path *path,
                            struct model_issues *issues)
{
    static const char *const types[] = { "BlockDevice", "CharDevice",
                                         "Directory",   "DirectoryOrCreate",
                                         "File",        "FileOrCreate",
                                         "Socket",      NULL };
    struct ke_str text = ke_json_str(source, "path");
    if (ke_str_is_empty(text)) {
        model_report_required(issues, model_path_child(path, "path"), "");
        return;
    }
    struct ke_str rest = text;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (ke_str_eq_c(part, "..")) {
            model_report_invalid(issues, model_path_child(path, "path"), text,
                                 "must not contain '..'");
            break;
        }
    }
    if (!model_is_unset(source, "type"))
        (void)model_check_enum(issues, model_path_child(path, "type"), ke_json_str(source, "type"),
                               types);
}

static void check_token(const cJSON *token, const struct model_path *path,
                        struct model_issues *issues)
{
    struct model_path at = model_path_child(path, "expirationSeconds");
    int64_t seconds = ke_json_i64(token, "expirationSeconds", 3600);
    if (seconds < 600)
        model_report_invalid_int(issues, at, seconds,
                                 "may not specify a duration less than 10 minutes");
    if (seconds > ((int64_t)1 << 32))
        model_report_invalid_int(issues, at, seconds,
                                 "may not specify a duration larger than 2^32 seconds");
    require(token, "path", path, issues);
    podspec_check_relative(model_path_child(path, "path"), ke_json_str(token, "path"), issues);
}

static void check_projected(const cJSON *projected, const struct model_path *path,
                            struct model_issues *issues)
{
    check_mode(projected, "defaultMode", path, issues);
    struct model_path list = model_path_child(path, "sources");
    size_t i = 0;
    const cJSON *source;
    cJSON_ArrayForEach(source, ke_json_get(projected, "sources")) {
        struct model_path at = model_path_index(&list, i++);
        const cJSON *kind = source->child;
        if (kind == NULL) {
            model_report_required(issues, at, "");
            continue;
        }
        if (kind->next != NULL)
            model_report_forbidden(issues, at, "may not specify more than 1 volume type");
        struct model_path kind_at = model_path_child(&at, kind->string);
        struct ke_str name = ke_str_c(kind->string);
        if (ke_str_eq_c(name, "secret") || ke_str_eq_c(name, "configMap")) {
            require(kind, "name", &kind_at, issues);
            check_items(kind, &kind_at, issues);
        } else if (ke_str_eq_c(name, "downwardAPI")) {
            check_downward_items(kind, &kind_at, issues);
        } else if (ke_str_eq_c(name, "serviceAccountToken")) {
            check_token(kind, &kind_at, issues);
        }
    }
}

/* What each source needs; others are only counted. */
static void check_source(const cJSON *source, const struct model_path *path,
                         struct model_issues *issues)
{
    struct ke_str type = ke_str_c(source->string);
    if (ke_str_eq_c(type, "secret")) {
        check_file_source(source, path, "secretName", issues);
    } else if (ke_str_eq_c(type, "configMap")) {
        check_file_source(source, path, "name", issues);
    } else if (ke_str_eq_c(type, "hostPath")) {
        check_host_path(source, path, issues);
    } else if (ke_str_eq_c(type, "downwardAPI")) {
        check_mode(source, "defaultMode", path, issues);
        check_downward_items(source, path, issues);
    } else if (ke_str_eq_c(type, "projected")) {
        check_projected(source, path, issues);
    } else if (ke_str_eq_c(type, "persistentVolumeClaim")) {
        require(source, "claimName", path, issues);
    } else if (ke_str_eq_c(type, "nfs")) {
        require(source, "server", path, issues);
        require(source, "path", path, issues);
    }
}

/* One source a volume. */
static void check_sources(const cJSON *volume, const struct model_path *path,
                          struct model_issues *issues)
{
    size_t n_sources = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, volume) {
        struct model_path member_at = model_path_child(path, member->string);
        if (ke_str_eq_c(ke_str_c(member->string), "name"))
            continue;
        if (n_sources++ > 0)
            model_report_forbidden(issues, member_at, "may not specify more than 1 volume type");
        else
            check_source(member, &member_at, issues);
    }
    if (n_sources == 0)
        model_report_required(issues, *path, "must specify a volume type");
}

/* A name, and not that of an earlier volume. */
static void check_volume_name(const cJSON *volumes, const cJSON *volume,
                              const struct model_path *path, struct model_issues *issues)
{
    struct ke_str name = ke_json_str(volume, "name");
    struct model_path name_at = model_path_child(path, "name");
    if (ke_str_is_empty(name))
        model_report_required(issues, name_at, "");
    else
        (void)model_check_name(issues, name_at, name, model_name_label);
    const cJSON *earlier = volumes->child;
    while (earlier != volume && !ke_str_eq(ke_json_str(earlier, "name"), name))
        earlier = earlier->next;
    if (earlier != volume)
        model_report_duplicate(issues, name_at, name);
}

void volumes_validate(const cJSON *spec, const struct model_path *path, struct model_issues *issues)
{
    const cJSON *volumes = ke_json_get(spec, "volumes");
    if (!model_check_count(issues, *path, volumes))
        return;
    size_t i = 0;
    const cJSON *volume;
    cJSON_ArrayForEach(volume, volumes) {
        struct model_path at = model_path_index(path, i++);
        check_sources(volume, &at, issues);
        check_volume_name(volumes, volume, &at, issues);
    }
}
