/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_ENDPOINTS_BUILD_H
#define CORE_CONTROLLER_ENDPOINTS_BUILD_H
/*
 * What Endpoints and EndpointSlices a Service should have, from the Pods it selects. Pure.
 * Source: Kubernetes pkg/controller/endpoint, staging/endpointslice/{reconciler,utils}.go.
 */
#include "core/controller/slices.h"
#include "core/model/views.h"

#define ENDPOINTS_ADDRESSES_MAX 1000 /* of one Endpoints object */
#define ENDPOINTS_LABEL_MANAGED "endpoints.kubernetes.io/managed-by"
#define ENDPOINTS_BY            "endpoint-controller"
#define ENDPOINTS_OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define ENDPOINTS_SKIP_MIRROR   "endpointslice.kubernetes.io/skip-mirror"
#define ENDPOINTS_LEADER        "control-plane.alpha.kubernetes.io/leader"

struct endpoints_pod {
    const struct model_pod *pod;
    struct ke_str zone; /* of its node; empty: not known */
};

struct endpoints_input {
    const struct model_service *service;
    enum ke_family families[2]; /* spec.ipFamilies; the first is that of Endpoints */
    size_t n_families;
    const struct endpoints_pod *pods; /* those that the selector matches */
    size_t n_pods;
};

/* Could it be an endpoint: it has an address and has not ended. */
bool endpoints_pod_counts(const struct model_pod *pod);
/* The number a port of the Service has on this pod; false: the pod has no port of that name. */
bool endpoints_find_port(const struct model_pod *pod, const struct model_service_port *port,
                         uint16_t *out);

/* Labels and groups of *wish (zeroed before). False: out of memory. */
bool endpoints_build_slices(const struct endpoints_input *input,
                            struct slices_wish *wish) KE_MUST_CHECK;
/* The Endpoints object; NULL: out of memory. */
cJSON *endpoints_build_object(const struct endpoints_input *input);

#endif
