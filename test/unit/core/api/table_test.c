/* SPDX-License-Identifier: Apache-2.0 */
/* What kubectl get shows, from objects. Ages count to 2026-11-23T00:10:00Z. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/api/table.h"
#include "core/base/clock.h"
#include "core/base/json.h"

#define META "\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"2026-11-23T00:05:00Z\"}"

static int64_t now_s(void)
{
    int64_t us = 0;
    struct ke_err err;
    assert_int_equal(ke_time_parse_us(KE_STR("2026-11-23T00:10:00Z"), &us, &err), KE_OK);
    return us / 1000000;
}

static void assert_row(enum model_kind_id kind, const char *json, const char *want)
{
    struct ke_err err;
    ke_auto_json *object = NULL;
    ke_auto_buf out = KE_BUF_INIT(65536);
    assert_int_equal(ke_json_parse(ke_str_c(json), &object, &err), KE_OK);
    api_table_print_cells(api_table_of(model_kind_by_id(kind)), object, now_s(), &out);
    ke_buf_add_char(&out, '\0');
    assert_int_equal(out.failed, KE_OK);
    assert_string_equal(out.ptr, want);
}

static void assert_pod(const char *spec, const char *status, const char *want)
{
    ke_auto_buf json = KE_BUF_INIT(65536);
    ke_auto_buf row = KE_BUF_INIT(65536);
    ke_buf_addf(&json, "{" META ",\"spec\":%s,\"status\":%s}", spec, status);
    ke_buf_add_char(&json, '\0');
    ke_buf_addf(&row, "\"x\",%s,\"5m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"", want);
    ke_buf_add_char(&row, '\0');
    assert_row(MODEL_POD, json.ptr, row.ptr);
}

#define ONE  "{\"containers\":[{\"name\":\"c\"}]}"
#define TWO  "{\"containers\":[{\"name\":\"c\"},{\"name\":\"d\"}]}"
#define INIT "{\"initContainers\":[{\"name\":\"i\"}],\"containers\":[{\"name\":\"c\"}]}"
#define SIDE                                                                                       \
    "{\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}],\"containers\":[{"        \
    "\"name\":\"c\"}]}"

static void pods_tell_what_keeps_them(void **state)
{
    (void)state;
    assert_pod(ONE, "{\"phase\":\"Pending\"}", "\"0/1\",\"Pending\",\"0\"");
    assert_pod(
        ONE,
        "{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":"
        "{\"reason\":\"ImagePullBackOff\"}}}]}",
        "\"0/1\",\"ImagePullBackOff\",\"0\"");
    assert_pod(ONE,
               "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\",\"ready\":true,"
               "\"state\":{\"running\":{}}}]}",
               "\"1/1\",\"Running\",\"0\"");
    assert_pod(
        TWO,
        "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\",\"ready\":true,"
        "\"restartCount\":2,\"state\":{\"running\":{}},\"lastState\":{\"terminated\":{"
        "\"finishedAt\":\"2026-11-23T00:08:30Z\"}}},{\"name\":\"d\",\"state\":{\"terminated\":"
        "{\"exitCode\":3}}}]}",
        "\"1/2\",\"ExitCode:3\",\"2 (90s ago)\"");
    assert_pod(ONE, "{\"phase\":\"Failed\",\"reason\":\"Evicted\"}", "\"0/1\",\"Evicted\",\"0\"");
    assert_pod(ONE,
               "{\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{"
               "\"terminated\":{\"signal\":9,\"exitCode\":137}}}]}",
               "\"0/1\",\"Signal:9\",\"0\"");
    assert_pod(ONE,
               "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"
               "\"False\",\"reason\":\"SchedulingGated\"}]}",
               "\"0/1\",\"SchedulingGated\",\"0\"");
}

static void pods_tell_how_far_initialisation_is(void **state)
{
    (void)state;
    assert_pod(INIT, "{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\"}]}",
               "\"0/1\",\"Init:0/1\",\"0\"");
    assert_pod(INIT,
               "{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
               "\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},\"restartCount\":4}]}",
               "\"0/1\",\"Init:CrashLoopBackOff\",\"4\"");
    assert_pod(INIT,
               "{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
               "\"terminated\":{\"exitCode\":1}}}]}",
               "\"0/1\",\"Init:ExitCode:1\",\"0\"");
    assert_pod(
        INIT,
        "{\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"i\",\"restartCount\":1,"
        "\"state\":{\"terminated\":{\"exitCode\":0}}}],\"containerStatuses\":[{\"name\":\"c\","
        "\"ready\":true,\"state\":{\"running\":{}}}]}",
        "\"1/1\",\"Running\",\"0\"");
    assert_pod(
        SIDE,
        "{\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"i\",\"started\":true,"
        "\"ready\":true,\"restartCount\":1,\"state\":{\"running\":{}}}],"
        "\"containerStatuses\":[{\"name\":\"c\",\"ready\":true,\"state\":{\"running\":{}}}]}",
        "\"2/2\",\"Running\",\"1\"");
}

static void deleted_pods_are_terminating_until_they_ended(void **state)
{
    (void)state;
#define GONE                                                                                       \
    "{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"2026-11-23T00:05:00Z\","                \
    "\"deletionTimestamp\":\"2026-11-23T00:09:00Z\"},\"spec\":" ONE ",\"status\":"
#define REST ",\"5m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\""
    assert_row(MODEL_POD, GONE "{\"phase\":\"Running\"}}",
               "\"x\",\"0/1\",\"Terminating\",\"0\"" REST);
    assert_row(MODEL_POD, GONE "{\"phase\":\"Succeeded\"}}",
               "\"x\",\"0/1\",\"Succeeded\",\"0\"" REST);
    assert_row(MODEL_POD, GONE "{\"phase\":\"Running\",\"reason\":\"NodeLost\"}}",
               "\"x\",\"0/1\",\"Unknown\",\"0\"" REST);
}

static void services_show_addresses_and_ports(void **state)
{
    (void)state;
    assert_row(MODEL_SERVICE,
               "{" META ",\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.32.0.7\",\"ports\":[{"
               "\"port\":80,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\",\"nodePort\":"
               "30053}],\"selector\":{\"b\":\"2\",\"a\":\"1\"}}}",
               "\"x\",\"ClusterIP\",\"10.32.0.7\",\"<none>\",\"80/TCP,53:30053/UDP\",\"5m\","
               "\"a=1,b=2\"");
    assert_row(MODEL_SERVICE,
               "{" META ",\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"a.b\"}}",
               "\"x\",\"ExternalName\",\"<none>\",\"a.b\",\"<none>\",\"5m\",\"<none>\"");
    assert_row(MODEL_SERVICE,
               "{" META ",\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"None\"}}",
               "\"x\",\"LoadBalancer\",\"None\",\"<pending>\",\"<none>\",\"5m\",\"<none>\"");
    assert_row(MODEL_SERVICE,
               "{" META ",\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.32.0.8\","
               "\"externalIPs\":[\"1.2.3.4\"]},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":"
               "\"5.6.7.8\"},{\"hostname\":\"h\"}]}}}",
               "\"x\",\"LoadBalancer\",\"10.32.0.8\",\"5.6.7.8,h,1.2.3.4\",\"<none>\",\"5m\","
               "\"<none>\"");
}

static void endpoints_show_three_and_count_the_rest(void **state)
{
    (void)state;
    assert_row(MODEL_ENDPOINTS, "{" META "}", "\"x\",\"<none>\",\"5m\"");
    assert_row(MODEL_ENDPOINTS,
               "{" META ",\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}],"
               "\"ports\":[{\"port\":80},{\"port\":443}]}]}",
               "\"x\",\"10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more...\",\"5m\"");
    assert_row(MODEL_ENDPOINTSLICE,
               "{" META ",\"addressType\":\"IPv4\",\"ports\":[{\"port\":80},{\"name\":\"all\"}],"
               "\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]},{\"addresses\":[\"10.0.0.2\"]}]}",
               "\"x\",\"IPv4\",\"80,*\",\"10.0.0.1,10.0.0.2\",\"5m\"");
    assert_row(MODEL_ENDPOINTSLICE, "{" META ",\"addressType\":\"IPv4\"}",
               "\"x\",\"IPv4\",\"<unset>\",\"<unset>\",\"5m\"");
}

static void ingresses_show_hosts_class_and_ports(void **state)
{
    (void)state;
    assert_row(MODEL_INGRESS, "{" META ",\"spec\":{}}",
               "\"x\",\"<none>\",\"*\",\"\",\"80\",\"5m\"");
    assert_row(MODEL_INGRESS,
               "{" META
               ",\"spec\":{\"ingressClassName\":\"kedge\",\"tls\":[{}],\"rules\":[{\"host\":"
               "\"a\"},{\"host\":\"b\"},{\"host\":\"c\"},{\"host\":\"d\"}]},\"status\":{"
               "\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.5\"}]}}}",
               "\"x\",\"kedge\",\"a,b,c + 1 more...\",\"10.0.0.5\",\"80, 443\",\"5m\"");
}

static void nodes_show_conditions_and_roles(void **state)
{
    (void)state;
    assert_row(
        MODEL_NODE,
        "{\"metadata\":{\"name\":\"n\",\"creationTimestamp\":\"2026-11-20T00:10:00Z\",\"labels\":"
        "{\"node-role.kubernetes.io/worker\":\"\",\"node-role.kubernetes.io/control-plane\":"
        "\"\"}},\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{\"type\":"
        "\"Ready\",\"status\":\"True\"}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":"
        "\"10.0.0.9\"}],\"nodeInfo\":{\"kubeletVersion\":\"v1\"}}}",
        "\"n\",\"Ready,SchedulingDisabled\",\"control-plane,worker\",\"3d\",\"v1\","
        "\"10.0.0.9\",\"<none>\",\"<unknown>\",\"<unknown>\",\"<unknown>\"");
    assert_row(MODEL_NODE, "{" META "}",
               "\"x\",\"Unknown\",\"<none>\",\"5m\",\"\",\"<none>\",\"<none>\",\"<unknown>\","
               "\"<unknown>\",\"<unknown>\"");
}

static void workloads_count_replicas(void **state)
{
    (void)state;
#define TEMPLATE                                                                                   \
    "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"},{\"name\":\"d\","  \
    "\"image\":\"j\"}]}}"
    assert_row(MODEL_DEPLOYMENT,
               "{" META
               ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"a\":\"b\"}}," TEMPLATE
               "},\"status\":{\"readyReplicas\":1,\"updatedReplicas\":2,\"availableReplicas\":1}}",
               "\"x\",\"1/3\",2,1,\"5m\",\"c,d\",\"i:1,j\",\"a=b\"");
    assert_row(MODEL_REPLICASET,
               "{" META
               ",\"spec\":{\"replicas\":3,\"selector\":{\"matchExpressions\":[{\"key\":\"a\","
               "\"operator\":\"In\",\"values\":[\"b\",\"c\"]}]}," TEMPLATE
               "},\"status\":{\"replicas\":3}}",
               "\"x\",3,3,0,\"5m\",\"c,d\",\"i:1,j\",\"a in (b,c)\"");
    assert_row(MODEL_REPLICATIONCONTROLLER,
               "{" META ",\"spec\":{\"replicas\":1,\"selector\":{\"a\":\"b\"}," TEMPLATE "}}",
               "\"x\",1,0,0,\"5m\",\"c,d\",\"i:1,j\",\"a=b\"");
}

static void small_kinds_show_what_they_hold(void **state)
{
    (void)state;
    assert_row(MODEL_CONFIGMAP, "{" META ",\"data\":{\"a\":\"1\"},\"binaryData\":{\"b\":\"AA==\"}}",
               "\"x\",2,\"5m\"");
    assert_row(MODEL_SECRET, "{" META ",\"type\":\"Opaque\",\"data\":{\"a\":\"Yg==\"}}",
               "\"x\",\"Opaque\",1,\"5m\"");
    assert_row(MODEL_SERVICEACCOUNT, "{" META "}", "\"x\",0,\"5m\"");
    assert_row(MODEL_NAMESPACE, "{" META ",\"status\":{\"phase\":\"Active\"}}",
               "\"x\",\"Active\",\"5m\"");
    assert_row(MODEL_LEASE, "{" META ",\"spec\":{\"holderIdentity\":\"me\"}}",
               "\"x\",\"me\",\"5m\"");
    assert_row(MODEL_INGRESSCLASS,
               "{" META ",\"spec\":{\"controller\":\"kedge.io/ingress-controller\",\"parameters\":{"
               "\"apiGroup\":\"g\",\"kind\":\"K\",\"name\":\"n\"}}}",
               "\"x\",\"kedge.io/ingress-controller\",\"K.g/n\",\"5m\"");
    assert_row(MODEL_COMPONENTSTATUS,
               "{" META
               ",\"conditions\":[{\"type\":\"Healthy\",\"status\":\"False\",\"message\":\"no "
               "space\"}]}",
               "\"x\",\"Unhealthy\",\"no space\",\"\"");
    assert_row(
        MODEL_EVENT,
        "{" META ",\"type\":\"Normal\",\"reason\":\"Started\",\"involvedObject\":{\"kind\":"
        "\"Pod\",\"name\":\"web\"},\"source\":{\"component\":\"kedge\",\"host\":\"n\"},"
        "\"message\":\" hi\\n\",\"firstTimestamp\":\"2026-11-23T00:00:00Z\",\"lastTimestamp\":"
        "\"2026-11-23T00:09:50Z\",\"count\":4}",
        "\"10s\",\"Normal\",\"Started\",\"pod/web\",\"\",\"kedge, n\",\"hi\",\"10m\",4,\"x\"");
}

/* Name, type and priority of each column, as a kube-apiserver names them. */
static const struct {
    enum model_kind_id kind;
    const char *columns;
} columns[] = {
    { MODEL_COMPONENTSTATUS, "Name/name, Status, Message, Error" },
    { MODEL_CONFIGMAP, "Name/name, Data, Age" },
    { MODEL_ENDPOINTS, "Name/name, Endpoints, Age" },
    { MODEL_EVENT, "Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, "
                   "Count*, Name*/name" },
    { MODEL_NAMESPACE, "Name/name, Status, Age" },
    { MODEL_NODE, "Name/name, Status, Roles, Age, Version, Internal-IP*, External-IP*, OS-Image*, "
                  "Kernel-Version*, Container-Runtime*" },
    { MODEL_POD, "Name/name, Ready, Status, Restarts, Age, IP*, Node*, Nominated Node*, Readiness "
                 "Gates*" },
    { MODEL_REPLICATIONCONTROLLER, "Name/name, Desired:integer, Current:integer, Ready:integer, "
                                   "Age, Containers*, Images*, Selector*" },
    { MODEL_SECRET, "Name/name, Type, Data, Age" },
    { MODEL_SERVICEACCOUNT, "Name/name, Secrets, Age" },
    { MODEL_SERVICE, "Name/name, Type, Cluster-IP, External-IP, Port(s), Age, Selector*" },
    { MODEL_DEPLOYMENT, "Name/name, Ready, Up-to-date, Available, Age, Containers*, Images*, "
                        "Selector*" },
    { MODEL_REPLICASET, "Name/name, Desired:integer, Current:integer, Ready:integer, Age, "
                        "Containers*, Images*, Selector*" },
    { MODEL_INGRESSCLASS, "Name/name, Controller, Parameters, Age" },
    { MODEL_INGRESS, "Name/name, Class, Hosts, Address, Ports, Age" },
    { MODEL_ENDPOINTSLICE, "Name/name, AddressType, Ports, Endpoints, Age" },
    { MODEL_LEASE, "Name/name, Holder, Age" },
};

