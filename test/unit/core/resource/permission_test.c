/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes roles grants no more than it has, and a node writes only what is its own. */
#include <stdio.h>
#include <string.h>

#include "core/auth/authority.h"
#include "core/base/json.h"
#include "test/support/base/test.h"
#include "test/support/resources.h"

struct fixture {
    struct test_resources r;
    struct auth_authority *authority;
    struct resource_store *store; /* of r; its own has no authoriser */
};

static int set_up(void **state)
{
    static struct fixture f;
    struct ke_err err = KE_ERR_INIT;
    memset(&f, 0, sizeof(f));
    test_resources_init(&f.r, false);
    f.store = f.r.store;
    f.authority = auth_authority_new(f.r.hub);
    assert_non_null(f.authority);
    struct resource_options options = { .node_port_min = 30000,
                                        .node_port_max = 30099,
                                        .clock = &f.r.clock,
                                        .authorize = auth_authority_authorize,
                                        .authorize_ctx = f.authority,
                                        .rbac = auth_authority_rbac(f.authority) };
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &options.service_cidrs[0], &err), KE_OK);
    options.n_service_cidrs = 1;
    assert_int_equal(resource_store_new(f.r.hub, &options, &f.r.store, &err), KE_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    registry_stop(f->r.registry);
    resource_store_free(f->r.store);
    auth_authority_free(f->authority);
    f->r.store = f->store;
    test_resources_deinit(&f->r);
    return 0;
}

static const struct auth_user bob = { .name = KE_STR_INIT("bob"),
                                      .groups = { KE_STR_INIT("system:authenticated"),
                                                  KE_STR_INIT("devs") },
                                      .n_groups = 2 };
static const struct auth_user master = { .name = KE_STR_INIT("root"),
                                         .groups = { KE_STR_INIT("system:masters") },
                                         .n_groups = 1 };
static const struct auth_user node = { .name = KE_STR_INIT("system:node:n1"),
                                       .groups = { KE_STR_INIT("system:nodes") },
                                       .n_groups = 1 };

struct ask {
    const struct auth_user *who;
    enum resource_verb verb;
    enum model_kind_id kind;
    const char *ns, *name, *subresource;
};

static enum ke_code ask(struct fixture *f, struct ask ask, const char *body)
{
    struct resource_request request = { .verb = ask.verb,
                                        .kind = model_kind_by_id(ask.kind),
                                        .ns = ke_str_c(ask.ns),
                                        .name = ke_str_c(ask.name),
                                        .subresource = ke_str_c(ask.subresource),
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .asker = ask.who,
                                        .grace_period_s = -1 };
    return test_write(&f->r, request, body);
}

static enum ke_code create(struct fixture *f, const struct auth_user *who, enum model_kind_id kind,
                           const char *body)
{
    bool is_namespaced = model_kind_by_id(kind)->is_namespaced;
    return ask(f,
               (struct ask){ who, RESOURCE_CREATE, kind, is_namespaced ? "default" : "", "", "" },
               body);
}

static enum ke_code merge(struct fixture *f, const struct auth_user *who, enum model_kind_id kind,
                          const char *name, const char *body)
{
    bool is_namespaced = model_kind_by_id(kind)->is_namespaced;
    return ask(f,
               (struct ask){ who, RESOURCE_PATCH, kind, is_namespaced ? "default" : "", name, "" },
               body);
}

/* ---- escalation */

#define RULES(v, r)       "[{\"verbs\":[" v "],\"apiGroups\":[\"\"],\"resources\":[" r "]}]"
#define ROLE(name, rules) "{\"metadata\":{\"name\":\"" name "\"},\"rules\":" rules "}"
#define BINDING(name, role, user)                                                                  \
    "{\"metadata\":{\"name\":\"" name "\"},\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"" role \
    "\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"" user "\"}]}"
#define NOT_HELD                                                                                   \
    "user \"bob\" (groups=[\"devs\" \"system:authenticated\"]) is attempting to grant RBAC "       \
    "permissions not currently held:\n"

