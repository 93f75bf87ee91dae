/* SPDX-License-Identifier: Apache-2.0 */
/* Chains as kube-proxy names them, and what a partial restore file has. */
#include <stdlib.h>

#include "proxy/iptables_text.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

static struct ke_cidr services = { .ip = { KE_FAMILY_IPV4, { 10, 32 } }, .prefix = 16 };
static struct ke_cidr pods = { .ip = { KE_FAMILY_IPV4, { 10, 200 } }, .prefix = 16 };

static struct proxy_settings settings_plain(void)
{
    return (struct proxy_settings){ .service_cidrs = &services,
                                    .n_service_cidrs = 1,
                                    .cluster_cidrs = &pods,
                                    .n_cluster_cidrs = 1 };
}

static struct proxy_plan *plan_of(struct endpoint_table *table, const char *ns, const char *name)
{
    struct proxy_settings settings = settings_plain();
    struct proxy_plan *plan = NULL;
    struct ke_err err = KE_ERR_INIT;
    ke_snap_read_begin();
    const struct endpoint_service *service =
        endpoint_table_find(table, ke_str_c(ns), ke_str_c(name));
    assert_non_null(service);
    assert_int_equal(proxy_plan_make(table, &settings, service, NULL, &plan, &err), KE_OK);
    ke_snap_read_end();
    return plan;
}

static bool has_chain(const struct ipt_chains *chains, const char *name)
{
    for (size_t i = 0; i < chains->n; i++)
        if (strcmp(chains->names[i], name) == 0)
            return true;
    return false;
}

/* Names that every cluster of the world has. */
static void chains_have_the_names_that_kube_proxy_gives(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    struct ipt_chains chains = { 0 };
    test_put_service(table, "default", "kubernetes",
                     "'clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1'],'ports':[{'name':'https',"
                     "'protocol':'TCP','port':443,'targetPort':6443}]");
    test_put_slice(table, "default", "kubernetes", "kubernetes",
                   "{'name':'https','protocol':'TCP','port':6443}",
                   "{'addresses':['192.168.1.1'],'conditions':{'ready':true}}");
    test_put_service(table, "kube-system", "kube-dns",
                     "'clusterIP':'10.32.0.3','clusterIPs':['10.32.0.3'],'ports':[{'name':'dns',"
                     "'protocol':'UDP','port':53},{'name':'dns-tcp','protocol':'TCP','port':53}]");
    test_put_slice(table, "kube-system", "kube-dns-1", "kube-dns",
                   "{'name':'dns','protocol':'UDP','port':53},{'name':'dns-tcp','protocol':'TCP',"
                   "'port':53}",
                   "{'addresses':['10.200.0.1'],'conditions':{'ready':true}}");
    endpoint_table_publish(table, 1);
    struct proxy_plan *kubernetes = plan_of(table, "default", "kubernetes");
    struct proxy_plan *dns = plan_of(table, "kube-system", "kube-dns");
    ipt_chains_of(kubernetes, KE_FAMILY_IPV4, &chains);
    assert_true(has_chain(&chains, "KUBE-SVC-NPX46M4PTMTKRN6Y"));
    ipt_chains_of(dns, KE_FAMILY_IPV4, &chains);
    assert_true(has_chain(&chains, "KUBE-SVC-TCOU7JCQXEZGVUNU"));
    assert_true(has_chain(&chains, "KUBE-SVC-ERIFXISQEP7F7OF4"));
    for (size_t i = 0; i < chains.n; i++)
        assert_true(ipt_is_own_chain(ke_str_c(chains.names[i])));
    ipt_chains_deinit(&chains);
    free(kubernetes);
    free(dns);
    test_table_free(table);
}

static void an_unchanged_service_keeps_its_chains_out_of_the_file(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    struct proxy_settings settings = settings_plain();
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    test_put_service(table, "default", "web",
                     "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],'ports':[{'name':'http',"
                     "'protocol':'TCP','port':80}]");
    test_put_slice(table, "default", "web-1", "web", "{'name':'http','protocol':'TCP','port':80}",
                   "{'addresses':['10.200.0.1'],'conditions':{'ready':true}}");
    endpoint_table_publish(table, 1);
    struct proxy_plan *plan = plan_of(table, "default", "web");
    const struct proxy_plan *const plans[] = { plan };
    bool is_changed = false;
    struct ipt_text in = { .family = KE_FAMILY_IPV4,
                           .settings = &settings,
                           .plans = plans,
                           .n_plans = 1,
                           .is_changed = &is_changed };
    assert_int_equal(ipt_text_make(&in, &text, &err), KE_OK);
    ke_buf_add_char(&text, '\0');
    assert_non_null(strstr(text.ptr, "-d 10.32.0.5 -p tcp -m tcp --dport 80 -j KUBE-SVC-"));
    assert_null(strstr(text.ptr, ":KUBE-SVC-"));
    assert_null(strstr(text.ptr, "DNAT"));
    free(plan);
    test_table_free(table);
}

static void other_chains_are_not_ours(void **state)
{
    (void)state;
    assert_false(ipt_is_own_chain(KE_STR("KUBE-FIREWALL")));
    assert_false(ipt_is_own_chain(KE_STR("KUBE-KUBELET-CANARY")));
    assert_false(ipt_is_own_chain(KE_STR("DOCKER")));
    assert_true(ipt_is_own_chain(KE_STR("KUBE-MARK-MASQ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_have_the_names_that_kube_proxy_gives),
        cmocka_unit_test(an_unchanged_service_keeps_its_chains_out_of_the_file),
        cmocka_unit_test(other_chains_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
