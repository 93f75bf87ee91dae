/* SPDX-License-Identifier: Apache-2.0 */
/* See garbage_decide.h. Pure. */
#include "core/controller/garbage_decide.h"

static size_t count(const struct garbage_view *view, enum garbage_owner state)
{
    size_t n = 0;
    for (size_t i = 0; i < view->n_owners; i++)
        n += view->owners[i] == state ? 1 : 0;
    return n;
}

struct garbage_decision garbage_decide(const struct garbage_view *view)
{
    struct garbage_decision keep = { .action = GARBAGE_KEEP };
    if (view->n_owners == 0 || view->is_deleting)
        return keep;
    size_t n_solid = count(view, GARBAGE_OWNER_SOLID);
    if (n_solid > 0) {
        if (n_solid < view->n_owners)
            keep.action = GARBAGE_CUT;
        return keep;
    }
    struct garbage_decision gone = { .action = GARBAGE_DELETE, .propagation = RESOURCE_BACKGROUND };
    if (count(view, GARBAGE_OWNER_WAITING) > 0 && view->has_dependents) {
        gone.propagation = RESOURCE_FOREGROUND;
        gone.is_unblocking = view->has_waiting_dependent;
    } else if (view->has_orphan) {
        gone.propagation = RESOURCE_ORPHAN;
    } else if (view->has_foreground) {
        gone.propagation = RESOURCE_FOREGROUND;
    }
    return gone;
}
