/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scale: how many replicas a workload shall have and has, in one form for all kinds. Where a kind
 * keeps them is said by its row (struct model_scale), so custom kinds need no code here.
 * Source: Kubernetes pkg/registry/apps/deployment/storage (ScaleREST); apiextensions-apiserver
 * pkg/registry/customresource (ScaleREST). show_scale is pure; the rest runs on the operation's
 * thread.
 */
#include "core/model/kinds/kinds.h"
#include "core/model/selector.h"
#include "core/resource/operation.h"

#define SELECTOR_BYTES (64U << 10)

static bool add_selector(cJSON *status, const struct model_scale *scale, const cJSON *object)
{
    const cJSON *value = scale->selector != NULL ? ke_json_path(object, scale->selector) : NULL;
    KE_AUTO(model_selector) *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = KE_OK;
    if (value == NULL)
        return true;
    if (scale->selector_form == MODEL_SCALE_TEXT) {
        struct ke_str text = ke_json_value_str(value);
        return text.len == 0 || ke_json_set_str(status, "selector", text);
    }
    if (scale->selector_form == MODEL_SCALE_LABELS)
        rc = model_selector_from_map(value, &selector, &err);
    else
        rc = model_selector_from_label_selector(value, &selector, &err);
    if (rc != KE_OK)
        return rc != KE_NOMEM; /* a selector that says nothing sensible is not shown */
    ke_auto_buf text = KE_BUF_INIT(SELECTOR_BYTES);
    model_selector_format(selector, &text);
    return text.failed == KE_OK &&
           (text.len == 0 || ke_json_set_str(status, "selector", ke_buf_str(&text)));
}

static bool add_metadata(cJSON *shown, const cJSON *object)
{
    static const char *const kept[] = { "name", "namespace", "uid", "resourceVersion",
                                        "creationTimestamp" };
    cJSON *meta = ke_json_need_object(shown, "metadata");
    for (size_t i = 0; meta != NULL && i < KE_ARRAY_LEN(kept); i++) {
        struct ke_str value = ke_json_str(ke_json_get(object, "metadata"), kept[i]);
        if (value.len > 0 && !ke_json_set_str(meta, kept[i], value))
            return false;
    }
    return meta != NULL;
}

static double count_at(const cJSON *object, const char *path)
{
    const cJSON *value = ke_json_path(object, path);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static bool show_scale(const struct model_kind *kind, const struct model_subresource *subresource,
                       const cJSON *object, cJSON **out)
{
    (void)kind;
    const struct model_scale *scale = subresource->scale;
    ke_auto_json *shown = cJSON_CreateObject();
    if (shown == NULL || !ke_json_set_str(shown, "kind", KE_STR("Scale")) ||
        !ke_json_set_str(shown, "apiVersion", KE_STR("autoscaling/v1")) ||
        !add_metadata(shown, object))
        return false;
    cJSON *spec = ke_json_need_object(shown, "spec");
    cJSON *status = ke_json_need_object(shown, "status");
    double wanted = count_at(object, scale->spec_replicas);
    if (spec == NULL || status == NULL ||
        (wanted != 0 && !ke_json_set(spec, "replicas", cJSON_CreateNumber(wanted))) ||
        !ke_json_set(status, "replicas",
                     cJSON_CreateNumber(count_at(object, scale->status_replicas))) ||
        !add_selector(status, scale, object))
        return false;
    *out = KE_TAKE(shown);
    return true;
}

/* Sets the member at a dotted path, making the objects on the way. */
static bool set_at(cJSON *object, const char *path, double value)
{
    char name[LIMIT_SCALE_PATH_BYTES];
    cJSON *at = object;
    struct ke_str rest = ke_str_c(path);
    struct ke_str part;
    while (at != NULL && ke_str_split(&rest, '.', &part)) {
        if (part.len >= sizeof(name))
            return false;
        memcpy(name, part.ptr, part.len);
        name[part.len] = '\0';
        if (rest.len == 0)
            return ke_json_set(at, name, cJSON_CreateNumber(value));
        at = ke_json_need_object(at, name);
    }
    return false;
}

/* old, with the replicas of the Scale. */
static enum ke_code merge_scale(struct operation *op, cJSON **object, const cJSON *old)
{
    model_kind_scale.validate(*object, NULL, &op->issues);
    if (op->issues.n_items > 0)
        return operation_fail_invalid_kind(op, op->spoken, op->request.name);
    int64_t replicas = ke_json_i64(ke_json_get(*object, "spec"), "replicas", 0);
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    if (merged == NULL || !set_at(merged, op->subresource->scale->spec_replicas, (double)replicas))
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return KE_OK;
}

static void validate_scaled(struct operation *op, const cJSON *object, const cJSON *old)
{
    model_form_validate(&op->form, object, old, &op->issues);
}

const struct operation_part part_scale = {
    .name = "scale",
    .counts_generation = true,
    .show = show_scale,
    .merge = merge_scale,
    .validate = validate_scaled,
};
