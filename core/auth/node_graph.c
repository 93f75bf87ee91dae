/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See node_graph.h. A pod keeps its list of references; an edge (reference, node) is counted in one
 * map, so that a question is one look-up.
 */
#include "core/auth/node_graph.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"

#define EDGE_BYTES (4 * LIMIT_KEY_BYTES)
/* Of one pod. A reference takes ten bytes of JSON and 64 here: no object may come to more, or its
 * writer would stop the authoriser for every node. */
#define VERTEX_BYTES (16U * LIMIT_OBJECT_BYTES)
#define LOOK_BACK    32 /* references that a new one is compared with: twins only cost memory */

/* A pod or a volume. */
struct vertex {
    struct ke_arena *arena;
    struct ke_str node; /* of a pod; empty: not bound */
    struct ref {
        struct ref *next;
        enum node_ref kind;
        struct ke_str ns, name;
    } * refs; /* of a volume: its secrets and, once, its claim */
};

struct node_graph {
    struct ke_map *pods;    /* "ns/name" to vertex */
    struct ke_map *volumes; /* name to vertex */
    struct ke_map *edges;   /* "kind/ns/name/node" to how many */
};

/* ---- edges */

static bool edge_key(struct ke_buf *key, enum node_ref kind, struct ke_str ns, struct ke_str name,
                     struct ke_str node)
{
    ke_buf_clear(key);
    ke_buf_addf(key, "%d/%.*s/%.*s/%.*s", (int)kind, KE_STR_ARG(ns), KE_STR_ARG(name),
                KE_STR_ARG(node));
    return key->failed == KE_OK;
}

static bool count_edge(struct node_graph *graph, const struct vertex *pod, const struct ref *ref,
                       int change)
{
    char memory[EDGE_BYTES];
    struct ke_buf key = KE_BUF_FIXED(memory, sizeof(memory));
    if (!edge_key(&key, ref->kind, ref->ns, ref->name, pod->node))
        return true; /* longer than any name may be: nobody can ask for it */
    intptr_t n = (intptr_t)ke_map_get(graph->edges, ke_buf_str(&key)) + change;
    if (n > 0)
        return ke_map_set(graph->edges, ke_buf_str(&key), (void *)n, NULL);
    (void)ke_map_del(graph->edges, ke_buf_str(&key));
    return true;
}

static bool count_all(struct node_graph *graph, const struct vertex *pod, int change)
{
    bool is_ok = true;
    for (const struct ref *ref = pod->refs; ref != NULL && pod->node.len > 0; ref = ref->next)
        is_ok = count_edge(graph, pod, ref, change) && is_ok;
    return is_ok;
}

/* ---- reading */

static void vertex_free(struct vertex *vertex)
{
    if (vertex == NULL)
        return;
    ke_arena_free(vertex->arena);
    free(vertex);
}
KE_AUTO_DEFINE(vertex)

static struct vertex *vertex_new(void)
{
    struct vertex *vertex = ke_alloc(sizeof(*vertex));
    if (vertex == NULL)
        return NULL;
    vertex->arena = ke_arena_new(VERTEX_BYTES);
    if (vertex->arena == NULL) {
        free(vertex);
        return NULL;
    }
    return vertex;
}

/* An empty name is no reference. */
static bool add_ref(struct vertex *vertex, enum node_ref kind, struct ke_str ns, struct ke_str name)
{
    const struct ref *it = vertex->refs;
    if (name.len == 0)
        return true;
    for (int i = 0; i < LOOK_BACK && it != NULL; i++, it = it->next) {
        if (it->kind == kind && ke_str_eq(it->ns, ns) && ke_str_eq(it->name, name))
            return true;
    }
    bool is_same_ns = vertex->refs != NULL && ke_str_eq(vertex->refs->ns, ns);
    struct ref *ref = ke_arena_alloc(vertex->arena, sizeof(*ref));
    if (ref == NULL)
        return false;
    *ref = (struct ref){ .next = vertex->refs,
                         .kind = kind,
                         .ns = is_same_ns ? vertex->refs->ns : ke_arena_str(vertex->arena, ns),
                         .name = ke_arena_str(vertex->arena, name) };
    vertex->refs = ref;
    return ref->ns.ptr != NULL && ref->name.ptr != NULL;
}

static bool add_path(struct vertex *vertex, enum node_ref kind, struct ke_str ns,
                     const cJSON *object, const char *path)
{
    return add_ref(vertex, kind, ns, ke_json_path_str(object, path));
}

static bool add_container(struct vertex *vertex, struct ke_str ns, const cJSON *container)
{
    const cJSON *it = NULL;
    bool is_ok = true;
    cJSON_ArrayForEach(it, ke_json_get(container, "env")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_SECRET, ns, it, "valueFrom.secretKeyRef.name") &&
                add_path(vertex, NODE_REF_CONFIGMAP, ns, it, "valueFrom.configMapKeyRef.name");
    }
    cJSON_ArrayForEach(it, ke_json_get(container, "envFrom")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_SECRET, ns, it, "secretRef.name") &&
                add_path(vertex, NODE_REF_CONFIGMAP, ns, it, "configMapRef.name");
    }
    return is_ok;
}

