/* SPDX-License-Identifier: Apache-2.0 */
/* A walk through the providers of the table: what it says, and what it names as the cause. Backends
 * are sockets on loopback addresses. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/snap.h"
#include "core/endpoint/explain.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"
#include "test/support/mem_registry.h"

#define IP "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],'selector':{'app':'web'},"

struct world {
    struct endpoint_table *table;
    struct registry *registry;
    struct endpoint_explain *provider;
    struct explain *explain;
    struct ke_buf json;
};

/* Stands for the DNS: NAME is Service default/NAME. */
static void resolve(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    (void)ctx;
    (void)walk;
    if (ke_str_is_empty(request->host))
        return;
    request->service_ns = KE_STR("default");
    request->service_name = request->host;
}

static void world_make(struct world *world)
{
    struct ke_err err = KE_ERR_INIT;
    *world = (struct world){ .json = KE_BUF_INIT(1U << 20) };
    world->table = test_table_new();
    world->registry = mem_registry_new(NULL, &err);
    assert_non_null(world->registry);
    world->explain = explain_new();
    assert_non_null(world->explain);
    assert_int_equal(endpoint_explain_new(world->table, world->registry, &world->provider, &err),
                     KE_OK);
    assert_int_equal(explain_register(world->explain, EXPLAIN_NAME, resolve, NULL, &err), KE_OK);
    assert_int_equal(endpoint_explain_register(world->provider, world->explain, &err), KE_OK);
}

static void world_end(struct world *world)
{
    explain_free(world->explain);
    endpoint_explain_free(world->provider);
    registry_stop(world->registry);
    registry_free(world->registry);
    ke_buf_free(&world->json);
    test_table_free(world->table);
}

static void trace(struct world *world, const char *target)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_str none = { 0 };
    ke_buf_clear(&world->json);
    if (explain_run(world->explain, ke_str_c(target), none, none, &world->json, &err) != KE_OK)
        fail_msg("%s: %s", target, err.msg);
    ke_buf_add_char(&world->json, '\0');
    world->json.len--;
}

static void assert_says(const struct world *world, const char *text)
{
    if (strstr(world->json.ptr, text) == NULL)
        fail_msg("\"%s\" is not in %s", text, world->json.ptr);
}

/* A verdict with this cause; NULL: reachable. */
static void assert_verdict(const struct world *world, const char *cause, const char *mend)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&world->json), &json, &err), KE_OK);
    const cJSON *verdict = ke_json_get(json, "verdict");
    bool is_reachable = ke_json_bool(verdict, "reachable", false);
    struct ke_str found = ke_json_str(verdict, "cause");
    if (is_reachable != (cause == NULL) || (cause != NULL && !ke_str_eq_c(found, cause)))
        fail_msg("cause \"%.*s\", expected \"%s\" in %s", KE_STR_ARG(found),
                 cause != NULL ? cause : "none", world->json.ptr);
    struct ke_str found_mend = ke_json_str(verdict, "mend");
    if (mend != NULL && !ke_str_eq_c(found_mend, mend))
        fail_msg("mend \"%.*s\", expected \"%s\"", KE_STR_ARG(found_mend), mend);
}

