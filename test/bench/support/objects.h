/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BENCH_SUPPORT_OBJECTS_H
#define TEST_BENCH_SUPPORT_OBJECTS_H
/* The objects that the benches write: request bodies. Any thread. */
#include "core/base/buf.h"

#define BENCH_NAMESPACE "bench"
#define BENCH_PORT      8080

/* A service of one port without selector. */
void bench_service_print(const char *name, struct ke_buf *out);
/* Its slice of one endpoint. */
void bench_backend_print(const char *service, const char *ip, unsigned port, struct ke_buf *out);
/* svc-N's slice of three endpoints; variant changes the last one's address. */
void bench_slice_print(unsigned number, unsigned variant, struct ke_buf *out);
/* Address of that last endpoint. */
void bench_slice_last_ip(unsigned number, unsigned variant, unsigned char out[4]);
/* ConfigMap of about one kilobyte. */
void bench_configmap_print(const char *name, struct ke_buf *out);
/* The same with a label that says number. */
void bench_configmap_print_labelled(const char *name, size_t number, struct ke_buf *out);
/* Ingress ing-N: all of host-N.example to a port of a service. */
void bench_ingress_print(unsigned number, const char *service, struct ke_buf *out);

#endif
