/* SPDX-License-Identifier: Apache-2.0 */
/* See controllers.h. */
#include "test/support/controllers.h"

#include <stdio.h>

#include "core/base/limits.h"
#include "core/controller/controller.h"
#include "core/controller/slices.h"
#include "core/model/views.h"
#include "core/net/tls/x509.h"

#define DEADLINE_NS (10 * KE_S)

static bool is_ready(struct test_controllers *t, void *ctx)
{
    (void)ctx;
    return controllers_is_ready(t->controllers);
}

static bool authorize(void *ctx, const struct auth_attributes *attributes,
                      struct ke_buf *out_reason)
{
    const struct test_controllers *t = ctx;
    (void)attributes;
    (void)out_reason;
    return !t->is_forbidding;
}

/* Who signs certificates and tokens. */
static void make_signers(struct test_controllers *t)
{
    struct ke_err err = KE_ERR_INIT;
    const struct ke_str none = { NULL, 0 };
    ke_auto_buf key = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct x509_request ca = { .common_name = KE_STR("test-ca"),
                               .is_ca = true,
                               .not_before_s = ke_wall_s() - 3600,
                               .not_after_s = ke_wall_s() + (int64_t)3650 * 24 * 3600 };
    struct auth_bearer_options bearer = { .registry = t->r.registry,
                                          .issuer = KE_STR("https://issuer"),
                                          .clock = &t->r.clock };
    t->ca_pair = (struct ke_buf)KE_BUF_INIT(LIMIT_PEM_BYTES);
    assert_int_equal(x509_key_new(&key, &err), KE_OK);
    assert_int_equal(x509_sign(&ca, ke_buf_str(&key), none, none, &t->ca_pair, &err), KE_OK);
    ke_buf_add_str(&t->ca_pair, ke_buf_str(&key));
    assert_int_equal(token_keys_new(ke_buf_str(&key), NULL, 0, &t->token_keys, &err), KE_OK);
    bearer.keys = t->token_keys;
    assert_int_equal(auth_bearer_new(&bearer, &t->bearer, &err), KE_OK);
}

void test_controllers_init(struct test_controllers *t)
{
    struct ke_err err = KE_ERR_INIT;
    test_resources_init(&t->r, false);
    make_signers(t);
    t->report = report_new();
    assert_non_null(t->report);
    assert_int_equal(ke_ip_parse(KE_STR("192.0.2.1"), &t->node_ip, &err), KE_OK);
    struct ke_cidr services;
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &services, &err), KE_OK);
    struct controllers_options options = { .store = t->r.store,
                                           .report = t->report,
                                           .node_name = KE_STR("n1"),
                                           .node_ips = &t->node_ip,
                                           .n_node_ips = 1,
                                           .service_cidrs = &services,
                                           .n_service_cidrs = 1,
                                           .api_port = 6443,
                                           .has_dns = true,
                                           .ingress_class = KE_STR("kedge"),
                                           .ca_pem = KE_STR("PEM"),
                                           .ca_pair_pem = ke_buf_str(&t->ca_pair),
                                           .bearer = t->bearer,
                                           .authorize = authorize,
                                           .authorize_ctx = t,
                                           .kubelet_version = KE_STR("v1.33.0+kedge"),
                                           .clock = &t->r.clock };
    assert_int_equal(ke_ip_parse(KE_STR("10.32.0.1"), &options.api_service_ip, &err), KE_OK);
    assert_int_equal(ke_ip_parse(KE_STR("10.32.0.10"), &options.cluster_dns, &err), KE_OK);
    if (controllers_new(&options, &t->controllers, &err) != KE_OK)
        fail_msg("%s", err.msg);
    controllers_begin(t->controllers);
    test_wait(t, is_ready, NULL, "sync");
}

void test_controllers_deinit(struct test_controllers *t)
{
    registry_stop(t->r.registry);
    controllers_free(t->controllers);
    report_free(t->report);
    auth_bearer_free(t->bearer);
    token_keys_free(t->token_keys);
    ke_buf_free(&t->ca_pair);
    test_resources_deinit(&t->r);
}

int test_controllers_set_up(void **state)
{
    struct test_controllers *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    test_controllers_init(t);
    *state = t;
    return 0;
}

int test_controllers_tear_down(void **state)
{
    test_controllers_deinit(*state);
    free(*state);
    return 0;
}

void test_wait(struct test_controllers *t, test_check_fn *check, void *ctx, const char *what)
{
    int64_t deadline = ke_now_ns() + DEADLINE_NS;
    while (!check(t, ctx)) {
        if (ke_now_ns() > deadline)
            fail_msg("waited in vain for %s", what);
        controllers_turn(t->controllers, 20);
    }
}

bool test_read(struct test_controllers *t, enum model_kind_id kind, const char *ns,
               const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    cJSON_Delete(t->r.object);
    t->r.object = NULL;
    if (resource_get(t->r.store, model_kind_by_id(kind), ke_str_c(ns), ke_str_c(name), &object,
                     &err) != KE_OK)
        return false;
    t->r.object = registry_object_parse(object);
    t->r.revision = object->revision;
    return true;
}

struct wanted_field {
    enum model_kind_id kind;
    const char *ns, *name, *path, *value;
};

static bool has_field(struct test_controllers *t, void *ctx)
{
    const struct wanted_field *wanted = ctx;
    if (!test_read(t, wanted->kind, wanted->ns, wanted->name))
        return false;
    return strcmp(test_field(&t->r, wanted->path), wanted->value) == 0;
}

void test_wait_field(struct test_controllers *t, enum model_kind_id kind, const char *ns,
                     const char *name, const char *path, const char *value)
{
    struct wanted_field wanted = { kind, ns, name, path, value };
    char what[512];
    snprintf(what, sizeof(what), "%s %s/%s %s = %s", model_kind_by_id(kind)->kind, ns, name, path,
             value);
    test_wait(t, has_field, &wanted, what);
}

static bool is_gone(struct test_controllers *t, void *ctx)
{
    const struct wanted_field *wanted = ctx;
    return !test_exists(&t->r, wanted->kind, wanted->ns, wanted->name);
}

void test_wait_gone(struct test_controllers *t, enum model_kind_id kind, const char *ns,
                    const char *name)
{
    struct wanted_field wanted = { kind, ns, name, "", "" };
    test_wait(t, is_gone, &wanted, "an object to go");
}

struct registry_object *test_slice_of(struct test_controllers *t, const char *ns,
                                      const char *service)
{
    struct ke_err err = KE_ERR_INIT;
    struct resource_list_options options = { .ns = ke_str_c(ns) };
    struct resource_list list = { .continue_token = NULL };
    assert_int_equal(
        resource_list(t->r.store, model_kind_by_id(MODEL_ENDPOINTSLICE), &options, &list, &err),
        KE_OK);
    struct registry_object *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < list.items.n_objects; i++) {
        struct registry_object *it = list.items.objects[i];
        if (!ke_str_eq_c(model_pairs_get(it->labels, it->n_labels, KE_STR(SLICE_LABEL_SERVICE)),
                         service))
            continue;
        found = it;
        n++;
    }
    found = n == 1 ? registry_object_ref(found) : NULL;
    resource_list_free(&list);
    return found;
}
