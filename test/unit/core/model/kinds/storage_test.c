/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes, claims, storage classes and CSI: defaults, what is refused, what cannot be changed. */
#include "test/unit/core/model/kinds/write.h"

#define NAMED(kind, gv, rest)                                                                      \
    "{\"kind\":\"" kind "\",\"apiVersion\":\"" gv "\",\"metadata\":{\"name\":\"x\"}" rest "}"
#define PV(spec)  NAMED("PersistentVolume", "v1", ",\"spec\":{" spec "}")
#define PVC(spec) NAMED("PersistentVolumeClaim", "v1", ",\"spec\":{" spec "}")
#define SC(rest)  NAMED("StorageClass", "storage.k8s.io/v1", rest)
#define VOLUME    "\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":[\"ReadWriteOnce\"]"
#define CLAIM(n)                                                                                   \
    "\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"" n "\"}}"
#define MODES                                                                                      \
    "supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", "                   \
    "\"ReadWriteOncePod\""

static void volumes_and_claims_get_defaults(void **state)
{
    (void)state;
    WRITE_AUTO pv = { 0 };
    (void)write_create(&pv, PV(VOLUME ",\"hostPath\":{\"path\":\"/a\"}"));
    assert_issues(&pv, "pv", "");
    assert_has(pv.object, "{\"spec\":{" VOLUME ",\"hostPath\":{\"path\":\"/a\",\"type\":\"\"},"
                          "\"persistentVolumeReclaimPolicy\":\"Retain\",\"volumeMode\":"
                          "\"Filesystem\"},\"status\":{\"phase\":\"Pending\"}}");
    WRITE_AUTO pvc = { 0 };
    (void)write_create(&pvc, PVC(CLAIM("1024Mi")));
    assert_issues(&pvc, "pvc", "");
    assert_has(pvc.object, "{\"spec\":{" CLAIM("1Gi") ",\"volumeMode\":\"Filesystem\"},"
                                                      "\"status\":{\"phase\":\"Pending\"}}");
    WRITE_AUTO sc = { 0 };
    (void)write_create(&sc, SC(",\"provisioner\":\"example.com/p\""));
    assert_has(sc.object, "{\"reclaimPolicy\":\"Delete\",\"volumeBindingMode\":\"Immediate\"}");
    WRITE_AUTO driver = { 0 };
    (void)write_create(&driver, NAMED("CSIDriver", "storage.k8s.io/v1", ",\"spec\":{}"));
    assert_issues(&driver, "driver", "");
    assert_has(driver.object,
               "{\"spec\":{\"attachRequired\":true,\"podInfoOnMount\":false,\"storageCapacity\":"
               "false,\"fsGroupPolicy\":\"ReadWriteOnceWithFSType\",\"requiresRepublish\":false,"
               "\"seLinuxMount\":false,\"volumeLifecycleModes\":[\"Persistent\"]}}");
}

static void a_claim_says_its_source_both_ways(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, PVC(CLAIM("1Gi") ",\"dataSource\":{\"kind\":\"PersistentVolumeClaim\","
                                            "\"name\":\"a\"}"));
    assert_issues(&w, "source", "");
    assert_true(ke_json_equal(ke_json_path(w.object, "spec.dataSource"),
                              ke_json_path(w.object, "spec.dataSourceRef")));
    WRITE_AUTO ref = { 0 };
    (void)write_create(&ref, PVC(CLAIM("1Gi") ",\"dataSourceRef\":{\"apiGroup\":\"x.io\",\"kind\":"
                                              "\"Thing\",\"name\":\"a\"}"));
    assert_issues(&ref, "ref", "");
    assert_null(ke_json_path(ref.object, "spec.dataSource"));
}

