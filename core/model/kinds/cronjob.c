/* SPDX-License-Identifier: Apache-2.0 */
/* CronJobs, as objects; v1beta1 is the same in all but name. Source: Kubernetes apis/batch,
 * registry/batch/cronjob. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/cron.h"
#include "core/model/kinds/job.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define NAME_MAX_BYTES 52 /* the time is put behind it for the name of a Job */

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *template = spec != NULL ? ke_json_need_object(spec, "jobTemplate") : NULL;
    cJSON *job = template != NULL ? ke_json_need_object(template, "spec") : NULL;
    return job != NULL && ke_json_need_object(object, "status") != NULL && job_default_spec(job) &&
           model_default_str(spec, "concurrencyPolicy", "Allow") &&
           model_default_bool(spec, "suspend", false) &&
           model_default_num(spec, "successfulJobsHistoryLimit", 3) &&
           model_default_num(spec, "failedJobsHistoryLimit", 1);
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status");
}

static bool names_zone(struct ke_str schedule)
{
    return memmem(schedule.ptr, schedule.len, "TZ", 2) != NULL;
}

/* may_name_zone: it did before that was refused. */
static void check_schedule(const cJSON *spec, bool may_name_zone, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "schedule");
    struct ke_str schedule = ke_json_str(spec, "schedule");
    if (schedule.len == 0) {
        model_report_required(issues, at, "");
        return;
    }
    const char *complaint = model_cron_complaint(schedule, issues->arena);
    if (complaint != NULL)
        model_report_invalid(issues, at, schedule, complaint);
    if (!names_zone(schedule))
        return;
    if (!may_name_zone) {
        model_report_invalid(issues, at, schedule,
                             "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    } else if (ke_json_get(spec, "timeZone") != NULL) {
        model_report_invalid(issues, at, schedule,
                             "cannot use both timeZone field and TZ or CRON_TZ in schedule");
    }
}

static bool is_zone_part(struct ke_str part)
{
    if (part.len == 0 || part.ptr[0] == '-' || ke_str_eq_c(part, ".") || ke_str_eq_c(part, ".."))
        return false;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_' || c == '+';
        if (!is_fine)
            return false;
    }
    return true;
}

/* Its form: whether such a zone exists is known where the schedule is followed. */
static void check_zone(const cJSON *spec, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "timeZone");
    struct ke_str zone = ke_json_str(spec, "timeZone");
    if (ke_json_get(spec, "timeZone") == NULL)
        return;
    if (zone.len == 0) {
        model_report_invalid(issues, at, zone, "timeZone must be nil or non-empty string");
        return;
    }
    struct ke_str rest = zone;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (is_zone_part(part))
            continue;
        struct ke_str detail =
            ke_arena_fmt(issues->arena, "unknown time zone %.*s", KE_STR_ARG(zone));
        model_report_invalid(issues, at, zone, detail.ptr != NULL ? detail.ptr : "");
        return;
    }
    if (ke_str_eq_nocase(zone, KE_STR("Local"))) {
        model_report_invalid(issues, at, zone,
                             "timeZone must be an explicit time zone as defined in "
                             "https://www.iana.org/time-zones");
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "Allow", "Forbid", "Replace", NULL };
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    struct model_path template = model_path_child(&root, "jobTemplate");
    struct model_path job = model_path_child(&template, "spec");
    check_schedule(spec, old != NULL && names_zone(ke_json_path_str(old, "spec.schedule")), issues);
    workload_check_count(spec, "startingDeadlineSeconds", issues);
    (void)model_check_enum(issues, model_path_child(&root, "concurrencyPolicy"),
                           ke_json_str(spec, "concurrencyPolicy"), policies);
    check_zone(spec, issues);
    job_validate_spec(ke_json_path(spec, "jobTemplate.spec"), &job, issues);
    workload_check_count(spec, "successfulJobsHistoryLimit", issues);
    workload_check_count(spec, "failedJobsHistoryLimit", issues);
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct model_path meta = model_path_root("metadata");
    if (old == NULL && name.len > NAME_MAX_BYTES)
        model_report_invalid(issues, model_path_child(&meta, "name"), name,
                             "must be no more than 52 characters");
}

const struct model_kind model_kind_cronjob = {
    .id = MODEL_CRONJOB,
    .kind = "CronJob",
    .list_kind = "CronJobList",
    .plural = "cronjobs",
    .singular = "cronjob",
    .short_names = { "cj" },
    .categories = { "all" },
    .prefix = "/registry/cronjobs/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "batch", .version = "v1", .message = "batch.v1.CronJob" },
        { .group = "batch", .version = "v1beta1", .message = "batch.v1beta1.CronJob", .orphans_dependents = true },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
};
