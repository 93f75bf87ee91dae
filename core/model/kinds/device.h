/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_DEVICE_H
#define CORE_MODEL_KINDS_DEVICE_H
/*
 * What the kinds of dynamic resource allocation share. Expressions (CEL) are kept and not compiled:
 * kedge allocates no devices. Pure; any thread. Source: Kubernetes apis/resource/validation;
 * KEP-4381.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/path.h"

#define DEVICE_LIST_MAX 32 /* requests, constraints, configurations, selectors */

/* A name of at most 63 bytes that is a subdomain, and required. */
void device_check_driver(struct model_path path, struct ke_str driver, struct model_issues *issues);
/* path/name, each part a name. Required. */
void device_check_pool(struct model_path path, struct ke_str pool, struct model_issues *issues);
/* False: "Too many", and the items are not to be looked at. */
bool device_check_count(const cJSON *list, struct model_path path, size_t max,
                        struct model_issues *issues);
/* The member `name` of each is required, a label, and not that of an earlier one. */
void device_check_names(const cJSON *list, const struct model_path *path,
                        struct model_issues *issues);
void device_check_selectors(const cJSON *selectors, const struct model_path *path,
                            struct model_issues *issues);
/* opaque: of a driver, with parameters that are an object. */
void device_check_config(const cJSON *config, const struct model_path *path,
                         struct model_issues *issues);
/* spec.devices of a claim. */
void device_claim_validate(const cJSON *devices, const struct model_path *path,
                           struct model_issues *issues);
/* False: out of memory. */
bool device_claim_set_defaults(cJSON *devices);

#endif
