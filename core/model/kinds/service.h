/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_SERVICE_H
#define CORE_MODEL_KINDS_SERVICE_H
/*
 * What the files of the Service kind share: which type needs what. spec is the member of the
 * object. Pure; any thread.
 */
#include "core/model/kinds/kinds.h"

bool service_is_type(const cJSON *spec, const char *type);
bool service_is_headless(const cJSON *spec);
bool service_needs_cluster_ip(const cJSON *spec); /* all but ExternalName */
bool service_needs_node_port(const cJSON *spec);
bool service_is_external(const cJSON *spec);       /* reachable from outside the cluster */
bool service_needs_health_port(const cJSON *spec); /* LoadBalancer with policy Local */

bool service_prepare_create(cJSON *object);
bool service_prepare_update(cJSON *object, const cJSON *old);
void service_validate(const cJSON *object, const cJSON *old, struct model_issues *issues);
void service_validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues);
/* Address and family fields, alone and against each other. */
void service_validate_ips(const cJSON *spec, struct model_issues *issues);
void service_validate_ips_update(const cJSON *spec, const cJSON *old, struct model_issues *issues);

#endif
