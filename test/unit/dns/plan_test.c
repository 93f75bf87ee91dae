/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: every record that a table gives, whatever the size of the replies. */
#include <string.h>

#include "dns/dns.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

static struct dns_settings settings_of(struct ke_cidr *reverse)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/16"), reverse, &err), KE_OK);
    return (struct dns_settings){ .domain = KE_STR("cluster.local"),
                                  .address = test_ip("10.32.0.10"),
                                  .reverse = reverse,
                                  .n_reverse = 1,
                                  .ttl_s = 5 };
}

static void the_plan_lists_every_record_once_and_sorted(void **state)
{
    struct endpoint_table *table = test_table_new();
    struct ke_cidr reverse;
    struct dns_settings settings = settings_of(&reverse);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    (void)state;
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'ns'}}");
    test_put_service(table, "ns", "web",
                     "'clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1'],'ports':[{'name':'http',"
                     "'port':80},{'name':'https','port':443}]");
    test_put_service(table, "ns", "ext", "'type':'ExternalName','externalName':'a.example'");
    endpoint_table_publish(table, 1);
    assert_int_equal(dns_plan_print(table, &settings, &out, &err), KE_OK);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr,
                        "1.0.32.10.in-addr.arpa. 5 IN PTR web.ns.svc.cluster.local.\n"
                        "_http._tcp.web.ns.svc.cluster.local. 5 IN SRV 0 100 80 "
                        "web.ns.svc.cluster.local.\n"
                        "_https._tcp.web.ns.svc.cluster.local. 5 IN SRV 0 100 443 "
                        "web.ns.svc.cluster.local.\n"
                        "ext.ns.svc.cluster.local. 5 IN CNAME a.example.\n"
                        "web.ns.svc.cluster.local. 5 IN A 10.32.0.1\n"
                        "web.ns.svc.cluster.local. 5 IN SRV 0 50 443 web.ns.svc.cluster.local.\n"
                        "web.ns.svc.cluster.local. 5 IN SRV 0 50 80 web.ns.svc.cluster.local.\n");
    test_table_free(table);
}

static void a_service_of_many_endpoints_is_listed_whole(void **state)
{
    enum { N = 1000 };
    struct endpoint_table *table = test_table_new();
    struct ke_cidr reverse;
    struct dns_settings settings = settings_of(&reverse);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf endpoints = KE_BUF_INIT(1 << 20);
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    unsigned n = 0;
    (void)state;
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'ns'}}");
    test_put_service(table, "ns", "many", "'clusterIP':'None','clusterIPs':['None']");
    for (unsigned i = 0; i < N; i++)
        ke_buf_addf(&endpoints, "%s{'addresses':['10.200.%u.%u']}", i > 0 ? "," : "", i / 250,
                    i % 250);
    ke_buf_add_char(&endpoints, '\0');
    test_put_slice(table, "ns", "many-1", "many", "", endpoints.ptr);
    endpoint_table_publish(table, 1);
    assert_int_equal(dns_plan_print(table, &settings, &out, &err), KE_OK);
    ke_buf_add_char(&out, '\0');
    for (const char *at = out.ptr;
         (at = strstr(at, "\nmany.ns.svc.cluster.local. 5 IN A ")) != NULL; at++)
        n++;
    assert_int_equal(n, N);
    test_table_free(table);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    struct endpoint_table *table = test_table_new();
    struct ke_cidr reverse;
    struct dns_settings settings = settings_of(&reverse);
    (void)state;
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'ns'}}");
    test_put_service(table, "ns", "web", "'clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1']");
    endpoint_table_publish(table, 1);
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_buf out = KE_BUF_INIT(1 << 20);
        test_alloc_fail_at(n);
        enum ke_code rc = dns_plan_print(table, &settings, &out, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
    test_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_lists_every_record_once_and_sorted),
        cmocka_unit_test(a_service_of_many_endpoints_is_listed_whole),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
