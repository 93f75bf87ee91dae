/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_ENDPOINT_OBJECTS_H
#define TEST_SUPPORT_ENDPOINT_OBJECTS_H
/*
 * Objects for an endpoint table, written short: JSON with ' for ", the parts that every object has
 * left out. The calling thread is the table's writer.
 */
#include "core/endpoint/derive.h"

/* The whole object: {'metadata':{'name':...},...}. A wrong one fails the test. */
void test_put(struct endpoint_table *table, enum model_kind_id kind, const char *fmt, ...)
    KE_PRINTF(3, 4);
/* {"metadata":{namespace, name, creationTimestamp 2026-01-01},"spec":{spec}}. */
void test_put_service(struct endpoint_table *table, const char *ns, const char *name,
                      const char *spec);
/*
 * A slice NAME of service: ports: "{'name':'http','port':8080}", endpoints:
 * "{'addresses':['10.200.0.1'],'conditions':{'ready':true}}"; either may be empty.
 */
void test_put_slice(struct endpoint_table *table, const char *ns, const char *name,
                    const char *service, const char *ports, const char *endpoints);
void test_put_slice6(struct endpoint_table *table, const char *ns, const char *name,
                     const char *service, const char *ports, const char *endpoints);
void test_delete(struct endpoint_table *table, enum model_kind_id kind, const char *ns,
                 const char *name);
struct ke_ip test_ip(const char *text);
/* Registered with snap for as long as the test runs. Table of node "n1". */
struct endpoint_table *test_table_new(void);
void test_table_free(struct endpoint_table *table);

#endif
