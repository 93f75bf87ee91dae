/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LimitRanges at work: new pods are given the requests and limits they leave out, and pods and
 * claims that ask for too little or too much are refused. Source: plugin/pkg/admission/limitranger.
 * Thread: the operation's.
 */
#include "core/model/values.h"
#include "core/resource/limits.h"
#include "core/resource/operation.h"
#include "core/resource/pod_resources.h"

#define ANNOTATION     "kubernetes.io/limit-ranger"
#define MAX_COMPLAINTS 64 /* upstream says all; who reads more? */

static bool applies_to(const struct operation *op, bool is_create)
{
    if (op->kind->id == MODEL_PERSISTENTVOLUMECLAIM)
        return op->part->is_main;
    /* What a pod asks for cannot be changed but by resizing it. */
    return op->kind->id == MODEL_POD &&
           (is_create || ke_str_eq_c(op->request.subresource, "resize"));
}

/* The LimitRanges of the operation's namespace; none: an empty list. */
static enum ke_code list_ranges(struct operation *op, struct registry_list *out)
{
    struct limits_count count;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = limits_index_count(op->store->limits, op->request.ns, &count, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    if (count.n_limit_ranges == 0)
        return KE_OK;
    return limits_list(op, MODEL_LIMITRANGE, out);
}

/* ---- defaults */

/* Adds what map says of other resources than those in the container's; their names, sorted, go into
 * said: "cpu, memory limit for container c". */
static bool fill_side(cJSON *container, const char *side, const cJSON *map, struct ke_buf *said)
{
    cJSON *resources = ke_json_need_object(container, "resources");
    cJSON *own = resources != NULL ? ke_json_need_object(resources, side) : NULL;
    if (own == NULL)
        return false;
    const char *last = NULL;
    for (;;) { /* each turn adds the least name that is greater than the last */
        const cJSON *next = NULL;
        const cJSON *item;
        cJSON_ArrayForEach(item, map) {
            if ((last == NULL || strcmp(item->string, last) > 0) &&
                (next == NULL || strcmp(item->string, next->string) < 0) &&
                ke_json_get(own, item->string) == NULL)
                next = item;
        }
        if (next == NULL)
            break;
        last = next->string;
        if (!model_set_copy(own, last, next))
            return false;
        ke_buf_addf(said, "%s%s", said->len > 0 ? ", " : "", last);
    }
    if (own->child == NULL)
        ke_json_del(resources, side);
    return true;
}

static void add_note(struct ke_buf *notes, const struct ke_buf *said, const char *what,
                     const char *list, struct ke_str name)
{
    if (said->len == 0)
        return;
    ke_buf_add_c(notes, notes->len > 0 ? "; " : "LimitRanger plugin set: ");
    ke_buf_add_str(notes, ke_buf_str(said));
    ke_buf_addf(notes, " %s for %s %.*s", what, list, KE_STR_ARG(name));
}

static bool fill_container(cJSON *container, const char *list, const cJSON *limit,
                           struct ke_buf *notes)
{
    ke_auto_buf requests = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_auto_buf limits = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    struct ke_str name = ke_json_str(container, "name");
    if (!fill_side(container, "limits", ke_json_get(limit, "default"), &limits) ||
        !fill_side(container, "requests", ke_json_get(limit, "defaultRequest"), &requests))
        return false;
    add_note(notes, &requests, "request", list, name);
    add_note(notes, &limits, "limit", list, name);
    return requests.failed == KE_OK && limits.failed == KE_OK;
}

static bool fill_pod(cJSON *pod, const cJSON *limit, struct ke_buf *notes)
{
    static const struct {
        const char *list, *called;
    } lists[] = { { "containers", "container" }, { "initContainers", "init container" } };
    cJSON *spec = ke_json_get_mut(pod, "spec");
    for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
        cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get_mut(spec, lists[i].list)) {
            if (!fill_container(container, lists[i].called, limit, notes))
                return false;
        }
    }
    return true;
}

/* Each LimitRange that adds something leaves the note; the last one's stays, as upstream. */
static bool apply_range(cJSON *pod, const struct registry_object *range)
{
    ke_auto_buf notes = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_auto_json *json = registry_object_parse(range);
    if (json == NULL)
        return false;
    const cJSON *limit;
    cJSON_ArrayForEach(limit, ke_json_path(json, "spec.limits")) {
        if (ke_str_eq_c(ke_json_str(limit, "type"), "Container") && !fill_pod(pod, limit, &notes))
            return false;
    }
    if (notes.len == 0)
        return true;
    cJSON *meta = ke_json_need_object(pod, "metadata");
    cJSON *annotations = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    return annotations != NULL && notes.failed == KE_OK &&
           ke_json_set_str(annotations, ANNOTATION, ke_buf_str(&notes));
}

