/* SPDX-License-Identifier: Apache-2.0 */
/* Memory running out anywhere in a write: it is said, and nothing invalid gets through. */
#include "test/support/base/alloc.h"
#include "test/unit/core/model/kinds/write.h"

#define TEMPLATE                                                                                   \
    "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\"" \
    ":\"x\",\"ports\":[{\"containerPort\":80}],\"readinessProbe\":{\"httpGet\":{\"port\":80}}}]}}"

static const char *const good[] = {
    "{\"kind\":\"PersistentVolume\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"spec\":{"
    "\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":[\"ReadWriteOnce\"],\"hostPath\":{"
    "\"path\":\"/a\"}}}",
    "{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},"
    "\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":"
    "\"1Gi\"}},\"dataSource\":{\"kind\":\"PersistentVolumeClaim\",\"name\":\"a\"}}}",
    "{\"kind\":\"CSIDriver\",\"apiVersion\":\"storage.k8s.io/v1\",\"metadata\":{\"name\":\"n\"},"
    "\"spec\":{}}",
    "{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":"
    "\"n\"},\"spec\":{\"egress\":[{\"ports\":[{\"port\":1}]}]}}",
    "{\"kind\":\"LimitRange\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"spec\":{"
    "\"limits\":[{\"type\":\"Container\",\"max\":{\"cpu\":\"1\"}}]}}",
    "{\"kind\":\"ResourceClaim\",\"apiVersion\":\"resource.k8s.io/v1\",\"metadata\":{\"name\":\"n\"},"
    "\"spec\":{\"devices\":{\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"c\"}}]"
    "}}}",
    "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":"
    "\"LoadBalancer\",\"clusterIP\":\"10.0.0.1\",\"sessionAffinity\":\"ClientIP\",\"ports\":[{"
    "\"port\":80}]}}",
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"volumes\":[{"
    "\"name\":\"v\"}],\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{\"limits\":{"
    "\"cpu\":\"1\"}}}]}}",
    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},\"spec\":{"
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":" TEMPLATE "}}",
    "{\"kind\":\"ReplicationController\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"d\"},"
    "\"spec\":{\"template\":" TEMPLATE "}}",
    "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"}}",
    "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"spec\":{\"podCIDR\":"
    "\"10.0.0.0/24\"}}",
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"stringData\":{"
    "\"a\":\"b\"}}",
    "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"n\"},"
    "\"spec\":{\"defaultBackend\":{\"service\":{\"name\":\"a\",\"port\":{\"number\":1}}},\"rules\":"
    "[{\"http\":{\"paths\":[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{"
    "\"name\":\"a\",\"port\":{\"name\":\"b\"}}}}]}}]}}",
};

static const struct model_kind *parse(const char *text, cJSON **out)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(text), out, &err), KE_OK);
    struct ke_str rest = ke_json_str(*out, "apiVersion");
    struct ke_str group;
    assert_true(ke_str_split(&rest, '/', &group));
    struct ke_str version = rest.ptr != NULL ? rest : group;
    if (rest.ptr == NULL)
        group = KE_STR("");
    const struct model_kind *kind =
        model_kind_by_name(group, version, ke_json_str(*out, "kind"), NULL);
    assert_non_null(kind);
    return kind;
}

/* Everything a write does to the object before it is checked; old versions too. */
static bool prepare(const struct model_kind *kind, cJSON *object, const cJSON *old)
{
    for (size_t i = 1; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        if (!model_version_from_storage(kind, &kind->versions[i], object) ||
            !model_version_to_storage(kind, &kind->versions[i], object))
            return false;
    }
    return (kind->set_defaults == NULL || kind->set_defaults(object)) &&
           (kind->prepare_create == NULL || kind->prepare_create(object)) &&
           carry_over(object, old) &&
           (kind->prepare_update == NULL || kind->prepare_update(object, old));
}

static void preparing_says_when_memory_ran_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(good); i++) {
        ke_auto_json *old = NULL;
        const struct model_kind *kind = parse(good[i], &old);
        ke_auto_json *expected = cJSON_Duplicate(old, true);
        assert_true(prepare(kind, expected, old));
        for (size_t n = 1;; n++) {
            ke_auto_json *object = cJSON_Duplicate(old, true);
            assert_non_null(object);
            test_alloc_fail_at(n);
            bool is_done = prepare(kind, object, old);
            if (!test_alloc_end()) {
                assert_true(is_done);
                assert_true(ke_json_equal(object, expected));
                break;
            }
            if (is_done && !ke_json_equal(object, expected))
                fail_msg("%s: allocation %zu failed unnoticed", good[i], n);
        }
    }
}

static const char *const bad[] = {
    "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\",\"annotations\":{"
    "\"-\":\"\"},\"namespace\":\"d\"},\"spec\":{\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":["
    "\"10.0.0.2\"],\"ports\":[{\"port\":0}]}}",
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"P\",\"namespace\":\"d\"},"
    "\"spec\":{\"containers\":[{\"name\":\"c\"}]}}",
    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},\"spec\":{"
    "\"selector\":{\"matchLabels\":{\"a\":\"c\"}},\"template\":" TEMPLATE "}}",
};

static void nothing_invalid_passes_for_lack_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        ke_auto_json *object = NULL;
        const struct model_kind *kind = parse(bad[i], &object);
        for (size_t n = 1;; n++) {
            KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
            assert_non_null(arena);
            struct model_issues issues;
            model_issues_init(&issues, arena);
            test_alloc_fail_at(n);
            model_kind_validate(kind, object, NULL, &issues);
            bool has_failed = test_alloc_end();
            assert_true(issues.n_items > 1);
            if (!has_failed)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preparing_says_when_memory_ran_out),
        cmocka_unit_test(nothing_invalid_passes_for_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
