/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HorizontalPodAutoscaler between v1 and v2. v1 knows one metric, the use of processors; the rest
 * of a v2 travels in annotations, as JSON of v1's own metric messages, and comes back from there.
 * In place. Source: Kubernetes apis/autoscaling/v1/conversion.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/horizontalpodautoscaler.h"
#include "core/model/schema.h"
#include "core/model/values.h"

#define PREFIX          "autoscaling.alpha.kubernetes.io/"
#define NOTE_METRICS    PREFIX "metrics"
#define NOTE_BEHAVIOR   PREFIX "behavior"
#define NOTE_CURRENT    PREFIX "current-metrics"
#define NOTE_CONDITIONS PREFIX "conditions"

/* One member of a metric source, as v1 and v2 name it: at most two names deep. */
struct pair {
    const char *v1;
    const char *v2[2];
};

struct source {
    const char *member;
    struct pair spec[6], status[6];
};

static const struct source sources[] = {
    {
        .member = "object",
        .spec = { { "target", { "describedObject" } },
                  { "metricName", { "metric", "name" } },
                  { "selector", { "metric", "selector" } },
                  { "targetValue", { "target", "value" } },
                  { "averageValue", { "target", "averageValue" } } },
        .status = { { "target", { "describedObject" } },
                    { "metricName", { "metric", "name" } },
                    { "selector", { "metric", "selector" } },
                    { "currentValue", { "current", "value" } },
                    { "averageValue", { "current", "averageValue" } } },
    },
    {
        .member = "pods",
        .spec = { { "metricName", { "metric", "name" } },
                  { "selector", { "metric", "selector" } },
                  { "targetAverageValue", { "target", "averageValue" } } },
        .status = { { "metricName", { "metric", "name" } },
                    { "selector", { "metric", "selector" } },
                    { "currentAverageValue", { "current", "averageValue" } } },
    },
    {
        .member = "resource",
        .spec = { { "name", { "name" } },
                  { "targetAverageUtilization", { "target", "averageUtilization" } },
                  { "targetAverageValue", { "target", "averageValue" } } },
        .status = { { "name", { "name" } },
                    { "currentAverageUtilization", { "current", "averageUtilization" } },
                    { "currentAverageValue", { "current", "averageValue" } } },
    },
    {
        .member = "containerResource",
        .spec = { { "name", { "name" } },
                  { "container", { "container" } },
                  { "targetAverageUtilization", { "target", "averageUtilization" } },
                  { "targetAverageValue", { "target", "averageValue" } } },
        .status = { { "name", { "name" } },
                    { "container", { "container" } },
                    { "currentAverageUtilization", { "current", "averageUtilization" } },
                    { "currentAverageValue", { "current", "averageValue" } } },
    },
    {
        .member = "external",
        .spec = { { "metricName", { "metric", "name" } },
                  { "metricSelector", { "metric", "selector" } },
                  { "targetValue", { "target", "value" } },
                  { "targetAverageValue", { "target", "averageValue" } } },
        .status = { { "metricName", { "metric", "name" } },
                    { "metricSelector", { "metric", "selector" } },
                    { "currentValue", { "current", "value" } },
                    { "currentAverageValue", { "current", "averageValue" } } },
    },
};

