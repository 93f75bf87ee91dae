/* SPDX-License-Identifier: Apache-2.0 */
/* Ingress objects to routes: whose they are, hosts, precedence, conflicts, defaults, TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kind.h"
#include "core/net/tls/x509.h"
#include "ingress/routes.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

#define MAX_OBJECTS 16

/* One path of a rule, and a whole Ingress. */
#define PATH(path, type, service)                                                                  \
    "{'path':'" path "','pathType':'" type "','backend':{'service':{'name':'" service              \
    "','port':{'number':80}}}}"
#define RULE(host, paths) "{'host':'" host "','http':{'paths':[" paths "]}}"
#define META(name, year)                                                                           \
    "'metadata':{'namespace':'ns','name':'" name "','creationTimestamp':'" year "-01-01T00:00:00Z'}"
#define INGRESS(name, year, spec)                                                                  \
    "{" META(name, year) ",'spec':{'ingressClassName':'kedge'," spec "}}"
#define DEFAULT(service)                                                                           \
    "'defaultBackend':{'service':{'name':'" service "','port':{'name':'http'}}}"

static struct ke_arena *arena;
static const struct model_ingress *ingresses[MAX_OBJECTS];
static const struct model_ingress_class *classes[MAX_OBJECTS];
static struct ingress_settings settings;
static struct ingress_input input;
static struct ingress_routes *routes;
static struct tls_cert *cert;

static cJSON *parse(const char *text)
{
    char copy[8192];
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    if (ke_json_parse(ke_str_c(copy), &json, &err) != KE_OK)
        fail_msg("%s in %s", err.msg, copy);
    return json;
}

static void add(const char *text)
{
    struct model_ingress *view = ke_arena_alloc(arena, sizeof(*view));
    ke_auto_json *json = parse(text);
    assert_true(model_ingress_decode(json, arena, view));
    ingresses[input.n_ingresses++] = view;
}

static void add_class(const char *name, const char *controller)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "{'metadata':{'name':'%s'},'spec':{'controller':'%s'}}",
                   name, controller);
    struct model_ingress_class *view = ke_arena_alloc(arena, sizeof(*view));
    ke_auto_json *json = parse(text);
    assert_true(model_ingress_class_decode(json, arena, view));
    classes[input.n_classes++] = view;
}

static void build(void)
{
    ingress_routes_free(routes);
    routes = ingress_routes_build(&input);
    assert_non_null(routes);
}

/* Service that a request reaches, "-" for none. */
static const char *where(const char *host, const char *path)
{
    static char name[64];
    struct ingress_found found = { 0 };
    (void)ingress_routes_find(routes, ke_str_c(host), ke_str_c(path), &found);
    if (found.target == NULL)
        return "-";
    (void)snprintf(name, sizeof(name), "%.*s", KE_STR_ARG(found.target->service));
    return name;
}

static bool has_problem(const char *name, const char *reason)
{
    for (size_t i = 0; i < routes->n_problems; i++) {
        const char *got = routes->problems[i].reason != NULL ? routes->problems[i].reason : "";
        if (ke_str_eq_c(routes->problems[i].name, name) && strcmp(got, reason) == 0)
            return true;
    }
    return false;
}

static bool is_served(const char *name)
{
    for (size_t i = 0; i < routes->n_served; i++) {
        if (ke_str_eq_c(routes->served[i].name, name))
            return true;
    }
    return false;
}

/* ---- whose ---- */

