/* SPDX-License-Identifier: Apache-2.0 */
/* The derive thread on a registry: sync, changes, the barrier, readers on other threads. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "core/endpoint/derive.h"
#include "test/support/base/test.h"
#include "test/support/mem_registry.h"

#define DEADLINE_MS 20000

struct world {
    struct registry *registry;
    struct watch_hub *hub;
    struct endpoint_derive *derive;
    struct endpoint_table *table;
};

static void world_make(struct world *world)
{
    struct ke_err err = KE_ERR_INIT;
    world->registry = mem_registry_new(NULL, &err);
    assert_non_null(world->registry);
    world->hub = watch_hub_new(world->registry, &err);
    assert_non_null(world->hub);
    assert_int_equal(endpoint_derive_new(world->hub, KE_STR("n1"), &world->derive, &err), KE_OK);
    world->table = endpoint_derive_table(world->derive);
}

static void world_start(struct world *world)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(endpoint_derive_start(world->derive, &err), KE_OK);
}

static void world_end(struct world *world)
{
    endpoint_derive_stop(world->derive);
    endpoint_derive_free(world->derive);
    watch_hub_free(world->hub);
    registry_stop(world->registry);
    registry_free(world->registry);
    ke_snap_drain();
}

/* text: JSON with ' for ". Returns the revision. */
static int64_t put(const struct world *world, enum model_kind_id id, const char *text)
{
    char copy[2048];
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(copy), &json, &err), KE_OK);
    struct registry_op op = { .expected = REGISTRY_ANY };
    assert_int_equal(registry_object_new(model_kind_by_id(id), json, &op.object, &err), KE_OK);
    char key[256];
    (void)snprintf(key, sizeof(key), "%.*s", KE_STR_ARG(op.object->key));
    op.key = ke_str_c(key);
    int64_t revision = 0;
    assert_int_equal(registry_commit_wait(world->registry, &op, 1, &revision, &err), KE_OK);
    return revision;
}

static int64_t take_away(const struct world *world, const char *key)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op op = { .key = ke_str_c(key), .expected = REGISTRY_ANY };
    int64_t revision = 0;
    assert_int_equal(registry_commit_wait(world->registry, &op, 1, &revision, &err), KE_OK);
    return revision;
}

static int64_t put_service(const struct world *world, const char *name, unsigned port)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{'metadata':{'namespace':'default','name':'%s'},'spec':{"
                   "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],"
                   "'ports':[{'protocol':'TCP','port':%u}]}}",
                   name, port);
    return put(world, MODEL_SERVICE, text);
}

static int64_t put_slice(const struct world *world, const char *name, unsigned last_byte)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{'metadata':{'namespace':'default','name':'%s-1',"
                   "'labels':{'kubernetes.io/service-name':'%s'}},'addressType':'IPv4',"
                   "'ports':[{'name':'','protocol':'TCP','port':8080}],"
                   "'endpoints':[{'addresses':['10.200.0.%u']},{'addresses':['10.200.1.%u']}]}",
                   name, name, last_byte, last_byte);
    return put(world, MODEL_ENDPOINTSLICE, text);
}

/* ---- waiting for an await ------------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    enum ke_code code;
};

static void waiter_finish(void *ctx, enum ke_code code)
{
    struct waiter *waiter = ctx;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    waiter->code = code;
    (void)pthread_cond_signal(&waiter->done);
    (void)pthread_mutex_unlock(&waiter->lock);
}

static enum ke_code await(const struct world *world, int64_t revision, int64_t timeout_ms)
{
    struct waiter waiter = { .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };
    endpoint_table_await(world->table, revision, timeout_ms, waiter_finish, &waiter);
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000 + 10;
    (void)pthread_mutex_lock(&waiter.lock);
    int rc = 0;
    while (!waiter.is_done && rc == 0)
        rc = pthread_cond_timedwait(&waiter.done, &waiter.lock, &until);
    (void)pthread_mutex_unlock(&waiter.lock);
    assert_int_equal(rc, 0);
    return waiter.code;
}

/* ---- a consumer on a thread of its own ------------------------------------------------------ */

struct follower {
    struct endpoint_table *table;
    struct endpoint_consumer *consumer;
    struct ke_queue *wakes;
    struct ke_thread thread;
    unsigned n_full, n_taken;
    bool is_whole; /* each record read was whole */
};

static void follower_wake(void *ctx)
{
    struct follower *follower = ctx;
    bool is_pushed = ke_queue_push(follower->wakes, follower);
    (void)is_pushed; /* full: it will look anyway */
}