static cJSON *add_object(cJSON *list)
{
    cJSON *item = cJSON_CreateObject();
    if (item != NULL && cJSON_AddItemToArray(list, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

/* ---- one metric */

static bool pair_to_v1(const struct pair *pair, const cJSON *from, cJSON *to)
{
    const cJSON *holder = pair->v2[1] != NULL ? ke_json_get(from, pair->v2[0]) : from;
    const cJSON *value = ke_json_get(holder, pair->v2[pair->v2[1] != NULL ? 1 : 0]);
    return value == NULL || model_set_copy(to, pair->v1, value);
}

static bool pair_to_v2(const struct pair *pair, const cJSON *from, cJSON *to)
{
    const cJSON *value = ke_json_get(from, pair->v1);
    if (value == NULL)
        return true;
    cJSON *holder = pair->v2[1] != NULL ? ke_json_need_object(to, pair->v2[0]) : to;
    return holder != NULL && model_set_copy(holder, pair->v2[pair->v2[1] != NULL ? 1 : 0], value);
}

/* v1 does not say which kind of target it is: what is set tells. */
static bool set_target_type(cJSON *source)
{
    cJSON *target = ke_json_need_object(source, "target");
    const char *type = "Value";
    if (ke_json_get(target, "averageUtilization") != NULL)
        type = "Utilization";
    else if (ke_json_get(target, "averageValue") != NULL)
        type = "AverageValue";
    else if (target != NULL && ke_json_get(target, "value") != NULL &&
             ke_str_eq_c(ke_json_str(target, "value"), "0"))
        ke_json_del(target, "value");
    return target != NULL && ke_json_set_str(target, "type", ke_str_c(type));
}

static bool metric_convert(const cJSON *from, cJSON *to, bool is_spec, bool is_to_v1)
{
    if (!model_set_copy(to, "type", ke_json_get(from, "type")))
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(sources); i++) {
        const cJSON *source = ke_json_get(from, sources[i].member);
        const struct pair *pairs = is_spec ? sources[i].spec : sources[i].status;
        if (source == NULL)
            continue;
        cJSON *made = ke_json_need_object(to, sources[i].member);
        if (made == NULL)
            return false;
        for (size_t j = 0; j < KE_ARRAY_LEN(sources[i].spec) && pairs[j].v1 != NULL; j++) {
            if (!(is_to_v1 ? pair_to_v1(&pairs[j], source, made)
                           : pair_to_v2(&pairs[j], source, made)))
                return false;
        }
        if (is_spec && !is_to_v1 && !set_target_type(made))
            return false;
    }
    return true;
}

/* ---- annotations */

static bool set_note(cJSON *object, const char *name, const cJSON *value)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *notes = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    if (notes == NULL)
        return false;
    ke_json_print(value, &text);
    return text.failed == KE_OK && ke_json_set_str(notes, name, ke_buf_str(&text));
}

static cJSON *notes_of(cJSON *object)
{
    return ke_json_get_mut(ke_json_get_mut(object, "metadata"), "annotations");
}

/*
 * What the note says, normalised as message (a member of which it is), and the note is gone. False:
 * out of memory. A note that cannot be read says nothing and is kept for its writer to see.
 */
static bool take_note(cJSON *object, const char *name, const char *message, const char *member,
                      cJSON **out)
{
    cJSON *notes = notes_of(object);
    struct ke_str text = ke_json_str(notes, name);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *holder = cJSON_CreateObject();
    cJSON *value = NULL;
    *out = NULL;
    if (text.len == 0)
        return true;
    if (holder == NULL)
        return false;
    enum ke_code rc = ke_json_parse(text, &value, &err);
    if (rc != KE_OK)
        return rc != KE_NOMEM;
    if (!ke_json_set(holder, member, value))
        return false;
    rc = model_schema_normalise(model_schema_find(ke_str_c(message)), holder, NULL, &err);
    if (rc != KE_OK)
        return rc != KE_NOMEM;
    *out = cJSON_DetachItemFromObjectCaseSensitive(holder, member);
    ke_json_del(notes, name);
    if (notes->child == NULL)
        ke_json_del(ke_json_get_mut(object, "metadata"), "annotations");
    return true;
}

/* A list of metrics of v1 in a note becomes one of v2 in object. */
static bool take_metrics(cJSON *object, const char *note, cJSON *holder, const char *member,
                         bool is_spec)
{
    ke_auto_json *list = cJSON_CreateArray();
    cJSON *notes = notes_of(object);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    struct ke_str text = ke_json_str(notes, note);
    if (text.len == 0)
        return true;
    if (list == NULL)
        return false;
    enum ke_code rc = ke_json_parse(text, &value, &err);
    if (rc != KE_OK || !cJSON_IsArray(value))
        return rc != KE_NOMEM;
    const struct model_message *message = model_schema_find(
        is_spec ? KE_STR("autoscaling.v1.MetricSpec") : KE_STR("autoscaling.v1.MetricStatus"));
    cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsObject(item))
            return true;
        rc = model_schema_normalise(message, item, NULL, &err);
        if (rc != KE_OK)
            return rc != KE_NOMEM;
        cJSON *made = add_object(list);
        if (made == NULL || !metric_convert(item, made, is_spec, false))
            return false;
    }
    ke_json_del(notes, note);
    if (notes->child == NULL)
        ke_json_del(ke_json_get_mut(object, "metadata"), "annotations");
    return ke_json_set(holder, member, KE_TAKE(list));
}

/* ---- from v1 */

/*
 * The one number v1 has of processors, as a metric behind the others. Among what is measured it
 * repeats one of the note's metrics, where there is a note.
 */
