/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_GARBAGE_DECIDE_H
#define CORE_CONTROLLER_GARBAGE_DECIDE_H
/* What becomes of an object whose owners may be gone. Pure.
 * Source: Kubernetes pkg/controller/garbagecollector/garbagecollector.go attemptToDeleteItem. */
#include <stdbool.h>
#include <stddef.h>

#include "core/resource/resource.h"

enum garbage_owner {
    GARBAGE_OWNER_SOLID,   /* it is there (or cannot be known) */
    GARBAGE_OWNER_WAITING, /* it is being deleted and waits for its dependents */
    GARBAGE_OWNER_ABSENT   /* nothing has this uid any more */
};

struct garbage_view {
    const enum garbage_owner *owners; /* one a reference */
    size_t n_owners;
    bool is_deleting;
    bool has_foreground, has_orphan; /* finalizers */
    bool has_dependents;
    bool has_waiting_dependent; /* one of them waits for its own dependents: a circle */
};

enum garbage_action {
    GARBAGE_KEEP,
    GARBAGE_CUT,   /* one owner is solid: references to the others go */
    GARBAGE_DELETE /* with .propagation */
};

struct garbage_decision {
    enum garbage_action action;
    enum resource_propagation propagation;
    bool is_unblocking; /* first let the owners go on without waiting for this */
};

struct garbage_decision garbage_decide(const struct garbage_view *view);

#endif