static bool add_volume(struct vertex *vertex, struct ke_str ns, struct ke_str pod,
                       const cJSON *volume)
{
    static const char *const secrets[] = {
        "secret.secretName",         "azureFile.secretName",
        "cephfs.secretRef.name",     "cinder.secretRef.name",
        "flexVolume.secretRef.name", "rbd.secretRef.name",
        "scaleIO.secretRef.name",    "iscsi.secretRef.name",
        "storageos.secretRef.name",  "csi.nodePublishSecretRef.name"
    };
    const cJSON *it = NULL;
    bool is_ok = true;
    for (size_t i = 0; i < KE_ARRAY_LEN(secrets); i++)
        is_ok = is_ok && add_path(vertex, NODE_REF_SECRET, ns, volume, secrets[i]);
    cJSON_ArrayForEach(it, ke_json_path(volume, "projected.sources")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_SECRET, ns, it, "secret.name") &&
                add_path(vertex, NODE_REF_CONFIGMAP, ns, it, "configMap.name");
    }
    is_ok = is_ok && add_path(vertex, NODE_REF_CONFIGMAP, ns, volume, "configMap.name") &&
            add_path(vertex, NODE_REF_CLAIM, ns, volume, "persistentVolumeClaim.claimName");
    if (!is_ok || ke_json_get(volume, "ephemeral") == NULL)
        return is_ok;
    struct ke_str name = ke_json_str(volume, "name");
    struct ke_str claim =
        ke_arena_fmt(vertex->arena, "%.*s-%.*s", KE_STR_ARG(pod), KE_STR_ARG(name));
    return claim.ptr != NULL && add_ref(vertex, NODE_REF_CLAIM, ns, claim);
}

static bool add_claims(struct vertex *vertex, struct ke_str ns, const cJSON *pod)
{
    const cJSON *it = NULL;
    bool is_ok = true;
    cJSON_ArrayForEach(it, ke_json_path(pod, "spec.resourceClaims")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_RESOURCE_CLAIM, ns, it, "resourceClaimName");
    }
    cJSON_ArrayForEach(it, ke_json_path(pod, "status.resourceClaimStatuses")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_RESOURCE_CLAIM, ns, it, "resourceClaimName");
    }
    return is_ok;
}

static bool read_pod(struct vertex *vertex, struct ke_str ns, struct ke_str name, const cJSON *pod)
{
    static const char *const containers[] = { "containers", "initContainers",
                                              "ephemeralContainers" };
    const cJSON *spec = ke_json_get(pod, "spec");
    const cJSON *it = NULL;
    vertex->node = ke_arena_str(vertex->arena, ke_json_str(spec, "nodeName"));
    bool is_ok = vertex->node.ptr != NULL && add_ref(vertex, NODE_REF_POD, ns, name);
    /* A mirror of what the node runs by itself gives it nothing. */
    if (!is_ok || ke_json_get(ke_json_path(pod, "metadata.annotations"),
                              "kubernetes.io/config.mirror") != NULL)
        return is_ok;
    is_ok = add_path(vertex, NODE_REF_ACCOUNT, ns, spec, "serviceAccountName");
    cJSON_ArrayForEach(it, ke_json_get(spec, "imagePullSecrets")) {
        is_ok = is_ok && add_path(vertex, NODE_REF_SECRET, ns, it, "name");
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(containers); i++) {
        cJSON_ArrayForEach(it, ke_json_get(spec, containers[i])) {
            is_ok = is_ok && add_container(vertex, ns, it);
        }
    }
    cJSON_ArrayForEach(it, ke_json_get(spec, "volumes")) {
        is_ok = is_ok && add_volume(vertex, ns, name, it);
    }
    return is_ok && add_claims(vertex, ns, pod);
}

static bool read_volume(struct vertex *vertex, const cJSON *volume)
{
    static const char *const secrets[] = { "cephfs.secretRef",
                                           "cinder.secretRef",
                                           "flexVolume.secretRef",
                                           "rbd.secretRef",
                                           "scaleIO.secretRef",
                                           "iscsi.secretRef",
                                           "storageos.secretRef",
                                           "csi.nodePublishSecretRef",
                                           "csi.nodeStageSecretRef",
                                           "csi.nodeExpandSecretRef",
                                           "csi.controllerExpandSecretRef",
                                           "csi.controllerPublishSecretRef" };
    const cJSON *spec = ke_json_get(volume, "spec");
    struct ke_str claim_ns = ke_json_path_str(spec, "claimRef.namespace");
    bool is_ok = add_path(vertex, NODE_REF_CLAIM, claim_ns, spec, "claimRef.name");
    for (size_t i = 0; i < KE_ARRAY_LEN(secrets); i++) {
        const cJSON *ref = ke_json_path(spec, secrets[i]);
        struct ke_str ns = ke_json_str(ref, "namespace");
        is_ok = is_ok && add_ref(vertex, NODE_REF_SECRET, ns.len > 0 ? ns : claim_ns,
                                 ke_json_str(ref, "name"));
    }
    const cJSON *azure = ke_json_get(spec, "azureFile");
    struct ke_str ns = ke_json_str(azure, "secretNamespace");
    return is_ok && add_ref(vertex, NODE_REF_SECRET, ns.len > 0 ? ns : claim_ns,
                            ke_json_str(azure, "secretName"));
}

