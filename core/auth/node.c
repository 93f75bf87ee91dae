/* SPDX-License-Identifier: Apache-2.0 */
/* See node.h. */
#include "core/auth/node.h"

#include <pthread.h>

#include "core/auth/default_roles.h"
#include "core/auth/follow.h"
#include "core/auth/node_graph.h"
#include "core/auth/rules.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/model/selector.h"

#define RULES_BYTES (256U << 10)

struct auth_node {
    pthread_mutex_t lock; /* guards the graph and follow's handler */
    struct auth_follow *follow;
    struct node_graph *graph; /* NULL: memory was out when it was to be made anew */
    struct ke_arena *arena;
    struct rbac_rules rules; /* for what is not told apart by node */
};

/* ---- following */

static void on_reset(void *ctx)
{
    struct auth_node *node = ctx;
    node_graph_free(node->graph);
    node->graph = node_graph_new();
}

static bool on_put(void *ctx, const struct registry_object *object)
{
    struct auth_node *node = ctx;
    ke_auto_json *json = registry_object_parse(object);
    if (json == NULL || node->graph == NULL)
        return false;
    return object->kind->id == MODEL_POD
               ? node_graph_put_pod(node->graph, object->ns, object->name, json)
               : node_graph_put_volume(node->graph, object->name, json);
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct auth_node *node = ctx;
    if (node->graph == NULL)
        return;
    if (object->kind->id == MODEL_POD)
        node_graph_del_pod(node->graph, object->ns, object->name);
    else
        node_graph_del_volume(node->graph, object->name);
}

static const struct auth_follow_handler handler = { .reset = on_reset,
                                                    .put = on_put,
                                                    .del = on_delete };

static bool read_rules(struct auth_node *node)
{
    ke_auto_json *rules = default_roles_rules(KE_STR("system:node"));
    return rules != NULL && rbac_rules_read(rules, node->arena, &node->rules);
}

struct auth_node *auth_node_new(struct watch_hub *hub)
{
    const struct model_kind *kinds[2] = { model_kind_by_id(MODEL_POD) };
    const struct model_kind *volume =
        model_kind_by_name(KE_STR(""), KE_STR("v1"), KE_STR("PersistentVolume"), NULL);
    struct auth_node *node = ke_alloc(sizeof(*node));
    if (node == NULL)
        return NULL;
    kinds[1] = volume;
    (void)pthread_mutex_init(&node->lock, NULL);
    node->arena = ke_arena_new(RULES_BYTES);
    node->follow = auth_follow_new(hub, kinds, volume != NULL ? 2 : 1, &handler, node);
    if (node->arena == NULL || node->follow == NULL || !read_rules(node)) {
        auth_node_free(node);
        return NULL;
    }
    return node;
}

void auth_node_free(struct auth_node *node)
{
    if (node == NULL)
        return;
    auth_follow_free(node->follow);
    node_graph_free(node->graph);
    ke_arena_free(node->arena);
    (void)pthread_mutex_destroy(&node->lock);
    free(node);
}

static bool leads(struct auth_node *node, struct ke_str name, enum node_ref ref,
                  const struct auth_attributes *asked)
{
    struct ke_err err = KE_ERR_INIT;
    (void)pthread_mutex_lock(&node->lock);
    enum ke_code rc = auth_follow_catch_up(node->follow, &err);
    bool is_led = rc == KE_OK && node->graph != NULL &&
                  node_graph_leads(node->graph, name, ref, asked->ns, asked->name);
    (void)pthread_mutex_unlock(&node->lock);
    if (rc != KE_OK)
        ke_log(KE_LOG_ERROR, "node_graph.not_current", KV_ERR(&err));
    return is_led;
}

/* ---- deciding; each returns NULL to allow, or why not */

struct question {
    struct auth_node *node;
    struct ke_str name; /* of the node */
    const struct auth_attributes *asked;
};

static bool is_verb(const struct auth_attributes *asked, const char *verbs)
{
    struct ke_str rest = ke_str_c(verbs);
    struct ke_str verb;
    while (ke_str_split(&rest, ' ', &verb)) {
        if (ke_str_eq(verb, asked->verb))
            return true;
    }
    return false;
}

static const char *decide_related(const struct question *q, enum node_ref ref)
{
    if (q->asked->name.len == 0)
        return "No Object name found";
    return leads(q->node, q->name, ref, q->asked)
               ? NULL
               : "no relationship found between node '%.*s' and this object";
}

static const char *decide_get(const struct question *q, enum node_ref ref)
{
    if (!is_verb(q->asked, "get"))
        return "can only get individual resources of this type";
    if (q->asked->subresource.len > 0)
        return "cannot get subresource";
    return decide_related(q, ref);
}

static const char *decide_read(const struct question *q, enum node_ref ref)
{
    if (!is_verb(q->asked, "get list watch"))
        return "can only read resources of this type";
    if (q->asked->subresource.len > 0)
        return "cannot read subresource";
    if (q->asked->ns.len == 0)
        return "can only read namespaced object of this type";
    return decide_related(q, ref);
}

static const char *decide_secret(const struct question *q)
{
    return decide_read(q, NODE_REF_SECRET);
}

static const char *decide_configmap(const struct question *q)
{
    return decide_read(q, NODE_REF_CONFIGMAP);
}

