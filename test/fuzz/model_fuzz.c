/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object from the outside as JSON: parsed, normalised along the schema of its kind, defaulted,
 * checked and decoded into each view. Held to be true: normalising twice changes nothing more.
 */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/model/kind.h"
#include "core/model/schema.h"
#include "core/model/views.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_views(const cJSON *object, struct ke_arena *arena)
{
    union {
        struct model_service service;
        struct model_endpoint_slice slice;
        struct model_pod pod;
        struct model_node node;
        struct model_ingress ingress;
        struct model_ingress_class class;
    } view;
    /* What is asked for is that they end: whether the arena is large enough is no matter here. */
    bool is_whole = model_service_decode(object, arena, &view.service);
    is_whole = model_endpoint_slice_decode(object, arena, &view.slice) && is_whole;
    is_whole = model_pod_decode(object, arena, &view.pod) && is_whole;
    is_whole = model_node_decode(object, arena, &view.node) && is_whole;
    is_whole = model_ingress_decode(object, arena, &view.ingress) && is_whole;
    is_whole = model_ingress_class_decode(object, arena, &view.class) && is_whole;
    (void)is_whole;
}

static void check_kind(const struct model_kind *kind, cJSON *object, struct model_issues *issues)
{
    if (kind->set_defaults != NULL)
        kind->set_defaults(object);
    if (kind->validate != NULL)
        kind->validate(object, NULL, issues);
    if (kind->validate != NULL)
        kind->validate(object, object, issues);
}

static void check_normal_form(const struct model_message *message, cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *again = cJSON_Duplicate(object, true);
    if (again == NULL || model_schema_normalise(message, again, NULL, &err) != KE_OK)
        abort();
    if (!ke_json_equal(again, object))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    KE_AUTO(ke_arena) *arena = ke_arena_new(64U << 20);
    if (arena == NULL || ke_json_parse(ke_str_of((const char *)data, size), &object, &err) != KE_OK)
        return 0;
    decode_views(object, arena); /* also of what nobody has checked */
    struct model_issues issues;
    model_issues_init(&issues, arena);
    struct ke_str kind_name = ke_json_str(object, "kind");
    const struct model_message *message =
        model_schema_find_kind(ke_json_str(object, "apiVersion"), kind_name);
    if (message == NULL || model_schema_normalise(message, object, &issues, &err) != KE_OK)
        return 0;
    check_normal_form(message, object);
    for (unsigned i = 0; model_kind_at(i) != NULL; i++) {
        const struct model_kind *kind = model_kind_at(i);
        if (ke_str_eq_c(ke_str_c(model_message_name(message)), kind->versions[0].message))
            check_kind(kind, object, &issues);
    }
    decode_views(object, arena);
    return 0;
}
