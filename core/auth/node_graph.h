/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_NODE_GRAPH_H
#define CORE_AUTH_NODE_GRAPH_H
/*
 * Which node may see what: pods that are bound to a node, the objects that they refer to, and the
 * volumes behind their claims. Kept by putting and deleting pods and PersistentVolumes. Pure but
 * for its memory; one thread at a time.
 * Source: plugin/pkg/auth/authorizer/node/graph.go; pkg/api/v1/pod VisitPodSecretNames and others.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/str.h"

struct node_graph;

enum node_ref {
    NODE_REF_SECRET,
    NODE_REF_CONFIGMAP,
    NODE_REF_CLAIM, /* PersistentVolumeClaim */
    NODE_REF_ACCOUNT,
    NODE_REF_RESOURCE_CLAIM,
    NODE_REF_POD,
    NODE_REF_VOLUME, /* PersistentVolume; ns empty */
};

struct node_graph *node_graph_new(void); /* NULL: out of memory */
void node_graph_free(struct node_graph *graph);
/* Puts replace what was there under the name. False: out of memory, the graph is to be made anew.
 */
bool node_graph_put_pod(struct node_graph *graph, struct ke_str ns, struct ke_str name,
                        const cJSON *pod);
bool node_graph_put_volume(struct node_graph *graph, struct ke_str name, const cJSON *volume);
void node_graph_del_pod(struct node_graph *graph, struct ke_str ns, struct ke_str name);
void node_graph_del_volume(struct node_graph *graph, struct ke_str name);
/* Is there a pod of node that leads to it? */
bool node_graph_leads(const struct node_graph *graph, struct ke_str node, enum node_ref ref,
                      struct ke_str ns, struct ke_str name);

#endif