static const char *decide_claim(const struct question *q)
{
    if (!ke_str_eq_c(q->asked->subresource, "status"))
        return decide_get(q, NODE_REF_CLAIM);
    if (!is_verb(q->asked, "update patch"))
        return "can only update status subresource of this type";
    return decide_related(q, NODE_REF_CLAIM);
}

static const char *decide_volume(const struct question *q)
{
    return decide_get(q, NODE_REF_VOLUME);
}

static const char *decide_resource_claim(const struct question *q)
{
    return decide_get(q, NODE_REF_RESOURCE_CLAIM);
}

static const char *decide_account(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    if (is_verb(asked, "get") && asked->subresource.len == 0)
        return decide_get(q, NODE_REF_ACCOUNT);
    if (!is_verb(asked, "create") || !ke_str_eq_c(asked->subresource, "token"))
        return "can only create tokens for individual service accounts";
    return decide_related(q, NODE_REF_ACCOUNT);
}

static const char *decide_lease(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    if (!is_verb(asked, "get create update patch delete"))
        return "can only get, create, update, patch, or delete a node lease";
    if (!ke_str_eq_c(asked->ns, "kube-node-lease"))
        return "can only access leases in the \"kube-node-lease\" system namespace";
    /* The name of a create is checked by admission. */
    if (!is_verb(asked, "create") && !ke_str_eq(asked->name, q->name))
        return "can only access node lease with the same name as the requesting node";
    return NULL;
}

static const char *decide_csinode(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    if (!is_verb(asked, "get create update patch delete"))
        return "can only get, create, update, patch, or delete a CSINode";
    if (asked->subresource.len > 0)
        return "cannot authorize CSINode subresources";
    if (!is_verb(asked, "create") && !ke_str_eq(asked->name, q->name))
        return "can only access CSINode with the same name as the requesting node";
    return NULL;
}

static const char *decide_by_rules(const struct question *q)
{
    for (size_t i = 0; i < q->node->rules.n; i++) {
        if (rbac_rule_allows(&q->node->rules.items[i], q->asked))
            return NULL;
    }
    return "";
}

static const char *decide_node(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    if (is_verb(asked, "get list watch") && !ke_str_eq(asked->name, q->name))
        return "node '%.*s' cannot read all nodes, only its own Node object";
    if (is_verb(asked, "update patch delete") && !ke_str_eq(asked->name, q->name))
        return "node '%.*s' is not allowed to modify other nodes";
    return decide_by_rules(q);
}

/* Does the selector say that spec.nodeName is the node's? */
static bool selects_own_pods(const struct question *q)
{
    KE_AUTO(model_selector) *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct ke_str value;
    return model_selector_parse_fields(q->asked->field_selector, &selector, &err) == KE_OK &&
           model_selector_equality(selector, KE_STR("spec.nodeName"), &value) &&
           ke_str_eq(value, q->name);
}

static const char *decide_pod(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    if (asked->subresource.len > 0)
        return decide_by_rules(q); /* whose it is, admission knows */
    if (is_verb(asked, "get"))
        return decide_related(q, NODE_REF_POD);
    if (is_verb(asked, "list watch") && !selects_own_pods(q))
        return "can only list/watch pods with spec.nodeName field selector";
    return decide_by_rules(q);
}

static const struct {
    const char *group, *resource;
    const char *(*decide)(const struct question *q);
} deciders[] = {
    { "", "secrets", decide_secret },
    { "", "configmaps", decide_configmap },
    { "", "persistentvolumeclaims", decide_claim },
    { "", "persistentvolumes", decide_volume },
    { "resource.k8s.io", "resourceclaims", decide_resource_claim },
    { "", "serviceaccounts", decide_account },
    { "coordination.k8s.io", "leases", decide_lease },
    { "storage.k8s.io", "csinodes", decide_csinode },
    { "", "nodes", decide_node },
    { "", "pods", decide_pod },
};

static const char *decide(const struct question *q)
{
    const struct auth_attributes *asked = q->asked;
    for (size_t i = 0; asked->is_resource && i < KE_ARRAY_LEN(deciders); i++) {
        if (ke_str_eq_c(asked->group, deciders[i].group) &&
            ke_str_eq_c(asked->resource, deciders[i].resource))
            return deciders[i].decide(q);
    }
    return decide_by_rules(q);
}

bool auth_node_identify(const struct auth_user *user, struct ke_str *out_name)
{
    struct ke_str name = user->name;
    if (!ke_str_cut_prefix(&name, KE_STR("system:node:")) || !auth_user_is_in(user, "system:nodes"))
        return false;
    *out_name = name;
    return true;
}

bool auth_node_authorize(void *ctx, const struct auth_attributes *asked, struct ke_buf *out_reason)
{
    struct question q = { .node = ctx, .asked = asked };
    if (!auth_node_identify(asked->user, &q.name))
        return false;
    const char *why = q.name.len > 0 ? decide(&q) : "unknown node";
    if (why == NULL)
        return true;
    if (out_reason == NULL)
        return false;
    /* At most one place for the node's name. */
    struct ke_str text = ke_str_c(why);
    size_t at = 0;
    while (at < text.len && !ke_str_has_prefix(ke_str_sub(text, at, 4), KE_STR("%.*s")))
        at++;
    ke_buf_add_str(out_reason, ke_str_sub(text, 0, at));
    if (at < text.len) {
        ke_buf_add_str(out_reason, q.name);
        ke_buf_add_str(out_reason, ke_str_sub(text, at + 4, text.len - at - 4));
    }
    return false;
}
