/* SPDX-License-Identifier: Apache-2.0 */
/* Short notation of objects for endpoint tables; one thread. */
#include "test/support/endpoint_objects.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/snap.h"
#include "test/support/base/test.h"

void test_put(struct endpoint_table *table, enum model_kind_id kind, const char *fmt, ...)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 24);
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\'')
            text.ptr[i] = '"';
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    if (ke_json_parse(ke_buf_str(&text), &json, &err) != KE_OK)
        fail_msg("%s in %.*s", err.msg, KE_STR_ARG(ke_buf_str(&text)));
    const struct model_version *stored = &model_kind_by_id(kind)->versions[0];
    ke_auto_buf version = KE_BUF_INIT(256);
    model_version_format(stored, &version);
    assert_true(ke_json_set_str(json, "kind", ke_str_c(model_kind_by_id(kind)->kind)));
    assert_true(ke_json_set_str(json, "apiVersion", ke_buf_str(&version)));
    assert_true(endpoint_table_put_object(table, kind, json));
}

void test_put_service(struct endpoint_table *table, const char *ns, const char *name,
                      const char *spec)
{
    test_put(table, MODEL_SERVICE,
             "{'metadata':{'namespace':'%s','name':'%s','creationTimestamp':'2026-01-01T00:00:00Z'}"
             ",'spec':{%s}}",
             ns, name, spec);
}

static void put_slice(struct endpoint_table *table, const char *family, const char *const names[3],
                      const char *ports, const char *endpoints)
{
    test_put(
        table, MODEL_ENDPOINTSLICE,
        "{'metadata':{'namespace':'%s','name':'%s','labels':{'kubernetes.io/service-name':'%s'}"
        "},'addressType':'%s','ports':[%s],'endpoints':[%s]}",
        names[0], names[1], names[2], family, ports, endpoints);
}

void test_put_slice(struct endpoint_table *table, const char *ns, const char *name,
                    const char *service, const char *ports, const char *endpoints)
{
    put_slice(table, "IPv4", (const char *const[]){ ns, name, service }, ports, endpoints);
}

void test_put_slice6(struct endpoint_table *table, const char *ns, const char *name,
                     const char *service, const char *ports, const char *endpoints)
{
    put_slice(table, "IPv6", (const char *const[]){ ns, name, service }, ports, endpoints);
}

void test_delete(struct endpoint_table *table, enum model_kind_id kind, const char *ns,
                 const char *name)
{
    assert_true(endpoint_table_delete_object(table, kind, ke_str_c(ns), ke_str_c(name)));
}

struct ke_ip test_ip(const char *text)
{
    struct ke_ip ip = { 0 };
    struct ke_err err = KE_ERR_INIT;
    if (ke_ip_parse(ke_str_c(text), &ip, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return ip;
}

struct endpoint_table *test_table_new(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct endpoint_table *table = endpoint_table_new(KE_STR("n1"), &err);
    assert_non_null(table);
    ke_snap_thread_register();
    return table;
}

void test_table_free(struct endpoint_table *table)
{
    endpoint_table_free(table);
    ke_snap_thread_unregister();
    ke_snap_drain();
}