static void roles_grant_what_their_writer_has(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        create(f, &master, MODEL_CLUSTERROLE, ROLE("reader", RULES("\"get\"", "\"pods\""))), KE_OK);
    assert_int_equal(create(f, &master, MODEL_ROLEBINDING, BINDING("b", "reader", "bob")), KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLE, ROLE("mine", RULES("\"get\"", "\"pods\""))),
                     KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLE,
                            ROLE("more", RULES("\"get\",\"list\"", "\"pods\",\"secrets\""))),
                     KE_DENIED);
    assert_string_equal(f->r.message,
                        "roles.rbac.authorization.k8s.io \"more\" is forbidden: " NOT_HELD
                        "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\"]}\n"
                        "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}");
    assert_int_equal(
        merge(f, &bob, MODEL_ROLE, "mine", "{\"rules\":" RULES("\"delete\"", "\"pods\"") "}"),
        KE_DENIED);
    /* What is held in one namespace is not held everywhere. */
    assert_int_equal(create(f, &bob, MODEL_CLUSTERROLE, ROLE("wide", RULES("\"get\"", "\"pods\""))),
                     KE_DENIED);
    assert_int_equal(create(f, NULL, MODEL_CLUSTERROLE, ROLE("own", RULES("\"*\"", "\"*\""))),
                     KE_OK);
    /* Owners may be set by the garbage collector's rights alone. */
    assert_int_equal(create(f, &master, MODEL_ROLE, ROLE("big", RULES("\"*\"", "\"*\""))), KE_OK);
    assert_int_equal(
        merge(f, &bob, MODEL_ROLE, "big", "{\"metadata\":{\"finalizers\":[\"a.b/c\"]}}"), KE_OK);
    assert_int_equal(merge(f, &bob, MODEL_ROLE, "big", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                     KE_DENIED);
}

static enum ke_code apply(struct fixture *f, const struct auth_user *who, const char *name)
{
    char body[128];
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"}}", name);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .patch = RESOURCE_PATCH_APPLY,
                                        .field_manager = KE_STR("m"),
                                        .asker = who };
    return test_write(&f->r, request, body);
}

static void a_patch_that_creates_needs_leave_to_create(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        create(f, &master, MODEL_CLUSTERROLE, ROLE("p", RULES("\"patch\"", "\"configmaps\""))),
        KE_OK);
    assert_int_equal(create(f, &master, MODEL_ROLEBINDING, BINDING("p", "p", "bob")), KE_OK);
    assert_int_equal(apply(f, &master, "a"), KE_OK);
    assert_int_equal(apply(f, &bob, "a"), KE_OK);
    assert_int_equal(apply(f, &bob, "b"), KE_DENIED);
    assert_string_equal(f->r.message,
                        "configmaps \"b\" is forbidden: User \"bob\" cannot create resource "
                        "\"configmaps\" in API group \"\" in the namespace \"default\"");
    assert_false(test_exists(&f->r, MODEL_CONFIGMAP, "default", "b"));
}

static void escalate_and_bind_are_verbs(void **state)
{
    struct fixture *f = *state;
    const char *rights =
        "[{\"verbs\":[\"escalate\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":["
        "\"roles\"]},{\"verbs\":[\"bind\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],"
        "\"resources\":[\"clusterroles\"],\"resourceNames\":[\"power\"]}]";
    ke_auto_buf role = KE_BUF_INIT(65536);
    ke_buf_addf(&role, "{\"metadata\":{\"name\":\"granter\"},\"rules\":%s}", rights);
    ke_buf_add_char(&role, '\0');
    const char *power = ROLE("power", RULES("\"*\"", "\"*\""));
    const char *other = ROLE("other", RULES("\"*\"", "\"*\""));
    assert_int_equal(create(f, &master, MODEL_CLUSTERROLE, power), KE_OK);
    assert_int_equal(create(f, &master, MODEL_CLUSTERROLE, other), KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLE, power), KE_DENIED);
    assert_int_equal(create(f, &bob, MODEL_ROLEBINDING, BINDING("x", "power", "bob")), KE_DENIED);
    assert_string_equal(f->r.message,
                        "rolebindings.rbac.authorization.k8s.io \"x\" is forbidden: " NOT_HELD
                        "{APIGroups:[\"\"], Resources:[\"*\"], Verbs:[\"*\"]}");
    assert_int_equal(create(f, &master, MODEL_CLUSTERROLE, role.ptr), KE_OK);
    assert_int_equal(create(f, &master, MODEL_ROLEBINDING, BINDING("g", "granter", "bob")), KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLE, power), KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLEBINDING, BINDING("x", "power", "eve")), KE_OK);
    assert_int_equal(create(f, &bob, MODEL_ROLEBINDING, BINDING("y", "other", "eve")), KE_DENIED);
    assert_int_equal(create(f, &bob, MODEL_ROLEBINDING, BINDING("z", "nope", "eve")), KE_NOT_FOUND);
    assert_string_equal(f->r.message, "clusterroles.rbac.authorization.k8s.io \"nope\" not found");
}

