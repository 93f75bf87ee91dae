/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_OBSERVATION_H
#define CORE_CONTROLLER_OBSERVATION_H
/* What an observation becomes: an Event, once more the same Event, or the status of an Ingress.
 * Pure. NULL results: out of memory. */
#include <cjson/cJSON.h>

#include "core/controller/controllers.h"

struct observation_source {
    struct ke_str node;
    int64_t now_s; /* wall clock */
};

/* The same words about the same object give the same name. */
void observation_event_name(const struct report_item *it, struct ke_buf *out);
/* uid: of what it is about; may be empty. */
cJSON *observation_event(const struct report_item *it, struct ke_str name, struct ke_str uid,
                         const struct observation_source *source);
/* A merge patch: said n times more. */
cJSON *observation_event_again(const cJSON *event, uint32_t n, int64_t now_s);
/* Last said an hour ago. */
bool observation_event_is_old(const cJSON *event, int64_t now_s);
/* {"status":{"loadBalancer":{"ingress":[...]}}}: the addresses of this node are in it or not, those
 * of others stay. */
cJSON *observation_ingress_status(const struct controllers_options *options, bool is_served,
                                  const cJSON *ingress);

#endif