enum ke_code limit_range_default(struct operation *op, cJSON *pod)
{
    struct registry_list ranges = { .objects = NULL };
    enum ke_code rc = list_ranges(op, &ranges);
    bool is_ok = true;
    for (size_t i = 0; rc == KE_OK && is_ok && i < ranges.n_objects; i++)
        is_ok = apply_range(pod, ranges.objects[i]);
    registry_list_free(&ranges);
    return rc != KE_OK || is_ok ? rc : operation_fail_nomem(op);
}

/* ---- checks */

struct check {
    struct ke_buf *out; /* complaints, joined by ", " */
    size_t n;
    const char *type; /* "Container" */
};

/* What is asked of one resource. */
struct asked {
    bool has_request, has_limit;
    struct model_quantity request, limit;
};

/* Begins a complaint; false: there are enough. */
static bool begin(struct check *check)
{
    if (check->n >= MAX_COMPLAINTS)
        return false;
    if (check->n++ > 0)
        ke_buf_add_c(check->out, ", ");
    return true;
}

static void complain_bound(struct check *check, const char *bound, const cJSON *enforced,
                           const char *what, const struct model_quantity *value)
{
    if (!begin(check))
        return;
    ke_buf_addf(check->out, "%s %s usage per %s is %s", bound, enforced->string, check->type,
                enforced->valuestring);
    if (value == NULL) {
        ke_buf_addf(check->out, ".  No %s is specified", what);
        return;
    }
    ke_buf_addf(check->out, ", but %s is ", what);
    model_quantity_format(value, check->out);
}

static void check_min(struct check *check, const cJSON *enforced, const struct asked *asked)
{
    struct model_quantity min;
    if (!model_quantity_of(enforced, &min))
        return;
    if (!asked->has_request)
        complain_bound(check, "minimum", enforced, "request", NULL);
    else if (model_quantity_cmp(&asked->request, &min) < 0)
        complain_bound(check, "minimum", enforced, "request", &asked->request);
    else if (asked->has_limit && model_quantity_cmp(&asked->limit, &min) < 0)
        complain_bound(check, "minimum", enforced, "limit", &asked->limit);
}

static void check_max(struct check *check, const cJSON *enforced, const struct asked *asked)
{
    struct model_quantity max;
    if (!model_quantity_of(enforced, &max))
        return;
    if (!asked->has_limit)
        complain_bound(check, "maximum", enforced, "limit", NULL);
    else if (model_quantity_cmp(&asked->limit, &max) > 0)
        complain_bound(check, "maximum", enforced, "limit", &asked->limit);
    else if (asked->has_request && model_quantity_cmp(&asked->request, &max) > 0)
        complain_bound(check, "maximum", enforced, "request", &asked->request);
}

/* Of claims, which have no limits. */
static void check_max_request(struct check *check, const cJSON *enforced, const struct asked *asked)
{
    struct model_quantity max;
    if (!model_quantity_of(enforced, &max))
        return;
    if (!asked->has_request)
        complain_bound(check, "maximum", enforced, "request", NULL);
    else if (model_quantity_cmp(&asked->request, &max) > 0)
        complain_bound(check, "maximum", enforced, "request", &asked->request);
}

static double to_double(const struct model_quantity *quantity)
{
    double value = (double)quantity->value;
    for (int i = quantity->scale; i > 0 && i <= 400; i--)
        value *= 10;
    for (int i = quantity->scale; i < 0; i++)
        value /= 10;
    return value;
}

static void check_ratio(struct check *check, const cJSON *enforced, const struct asked *asked)
{
    struct model_quantity max;
    const char *missing = NULL;
    if (!model_quantity_of(enforced, &max))
        return;
    if (!asked->has_request || model_quantity_is_zero(&asked->request))
        missing = "request";
    else if (!asked->has_limit || model_quantity_is_zero(&asked->limit))
        missing = "limit";
    double ratio = missing == NULL ? to_double(&asked->limit) / to_double(&asked->request) : 0;
    if ((missing == NULL && ratio <= to_double(&max)) || !begin(check))
        return;
    ke_buf_addf(check->out, "%s max limit to request ratio per %s is %s, but ", enforced->string,
                check->type, enforced->valuestring);
    if (missing != NULL)
        ke_buf_addf(check->out, "no %s is specified or %s is 0", missing, missing);
    else
        ke_buf_addf(check->out, "provided ratio is %f", ratio);
}

