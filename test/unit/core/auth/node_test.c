/* SPDX-License-Identifier: Apache-2.0 */
/* The node authoriser: a node sees what its pods use, and writes what is its own. */
#include <string.h>
#include <time.h>

#include "core/auth/node.h"
#include "core/auth/node_graph.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "test/support/base/test.h"
#include "test/support/mem_registry.h"
#include "test/support/objects.h"

/* ---- the graph */

#define POD(meta, spec)                                                                              \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"" meta \
    "},\"spec\":{\"nodeName\":\"n1\"" spec "}}"

static void put_pod(struct node_graph *graph, const char *name, const char *json)
{
    ke_auto_json *pod = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(json), &pod, &err), KE_OK);
    assert_true(node_graph_put_pod(graph, KE_STR("ns"), ke_str_c(name), pod));
}

static bool leads(struct node_graph *graph, const char *node, enum node_ref ref, const char *name)
{
    return node_graph_leads(graph, ke_str_c(node), ref, KE_STR("ns"), ke_str_c(name));
}

/* As many as an object holds: no pod may make the authoriser slow, or useless to all nodes. */
static void a_pod_may_name_very_many(void **state)
{
    (void)state;
    enum { N = 90000 };
    char ns[64] = "";
    memset(ns, 'n', sizeof(ns) - 1);
    ke_auto_buf json = KE_BUF_INIT(4 * LIMIT_OBJECT_BYTES);
    ke_buf_add_c(&json, "{\"spec\":{\"nodeName\":\"n1\",\"imagePullSecrets\":[");
    for (int i = 0; i < N; i++)
        ke_buf_addf(&json, "%s{\"name\":\"%x\"}", i > 0 ? "," : "", i);
    ke_buf_add_c(&json, "]}}");
    assert_in_range(json.len, LIMIT_OBJECT_BYTES / 2, 2 * LIMIT_OBJECT_BYTES);
    ke_auto_json *pod = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_buf_str(&json), &pod, &err), KE_OK);
    struct node_graph *graph = node_graph_new();
    clock_t begin = clock();
    assert_true(node_graph_put_pod(graph, ke_str_c(ns), KE_STR("p"), pod));
    assert_true(clock() - begin < 3 * CLOCKS_PER_SEC);
    assert_true(node_graph_leads(graph, KE_STR("n1"), NODE_REF_SECRET, ke_str_c(ns), KE_STR("0")));
    node_graph_del_pod(graph, ke_str_c(ns), KE_STR("p"));
    assert_false(node_graph_leads(graph, KE_STR("n1"), NODE_REF_SECRET, ke_str_c(ns), KE_STR("0")));
    node_graph_free(graph);
}

static void a_pod_leads_to_all_it_names(void **state)
{
    (void)state;
    struct node_graph *graph = node_graph_new();
    assert_non_null(graph);
    put_pod(
        graph, "p",
        POD("",
            ",\"serviceAccountName\":\"sa\",\"imagePullSecrets\":[{\"name\":\"pull\"}],"
            "\"initContainers\":[{\"env\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"env\"}}},"
            "{\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"cenv\"}}}]}],"
            "\"containers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"from\"}},{\"configMapRef\":{"
            "\"name\":\"cfrom\"}}]}],\"volumes\":[{\"secret\":{\"secretName\":\"vol\"}},{"
            "\"configMap\":{\"name\":\"cvol\"}},{\"projected\":{\"sources\":[{\"secret\":{\"name\":"
            "\"proj\"}},{\"configMap\":{\"name\":\"cproj\"}}]}},{\"persistentVolumeClaim\":{"
            "\"claimName\":\"claim\"}},{\"name\":\"eph\",\"ephemeral\":{}}],"
            "\"resourceClaims\":[{\"name\":\"x\",\"resourceClaimName\":\"gpu\"}]"));
    static const struct {
        enum node_ref ref;
        const char *name;
    } wanted[] = { { NODE_REF_ACCOUNT, "sa" },         { NODE_REF_SECRET, "pull" },
                   { NODE_REF_SECRET, "env" },         { NODE_REF_SECRET, "from" },
                   { NODE_REF_SECRET, "vol" },         { NODE_REF_SECRET, "proj" },
                   { NODE_REF_CONFIGMAP, "cenv" },     { NODE_REF_CONFIGMAP, "cfrom" },
                   { NODE_REF_CONFIGMAP, "cvol" },     { NODE_REF_CONFIGMAP, "cproj" },
                   { NODE_REF_CLAIM, "claim" },        { NODE_REF_CLAIM, "p-eph" },
                   { NODE_REF_RESOURCE_CLAIM, "gpu" }, { NODE_REF_POD, "p" } };
    for (size_t i = 0; i < KE_ARRAY_LEN(wanted); i++) {
        assert_true(leads(graph, "n1", wanted[i].ref, wanted[i].name));
        assert_false(leads(graph, "n2", wanted[i].ref, wanted[i].name));
    }
    assert_false(leads(graph, "n1", NODE_REF_SECRET, "cvol"));
    assert_false(
        node_graph_leads(graph, KE_STR("n1"), NODE_REF_SECRET, KE_STR("other"), KE_STR("vol")));
    node_graph_del_pod(graph, KE_STR("ns"), KE_STR("p"));
    for (size_t i = 0; i < KE_ARRAY_LEN(wanted); i++)
        assert_false(leads(graph, "n1", wanted[i].ref, wanted[i].name));
    node_graph_free(graph);
}

