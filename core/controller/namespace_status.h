/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_NAMESPACE_STATUS_H
#define CORE_CONTROLLER_NAMESPACE_STATUS_H
/*
 * What the status of a namespace says about the objects that keep it from going: how many of which
 * resource there are, and which finalizers they wait for. Pure.
 * Source: Kubernetes pkg/controller/namespace/deletion, its conditions and their words.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/str.h"

struct namespace_remains {
    cJSON *resources;  /* "pods." (name, dot, group): count; owned */
    cJSON *finalizers; /* name: count of objects; owned */
};

/* False: out of memory. Ends with namespace_remains_deinit in any case. */
bool namespace_remains_init(struct namespace_remains *remains);
void namespace_remains_deinit(struct namespace_remains *remains);
/* An object of a resource that is still there. False: out of memory. */
bool namespace_remains_add(struct namespace_remains *remains, const char *resource,
                           const cJSON *object);
/* Sets the conditions of the namespace. now: as objects carry it. False: out of memory. */
bool namespace_remains_tell(const struct namespace_remains *remains, cJSON *ns, struct ke_str now);

#endif
