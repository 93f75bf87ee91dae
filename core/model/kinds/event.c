/* SPDX-License-Identifier: Apache-2.0 */
/* Events: kept for an hour and written behind, as they tell and do not decide. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "involvedObject.kind", NULL, NULL },
    { "involvedObject.namespace", NULL, NULL },
    { "involvedObject.name", NULL, NULL },
    { "involvedObject.uid", NULL, NULL },
    { "involvedObject.apiVersion", NULL, NULL },
    { "involvedObject.resourceVersion", NULL, NULL },
    { "involvedObject.fieldPath", NULL, NULL },
    { "reason", NULL, NULL },
    { "reportingComponent", NULL, NULL },
    { "source", "source.component", NULL },
    { "type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_event = {
    .id = MODEL_EVENT,
    .kind = "Event",
    .list_kind = "EventList",
    .plural = "events",
    .singular = "event",
    .short_names = { "ev" },
    .prefix = "/registry/events/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_LAZY,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Event" },
    },
    .fields = fields,
};