/* A listener on ip, any port. */
static int listen_on(const char *ip, uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct ke_endpoint at = { .ip = test_ip(ip), .port = *port };
    struct sockaddr_storage address;
    socklen_t len = ke_endpoint_to_sockaddr(&at, &address);
    const void *to = &address;
    assert_int_equal(bind(fd, to, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    struct sockaddr_storage bound;
    void *out = &bound;
    len = sizeof(bound);
    assert_int_equal(getsockname(fd, out, &len), 0);
    assert_true(ke_endpoint_from_sockaddr(&bound, &at));
    *port = at.port;
    return fd;
}

static void put_web(struct world *world, uint16_t port, const char *endpoints)
{
    char ports[128];
    (void)snprintf(ports, sizeof(ports), "{'name':'http','protocol':'TCP','port':%u}", port);
    test_put_service(world->table, "default", "web",
                     IP "'type':'NodePort','ports':[{'name':'http','protocol':'TCP','port':80,"
                        "'nodePort':30080,'targetPort':'web'},"
                        "{'name':'dns','protocol':'UDP','port':53}]");
    test_put_slice(world->table, "default", "web-1", "web", ports, endpoints);
    endpoint_table_publish(world->table, 1);
}

#define POD(ip, name, ready)                                                                       \
    "{'addresses':['" ip "'],'conditions':{'ready':" ready "},'nodeName':'n1','targetRef':{"       \
    "'kind':'Pod','namespace':'default','name':'" name "'}}"

static void a_healthy_service_is_reachable_by_name_address_and_node_port(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    int fd = listen_on("127.0.0.2", &port);
    put_web(&world, port, POD("127.0.0.2", "web-1", "true"));
    static const char *const targets[] = { "web", "web:80", "web:http", "10.32.0.5:80",
                                           "127.0.0.1:30080" };
    for (size_t i = 0; i < KE_ARRAY_LEN(targets); i++) {
        trace(&world, targets[i]);
        assert_verdict(&world, NULL, NULL);
        assert_says(&world, "Service default/web (NodePort), port 80/TCP http");
        assert_says(&world, "(Pod default/web-1) on n1: ready; connected in ");
    }
    assert_says(&world, "node port 30080");
    trace(&world, "web:53"); /* UDP: nothing has the port, but the port is found */
    assert_says(&world, "port 53/UDP dns");
    (void)close(fd);
    world_end(&world);
}

static void a_port_that_the_service_does_not_have(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    put_web(&world, 8080, "");
    trace(&world, "web:81");
    assert_verdict(&world,
                   "port 81/TCP is not a port of Service default/web: it has 80/TCP (http), 53/UDP "
                   "(dns)",
                   "kedge trace web.default:80");
    trace(&world, "10.32.0.5:81");
    assert_verdict(&world,
                   "port 81/TCP is not a port of Service default/web: it has 80/TCP (http), 53/UDP "
                   "(dns)",
                   "kedge trace web.default:80");
    trace(&world, "web:https");
    assert_says(&world, "port https is not a port of Service default/web");
    world_end(&world);
}

static void the_ping_of_a_service_address(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    put_web(&world, 8080, "");
    trace(&world, "10.32.0.5");
    assert_verdict(&world,
                   "10.32.0.5 is no machine but the address of Service default/web: it answers on "
                   "its ports only (80/TCP (http), 53/UDP (dns)), and to ping not at all",
                   "kedge trace 10.32.0.5:80");
    world_end(&world);
}

static void names_and_addresses_that_nothing_has(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    trace(&world, "web");
    assert_verdict(&world, "kedge has not read all Services and EndpointSlices yet", NULL);
    put_web(&world, 8080, "");
    trace(&world, "wbe");
    assert_verdict(&world, "Service default/wbe does not exist", "kubectl -n default get services");
    trace(&world, "10.32.0.99:80");
    assert_verdict(&world, "no Service and no endpoint has the address 10.32.0.99", NULL);
    trace(&world, "127.0.0.1:30099");
    assert_verdict(&world,
                   "no Service has node port 30099/TCP: only what listens on the node itself "
                   "answers there",
                   NULL);
    world_end(&world);
}

static void a_target_port_that_refuses(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    (void)close(listen_on("127.0.0.2", &port)); /* a port that nobody has */
    put_web(&world, port, POD("127.0.0.2", "web-1", "true"));
    trace(&world, "web:80");
    char cause[256];
    (void)snprintf(
        cause, sizeof(cause),
        "target port %u refuses connections on 127.0.0.2:%u (Pod default/web-1): nothing "
        "listens there",
        port, port);
    assert_verdict(&world, cause,
                   "kubectl -n default edit service web  # targetPort: the port the container "
                   "listens on");
    assert_says(&world, "ready; connection refused");
    world_end(&world);
}

static void one_of_two_backends_that_refuses_is_noted(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    int fd = listen_on("127.0.0.3", &port);
    put_web(&world, port, POD("127.0.0.2", "web-1", "true") "," POD("127.0.0.3", "web-2", "true"));
    trace(&world, "web:80");
    assert_verdict(&world, NULL, NULL);
    assert_says(&world, "2 of 2 backends are used, 1 of them accept connections");
    assert_says(&world, "1 of 2 connections go to a backend that does not accept them");
    (void)close(fd);
    world_end(&world);
}

static void commit_pod(const struct world *world, const char *text)
{
    char copy[1024];
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(copy), &json, &err), KE_OK);
    struct registry_op op = { .key = KE_STR("/registry/pods/default/web-1"),
                              .expected = REGISTRY_ANY };
    assert_int_equal(registry_object_new(model_kind_by_id(MODEL_POD), json, &op.object, &err),
                     KE_OK);
    assert_int_equal(registry_commit_wait(world->registry, &op, 1, NULL, &err), KE_OK);
}

