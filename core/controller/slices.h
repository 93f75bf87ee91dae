/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_SLICES_H
#define CORE_CONTROLLER_SLICES_H
/*
 * Packs endpoints into EndpointSlices so that little changes: what is in a slice stays there, what
 * is new fills slices that change anyway, then room elsewhere, then new slices of at most 100.
 * Pure. Source: Kubernetes staging/endpointslice/reconciler.go.
 */
#include <cjson/cJSON.h>

#include "core/base/addr.h"
#include "core/base/mem.h"

#define SLICE_ENDPOINTS_MAX    100

#define SLICE_LABEL_SERVICE    "kubernetes.io/service-name"
#define SLICE_LABEL_MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define SLICE_LABEL_HEADLESS   "service.kubernetes.io/headless"
#define SLICE_BY_ENDPOINTS     "endpointslice-controller.k8s.io"
#define SLICE_BY_MIRRORING     "endpointslicemirroring-controller.k8s.io"

/* Endpoints of one family behind one list of ports. */
struct slice_group {
    enum ke_family family;
    cJSON *ports;     /* array, in a fixed order; owned */
    cJSON *endpoints; /* array of discovery.v1.Endpoint, each with one address; owned */
};

/* All that one owner should have. */
struct slices_wish {
    struct ke_str ns, name;               /* of the owner: slices are called NAME-xxxxx */
    struct ke_str uid, api_version, kind; /* of the owner */
    cJSON *labels;                        /* whole; owned */
    struct slice_group *groups;           /* ke_grow */
    size_t n_groups, cap_groups;
};

enum slices_change_type { SLICES_CREATE, SLICES_UPDATE, SLICES_DELETE };
struct slices_change {
    enum slices_change_type type;
    struct ke_str name; /* in the arena, or of existing */
    cJSON *object;      /* owned; NULL: delete */
};
struct slices_plan {
    struct slices_change *changes; /* ke_grow */
    size_t n_changes, cap_changes;
};

/* A new empty group; NULL: out of memory. Valid until the next call. */
struct slice_group *slices_wish_add_group(struct slices_wish *wish, enum ke_family family,
                                          cJSON *ports_given);
void slices_wish_deinit(struct slices_wish *wish);

/*
 * existing: the slices of this owner, borrowed. A group without endpoints keeps one empty slice.
 * False: out of memory; the plan is then incomplete and not to be used.
 */
bool slices_plan_make(const struct slices_wish *wish, const cJSON *const *existing,
                      size_t n_existing, struct ke_arena *arena,
                      struct slices_plan *out) KE_MUST_CHECK;
void slices_plan_deinit(struct slices_plan *plan);

#endif
