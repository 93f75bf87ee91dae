/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds: look-ups, keys, selectable fields, durability. */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kind.h"
#include "core/model/schema.h"
#include "test/support/base/test.h"

static void each_row_is_whole_and_found_by_its_own_names(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct model_kind *kind;
    while ((kind = model_kind_at(n)) != NULL) {
        n++;
        assert_ptr_equal(model_kind_by_id(kind->id), kind);
        /* What is never stored may have no place there. */
        if (!kind->is_computed || kind->prefix[0] != '\0') {
            assert_true(ke_str_has_prefix(ke_str_c(kind->prefix), KE_STR("/registry/")));
            assert_true(ke_str_has_suffix(ke_str_c(kind->prefix), KE_STR("/")));
        }
        for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
            const struct model_version *v = &kind->versions[i];
            const struct model_version *found = NULL;
            assert_ptr_equal(model_kind_by_plural(ke_str_c(v->group), ke_str_c(v->version),
                                                  ke_str_c(kind->plural), &found),
                             kind);
            assert_ptr_equal(found, v);
            assert_ptr_equal(model_kind_by_name(ke_str_c(v->group), ke_str_c(v->version),
                                                ke_str_c(kind->kind), NULL),
                             kind);
            assert_non_null(model_schema_find(ke_str_c(v->message)));
        }
    }
    assert_int_equal(n, MODEL_KIND_COUNT);
}

static void a_kind_is_not_found_in_a_version_it_is_not_served_in(void **state)
{
    (void)state;
    assert_null(model_kind_by_plural(KE_STR("apps"), KE_STR("v1"), KE_STR("pods"), NULL));
    assert_null(model_kind_by_plural(KE_STR(""), KE_STR("v2"), KE_STR("pods"), NULL));
    assert_null(model_kind_by_name(KE_STR(""), KE_STR("v1"), KE_STR("pod"), NULL));
    assert_null(model_kind_by_plural(KE_STR("extensions"), KE_STR("v1beta1"),
                                     KE_STR("ingressclasses"), NULL));
}

static const char *key_of(enum model_kind_id id, const char *ns, const char *name,
                          struct ke_buf *buf)
{
    ke_buf_clear(buf);
    model_kind_key(model_kind_by_id(id), ke_str_c(ns), ke_str_c(name), buf);
    ke_buf_add_char(buf, '\0');
    return buf->ptr;
}

static void keys_are_those_of_kubernetes(void **state)
{
    (void)state;
    static const struct {
        enum model_kind_id id;
        const char *ns, *name, *key;
    } cases[] = {
        { MODEL_SERVICE, "default", "web", "/registry/services/specs/default/web" },
        { MODEL_ENDPOINTS, "default", "web", "/registry/services/endpoints/default/web" },
        { MODEL_NODE, "", "n1", "/registry/minions/n1" },
        { MODEL_REPLICATIONCONTROLLER, "a", "b", "/registry/controllers/a/b" },
        { MODEL_INGRESS, "a", "b", "/registry/ingress/a/b" },
        { MODEL_ENDPOINTSLICE, "a", "b", "/registry/endpointslices/a/b" },
        { MODEL_INGRESSCLASS, "", "b", "/registry/ingressclasses/b" },
        { MODEL_LEASE, "kube-node-lease", "n1", "/registry/leases/kube-node-lease/n1" },
    };
    char memory[LIMIT_KEY_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(memory, sizeof(memory));
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_string_equal(key_of(cases[i].id, cases[i].ns, cases[i].name, &buf), cases[i].key);
        struct ke_str ns;
        struct ke_str name;
        const struct model_kind *kind = model_kind_by_key(ke_str_c(cases[i].key), &ns, &name);
        assert_non_null(kind);
        assert_int_equal(kind->id, cases[i].id);
        assert_true(ke_str_eq_c(ns, cases[i].ns));
        assert_true(ke_str_eq_c(name, cases[i].name));
    }
    assert_string_equal(key_of(MODEL_POD, "", "", &buf), "/registry/pods/");
    assert_string_equal(key_of(MODEL_POD, "x", "", &buf), "/registry/pods/x/");
}