static bool add_cpu(cJSON *holder, const char *list_name, const char *v1_name, const char *value_at)
{
    ke_auto_json *measured = cJSON_DetachItemFromObjectCaseSensitive(holder, v1_name);
    bool is_target = strcmp(value_at, "target") == 0;
    if (measured == NULL || (!is_target && ke_json_get(holder, list_name) != NULL))
        return true;
    cJSON *list = ke_json_need_array(holder, list_name);
    cJSON *metric = list != NULL ? add_object(list) : NULL;
    cJSON *resource = metric != NULL && ke_json_set_str(metric, "type", KE_STR("Resource"))
                          ? ke_json_need_object(metric, "resource")
                          : NULL;
    cJSON *into = resource != NULL && ke_json_set_str(resource, "name", KE_STR("cpu"))
                      ? ke_json_need_object(resource, value_at)
                      : NULL;
    return into != NULL && (!is_target || ke_json_set_str(into, "type", KE_STR("Utilization"))) &&
           model_set_copy(into, "averageUtilization", measured);
}

bool hpa_from_v1(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *behavior = NULL;
    cJSON *conditions = NULL;
    if (spec == NULL || status == NULL ||
        !take_metrics(object, NOTE_METRICS, spec, "metrics", true) ||
        !take_metrics(object, NOTE_CURRENT, status, "currentMetrics", false) ||
        !add_cpu(spec, "metrics", "targetCPUUtilizationPercentage", "target") ||
        !add_cpu(status, "currentMetrics", "currentCPUUtilizationPercentage", "current"))
        return false;
    if (!take_note(object, NOTE_BEHAVIOR, "autoscaling.v2.HorizontalPodAutoscalerSpec", "behavior",
                   &behavior) ||
        (behavior != NULL && !ke_json_set(spec, "behavior", behavior)))
        return false;
    return take_note(object, NOTE_CONDITIONS, "autoscaling.v2.HorizontalPodAutoscalerStatus",
                     "conditions", &conditions) &&
           (conditions == NULL || ke_json_set(status, "conditions", conditions));
}

/* ---- to v1 */

static bool is_cpu_share(const cJSON *metric, const char *value_at)
{
    const cJSON *resource = ke_json_get(metric, "resource");
    return ke_str_eq_c(ke_json_str(metric, "type"), "Resource") &&
           ke_str_eq_c(ke_json_str(resource, "name"), "cpu") &&
           ke_json_get(ke_json_get(resource, value_at), "averageUtilization") != NULL;
}

/*
 * The first use of processors is v1's number; the other metrics go into the note, and of those that
 * are measured all: they say more than the number.
 */
static bool put_metrics(cJSON *object, const char *holder_name, const char *list_name,
                        const char *v1_name, const char *value_at, const char *note)
{
    cJSON *holder = ke_json_get_mut(object, holder_name);
    bool is_spec = strcmp(value_at, "target") == 0;
    ke_auto_json *others = cJSON_CreateArray();
    ke_auto_json *list = cJSON_DetachItemFromObjectCaseSensitive(holder, list_name);
    if (others == NULL)
        return false;
    const cJSON *metric;
    cJSON_ArrayForEach(metric, list) {
        if (is_cpu_share(metric, value_at) && ke_json_get(holder, v1_name) == NULL) {
            const cJSON *value = ke_json_get(ke_json_get(metric, "resource"), value_at);
            if (!model_set_copy(holder, v1_name, ke_json_get(value, "averageUtilization")))
                return false;
            if (is_spec)
                continue;
        }
        cJSON *made = add_object(others);
        if (made == NULL || !metric_convert(metric, made, is_spec, true))
            return false;
    }
    return others->child == NULL || set_note(object, note, others);
}

/* A member that v1 does not have goes into a note. */
static bool put_note(cJSON *object, const char *holder_name, const char *name, const char *note)
{
    cJSON *holder = ke_json_get_mut(object, holder_name);
    ke_auto_json *value = cJSON_DetachItemFromObjectCaseSensitive(holder, name);
    return value == NULL || set_note(object, note, value);
}

bool hpa_to_v1(cJSON *object)
{
    cJSON *status = ke_json_need_object(object, "status");
    return status != NULL && model_default_num(status, "currentReplicas", 0) &&
           put_metrics(object, "spec", "metrics", "targetCPUUtilizationPercentage", "target",
                       NOTE_METRICS) &&
           put_note(object, "spec", "behavior", NOTE_BEHAVIOR) &&
           put_metrics(object, "status", "currentMetrics", "currentCPUUtilizationPercentage",
                       "current", NOTE_CURRENT) &&
           put_note(object, "status", "conditions", NOTE_CONDITIONS);
}