static void classes_decide_whose_an_ingress_is(void **state)
{
    static const struct {
        const char *field, *annotation;
        bool is_ours;
    } cases[] = {
        { "kedge", NULL, true },    { "alias", NULL, true },    { "other", NULL, false },
        { "missing", NULL, false }, { NULL, "kedge", true },    { NULL, "nginx", true },
        { "nginx", NULL, true },    { NULL, "other", false },   { NULL, "missing", false },
        { NULL, NULL, false },      { "kedge", "other", true }, { "other", "kedge", false },
    };
    (void)state;
    add_class("alias", INGRESS_CONTROLLER);
    add_class("other", "example.com/other");
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        char text[512];
        char field[64] = "";
        char annotation[96] = "";
        if (cases[i].field != NULL)
            (void)snprintf(field, sizeof(field), "'ingressClassName':'%s',", cases[i].field);
        if (cases[i].annotation != NULL) {
            (void)snprintf(annotation, sizeof(annotation),
                           ",'annotations':{'kubernetes.io/ingress.class':'%s'}",
                           cases[i].annotation);
        }
        (void)snprintf(text, sizeof(text),
                       "{'metadata':{'namespace':'ns','name':'x'%s},'spec':{%s" DEFAULT("s") "}}",
                       annotation, field);
        input.n_ingresses = 0;
        add(text);
        build();
        if (is_served("x") != cases[i].is_ours || has_problem("x", "") == cases[i].is_ours)
            fail_msg("case %zu", i);
    }
}

static void class_nginx_is_left_to_a_controller_that_owns_it(void **state)
{
    (void)state;
    add("{"
        "'metadata':{'namespace':'ns','name':'old','annotations':"
        "{'kubernetes.io/ingress.class':'nginx'}},'spec':{'rules':[" RULE(
            "h", PATH("/", "Prefix", "s")) "]}}");
    build();
    assert_string_equal(where("h", "/"), "s");
    add_class("nginx", "k8s.io/ingress-nginx");
    build();
    assert_string_equal(where("h", "/"), "-");
    assert_false(is_served("old"));
    assert_int_equal(routes->problems[0].n_hosts, 1);
}

static void a_manifest_of_2017_serves(void **state)
{
    (void)state;
    static const char text[] =
        "{'apiVersion':'extensions/v1beta1','kind':'Ingress','metadata':{'name':'my-nginx-ingress',"
        "'namespace':'default','annotations':{'kubernetes.io/ingress.class':'nginx'}},'spec':{"
        "'rules':[{'host':'foobar.com','http':{'paths':[{'path':null,'backend':{"
        "'serviceName':'nginx-svc','servicePort':8080}}]}}]}}";
    ke_auto_json *json = parse(text);
    const struct model_version *version = NULL;
    const struct model_kind *kind =
        model_kind_by_name(KE_STR("extensions"), KE_STR("v1beta1"), KE_STR("Ingress"), &version);
    assert_non_null(kind);
    assert_true(model_version_to_storage(kind, version, json));
    struct model_ingress *view = ke_arena_alloc(arena, sizeof(*view));
    assert_true(model_ingress_decode(json, arena, view));
    ingresses[input.n_ingresses++] = view;
    build();
    assert_string_equal(where("foobar.com", "/"), "nginx-svc");
    assert_string_equal(where("foobar.com", "/any/thing"), "nginx-svc");
    assert_string_equal(where("other.com", "/"), "-");
    assert_int_equal(routes->hosts[0].paths[0].target.port.number, 8080);
}

/* ---- hosts ---- */

static void a_precise_host_beats_a_wildcard_beats_none(void **state)
{
    (void)state;
    add(INGRESS("a", "2020",
                "'rules':[" RULE("*.foo.com", PATH("/", "Prefix", "wild")) "," RULE(
                    "bar.foo.com", PATH("/only", "Prefix", "precise")) "]"));
    build();
    assert_string_equal(where("x.foo.com", "/"), "wild");
    assert_string_equal(where("bar.foo.com", "/only"), "precise");
    assert_string_equal(where("bar.foo.com", "/else"), "-"); /* its host is taken */
    assert_string_equal(where("baz.bar.foo.com", "/"), "-");
    assert_string_equal(where("foo.com", "/"), "-");
    assert_string_equal(where("", "/"), "-");
    add(INGRESS("b", "2021", "'rules':[{'http':{'paths':[" PATH("/", "Prefix", "any") "]}}]"));
    build();
    assert_string_equal(where("foo.com", "/"), "any");
    assert_string_equal(where("", "/"), "any");
    assert_string_equal(where("[::1]", "/"), "any");
    assert_string_equal(where("x.foo.com", "/"), "wild");
    assert_string_equal(where("bar.foo.com", "/else"), "-");
}