/* The two backends of a record are written together: their last bytes are always the same. */
static bool service_is_whole(const struct endpoint_service *service)
{
    for (uint32_t i = 0; i < service->n_ports[0]; i++) {
        const struct endpoint_port *port = &service->ports[0][i];
        if (port->n_backends != 0 && (port->n_backends != 2 || port->n_cluster != 2 ||
                                      port->backends[0].ip.b[3] != port->backends[1].ip.b[3]))
            return false;
    }
    return service->n_cluster_ips == 1;
}

static void follower_apply(struct follower *follower)
{
    struct endpoint_dirty_set set;
    while (endpoint_consumer_take(follower->consumer, &set)) {
        ke_snap_read_begin();
        for (size_t i = 0; i < set.n_items; i++) {
            const struct endpoint_service *service =
                endpoint_table_find(follower->table, set.items[i].ns, set.items[i].name);
            if (service != NULL && !service_is_whole(service))
                follower->is_whole = false;
        }
        ke_snap_read_end();
        follower->n_taken++;
        follower->n_full += set.is_full;
        endpoint_consumer_ack(follower->consumer, set.generation);
        endpoint_dirty_set_free(&set);
        ke_snap_quiescent();
    }
}

static void follower_run(void *ctx)
{
    struct follower *follower = ctx;
    ke_snap_thread_register();
    void *items[16];
    for (;;) {
        follower_apply(follower);
        ke_snap_offline();
        size_t n = ke_queue_wait(follower->wakes, items, 16, -1);
        ke_snap_online();
        if (n == 0)
            break;
    }
    ke_snap_thread_unregister();
}

static void follower_start(struct follower *follower, struct endpoint_table *table)
{
    struct ke_err err = KE_ERR_INIT;
    *follower = (struct follower){ .table = table, .is_whole = true };
    follower->wakes = ke_queue_new(16, &err);
    assert_non_null(follower->wakes);
    follower->consumer = endpoint_consumer_new(table, "follower", follower_wake, follower);
    assert_non_null(follower->consumer);
    assert_int_equal(ke_thread_start(&follower->thread, "follower", follower_run, follower, &err),
                     KE_OK);
}