static void an_update_that_creates_needs_the_right_to(void **state)
{
    struct fixture *f = *state;
    struct ask put = { &bob, RESOURCE_UPDATE, MODEL_ROLE, "default", "new", "" };
    assert_int_equal(ask(f, put, ROLE("new", "[]")), KE_DENIED);
    assert_string_equal(
        f->r.message, "roles.rbac.authorization.k8s.io \"new\" is forbidden: User \"bob\" cannot "
                      "create resource \"roles\" in API group \"rbac.authorization.k8s.io\" in the "
                      "namespace \"default\"");
    put.who = &master;
    assert_int_equal(ask(f, put, ROLE("new", "[]")), KE_OK);
    put.who = &bob;
    assert_int_equal(ask(f, put, ROLE("new", "[]")), KE_OK); /* it is there now */
}

static void sums_of_roles_need_everything(void **state)
{
    struct fixture *f = *state;
    const char *sum = "{\"metadata\":{\"name\":\"sum\"},\"aggregationRule\":{"
                      "\"clusterRoleSelectors\":[{\"matchLabels\":{\"a\":\"b\"}}]}}";
    assert_int_equal(create(f, &bob, MODEL_CLUSTERROLE, sum), KE_DENIED);
    assert_string_equal(f->r.message,
                        "clusterroles.rbac.authorization.k8s.io \"sum\" is forbidden: must have "
                        "cluster-admin privileges to use an aggregationRule");
    assert_int_equal(create(f, &master, MODEL_CLUSTERROLE, sum), KE_OK);
}

/* ---- nodes */

static void make_world(struct fixture *f)
{
    assert_int_equal(create(f, NULL, MODEL_NODE, "{\"metadata\":{\"name\":\"n2\"}}"), KE_OK);
    for (int i = 1; i <= 2; i++) {
        char pod[256];
        (void)snprintf(pod, sizeof(pod),
                       "{\"metadata\":{\"name\":\"p%d\"},\"spec\":{\"nodeName\":\"n%d\","
                       "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
                       i, i);
        assert_int_equal(create(f, NULL, MODEL_POD, pod), KE_OK);
    }
}

static void assert_denied(struct fixture *f, enum ke_code code, const char *why)
{
    if (code != KE_DENIED)
        fail_msg("%d %s, not %s", (int)code, f->r.message, why);
    const char *at = strstr(f->r.message, " is forbidden: ");
    assert_non_null(at);
    assert_string_equal(at + strlen(" is forbidden: "), why);
}

