/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: order, prefixes, wakes, resuming, cutting off; against each registry. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/thread.h"
#include "core/watch/hub.h"
#include "test/support/objects.h"
#include "test/support/registries.h"

struct subscriber {
    struct watch_stream *stream;
    atomic_int n_wakes;
};

static void on_wake(void *ctx)
{
    struct subscriber *subscriber = ctx;
    atomic_fetch_add(&subscriber->n_wakes, 1);
}

static struct watch_hub *hub_of(struct registry *registry)
{
    struct ke_err err = KE_ERR_INIT;
    struct watch_hub *hub = watch_hub_new(registry, &err);
    assert_non_null(hub);
    return hub;
}

static enum ke_code subscribe(struct watch_hub *hub, struct subscriber *subscriber,
                              const char *prefix, int64_t after)
{
    struct ke_err err = KE_ERR_INIT;
    return watch_stream_open(hub, ke_str_c(prefix), after, on_wake, subscriber, &subscriber->stream,
                             &err);
}

static struct registry_object *config(const char *name, const char *value)
{
    return test_object(MODEL_CONFIGMAP, "ns", name, value);
}

/* All there is now: "PUT a=1 PUT b=1 .", "." for KE_AGAIN, "GONE" for a cut. */
static const char *read_all(struct subscriber *subscriber)
{
    static char text[4096];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
    struct watch_event event;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = KE_OK;
    int64_t last = 0;
    memset(text, 0, sizeof(text));
    while ((rc = watch_stream_next(subscriber->stream, &event, &err)) == KE_OK) {
        assert_true(event.revision > last);
        last = event.revision;
        assert_int_equal(event.object->revision, event.revision);
        ke_buf_addf(&buf, "%s %.*s=%s ", event.type == REGISTRY_PUT ? "PUT" : "DELETE",
                    KE_STR_ARG(event.object->name), test_object_value(event.object));
        watch_event_clear(&event);
    }
    ke_buf_add_c(&buf, rc == KE_AGAIN ? "." : ke_code_name(rc));
    return text;
}

static void stream_gives_changes_after_its_revision_in_order(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber s = { 0 };
    (void)test_object_put(registry, config("a", "0"));
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", registry_revision(registry)),
                     KE_OK);
    assert_string_equal(read_all(&s), ".");
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("b", "1"));
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "no"));
    (void)test_object_delete(registry, "/registry/configmaps/ns/a");
    assert_string_equal(read_all(&s), "PUT a=1 PUT b=1 DELETE a=1 .");
    assert_string_equal(read_all(&s), ".");
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

static void prefix_is_not_confused_with_a_longer_name(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber one = { 0 };
    struct subscriber ns = { 0 };
    struct subscriber all = { 0 };
    int64_t now = registry_revision(registry);
    assert_int_equal(subscribe(hub, &one, "/registry/configmaps/ns/a", now), KE_OK);
    assert_int_equal(subscribe(hub, &ns, "/registry/configmaps/n/", now), KE_OK);
    assert_int_equal(subscribe(hub, &all, "", now), KE_OK);
    assert_string_equal(read_all(&one), ".");
    assert_string_equal(read_all(&ns), ".");
    assert_string_equal(read_all(&all), ".");
    (void)test_object_put(registry, config("ab", "1"));
    assert_int_equal(one.n_wakes, 0);
    (void)test_object_put(registry, config("a", "1"));
    assert_int_equal(one.n_wakes, 1);
    assert_int_equal(ns.n_wakes, 0);
    assert_string_equal(read_all(&one), "PUT a=1 .");
    assert_string_equal(read_all(&ns), ".");
    assert_string_equal(read_all(&all), "PUT ab=1 PUT a=1 .");
    watch_stream_close(one.stream);
    watch_stream_close(ns.stream);
    watch_stream_close(all.stream);
    watch_hub_free(hub);
}

static void wakes_are_coalesced_until_the_stream_is_read_empty(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber s = { 0 };
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", registry_revision(registry)),
                     KE_OK);
    (void)test_object_put(registry, config("a", "1"));
    assert_int_equal(s.n_wakes, 0); /* not read empty yet */
    assert_string_equal(read_all(&s), "PUT a=1 .");
    for (int i = 0; i < 10; i++)
        (void)test_object_put(registry, config("a", "2"));
    assert_int_equal(s.n_wakes, 1);
    struct watch_event event;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(watch_stream_next(s.stream, &event, &err), KE_OK);
    watch_event_clear(&event);
    (void)test_object_put(registry, config("a", "3"));
    assert_int_equal(s.n_wakes, 1);
    (void)read_all(&s);
    (void)test_object_put(registry, config("a", "4"));
    assert_int_equal(s.n_wakes, 2);
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