static void two_pods_may_name_one_secret(void **state)
{
    (void)state;
    struct node_graph *graph = node_graph_new();
    const char *with = POD("", ",\"volumes\":[{\"secret\":{\"secretName\":\"s\"}}]");
    put_pod(graph, "p", with);
    put_pod(graph, "q", with);
    node_graph_del_pod(graph, KE_STR("ns"), KE_STR("p"));
    assert_true(leads(graph, "n1", NODE_REF_SECRET, "s"));
    put_pod(graph, "q", POD("", "")); /* changed */
    assert_false(leads(graph, "n1", NODE_REF_SECRET, "s"));
    put_pod(graph, "q",
            POD(",\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}",
                ",\"volumes\":[{\"secret\":{\"secretName\":\"s\"}}]"));
    assert_false(leads(graph, "n1", NODE_REF_SECRET, "s")); /* a mirror gives nothing */
    assert_true(leads(graph, "n1", NODE_REF_POD, "q"));
    node_graph_free(graph);
}

static void a_claim_leads_to_its_volume_and_its_secrets(void **state)
{
    (void)state;
    struct node_graph *graph = node_graph_new();
    ke_auto_json *volume = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(
        ke_json_parse(KE_STR("{\"spec\":{\"claimRef\":{\"namespace\":\"ns\",\"name\":\"claim\"},"
                             "\"csi\":{\"nodeStageSecretRef\":{\"name\":\"stage\",\"namespace\":"
                             "\"ns\"}}}}"),
                      &volume, &err),
        KE_OK);
    assert_true(node_graph_put_volume(graph, KE_STR("pv"), volume));
    assert_false(leads(graph, "n1", NODE_REF_VOLUME, "pv"));
    put_pod(graph, "p",
            POD("", ",\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"claim\"}}]"));
    assert_true(leads(graph, "n1", NODE_REF_VOLUME, "pv"));
    assert_true(leads(graph, "n1", NODE_REF_SECRET, "stage"));
    assert_false(leads(graph, "n2", NODE_REF_VOLUME, "pv"));
    node_graph_del_volume(graph, KE_STR("pv"));
    assert_false(leads(graph, "n1", NODE_REF_VOLUME, "pv"));
    assert_false(leads(graph, "n1", NODE_REF_SECRET, "stage"));
    node_graph_free(graph);
}

/* ---- the decision */

struct fixture {
    struct registry *registry;
    struct watch_hub *hub;
    struct auth_node *node;
};

static void set_up(struct fixture *f)
{
    struct ke_err err = KE_ERR_INIT;
    f->registry = mem_registry_new(NULL, &err);
    assert_non_null(f->registry);
    f->hub = watch_hub_new(f->registry, &err);
    assert_non_null(f->hub);
    f->node = auth_node_new(f->hub);
    assert_non_null(f->node);
    (void)test_object_put(
        f->registry,
        test_object_json(MODEL_POD, POD("", ",\"serviceAccountName\":\"sa\",\"volumes\":[{"
                                            "\"secret\":{\"secretName\":\"s\"}}]")));
}

static void tear_down(struct fixture *f)
{
    registry_stop(f->registry);
    auth_node_free(f->node);
    watch_hub_free(f->hub);
    registry_free(f->registry);
}
#define FIXTURE KE_CLEANUP(tear_down) struct fixture

/* request: "VERB GROUP RESOURCE[/SUB] NS NAME [SELECTOR]", "-" for nothing. */
static struct ke_str word(struct ke_str *rest)
{
    struct ke_str out = { NULL, 0 };
    (void)ke_str_split(rest, ' ', &out);
    return ke_str_eq_c(out, "-") ? KE_STR("") : out;
}

static void assert_answer(struct fixture *f, const char *request, const char *reason)
{
    struct auth_user user = { .name = KE_STR("system:node:n1"),
                              .groups = { KE_STR("system:nodes") },
                              .n_groups = 1 };
    struct ke_str rest = ke_str_c(request);
    struct auth_attributes asked = { .user = &user, .is_resource = true };
    asked.verb = word(&rest);
    asked.group = word(&rest);
    asked.resource = word(&rest);
    asked.ns = word(&rest);
    asked.name = word(&rest);
    asked.field_selector = word(&rest);
    size_t slash = ke_str_find(asked.resource, '/');
    if (slash < asked.resource.len) {
        asked.subresource = ke_str_sub(asked.resource, slash + 1, asked.resource.len - slash - 1);
        asked.resource.len = slash;
    }
    ke_auto_buf out = KE_BUF_INIT(65536);
    bool is_allowed = auth_node_authorize(f->node, &asked, &out);
    ke_buf_add_char(&out, '\0');
    if (is_allowed != (strcmp(reason, "yes") == 0) || (!is_allowed && strcmp(out.ptr, reason) != 0))
        fail_msg("%s: %s %s", request, is_allowed ? "allowed" : "denied", out.ptr);
}