/* ---- paths ---- */

static void the_longest_path_wins_and_exact_before_prefix(void **state)
{
    (void)state;
    add(INGRESS("a", "2020",
                "'rules':[" RULE(
                    "h", PATH("/", "Prefix", "root") "," PATH("/aaa", "Prefix", "aaa") "," PATH(
                             "/aaa/bbb", "Prefix",
                             "bbb") "," PATH("/foo", "Prefix",
                                             "prefix") "," PATH("/foo", "Exact",
                                                                "exact") "," PATH("/foo/", "Prefix",
                                                                                  "slash")) "]"));
    build();
    assert_string_equal(where("h", "/aaa/ccc"), "aaa");
    assert_string_equal(where("h", "/aaa/bbb"), "bbb");
    assert_string_equal(where("h", "/aaa/bbb/ccc"), "bbb");
    assert_string_equal(where("h", "/aaaccc"), "root");
    assert_string_equal(where("h", "/ccc"), "root");
    assert_string_equal(where("h", "/foo/bar"), "slash");
    assert_string_equal(where("h", "/foo/"), "slash");
    assert_string_equal(where("h", "/"), "root");
}

static void exact_wins_where_both_are_as_long(void **state)
{
    (void)state;
    add(INGRESS("a", "2020",
                "'rules':[" RULE(
                    "h", PATH("/foo", "Prefix", "prefix") "," PATH("/foo", "Exact", "exact")) "]"));
    build();
    assert_string_equal(where("h", "/foo"), "exact");
    assert_string_equal(where("h", "/foo/"), "prefix");
}

static void the_oldest_wins_and_the_loser_is_told(void **state)
{
    (void)state;
    add(INGRESS(
        "young", "2022",
        "'rules':[" RULE("h", PATH("/", "Prefix", "young") "," PATH("/y", "Prefix", "own")) "]"));
    add(INGRESS("old", "2020",
                "'rules':[" RULE("h", PATH("/", "ImplementationSpecific", "old")) "]"));
    add(INGRESS("same-age", "2020", "'rules':[" RULE("h", PATH("/", "Prefix", "later")) "]"));
    build();
    assert_string_equal(where("h", "/"), "old");
    assert_string_equal(where("h", "/y"), "own");
    assert_true(has_problem("young", "PathConflict"));
    assert_true(has_problem("same-age", "PathConflict"));
    assert_false(has_problem("old", "PathConflict"));
    assert_true(is_served("young"));
}

/* ---- defaults ---- */

static void defaults_serve_what_no_rule_does(void **state)
{
    (void)state;
    settings.default_backend = KE_STR("kube-system/fallback:8080");
    add(INGRESS(
        "rules", "2020",
        DEFAULT("own") ",'rules':[" RULE("h", PATH("/a", "Prefix", "a")) ",{'host':'bare'}]"));
    build();
    assert_string_equal(where("h", "/b"), "own");
    assert_string_equal(where("bare", "/"), "own");
    assert_string_equal(where("else", "/"), "own"); /* the oldest, while there is no catch-all */
    add(INGRESS("catch-all", "2021", DEFAULT("all")));
    add(INGRESS("second", "2022", DEFAULT("never")));
    build();
    assert_string_equal(where("else", "/"), "all");
    assert_string_equal(where("h", "/b"), "own");
    assert_true(has_problem("second", "DefaultBackendConflict"));
    input.n_ingresses = 0;
    add(INGRESS("plain", "2020", "'rules':[" RULE("h", PATH("/a", "Prefix", "a")) "]"));
    build();
    assert_string_equal(where("h", "/b"), "fallback");
    assert_string_equal(where("else", "/"), "fallback");
    assert_int_equal(routes->fallback.port.number, 8080);
    assert_true(ke_str_eq_c(routes->fallback.ns, "kube-system"));
    settings.default_backend = KE_STR("ns/name");
    build();
    assert_string_equal(where("else", "/"), "name");
    assert_int_equal(routes->fallback.port.number, 0);
    settings.default_backend = (struct ke_str){ 0 };
    build();
    assert_string_equal(where("else", "/"), "-");
}

