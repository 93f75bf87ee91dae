/* SPDX-License-Identifier: Apache-2.0 */
/* See disruption_build.h. Pure. */
#include "core/controller/disruption_build.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/values.h"

#define CONDITION "DisruptionAllowed"

bool disruption_tally_init(struct disruption_tally *tally, const cJSON *budget, int64_t now_s)
{
    *tally = (struct disruption_tally){ .budget = budget, .now_s = now_s };
    tally->disrupted = cJSON_CreateObject();
    return tally->disrupted != NULL;
}

void disruption_tally_deinit(struct disruption_tally *tally)
{
    cJSON_Delete(tally->disrupted);
    tally->disrupted = NULL;
}

bool disruption_tally_needs_scale(const struct disruption_tally *tally)
{
    const cJSON *spec = ke_json_get(tally->budget, "spec");
    return ke_json_get(spec, "maxUnavailable") != NULL ||
           cJSON_IsString(ke_json_get(spec, "minAvailable"));
}

static bool is_ready(const cJSON *pod)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, ke_json_path(pod, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), "Ready"))
            return ke_str_eq_c(ke_json_str(condition, "status"), "True");
    }
    return false;
}

/* When its eviction is given up; 0: it was not evicted, or that is over. */
static int64_t evicted_until(const struct disruption_tally *tally, const char *name)
{
    const cJSON *all = ke_json_path(tally->budget, "status.disruptedPods");
    int64_t when_us = 0;
    struct ke_err err = KE_ERR_INIT;
    struct ke_str when = ke_json_str(all, name);
    if (when.len == 0 || ke_time_parse_us(when, &when_us, &err) != KE_OK)
        return 0;
    int64_t until = when_us / 1000000 + DISRUPTION_TIMEOUT_S;
    return until > tally->now_s ? until : 0;
}

bool disruption_tally_add(struct disruption_tally *tally, const cJSON *pod)
{
    const cJSON *name = ke_json_path(pod, "metadata.name");
    tally->n_pods++;
    if (!cJSON_IsString(name) || ke_json_path(pod, "metadata.deletionTimestamp") != NULL)
        return true;
    int64_t until = evicted_until(tally, name->valuestring);
    if (until == 0) {
        tally->n_healthy += is_ready(pod) ? 1 : 0;
        return true;
    }
    int64_t left = until - tally->now_s;
    if (tally->recheck_s == 0 || left < tally->recheck_s)
        tally->recheck_s = left;
    const cJSON *all = ke_json_path(tally->budget, "status.disruptedPods");
    return model_set_copy(tally->disrupted, name->valuestring, ke_json_get(all, name->valuestring));
}

/* A share of a whole, rounded up; a plain number as it is. */
static int64_t amount_of(const cJSON *value, int64_t whole)
{
    int64_t number = model_int_or_percent(value);
    return cJSON_IsString(value) ? (number * whole + 99) / 100 : number;
}

static void count_needed(const struct disruption_tally *tally, int64_t *out_expected,
                         int64_t *out_needed)
{
    const cJSON *spec = ke_json_get(tally->budget, "spec");
    const cJSON *most_gone = ke_json_get(spec, "maxUnavailable");
    const cJSON *least = ke_json_get(spec, "minAvailable");
    *out_expected = *out_needed = 0;
    if (most_gone != NULL) {
        *out_expected = tally->scale;
        *out_needed = tally->scale - amount_of(most_gone, tally->scale);
    } else if (least != NULL) {
        *out_expected = cJSON_IsString(least) ? tally->scale : tally->n_pods;
        *out_needed = amount_of(least, tally->scale);
    }
    if (*out_needed < 0)
        *out_needed = 0;
}

static cJSON *find_condition(cJSON *status)
{
    cJSON *list = ke_json_need_array(status, "conditions");
    cJSON *condition;
    cJSON_ArrayForEach(condition, list) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), CONDITION))
            return condition;
    }
    condition = list != NULL ? cJSON_CreateObject() : NULL;
    if (condition != NULL && cJSON_AddItemToArray(list, condition))
        return condition;
    cJSON_Delete(condition);
    return NULL;
}

static bool set_condition(cJSON *status, const char *value, const char *reason, const char *message,
                          struct ke_str now)
{
    cJSON *condition = find_condition(status);
    int64_t seen = ke_json_i64(status, "observedGeneration", 0);
    bool is_same = ke_str_eq_c(ke_json_str(condition, "status"), value);
    return condition != NULL && ke_json_set_str(condition, "type", KE_STR(CONDITION)) &&
           ke_json_set_str(condition, "status", ke_str_c(value)) &&
           (is_same || ke_json_set_str(condition, "lastTransitionTime", now)) &&
           ke_json_set_str(condition, "reason", ke_str_c(reason)) &&
           ke_json_set_str(condition, "message", ke_str_c(message)) &&
           ke_json_set(condition, "observedGeneration", cJSON_CreateNumber((double)seen));
}

static bool set_count(cJSON *status, const char *name, int64_t value)
{
    return ke_json_set(status, name, cJSON_CreateNumber((double)value));
}

/* What cannot be counted cannot be allowed; the numbers stay what they were. */
static bool set_failure(const struct disruption_tally *tally, cJSON *status, struct ke_str now)
{
    char message[512];
    snprintf(message, sizeof(message), "%s \"%.*s\"", tally->failure,
             KE_STR_ARG(tally->failed_pod));
    return set_count(status, "disruptionsAllowed", 0) &&
           set_condition(status, "False", "SyncFailed", message, now);
}

static bool set_counts(const struct disruption_tally *tally, cJSON *status, struct ke_str now)
{
    int64_t expected = 0;
    int64_t needed = 0;
    count_needed(tally, &expected, &needed);
    int64_t allowed = tally->n_healthy - needed;
    if (expected <= 0 || allowed < 0)
        allowed = 0;
    const cJSON *disrupted = tally->disrupted->child != NULL ? tally->disrupted : NULL;
    return set_count(status, "currentHealthy", tally->n_healthy) &&
           set_count(status, "desiredHealthy", needed) &&
           set_count(status, "expectedPods", expected) &&
           set_count(status, "disruptionsAllowed", allowed) &&
           model_set_copy(status, "disruptedPods", disrupted) &&
           set_condition(status, allowed > 0 ? "True" : "False",
                         allowed > 0 ? "SufficientPods" : "InsufficientPods", "", now);
}

cJSON *disruption_tally_status(const struct disruption_tally *tally, struct ke_str now)
{
    const cJSON *was = ke_json_get(tally->budget, "status");
    ke_auto_json *status = was != NULL ? cJSON_Duplicate(was, true) : cJSON_CreateObject();
    int64_t generation = ke_json_i64(ke_json_get(tally->budget, "metadata"), "generation", 0);
    if (status == NULL || !set_count(status, "observedGeneration", generation))
        return NULL;
    bool is_set =
        tally->failure != NULL ? set_failure(tally, status, now) : set_counts(tally, status, now);
    return is_set ? KE_TAKE(status) : NULL;
}