static void columns_are_those_of_a_real_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(columns); i++) {
        const struct api_table *table = api_table_of(model_kind_by_id(columns[i].kind));
        ke_auto_buf out = KE_BUF_INIT(65536);
        for (size_t j = 0; j < table->n_columns; j++) {
            const struct api_column *column = &table->columns[j];
            ke_buf_addf(&out, "%s%s%s", j > 0 ? ", " : "", column->name,
                        column->priority > 0 ? "*" : "");
            if (strcmp(column->type, "string") != 0) {
                ke_buf_addf(&out, ":%s", column->type);
            }
            if (column->format[0] != '\0') {
                ke_buf_addf(&out, "/%s", column->format);
            }
        }
        ke_buf_add_char(&out, '\0');
        assert_string_equal(out.ptr, columns[i].columns);
    }
}

static void storage_shows_modes_and_states(void **state)
{
    (void)state;
    assert_row(MODEL_PERSISTENTVOLUME,
               "{" META ",\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":["
               "\"ReadWriteMany\",\"ReadWriteOnce\"],\"persistentVolumeReclaimPolicy\":\"Retain\","
               "\"claimRef\":{\"namespace\":\"a\",\"name\":\"b\"},\"storageClassName\":\"c\","
               "\"volumeMode\":\"Block\"},\"status\":{\"phase\":\"Bound\"}}",
               "\"x\",\"1Gi\",\"RWO,RWX\",\"Retain\",\"Bound\",\"a/b\",\"c\",\"<unset>\",\"\","
               "\"5m\",\"Block\"");
    /* Only a claim that has its volume has a capacity. */
    assert_row(MODEL_PERSISTENTVOLUMECLAIM,
               "{" META ",\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"volumeMode\":"
               "\"Filesystem\"},\"status\":{\"phase\":\"Pending\"}}",
               "\"x\",\"Pending\",\"\",\"\",\"\",\"\",\"<unset>\",\"5m\",\"Filesystem\"");
    assert_row(MODEL_PERSISTENTVOLUMECLAIM,
               "{" META ",\"spec\":{\"volumeName\":\"v\",\"storageClassName\":\"c\"},\"status\":{"
               "\"phase\":\"Bound\",\"accessModes\":[\"ReadWriteOncePod\"],\"capacity\":{"
               "\"storage\":\"2Gi\"}}}",
               "\"x\",\"Bound\",\"v\",\"2Gi\",\"RWOP\",\"c\",\"<unset>\",\"5m\",\"<unset>\"");
    assert_row(MODEL_STORAGECLASS, "{" META ",\"provisioner\":\"p\",\"allowVolumeExpansion\":true}",
               "\"x\",\"p\",\"Delete\",\"Immediate\",true,\"5m\"");
    assert_row(MODEL_CSIDRIVER,
               "{" META
               ",\"spec\":{\"attachRequired\":true,\"tokenRequests\":[{\"audience\":\"a\"},{"
               "\"audience\":\"b\"}],\"volumeLifecycleModes\":[\"Persistent\"]}}",
               "\"x\",true,false,false,\"a,b\",false,\"Persistent\",\"5m\"");
    assert_row(MODEL_CSINODE, "{" META ",\"spec\":{\"drivers\":[{},{}]}}", "\"x\",2,\"5m\"");
    assert_row(MODEL_CSISTORAGECAPACITY, "{" META ",\"storageClassName\":\"c\"}",
               "\"x\",\"c\",\"<unset>\"");
}

static void rules_of_a_cluster_show_what_they_say(void **state)
{
    (void)state;
    assert_row(MODEL_RESOURCEQUOTA,
               "{" META ",\"status\":{\"hard\":{\"pods\":\"5\",\"limits.cpu\":\"2\",\"cpu\":\"1\"},"
               "\"used\":{\"pods\":\"1\"}}}",
               "\"x\",\"5m\",\"cpu: 0/1, pods: 1/5\",\"limits.cpu: 0/2\"");
    assert_row(MODEL_NETWORKPOLICY, "{" META ",\"spec\":{\"podSelector\":{}}}",
               "\"x\",\"<none>\",\"5m\"");
    assert_row(MODEL_IPADDRESS,
               "{" META ",\"spec\":{\"parentRef\":{\"resource\":\"services\",\"namespace\":\"a\","
               "\"name\":\"b\"}}}",
               "\"x\",\"services/a/b\",\"5m\"");
    assert_row(MODEL_SERVICECIDR, "{" META ",\"spec\":{\"cidrs\":[\"10.0.0.0/8\",\"fd00::/112\"]}}",
               "\"x\",\"10.0.0.0/8,fd00::/112\",\"5m\"");
    assert_row(MODEL_APISERVICE, "{" META ",\"spec\":{}}", "\"x\",\"Local\",\"Unknown\",\"5m\"");
    assert_row(MODEL_APISERVICE,
               "{" META ",\"spec\":{\"service\":{\"namespace\":\"a\",\"name\":\"b\"}},\"status\":{"
               "\"conditions\":[{\"type\":\"Available\",\"status\":\"False\",\"reason\":\"No\"}]}}",
               "\"x\",\"a/b\",\"False (No)\",\"5m\"");
    assert_row(MODEL_RESOURCECLAIM, "{" META ",\"status\":{}}", "\"x\",\"pending\",\"5m\"");
    assert_row(MODEL_RESOURCECLAIM,
               "{" META ",\"status\":{\"allocation\":{},\"reservedFor\":[{}]}}",
               "\"x\",\"allocated,reserved\",\"5m\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_tell_what_keeps_them),
        cmocka_unit_test(pods_tell_how_far_initialisation_is),
        cmocka_unit_test(deleted_pods_are_terminating_until_they_ended),
        cmocka_unit_test(services_show_addresses_and_ports),
        cmocka_unit_test(endpoints_show_three_and_count_the_rest),
        cmocka_unit_test(ingresses_show_hosts_class_and_ports),
        cmocka_unit_test(nodes_show_conditions_and_roles),
        cmocka_unit_test(workloads_count_replicas),
        cmocka_unit_test(small_kinds_show_what_they_hold),
        cmocka_unit_test(columns_are_those_of_a_real_server),
        cmocka_unit_test(storage_shows_modes_and_states),
        cmocka_unit_test(rules_of_a_cluster_show_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