static void a_backend_that_is_no_service_leaves_the_rest(void **state)
{
    (void)state;
    add(INGRESS(
        "a", "2020",
        "'rules':[" RULE(
            "h",
            PATH(
                "/s", "Prefix",
                "s") ",{'path':'/r','pathType':'Prefix','backend':{'resource':{'kind':'Bucket','name':'b'}}}") "]"));
    build();
    assert_string_equal(where("h", "/s"), "s");
    assert_string_equal(where("h", "/r"), "");
    assert_true(has_problem("a", "BackendNotSupported"));
}

/* ---- TLS ---- */

static struct tls_cert *find_cert(void *ctx, struct ke_str ns, struct ke_str secret,
                                  const char **why)
{
    (void)ctx;
    assert_true(ke_str_eq_c(ns, "ns"));
    *why = "it does not exist";
    return ke_str_eq_c(secret, "good") ? tls_cert_ref(cert) : NULL;
}

static bool cert_name(void *ctx, struct ke_str ns, struct ke_str secret, size_t i,
                      struct ke_str *out)
{
    static const char *const names[] = { "san.com", "*.san.com" };
    (void)ctx;
    (void)ns;
    if (!ke_str_eq_c(secret, "good") || i >= KE_ARRAY_LEN(names))
        return false;
    *out = ke_str_c(names[i]);
    return true;
}

static bool redirects(const char *host)
{
    struct ingress_found found = { 0 };
    (void)ingress_routes_find(routes, ke_str_c(host), KE_STR("/"), &found);
    assert_non_null(found.target);
    return found.target->is_redirected;
}

#define TLS(hosts, secret) "'tls':[{'hosts':[" hosts "],'secretName':'" secret "'}]"

static void certificates_are_found_by_name(void **state)
{
    (void)state;
    add(INGRESS("a", "2020",
                TLS("'a.com','*.b.com'", "good") ",'rules':[" RULE(
                    "a.com", PATH("/", "Prefix",
                                  "s")) "," RULE("x.b.com", PATH("/", "Prefix",
                                                                 "s")) "," RULE("plain.com",
                                                                                PATH("/", "Prefix",
                                                                                     "s")) "]"));
    add(INGRESS("missing", "2021",
                TLS("'secret.b.com'", "gone") ",'rules':[" RULE("secret.b.com",
                                                                PATH("/", "Prefix", "s")) "]"));
    add(INGRESS("san", "2022",
                TLS("", "good") ",'rules':[" RULE("y.san.com", PATH("/", "Prefix", "s")) "]"));
    add(INGRESS(
        "none", "2023",
        "'tls':[{'hosts':['d.com']}],'rules':[" RULE("d.com", PATH("/", "Prefix", "s")) "]"));
    build();
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("a.com")), cert);
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("x.b.com")), cert);
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("san.com")), cert);
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("y.san.com")), cert);
    assert_null(ingress_routes_find_cert(routes, KE_STR("z.y.san.com")));
    assert_null(ingress_routes_find_cert(routes, KE_STR("b.com")));
    assert_null(ingress_routes_find_cert(routes, KE_STR("")));
    /* Not the certificate of the wildcard, which may be another tenant's. */
    assert_null(ingress_routes_find_cert(routes, KE_STR("secret.b.com")));
    assert_true(has_problem("missing", "TLSSecretInvalid"));
    assert_true(redirects("a.com") && redirects("x.b.com") && redirects("y.san.com"));
    assert_true(redirects("d.com") && redirects("secret.b.com"));
    assert_false(redirects("plain.com"));
}

static void a_usable_secret_replaces_an_unusable_one(void **state)
{
    (void)state;
    add(INGRESS("old", "2020",
                TLS("'a.com'", "gone") ",'rules':[" RULE("a.com", PATH("/", "Prefix", "s")) "]"));
    add(INGRESS("new", "2021",
                TLS("'a.com'", "good") ",'rules':[" RULE("a.com", PATH("/b", "Prefix", "s")) "]"));
    build();
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("a.com")), cert);
    assert_int_equal(routes->n_certs, 1);
}