static void create_refuses_what_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { PV("\"capacity\":{}"),
          "[spec.accessModes: Required value, spec.capacity: Required value, spec.capacity: "
          "Unsupported value: \"\": supported values: \"storage\", spec: Required value: must "
          "specify a volume type]" },
        { PV(VOLUME ",\"hostPath\":{\"path\":\"/a/../b\"},\"nfs\":{\"server\":\"s\",\"path\":"
                    "\"/\"}"),
          "[spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..', spec.nfs: "
          "Forbidden: may not specify more than 1 volume type]" },
        { PV(VOLUME ",\"local\":{\"path\":\"/a\"}"),
          "spec.nodeAffinity: Required value: Local volume requires node affinity" },
        { PV(VOLUME ",\"csi\":{\"driver\":\"a_b\"}"),
          "[spec.csi.driver: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must consist "
          "of lower case alphanumeric characters, '-' or '.', and must start and end with an "
          "alphanumeric character (e.g. 'example.com', regex used for validation is "
          "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), "
          "spec.csi.volumeHandle: Required value]" },
        { PV(VOLUME ",\"hostPath\":{\"path\":\"//\"},\"persistentVolumeReclaimPolicy\":"
                    "\"Recycle\""),
          "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath "
          "mount of '/'" },
        { PV("\"capacity\":{\"storage\":\"0\"},\"accessModes\":[\"RWO\"],\"hostPath\":{\"path\":"
             "\"/a\"},\"volumeMode\":\"Tape\""),
          "[spec.accessModes: Unsupported value: \"RWO\": " MODES
          ", spec.capacity[storage]: Invalid value: \"0\": must be greater than zero, "
          "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", "
          "\"Filesystem\"]" },
        { PVC(""), "[spec.accessModes: Required value: at least 1 access mode is required, "
                   "spec.resources[storage]: Required value]" },
        { PVC(CLAIM("-1")),
          "spec.resources[storage]: Invalid value: \"-1\": must be greater than zero" },
        { PVC("\"accessModes\":[\"ReadWriteOncePod\",\"ReadWriteMany\"],\"resources\":{"
              "\"requests\":{\"storage\":\"1\"}}"),
          "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes" },
        { SC(""), "provisioner: Required value" },
        { SC(",\"provisioner\":\"p\",\"reclaimPolicy\":\"Recycle\",\"volumeBindingMode\":\"x\""),
          "[reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", "
          "\"Retain\", volumeBindingMode: Unsupported value: \"x\": supported values: "
          "\"Immediate\", \"WaitForFirstConsumer\"]" },
        { SC(",\"provisioner\":\"p\",\"parameters\":{\"\":\"x\"}"),
          "parameters: Invalid value: \"\": field can not be empty." },
        { NAMED("VolumeAttributesClass", "storage.k8s.io/v1", ",\"driverName\":\"d\""),
          "parameters: Required value: must contain at least one key/value pair" },
        { NAMED("CSINode", "storage.k8s.io/v1",
                ",\"spec\":{\"drivers\":[{\"name\":\"a\",\"nodeID\":\"\"},{\"name\":\"a\","
                "\"nodeID\":\"n\",\"allocatable\":{\"count\":-1}}]}"),
          "[spec.drivers[0].nodeID: Required value, spec.drivers[1].allocatable.count: Invalid "
          "value: -1: must be greater than or equal to 0, spec.drivers[1].name: Duplicate value: "
          "\"a\"]" },
        { NAMED("CSIDriver", "storage.k8s.io/v1",
                ",\"spec\":{\"fsGroupPolicy\":\"x\",\"tokenRequests\":[{\"audience\":\"a\","
                "\"expirationSeconds\":5},{\"audience\":\"a\"}]}"),
          "[spec.fsGroupPolicy: Unsupported value: \"x\": supported values: \"File\", \"None\", "
          "\"ReadWriteOnceWithFSType\", spec.tokenRequests[0].expirationSeconds: Invalid value: "
          "5: may not specify a duration less than 10 minutes, spec.tokenRequests[1].audience: "
          "Duplicate value: \"a\"]" },
        { NAMED("CSIStorageCapacity", "storage.k8s.io/v1",
                ",\"storageClassName\":\"c\",\"capacity\":\"-1Gi\""),
          "capacity: Invalid value: \"-1Gi\": must be greater than or equal to 0" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void what_is_immutable_stays(void **state)
{
    (void)state;
    assert_update_gives(PV(VOLUME ",\"hostPath\":{\"path\":\"/a\"}"),
                        PV(VOLUME ",\"hostPath\":{\"path\":\"/b\"},\"volumeMode\":\"Block\""),
                        "[spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is "
                        "immutable after creation, volumeMode: Invalid value: \"Block\": field is "
                        "immutable]");
    assert_update_gives(PV(VOLUME ",\"hostPath\":{\"path\":\"/a\"}"),
                        PV(VOLUME ",\"hostPath\":{\"path\":\"/a\"},"
                                  "\"persistentVolumeReclaimPolicy\":\"Delete\""),
                        "");
    assert_update_gives(SC(",\"provisioner\":\"p\""),
                        SC(",\"provisioner\":\"q\",\"parameters\":{\"a\":\"b\"},"
                           "\"reclaimPolicy\":\"Retain\",\"volumeBindingMode\":"
                           "\"WaitForFirstConsumer\""),
                        "[parameters: Forbidden: updates to parameters are forbidden., "
                        "provisioner: Forbidden: updates to provisioner are forbidden., "
                        "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden., "
                        "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is "
                        "immutable]");
    assert_update_gives(SC(",\"provisioner\":\"p\""),
                        SC(",\"provisioner\":\"p\",\"allowVolumeExpansion\":true"), "");
    assert_update_gives(PVC(CLAIM("1Gi")), PVC(CLAIM("2Gi")),
                        "spec: Forbidden: spec is immutable after creation except "
                        "resources.requests and volumeAttributesClassName for bound claims");
    assert_update_gives(PVC(CLAIM("1Gi")), PVC(CLAIM("1Gi") ",\"volumeName\":\"v\""), "");
    assert_update_gives(PVC(CLAIM("1Gi")), PVC(CLAIM("1Gi") ",\"storageClassName\":\"c\""), "");
    assert_update_gives(PVC(CLAIM("1Gi") ",\"storageClassName\":\"b\""),
                        PVC(CLAIM("1Gi") ",\"storageClassName\":\"c\""),
                        "spec: Forbidden: spec is immutable after creation except "
                        "resources.requests and volumeAttributesClassName for bound claims");
}

/* Only a claim that has its volume may grow; and it shrinks back no further than what it holds. */
static void a_bound_claim_may_grow(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *issues;
    } cases[] = {
        { PVC(CLAIM("3Gi") ",\"volumeName\":\"v\""), "" },
        { PVC(CLAIM("1536Mi") ",\"volumeName\":\"v\""), "" },
        { PVC(CLAIM("1Gi") ",\"volumeName\":\"v\""),
          "spec.resources.requests.storage: Forbidden: field can not be less than "
          "status.capacity" },
        { PVC(CLAIM("3Gi") ",\"volumeName\":\"w\""),
          "spec: Forbidden: spec is immutable after creation except resources.requests and "
          "volumeAttributesClassName for bound claims" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_err err = KE_ERR_INIT;
        WRITE_AUTO before = { 0 };
        (void)write_create(&before, PVC(CLAIM("2Gi") ",\"volumeName\":\"v\""));
        cJSON *status = NULL;
        assert_int_equal(
            ke_json_parse(KE_STR("{\"phase\":\"Bound\",\"capacity\":{\"storage\":\"1Gi\"}}"),
                          &status, &err),
            KE_OK);
        assert_true(ke_json_set(before.object, "status", status));
        WRITE_AUTO w = { 0 };
        write_update(&w, before.object, cases[i].spec);
        assert_issues(&w, cases[i].spec, cases[i].issues);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_and_claims_get_defaults),
        cmocka_unit_test(a_claim_says_its_source_both_ways),
        cmocka_unit_test(create_refuses_what_a_real_server_refuses),
        cmocka_unit_test(what_is_immutable_stays),
        cmocka_unit_test(a_bound_claim_may_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