static void follower_stop(struct follower *follower)
{
    ke_queue_close(follower->wakes);
    ke_thread_join(&follower->thread);
    endpoint_consumer_free(follower->consumer);
    ke_queue_free(follower->wakes);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static uint32_t n_cluster_of(const struct world *world, const char *name)
{
    ke_snap_thread_register();
    ke_snap_read_begin();
    const struct endpoint_service *service =
        endpoint_table_find(world->table, KE_STR("default"), ke_str_c(name));
    uint32_t n = service != NULL ? service->ports[0][0].n_cluster : UINT32_MAX;
    ke_snap_read_end();
    ke_snap_thread_unregister();
    return n;
}

static void follows_the_registry(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    put_service(&world, "web", 80);
    int64_t revision = put_slice(&world, "web", 1);
    assert_false(endpoint_table_is_synced(world.table));
    struct follower follower;
    follower_start(&follower, world.table);
    world_start(&world);
    assert_int_equal(await(&world, revision, DEADLINE_MS), KE_OK);
    assert_true(endpoint_table_is_synced(world.table));
    assert_int_equal(n_cluster_of(&world, "web"), 2);
    revision = take_away(&world, "/registry/endpointslices/default/web-1");
    assert_int_equal(await(&world, revision, DEADLINE_MS), KE_OK);
    assert_int_equal(n_cluster_of(&world, "web"), 0);
    revision = take_away(&world, "/registry/services/specs/default/web");
    assert_int_equal(await(&world, revision, DEADLINE_MS), KE_OK);
    assert_int_equal(n_cluster_of(&world, "web"), UINT32_MAX);
    follower_stop(&follower);
    assert_int_equal(follower.n_full, 1);
    world_end(&world);
}

static void await_of_a_kind_that_it_does_not_follow_completes(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    struct follower follower;
    follower_start(&follower, world.table);
    world_start(&world);
    assert_int_equal(await(&world, put_service(&world, "web", 80), DEADLINE_MS), KE_OK);
    int64_t revision =
        put(&world, MODEL_CONFIGMAP, "{'metadata':{'namespace':'default','name':'c'}}");
    assert_int_equal(await(&world, revision, DEADLINE_MS), KE_OK);
    follower_stop(&follower);
    world_end(&world);
}

static void await_times_out_when_a_consumer_does_not_acknowledge(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    struct ke_err err = KE_ERR_INIT;
    struct follower never = { .wakes = ke_queue_new(16, &err) };
    never.consumer = endpoint_consumer_new(world.table, "never", follower_wake, &never);
    world_start(&world);
    assert_int_equal(await(&world, put_service(&world, "web", 80), 20), KE_TIMEOUT);
    endpoint_consumer_free(never.consumer);
    ke_queue_free(never.wakes);
    world_end(&world);
}

struct reader {
    struct endpoint_table *table;
    struct ke_thread thread;
    _Atomic bool must_stop;
    bool is_whole;
    uint64_t n_found;
};

static void reader_look(struct reader *reader, const struct ke_ip *vip, const struct ke_ip *backend)
{
    const struct endpoint_service *service =
        endpoint_table_find(reader->table, KE_STR("default"), KE_STR("web"));
    if (service != NULL && !service_is_whole(service))
        reader->is_whole = false;
    reader->n_found += service != NULL;
    const struct endpoint_port *port = NULL;
    service = endpoint_table_find_address(reader->table, vip, KE_PROTO_TCP, 80, &port);
    if (service != NULL && (!service_is_whole(service) || port == NULL || port->port != 80))
        reader->is_whole = false;
    uint32_t pos = 0;
    while ((service = endpoint_table_next_by_backend(reader->table, backend, &pos)) != NULL)
        reader->is_whole = reader->is_whole && service_is_whole(service);
    uint64_t walk = 0;
    while ((service = endpoint_table_next(reader->table, &walk)) != NULL)
        reader->is_whole = reader->is_whole && service_is_whole(service);
}

static void reader_run(void *ctx)
{
    struct reader *reader = ctx;
    struct ke_ip vip = { .family = KE_FAMILY_IPV4, .b = { 10, 32, 0, 5 } };
    struct ke_ip backend = { .family = KE_FAMILY_IPV4, .b = { 10, 200, 0, 1 } };
    ke_snap_thread_register();
    bool must_stop;
    do { /* once more after everything is in place */
        must_stop = atomic_load(&reader->must_stop);
        ke_snap_read_begin();
        reader_look(reader, &vip, &backend);
        ke_snap_read_end();
        ke_snap_quiescent();
    } while (!must_stop);
    ke_snap_thread_unregister();
}

/* Under ThreadSanitizer this is the proof that readers need no lock. */
static void readers_see_whole_records_while_everything_changes(void **state)
{
    (void)state;
    enum { N_ROUNDS = 300, N_SERVICES = 40, N_READERS = 2 };
    struct world world;
    world_make(&world);
    struct follower follower;
    follower_start(&follower, world.table);
    world_start(&world);
    struct reader readers[N_READERS] = { 0 };
    struct ke_err err = KE_ERR_INIT;
    for (int i = 0; i < N_READERS; i++) {
        readers[i].table = world.table;
        readers[i].is_whole = true;
        assert_int_equal(
            ke_thread_start(&readers[i].thread, "reader", reader_run, &readers[i], &err), KE_OK);
    }
    int64_t revision = 0;
    for (unsigned i = 0; i < N_ROUNDS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "s%u", i % N_SERVICES);
        put_service(&world, "web", i % 3 == 0 ? 80 : 81);
        put_slice(&world, "web", 1 + i % 2);
        put_service(&world, name, 80);
        revision = put_slice(&world, name, 1 + i % 200);
        if (i % 7 == 0)
            revision = take_away(&world, "/registry/services/specs/default/web");
        if (i % 5 == 0) {
            char key[64];
            (void)snprintf(key, sizeof(key), "/registry/services/specs/default/%s", name);
            revision = take_away(&world, key);
        }
        if (i % 10 == 0)
            assert_int_equal(await(&world, revision, DEADLINE_MS), KE_OK);
    }
    assert_int_equal(await(&world, put_service(&world, "web", 80), DEADLINE_MS), KE_OK);
    for (int i = 0; i < N_READERS; i++) {
        atomic_store(&readers[i].must_stop, true);
        ke_thread_join(&readers[i].thread);
        assert_true(readers[i].is_whole);
        assert_true(readers[i].n_found > 0);
    }
    follower_stop(&follower);
    assert_true(follower.is_whole);
    assert_int_equal(follower.n_full, 1);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_registry),
        cmocka_unit_test(await_of_a_kind_that_it_does_not_follow_completes),
        cmocka_unit_test(await_times_out_when_a_consumer_does_not_acknowledge),
        cmocka_unit_test(readers_see_whole_records_while_everything_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