static void a_node_may_what_is_its_own(void **state)
{
    (void)state;
    static const char none[] = "no relationship found between node 'n1' and this object";
    static const struct {
        const char *request, *reason;
    } cases[] = {
        { "get - secrets ns s", "yes" },
        { "watch - secrets ns s", "yes" },
        { "get - secrets ns other", none },
        { "get - secrets other s", none },
        { "list - secrets ns -", "No Object name found" },
        { "delete - secrets ns s", "can only read resources of this type" },
        { "get - configmaps ns s", none },
        { "get - persistentvolumes - pv", none },
        { "list - persistentvolumes - -", "can only get individual resources of this type" },
        { "create - serviceaccounts/token ns sa", "yes" },
        { "create - serviceaccounts/token ns other", none },
        { "update - serviceaccounts ns sa",
          "can only create tokens for individual service accounts" },
        { "get - pods ns p", "yes" },
        { "get - pods ns q", none },
        { "list - pods - - spec.nodeName=n1", "yes" },
        { "watch - pods - - status.phase!=Failed,spec.nodeName=n1", "yes" },
        { "list - pods - - spec.nodeName=n2",
          "can only list/watch pods with spec.nodeName field selector" },
        { "list - pods - -", "can only list/watch pods with spec.nodeName field selector" },
        { "patch - pods/status ns p", "yes" },
        { "create - pods/eviction ns p", "yes" },
        { "patch - pods ns p", "" },
        { "get - nodes - n1", "yes" },
        { "list - nodes - -", "node 'n1' cannot read all nodes, only its own Node object" },
        { "get - nodes - n2", "node 'n1' cannot read all nodes, only its own Node object" },
        { "create - nodes - -", "yes" },
        { "patch - nodes/status - n1", "yes" },
        { "patch - nodes/status - n2", "node 'n1' is not allowed to modify other nodes" },
        { "delete - nodes - n1", "" },
        { "update coordination.k8s.io leases kube-node-lease n1", "yes" },
        { "update coordination.k8s.io leases kube-node-lease n2",
          "can only access node lease with the same name as the requesting node" },
        { "get coordination.k8s.io leases default n1",
          "can only access leases in the \"kube-node-lease\" system namespace" },
        { "list coordination.k8s.io leases kube-node-lease -",
          "can only get, create, update, patch, or delete a node lease" },
        { "get storage.k8s.io csinodes - n1", "yes" },
        { "get storage.k8s.io csinodes - n2",
          "can only access CSINode with the same name as the requesting node" },
        { "list - services - -", "yes" },
        { "create - events ns -", "yes" },
        { "create authorization.k8s.io subjectaccessreviews - -", "yes" },
        { "create - pods/exec ns p", "" },
        { "list apps deployments - -", "" },
    };
    FIXTURE f = { NULL, NULL, NULL };
    set_up(&f);
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_answer(&f, cases[i].request, cases[i].reason);
}

static void who_is_no_node_is_left_to_others(void **state)
{
    (void)state;
    FIXTURE f = { NULL, NULL, NULL };
    set_up(&f);
    struct auth_user user = { .name = KE_STR("system:node:n1") }; /* not in system:nodes */
    struct auth_attributes asked = { .user = &user,
                                     .verb = KE_STR("get"),
                                     .is_resource = true,
                                     .resource = KE_STR("secrets"),
                                     .ns = KE_STR("ns"),
                                     .name = KE_STR("s") };
    ke_auto_buf out = KE_BUF_INIT(1024);
    assert_false(auth_node_authorize(f.node, &asked, &out));
    assert_int_equal(out.len, 0);
}

static void a_pod_that_comes_or_goes_counts_at_once(void **state)
{
    (void)state;
    static const char none[] = "no relationship found between node 'n1' and this object";
    FIXTURE f = { NULL, NULL, NULL };
    set_up(&f);
    assert_answer(&f, "get - secrets ns s", "yes");
    (void)test_object_delete(f.registry, "/registry/pods/ns/p");
    assert_answer(&f, "get - secrets ns s", none);
    (void)test_object_put(f.registry,
                          test_object_json(MODEL_POD, POD("", ",\"imagePullSecrets\":[{\"name\":"
                                                              "\"t\"}]")));
    assert_answer(&f, "get - secrets ns t", "yes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_leads_to_all_it_names),
        cmocka_unit_test(a_pod_may_name_very_many),
        cmocka_unit_test(two_pods_may_name_one_secret),
        cmocka_unit_test(a_claim_leads_to_its_volume_and_its_secrets),
        cmocka_unit_test(a_node_may_what_is_its_own),
        cmocka_unit_test(who_is_no_node_is_left_to_others),
        cmocka_unit_test(a_pod_that_comes_or_goes_counts_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
