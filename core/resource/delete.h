/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_DELETE_H
#define CORE_RESOURCE_DELETE_H
/*
 * What a delete does to an object, decided from the object and what was asked. Pure.
 * Source: apiserver pkg/registry/rest/delete.go, generic/registry/store.go; pod and namespace
 * strategies of pkg/registry/core.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/resource/resource.h"

enum delete_outcome {
    DELETE_REMOVE, /* the key goes now */
    DELETE_MARK,   /* the changed object is stored: finalizers or a grace period are pending */
    DELETE_NOTHING /* all is under way already */
};

struct delete_wish {
    enum resource_propagation propagation;
    bool orphans_by_default; /* where propagation is unset and no earlier delete has said */
    int64_t grace_period_s;  /* -1: the default of the kind */
    bool has_grace_period;
    int64_t now_s; /* wall clock */
};

/* Changes object in place. False: out of memory. */
bool delete_decide(const struct model_kind *kind, cJSON *object, const struct delete_wish *wish,
                   enum delete_outcome *out) KE_MUST_CHECK;

#endif