static void pods_that_are_not_ready_and_why(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    int fd = listen_on("127.0.0.2", &port);
    put_web(&world, port, POD("127.0.0.2", "web-1", "false"));
    trace(&world, "web:80");
    assert_says(&world, "(Pod default/web-1) on n1: not ready: its Pod is gone; connected in ");
    commit_pod(&world,
               "{'metadata':{'namespace':'default','name':'web-1'},'status':{'conditions':[{"
               "'type':'Ready','status':'False','reason':'ContainersNotReady',"
               "'message':'containers with unready status: [web]'}]}}");
    trace(&world, "web:80");
    assert_says(&world, "not ready: containers with unready status: [web]");
    char cause[256];
    (void)snprintf(cause, sizeof(cause),
                   "the only backend, 127.0.0.2:%u (Pod default/web-1), is not ready: containers "
                   "with unready status: [web]",
                   port);
    assert_verdict(&world, cause, "kubectl -n default describe pod web-1");
    commit_pod(&world,
               "{'metadata':{'namespace':'default','name':'web-1'},'status':{'conditions':[{"
               "'type':'Ready','status':'False','reason':'ContainersNotReady'}],"
               "'containerStatuses':[{'name':'web','state':{'waiting':{'reason':"
               "'CrashLoopBackOff'}}}]}}");
    trace(&world, "web:80");
    assert_says(&world, "not ready: container web: CrashLoopBackOff");
    (void)close(fd);
    world_end(&world);
}

static void a_service_without_endpoints_and_a_named_port_that_none_has(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    put_web(&world, 8080, "");
    trace(&world, "web:80");
    assert_verdict(&world,
                   "Service default/web has no endpoints: no Pod with an address matches its "
                   "selector",
                   "kubectl -n default describe service web");
    test_put_slice(world.table, "default", "web-1", "web", "", POD("127.0.0.2", "web-1", "true"));
    endpoint_table_publish(world.table, 2);
    trace(&world, "web:80");
    assert_verdict(&world,
                   "no endpoint of Service default/web has a port named web, which is its "
                   "targetPort",
                   NULL);
    world_end(&world);
}

static void an_endpoint_address_is_reached_directly(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    /* Not in 127.0.0.0/8 as a target: that would be a node port. */
    put_web(&world, port + 1, POD("192.0.2.1", "web-1", "true"));
    trace(&world, "192.0.2.1:9");
    assert_says(&world, "192.0.2.1 is an endpoint: no Service is in between");
    assert_says(&world, "endpoint of Service default/web");
    world_end(&world);
}

static void a_headless_service_is_its_endpoints(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    uint16_t port = 0;
    int fd = listen_on("127.0.0.2", &port);
    test_put_service(world.table, "default", "db", "'clusterIP':'None','clusterIPs':['None']");
    test_put_slice(world.table, "default", "db", "db", "", POD("127.0.0.2", "db-0", "true"));
    endpoint_table_publish(world.table, 1);
    char target[32];
    (void)snprintf(target, sizeof(target), "db:%u", port);
    trace(&world, target);
    assert_verdict(&world, NULL, NULL);
    assert_says(&world, "(headless): clients go to its 1 endpoints themselves");
    assert_says(&world, "connected in ");
    (void)close(fd);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_service_is_reachable_by_name_address_and_node_port),
        cmocka_unit_test(a_port_that_the_service_does_not_have),
        cmocka_unit_test(the_ping_of_a_service_address),
        cmocka_unit_test(names_and_addresses_that_nothing_has),
        cmocka_unit_test(a_target_port_that_refuses),
        cmocka_unit_test(one_of_two_backends_that_refuses_is_noted),
        cmocka_unit_test(pods_that_are_not_ready_and_why),
        cmocka_unit_test(a_service_without_endpoints_and_a_named_port_that_none_has),
        cmocka_unit_test(an_endpoint_address_is_reached_directly),
        cmocka_unit_test(a_headless_service_is_its_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
