/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_SERVICE_FAMILIES_H
#define CORE_RESOURCE_SERVICE_FAMILIES_H
/*
 * Which address families a Service has: ipFamilyPolicy, ipFamilies and clusterIPs brought into
 * agreement with each other and with the ranges of the cluster. Pure but for op's issues.
 * Source: KEP-563; registry/core/service/storage/alloc.go initIPFamilyFields.
 */
#include <cjson/cJSON.h>

#include "core/base/addr.h"

struct operation;

#define SERVICE_FAMILIES_MAX 2

struct service_families {
    enum ke_family configured[SERVICE_FAMILIES_MAX]; /* the first is the default */
    size_t n_configured;
};

/* After validation. Problems become issues of op; false: out of memory. Not for ExternalName. */
bool service_set_families(struct operation *op, const struct service_families *cluster,
                          cJSON *service) KE_MUST_CHECK;
/* Before validation of an update: a Service that goes from two families to one and says so only by
 * its policy keeps the first family and address. */
void service_trim_families(cJSON *service, const cJSON *old);
const char *service_family_name(enum ke_family family); /* "IPv4" */
enum ke_family service_family_parse(struct ke_str name);

#endif