/* ---- the graph */

struct node_graph *node_graph_new(void)
{
    struct node_graph *graph = ke_alloc(sizeof(*graph));
    if (graph == NULL)
        return NULL;
    graph->pods = ke_map_new();
    graph->volumes = ke_map_new();
    graph->edges = ke_map_new();
    if (graph->pods == NULL || graph->volumes == NULL || graph->edges == NULL) {
        node_graph_free(graph);
        return NULL;
    }
    return graph;
}

static void free_vertices(struct ke_map *map)
{
    size_t pos = 0;
    struct ke_str key;
    void *vertex = NULL;
    while (map != NULL && ke_map_next(map, &pos, &key, &vertex))
        vertex_free(vertex);
    ke_map_free(map);
}

void node_graph_free(struct node_graph *graph)
{
    if (graph == NULL)
        return;
    free_vertices(graph->pods);
    free_vertices(graph->volumes);
    ke_map_free(graph->edges);
    free(graph);
}

static bool pod_key(struct ke_buf *key, struct ke_str ns, struct ke_str name)
{
    ke_buf_addf(key, "%.*s/%.*s", KE_STR_ARG(ns), KE_STR_ARG(name));
    return key->failed == KE_OK;
}

bool node_graph_put_pod(struct node_graph *graph, struct ke_str ns, struct ke_str name,
                        const cJSON *pod)
{
    char memory[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(memory, sizeof(memory));
    KE_AUTO(vertex) *vertex = vertex_new();
    void *old = NULL;
    if (vertex == NULL || !pod_key(&key, ns, name) || !read_pod(vertex, ns, name, pod) ||
        !ke_map_set(graph->pods, ke_buf_str(&key), vertex, &old))
        return false;
    const struct vertex *kept = KE_TAKE(vertex);
    bool is_ok = old == NULL || count_all(graph, old, -1);
    vertex_free(old);
    return count_all(graph, kept, 1) && is_ok;
}

bool node_graph_put_volume(struct node_graph *graph, struct ke_str name, const cJSON *volume)
{
    KE_AUTO(vertex) *vertex = vertex_new();
    void *old = NULL;
    if (vertex == NULL || !read_volume(vertex, volume) ||
        !ke_map_set(graph->volumes, name, vertex, &old))
        return false;
    vertex_free(old);
    (void)KE_TAKE(vertex);
    return true;
}

void node_graph_del_pod(struct node_graph *graph, struct ke_str ns, struct ke_str name)
{
    char memory[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(memory, sizeof(memory));
    if (!pod_key(&key, ns, name))
        return;
    struct vertex *old = ke_map_del(graph->pods, ke_buf_str(&key));
    if (old != NULL)
        (void)count_all(graph, old, -1);
    vertex_free(old);
}

void node_graph_del_volume(struct node_graph *graph, struct ke_str name)
{
    vertex_free(ke_map_del(graph->volumes, name));
}

static bool has_edge(const struct node_graph *graph, struct ke_str node, enum node_ref ref,
                     struct ke_str ns, struct ke_str name)
{
    char memory[EDGE_BYTES];
    struct ke_buf key = KE_BUF_FIXED(memory, sizeof(memory));
    return edge_key(&key, ref, ns, name, node) && ke_map_get(graph->edges, ke_buf_str(&key));
}

/* Is the volume's claim one of a pod of node? */
static bool is_volume_of(const struct node_graph *graph, const struct vertex *volume,
                         struct ke_str node)
{
    for (const struct ref *ref = volume->refs; ref != NULL; ref = ref->next) {
        if (ref->kind == NODE_REF_CLAIM && has_edge(graph, node, ref->kind, ref->ns, ref->name))
            return true;
    }
    return false;
}

static bool has_secret(const struct vertex *volume, struct ke_str ns, struct ke_str name)
{
    for (const struct ref *ref = volume->refs; ref != NULL; ref = ref->next) {
        if (ref->kind == NODE_REF_SECRET && ke_str_eq(ref->ns, ns) && ke_str_eq(ref->name, name))
            return true;
    }
    return false;
}

bool node_graph_leads(const struct node_graph *graph, struct ke_str node, enum node_ref ref,
                      struct ke_str ns, struct ke_str name)
{
    if (ref == NODE_REF_VOLUME) {
        const struct vertex *volume = ke_map_get(graph->volumes, name);
        return volume != NULL && is_volume_of(graph, volume, node);
    }
    if (has_edge(graph, node, ref, ns, name))
        return true;
    size_t pos = 0;
    struct ke_str key;
    void *volume = NULL;
    while (ref == NODE_REF_SECRET && ke_map_next(graph->volumes, &pos, &key, &volume)) {
        if (has_secret(volume, ns, name) && is_volume_of(graph, volume, node))
            return true;
    }
    return false;
}