static void what_is_not_a_key_of_an_object_has_no_kind(void **state)
{
    (void)state;
    static const char *const keys[] = { "",
                                        "/registry/pods/",
                                        "/registry/pods/a",
                                        "/registry/pods/a/",
                                        "/registry/pods//b",
                                        "/registry/pods/a/b/c",
                                        "/registry/minions/",
                                        "/registry/minions/a/b",
                                        "/registry/nothing/a/b",
                                        "/registry/componentstatuses/a" };
    struct ke_str ns;
    struct ke_str name;
    for (size_t i = 0; i < KE_ARRAY_LEN(keys); i++)
        assert_null(model_kind_by_key(ke_str_c(keys[i]), &ns, &name));
}

static void selectable_fields_are_text(void **state)
{
    (void)state;
    static const struct {
        enum model_kind_id id;
        const char *json, *field, *value;
    } cases[] = {
        { MODEL_POD, "{\"spec\":{\"nodeName\":\"n1\"}}", "spec.nodeName", "n1" },
        { MODEL_POD, "{\"spec\":{}}", "spec.nodeName", "" },
        { MODEL_POD, "{\"spec\":{\"hostNetwork\":true}}", "spec.hostNetwork", "true" },
        { MODEL_POD, "{}", "spec.hostNetwork", "false" },
        { MODEL_NODE, "{}", "spec.unschedulable", "false" },
        { MODEL_REPLICASET, "{\"status\":{\"replicas\":12}}", "status.replicas", "12" },
        { MODEL_REPLICASET, "{}", "status.replicas", "0" },
        { MODEL_EVENT, "{\"source\":{\"component\":\"kubelet\"}}", "source", "kubelet" },
        { MODEL_SECRET, "{\"type\":\"Opaque\"}", "type", "Opaque" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_json *object = NULL;
        assert_int_equal(ke_json_parse(ke_str_c(cases[i].json), &object, &err), KE_OK);
        const struct model_kind *kind = model_kind_by_id(cases[i].id);
        assert_true(model_kind_has_field(kind, ke_str_c(cases[i].field)));
        const struct model_selectable *field = kind->fields;
        while (strcmp(field->name, cases[i].field) != 0)
            field++;
        char scratch[MODEL_SELECTABLE_SCRATCH];
        struct ke_str value = model_selectable_value(field, object, scratch);
        assert_true(ke_str_eq_c(value, cases[i].value));
    }
    assert_true(model_kind_has_field(model_kind_by_id(MODEL_CONFIGMAP), KE_STR("metadata.name")));
    assert_false(model_kind_has_field(model_kind_by_id(MODEL_CONFIGMAP), KE_STR("spec.foo")));
}

static void only_derived_endpoints_and_slices_are_lazy(void **state)
{
    (void)state;
    static const struct {
        enum model_kind_id id;
        const char *labels;
        enum model_durability durability;
    } cases[] = {
        { MODEL_ENDPOINTS, "{}", MODEL_DURABLE },
        { MODEL_ENDPOINTS, "{\"endpoints.kubernetes.io/managed-by\":\"endpoint-controller\"}",
          MODEL_LAZY },
        { MODEL_ENDPOINTSLICE, "{\"kubernetes.io/service-name\":\"x\"}", MODEL_DURABLE },
        { MODEL_ENDPOINTSLICE, "{\"endpointslice.kubernetes.io/managed-by\":\"me\"}",
          MODEL_DURABLE },
        { MODEL_ENDPOINTSLICE,
          "{\"endpointslice.kubernetes.io/managed-by\":\"endpointslice-controller.k8s.io\"}",
          MODEL_LAZY },
        { MODEL_EVENT, "{}", MODEL_LAZY },
        { MODEL_LEASE, "{}", MODEL_MEMORY },
        { MODEL_SERVICE, "{}", MODEL_DURABLE },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_json *object = cJSON_CreateObject();
        ke_auto_json *labels = NULL;
        assert_int_equal(ke_json_parse(ke_str_c(cases[i].labels), &labels, &err), KE_OK);
        cJSON *meta = ke_json_need_object(object, "metadata");
        assert_true(ke_json_set(meta, "labels", KE_TAKE(labels)));
        assert_int_equal(model_kind_durability(model_kind_by_id(cases[i].id), object),
                         cases[i].durability);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_whole_and_found_by_its_own_names),
        cmocka_unit_test(a_kind_is_not_found_in_a_version_it_is_not_served_in),
        cmocka_unit_test(keys_are_those_of_kubernetes),
        cmocka_unit_test(what_is_not_a_key_of_an_object_has_no_kind),
        cmocka_unit_test(selectable_fields_are_text),
        cmocka_unit_test(only_derived_endpoints_and_slices_are_lazy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