static void stream_resumes_from_the_history(void **state)
{
    struct registry *registry = *state;
    int64_t start = registry_revision(registry);
    (void)test_object_put(registry, config("a", "1"));
    int64_t middle = test_object_put(registry, config("a", "2"));
    (void)test_object_put(registry, config("a", "3"));
    struct watch_hub *hub = hub_of(registry);
    struct subscriber s = { 0 };
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", start), KE_OK);
    assert_string_equal(read_all(&s), "PUT a=1 PUT a=2 PUT a=3 .");
    watch_stream_close(s.stream);
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", middle), KE_OK);
    assert_string_equal(read_all(&s), "PUT a=3 .");
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

static void stream_on_a_future_revision_waits(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber s = { 0 };
    int64_t future = registry_revision(registry) + 2;
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", future), KE_OK);
    assert_string_equal(read_all(&s), ".");
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("a", "2"));
    assert_int_equal(s.n_wakes, 0);
    assert_string_equal(read_all(&s), ".");
    (void)test_object_put(registry, config("a", "3"));
    assert_int_equal(s.n_wakes, 1);
    assert_string_equal(read_all(&s), "PUT a=3 .");
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

static void revision_follows_what_others_write(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber s = { 0 };
    assert_int_equal(subscribe(hub, &s, "/registry/configmaps/", registry_revision(registry)),
                     KE_OK);
    assert_string_equal(read_all(&s), ".");
    int64_t other = test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "no"));
    assert_int_equal(watch_stream_revision(s.stream), other);
    int64_t mine = test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("a", "2"));
    assert_int_equal(watch_stream_revision(s.stream), other);
    struct watch_event event;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(watch_stream_next(s.stream, &event, &err), KE_OK);
    watch_event_clear(&event);
    assert_int_equal(watch_stream_revision(s.stream), mine);
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

static void overrun_the_history(struct registry *registry)
{
    int64_t before = registry_revision(registry);
    while (registry_oldest_revision(registry) <= before)
        (void)test_object_put(registry,
                              config("filler", "a value that takes its place in the history"));
}

static void slow_reader_is_cut_off_and_delays_nobody(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct subscriber slow = { 0 };
    struct subscriber idle = { 0 };
    int64_t now = registry_revision(registry);
    assert_int_equal(subscribe(hub, &slow, "/registry/configmaps/", now), KE_OK);
    assert_int_equal(subscribe(hub, &idle, "/registry/secrets/", now), KE_OK);
    assert_string_equal(read_all(&slow), ".");
    assert_string_equal(read_all(&idle), ".");
    overrun_the_history(registry); /* every one of these commits is answered */
    assert_string_equal(read_all(&slow), "GONE");
    assert_string_equal(read_all(&slow), "GONE");
    /* A stream with nothing to read is not slow. */
    assert_string_equal(read_all(&idle), ".");
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "yes"));
    assert_string_equal(read_all(&idle), "PUT x=yes .");
    watch_stream_close(slow.stream);
    assert_int_equal(subscribe(hub, &slow, "/registry/configmaps/", now), KE_GONE);
    watch_stream_close(idle.stream);
    watch_hub_free(hub);
}

static void several_prefixes_come_in_one_order(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct ke_err err = KE_ERR_INIT;
    struct subscriber s = { 0 };
    struct ke_str prefixes[] = { KE_STR("/registry/configmaps/"), KE_STR("/registry/secrets/") };
    struct watch_stream_spec spec = { .prefixes = prefixes,
                                      .n_prefixes = 2,
                                      .after = registry_revision(registry),
                                      .wake = on_wake,
                                      .ctx = &s };
    assert_int_equal(watch_stream_open_spec(hub, &spec, &s.stream, &err), KE_OK);
    assert_string_equal(read_all(&s), ".");
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "1"));
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, test_object(MODEL_POD, "ns", "p", "1"));
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "2"));
    assert_int_equal(s.n_wakes, 1);
    assert_string_equal(read_all(&s), "PUT x=1 PUT a=1 PUT x=2 .");
    watch_stream_close(s.stream);
    watch_hub_free(hub);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define N_EVENTS 300

