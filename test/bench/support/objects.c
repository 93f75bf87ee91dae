/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the objects that the benches write. Pure. */
#include "test/bench/support/objects.h"

#include <string.h>

#define VALUE_BYTES 700 /* about 1 KB with what the server adds */
#define N_ENDPOINTS 3
#define N_VARIANTS  16 /* addresses set aside for the last endpoint of a service */

void bench_service_print(const char *name, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
                "\"namespace\":\"" BENCH_NAMESPACE "\",\"labels\":{\"app\":\"%s\"}},"
                "\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":%d}]}}",
                name, name, BENCH_PORT);
}

void bench_backend_print(const char *service, const char *ip, unsigned port, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\","
                "\"metadata\":{\"name\":\"%s-a\",\"namespace\":\"" BENCH_NAMESPACE "\","
                "\"labels\":{\"kubernetes.io/service-name\":\"%s\"}},\"addressType\":\"IPv4\","
                "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":%u}],\"endpoints\":["
                "{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true}}]}",
                service, service, port, ip);
}

/* 10.128.0.0/9 holds sixteen addresses and more for each of 100,000 services. */
static void endpoint_ip(unsigned number, unsigned at, unsigned char out[4])
{
    unsigned host = number * (N_ENDPOINTS + N_VARIANTS) + at;
    out[0] = 10;
    out[1] = (unsigned char)(128 + (host >> 16) % 64);
    out[2] = (unsigned char)(host >> 8);
    out[3] = (unsigned char)host;
}

void bench_slice_last_ip(unsigned number, unsigned variant, unsigned char out[4])
{
    endpoint_ip(number, N_ENDPOINTS + variant % N_VARIANTS, out);
}

void bench_slice_print(unsigned number, unsigned variant, struct ke_buf *out)
{
    unsigned char ip[4];
    ke_buf_addf(out,
                "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\","
                "\"metadata\":{\"name\":\"svc-%u-a\",\"namespace\":\"" BENCH_NAMESPACE "\","
                "\"labels\":{\"kubernetes.io/service-name\":\"svc-%u\"}},\"addressType\":\"IPv4\","
                "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":%d}],\"endpoints\":[",
                number, number, BENCH_PORT);
    for (unsigned i = 0; i < N_ENDPOINTS; i++) {
        if (i + 1 < N_ENDPOINTS)
            endpoint_ip(number, i, ip);
        else
            bench_slice_last_ip(number, variant, ip);
        ke_buf_addf(out,
                    "%s{\"addresses\":[\"%u.%u.%u.%u\"],\"conditions\":{\"ready\":true,"
                    "\"serving\":true,\"terminating\":false},\"nodeName\":\"node-%u\"}",
                    i > 0 ? "," : "", ip[0], ip[1], ip[2], ip[3], i);
    }
    ke_buf_add_c(out, "]}");
}

void bench_configmap_print(const char *name, struct ke_buf *out)
{
    bench_configmap_print_labelled(name, 0, out);
}

void bench_configmap_print_labelled(const char *name, size_t number, struct ke_buf *out)
{
    char value[VALUE_BYTES];
    memset(value, 'x', sizeof(value));
    ke_buf_addf(out,
                "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
                "\"namespace\":\"" BENCH_NAMESPACE "\",\"labels\":{\"app\":\"bench-%zu\"}},"
                "\"data\":{\"value\":\"%.*s\"}}",
                name, number, VALUE_BYTES, value);
}

void bench_ingress_print(unsigned number, const char *service, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{"
                "\"name\":\"ing-%u\",\"namespace\":\"" BENCH_NAMESPACE "\"},\"spec\":{"
                "\"ingressClassName\":\"kedge\",\"rules\":[{\"host\":\"host-%u.example\",\"http\":{"
                "\"paths\":[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{"
                "\"name\":\"%s\",\"port\":{\"number\":80}}}}]}}]}}",
                number, number, service);
}