static void a_node_keeps_to_its_own_node(void **state)
{
    struct fixture *f = *state;
    make_world(f);
    assert_denied(f, create(f, &node, MODEL_NODE, "{\"metadata\":{\"name\":\"n3\"}}"),
                  "node \"n1\" is not allowed to modify node \"n3\"");
    assert_denied(
        f,
        create(f, &node, MODEL_NODE,
               "{\"metadata\":{\"name\":\"n1\",\"labels\":{"
               "\"node-restriction.kubernetes.io/x\":\"y\",\"kubernetes.io/os\":\"linux\","
               "\"my/label\":\"z\",\"node-role.kubernetes.io/control-plane\":\"\"}}}"),
        "node \"n1\" is not allowed to set the following labels: "
        "node-restriction.kubernetes.io/x, node-role.kubernetes.io/control-plane");
    assert_int_equal(create(f, &node, MODEL_NODE,
                            "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"kubernetes.io/os\":"
                            "\"linux\",\"my/label\":\"z\",\"foo.node.kubernetes.io/a\":\"b\"}}}"),
                     KE_OK);
    assert_denied(f,
                  merge(f, &node, MODEL_NODE, "n1",
                        "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]}}"),
                  "node \"n1\" is not allowed to modify taints");
    assert_denied(f,
                  merge(f, &node, MODEL_NODE, "n1",
                        "{\"metadata\":{\"labels\":{\"kubernetes.io/x\":\"y\"}}}"),
                  "node \"n1\" is not allowed to modify labels: kubernetes.io/x");
    assert_denied(f, merge(f, &node, MODEL_NODE, "n2", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                  "node \"n1\" is not allowed to modify node \"n2\"");
    assert_int_equal(merge(f, &node, MODEL_NODE, "n1", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                     KE_OK);
}

static void a_node_keeps_to_its_own_pods(void **state)
{
    struct fixture *f = *state;
    make_world(f);
    struct ask status = { &node, RESOURCE_PATCH, MODEL_POD, "default", "p1", "status" };
    assert_int_equal(ask(f, status, "{\"status\":{\"phase\":\"Running\"}}"), KE_OK);
    assert_denied(f, ask(f, status, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                  "node \"n1\" cannot update labels through pod status");
    /* What a pod claims its node may read. */
    assert_denied(f,
                  ask(f, status,
                      "{\"status\":{\"resourceClaimStatuses\":[{\"name\":\"c\","
                      "\"resourceClaimName\":\"of-others\"}]}}"),
                  "node \"n1\" cannot update resource claim statuses");
    assert_int_equal(ask(f, status,
                         "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
                         "\"Node\",\"name\":\"n1\",\"uid\":\"u\"}]}}"),
                     KE_OK);
    assert_string_equal(test_field(&f->r, "metadata.ownerReferences.0.name"), "");
    status.name = "p2";
    assert_denied(
        f, ask(f, status, "{\"status\":{\"phase\":\"Running\"}}"),
        "node \"n1\" can only update pod status for pods with spec.nodeName set to itself");
    struct ask gone = { &node, RESOURCE_DELETE, MODEL_POD, "default", "p2", "" };
    assert_denied(f, ask(f, gone, NULL),
                  "node \"n1\" can only delete pods with spec.nodeName set to itself");
    gone.name = "p1";
    assert_int_equal(ask(f, gone, NULL), KE_OK);
    assert_denied(f,
                  create(f, &node, MODEL_POD,
                         "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"nodeName\":\"n1\","
                         "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"),
                  "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"n1\" can "
                  "only create mirror pods");
}

static void a_node_tells_how_large_a_claim_is(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        create(f, NULL, MODEL_PERSISTENTVOLUMECLAIM,
               "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"accessModes\":["
               "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}"),
        KE_OK);
    struct ask status = { &node, RESOURCE_PATCH, MODEL_PERSISTENTVOLUMECLAIM, "default",
                          "c",   "status" };
    static const char *const others[] = {
        "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}",
        "{\"metadata\":{\"finalizers\":[\"a.b/c\"]}}",
        "{\"status\":{\"phase\":\"Lost\"}}",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(others); i++) {
        assert_denied(f, ask(f, status, others[i]),
                      "node \"n1\" is not allowed to update fields other than status.quantity and "
                      "status.conditions");
    }
    assert_int_equal(ask(f, status,
                         "{\"status\":{\"capacity\":{\"storage\":\"2Gi\"},\"conditions\":[{"
                         "\"type\":\"Resizing\",\"status\":\"True\"}]}}"),
                     KE_OK);
    assert_string_equal(test_field(&f->r, "status.capacity.storage"), "2Gi");
}

static void create_mirror(struct fixture *f, const char *uid, const char *spec, const char *why)
{
    char pod[2048];
    (void)snprintf(pod, sizeof(pod),
                   "{\"metadata\":{\"name\":\"m\",\"annotations\":{\"kubernetes.io/config.mirror\":"
                   "\"x\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":"
                   "\"n1\",\"uid\":\"%s\",\"controller\":true}]},\"spec\":{\"nodeName\":\"n1\","
                   "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]%s}}",
                   uid, spec);
    enum ke_code code = create(f, &node, MODEL_POD, pod);
    if (why == NULL)
        assert_int_equal(code, KE_OK);
    else
        assert_denied(f, code, why);
}

static void mirrors_are_of_the_node_and_use_nothing(void **state)
{
    struct fixture *f = *state;
    char uid[64];
    assert_int_equal(create(f, &node, MODEL_NODE, "{\"metadata\":{\"name\":\"n1\"}}"), KE_OK);
    (void)snprintf(uid, sizeof(uid), "%s", test_field(&f->r, "metadata.uid"));
    char mismatch[256];
    (void)snprintf(mismatch, sizeof(mismatch), "node \"n1\" UID mismatch: expected %s got other",
                   uid);
    create_mirror(f, "other", "", mismatch);
    create_mirror(f, uid, ",\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]",
                  "node \"n1\" can not create pods that reference configmaps");
    create_mirror(f, uid, "", NULL);
}

static void leases_carry_the_name_of_the_node(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        create(f, NULL, MODEL_NAMESPACE, "{\"metadata\":{\"name\":\"kube-node-lease\"}}"), KE_OK);
    struct ask lease = { &node, RESOURCE_CREATE, MODEL_LEASE, "kube-node-lease", "", "" };
    assert_int_equal(ask(f, lease, "{\"metadata\":{\"name\":\"n1\"}}"), KE_OK);
    assert_denied(f, ask(f, lease, "{\"metadata\":{\"name\":\"n2\"}}"),
                  "can only access node lease with the same name as the requesting node");
    lease.ns = "default";
    assert_denied(f, ask(f, lease, "{\"metadata\":{\"name\":\"n1\"}}"),
                  "can only access leases in the \"kube-node-lease\" system namespace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roles_grant_what_their_writer_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_patch_that_creates_needs_leave_to_create, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(escalate_and_bind_are_verbs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_update_that_creates_needs_the_right_to, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sums_of_roles_need_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_node_keeps_to_its_own_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_node_keeps_to_its_own_pods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_node_tells_how_large_a_claim_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mirrors_are_of_the_node_and_use_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leases_carry_the_name_of_the_node, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