static void an_annotation_turns_redirects_off(void **state)
{
    (void)state;
    add("{'metadata':{'namespace':'ns','name':'a','annotations':{"
        "'nginx.ingress.kubernetes.io/ssl-redirect':'false'}},'spec':{'ingressClassName':'kedge'," TLS(
            "'a.com'", "good") ",'rules':[" RULE("a.com", PATH("/", "Prefix", "s")) "]}}");
    build();
    assert_false(redirects("a.com"));
    assert_ptr_equal(ingress_routes_find_cert(routes, KE_STR("a.com")), cert);
}

/* ---- no memory ---- */

static void without_memory_there_are_no_half_routes(void **state)
{
    (void)state;
    ke_auto_buf rules = KE_BUF_INIT(8000);
    for (int i = 0; i < 40; i++)
        ke_buf_addf(&rules, "%s{'host':'h%d.com','http':{'paths':[" PATH("/", "Prefix", "s") "]}}",
                    i > 0 ? "," : "", i);
    char text[8192];
    (void)snprintf(text, sizeof(text),
                   "{" META("a", "2020") ",'spec':{'ingressClassName':'kedge'," TLS(
                       "'h1.com','*.b.com'", "good") "," DEFAULT("d") ",'rules':[%.*s]}}",
                   KE_STR_ARG(ke_buf_str(&rules)));
    add(text);
    add(INGRESS("b", "2021", "'rules':[" RULE("h1.com", PATH("/", "Prefix", "s")) "]"));
    add(INGRESS("c", "2021", DEFAULT("s")));
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        routes = ingress_routes_build(&input);
        if (!test_alloc_end())
            break;
        assert_null(routes);
        assert_true(n < 1000);
    }
    assert_non_null(routes);
    assert_int_equal(routes->n_hosts, 40);
    assert_string_equal(where("h39.com", "/"), "s");
}

/* ---- set-up ---- */

static int begin(void **state)
{
    (void)state;
    arena = ke_arena_new(64U << 20);
    settings = (struct ingress_settings){ .class_name = KE_STR("kedge") };
    input = (struct ingress_input){ .ingresses = ingresses,
                                    .classes = classes,
                                    .settings = &settings,
                                    .find_cert = find_cert,
                                    .cert_name = cert_name };
    add_class("kedge", INGRESS_CONTROLLER);
    return arena != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    ingress_routes_free(routes);
    routes = NULL;
    ke_arena_free(arena);
    return 0;
}

static int make_cert(void **state)
{
    (void)state;
    ke_auto_buf key = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct ke_err err = KE_ERR_INIT;
    struct x509_request request = { .common_name = KE_STR("x"), .not_after_s = 4000000000 };
    return x509_key_new(&key, &err) == KE_OK &&
                   x509_sign(&request, ke_buf_str(&key), (struct ke_str){ 0 }, (struct ke_str){ 0 },
                             &pem, &err) == KE_OK &&
                   tls_cert_new(ke_buf_str(&pem), ke_buf_str(&key), &cert, &err) == KE_OK
               ? 0
               : -1;
}

static int free_cert(void **state)
{
    (void)state;
    tls_cert_unref(cert);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(classes_decide_whose_an_ingress_is),
        TEST(class_nginx_is_left_to_a_controller_that_owns_it),
        TEST(a_manifest_of_2017_serves),
        TEST(a_precise_host_beats_a_wildcard_beats_none),
        TEST(the_longest_path_wins_and_exact_before_prefix),
        TEST(exact_wins_where_both_are_as_long),
        TEST(the_oldest_wins_and_the_loser_is_told),
        TEST(defaults_serve_what_no_rule_does),
        TEST(a_backend_that_is_no_service_leaves_the_rest),
        TEST(certificates_are_found_by_name),
        TEST(a_usable_secret_replaces_an_unusable_one),
        TEST(an_annotation_turns_redirects_off),
        TEST(without_memory_there_are_no_half_routes),
    };
    return cmocka_run_group_tests(tests, make_cert, free_cert);
}