struct reader {
    struct watch_hub *hub;
    struct ke_thread thread;
    int64_t after;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    pthread_cond_t read;
    bool is_awake;
    int n_events;
    bool is_in_order;
};

static void wake_reader(void *ctx)
{
    struct reader *reader = ctx;
    (void)pthread_mutex_lock(&reader->lock);
    reader->is_awake = true;
    (void)pthread_cond_signal(&reader->woken);
    (void)pthread_mutex_unlock(&reader->lock);
}

static void wait_wake(struct reader *reader)
{
    (void)pthread_mutex_lock(&reader->lock);
    while (!reader->is_awake)
        (void)pthread_cond_wait(&reader->woken, &reader->lock);
    reader->is_awake = false;
    (void)pthread_mutex_unlock(&reader->lock);
}

static void count_event(struct reader *reader)
{
    (void)pthread_mutex_lock(&reader->lock);
    reader->n_events++;
    (void)pthread_cond_signal(&reader->read);
    (void)pthread_mutex_unlock(&reader->lock);
}

/* The writer stays within the history of its readers. */
static void wait_for_reader(struct reader *reader, int n_events)
{
    (void)pthread_mutex_lock(&reader->lock);
    while (reader->n_events < n_events)
        (void)pthread_cond_wait(&reader->read, &reader->lock);
    (void)pthread_mutex_unlock(&reader->lock);
}

static void read_events(void *ctx)
{
    struct reader *reader = ctx;
    struct ke_err err = KE_ERR_INIT;
    struct watch_stream *stream = NULL;
    int64_t last = reader->after;
    reader->is_in_order = true;
    if (watch_stream_open(reader->hub, KE_STR("/registry/configmaps/"), last, wake_reader, reader,
                          &stream, &err) != KE_OK)
        return;
    while (reader->n_events < N_EVENTS) {
        struct watch_event event;
        enum ke_code rc = watch_stream_next(stream, &event, &err);
        if (rc == KE_AGAIN) {
            wait_wake(reader);
            continue;
        }
        if (rc != KE_OK)
            break;
        reader->is_in_order = reader->is_in_order && event.revision > last;
        last = event.revision;
        watch_event_clear(&event);
        count_event(reader);
        if (reader->n_events % 50 == 0) { /* comes back where it was */
            watch_stream_close(stream);
            stream = NULL;
            if (watch_stream_open(reader->hub, KE_STR("/registry/configmaps/"), last, wake_reader,
                                  reader, &stream, &err) != KE_OK)
                break;
        }
    }
    watch_stream_close(stream);
}

static void readers_on_threads_miss_nothing(void **state)
{
    struct registry *registry = *state;
    struct watch_hub *hub = hub_of(registry);
    struct ke_err err = KE_ERR_INIT;
    struct reader readers[3];
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        readers[i] = (struct reader){ .hub = hub,
                                      .after = registry_revision(registry),
                                      .lock = PTHREAD_MUTEX_INITIALIZER,
                                      .woken = PTHREAD_COND_INITIALIZER,
                                      .read = PTHREAD_COND_INITIALIZER };
        assert_int_equal(
            ke_thread_start(&readers[i].thread, "reader", read_events, &readers[i], &err), KE_OK);
    }
    for (int i = 0; i < N_EVENTS; i++) {
        (void)test_object_put(registry, config("a", "1"));
        if (i % 7 == 0)
            (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "x", "no"));
        for (size_t r = 0; r < KE_ARRAY_LEN(readers); r++)
            wait_for_reader(&readers[r], i - 20);
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        ke_thread_join(&readers[i].thread);
        assert_int_equal(readers[i].n_events, N_EVENTS);
        assert_true(readers[i].is_in_order);
    }
    watch_hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_gives_changes_after_its_revision_in_order),
        cmocka_unit_test(prefix_is_not_confused_with_a_longer_name),
        cmocka_unit_test(wakes_are_coalesced_until_the_stream_is_read_empty),
        cmocka_unit_test(stream_resumes_from_the_history),
        cmocka_unit_test(stream_on_a_future_revision_waits),
        cmocka_unit_test(revision_follows_what_others_write),
        cmocka_unit_test(slow_reader_is_cut_off_and_delays_nobody),
        cmocka_unit_test(several_prefixes_come_in_one_order),
        cmocka_unit_test(readers_on_threads_miss_nothing),
    };
    return test_each_registry("hub", tests, KE_ARRAY_LEN(tests));
}