typedef void check_fn(struct check *check, const cJSON *enforced, const struct asked *asked);

static const struct rule {
    const char *map;
    check_fn *fn;
} rules[] = {
    { "min", check_min },
    { "max", check_max },
    { "maxLimitRequestRatio", check_ratio },
};

static void check_container(struct check *check, const cJSON *limit, const cJSON *container)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(rules); i++) {
        const cJSON *enforced;
        cJSON_ArrayForEach(enforced, ke_json_get(limit, rules[i].map)) {
            struct asked asked = { .has_request = false };
            const cJSON *requests = pod_resources_of(container, POD_REQUESTS);
            const cJSON *limits = pod_resources_of(container, POD_LIMITS);
            asked.has_request =
                model_quantity_of(ke_json_get(requests, enforced->string), &asked.request);
            asked.has_limit =
                model_quantity_of(ke_json_get(limits, enforced->string), &asked.limit);
            rules[i].fn(check, enforced, &asked);
        }
    }
}

static void check_pod(struct check *check, const cJSON *limit, const cJSON *pod)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(rules); i++) {
        const cJSON *enforced;
        cJSON_ArrayForEach(enforced, ke_json_get(limit, rules[i].map)) {
            struct asked asked = { .has_request = false };
            asked.has_request =
                pod_resources_sum(pod, POD_REQUESTS, enforced->string, &asked.request);
            asked.has_limit = pod_resources_sum(pod, POD_LIMITS, enforced->string, &asked.limit);
            rules[i].fn(check, enforced, &asked);
        }
    }
}

static void check_claim(struct check *check, const cJSON *limit, const cJSON *claim)
{
    const cJSON *requests = ke_json_path(claim, "spec.resources.requests");
    static const struct rule of_claims[] = { { "min", check_min }, { "max", check_max_request } };
    for (size_t i = 0; i < KE_ARRAY_LEN(of_claims); i++) {
        const cJSON *enforced;
        cJSON_ArrayForEach(enforced, ke_json_get(limit, of_claims[i].map)) {
            struct asked asked = { .has_limit = false };
            asked.has_request =
                model_quantity_of(ke_json_get(requests, enforced->string), &asked.request);
            of_claims[i].fn(check, enforced, &asked);
        }
    }
}

static void check_limit(struct check *check, const cJSON *limit, const struct model_kind *kind,
                        const cJSON *object)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct ke_str type = ke_json_str(limit, "type");
    bool is_pod = kind->id == MODEL_POD;
    check->type = type.ptr;
    if (is_pod && ke_str_eq_c(type, "Container")) {
        for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
            const cJSON *container;
            cJSON_ArrayForEach(container, ke_json_get(ke_json_get(object, "spec"), lists[i]))
                check_container(check, limit, container);
        }
    } else if (is_pod && ke_str_eq_c(type, "Pod")) {
        check_pod(check, limit, object);
    } else if (!is_pod && ke_str_eq_c(type, "PersistentVolumeClaim")) {
        check_claim(check, limit, object);
    }
}

/* The first LimitRange that says no is the answer. */
static enum ke_code check_range(struct operation *op, const struct registry_object *range,
                                const cJSON *object)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    struct check check = { .out = &text };
    ke_auto_json *json = registry_object_parse(range);
    if (json == NULL)
        return operation_fail_nomem(op);
    const cJSON *limit;
    cJSON_ArrayForEach(limit, ke_json_path(json, "spec.limits"))
        check_limit(&check, limit, op->kind, object);
    if (check.n == 0)
        return KE_OK;
    if (text.failed != KE_OK)
        return operation_fail_nomem(op);
    const char *open = check.n > 1 ? "[" : "";
    const char *close = check.n > 1 ? "]" : "";
    return operation_fail_forbidden(op, op->request.name, "%s%.*s%s", open,
                                    KE_STR_ARG(ke_buf_str(&text)), close);
}

enum ke_code limit_range_check(struct operation *op, const cJSON *object, const cJSON *old)
{
    if (!applies_to(op, old == NULL))
        return KE_OK;
    struct registry_list ranges = { .objects = NULL };
    enum ke_code rc = list_ranges(op, &ranges);
    for (size_t i = 0; rc == KE_OK && i < ranges.n_objects; i++)
        rc = check_range(op, ranges.objects[i], object);
    registry_list_free(&ranges);
    return rc;
}
