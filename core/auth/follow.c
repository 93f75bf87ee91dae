/* SPDX-License-Identifier: Apache-2.0 */
/* See follow.h. */
#include "core/auth/follow.h"

#include <stdatomic.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

#define MAX_KINDS 8

struct auth_follow {
    struct watch_hub *hub;
    const struct auth_follow_handler *handler;
    void *ctx;
    size_t n_kinds;
    const struct model_kind *kinds[MAX_KINDS];
    atomic_uint_fast64_t n_wakes;   /* grows with changes: on the writer's thread */
    atomic_uint_fast64_t n_applied; /* of n_wakes; 0: nothing was listed yet */
    struct watch_stream *stream;    /* guarded by the caller's lock; NULL: to be listed */
};

static void wake(void *ctx)
{
    struct auth_follow *follow = ctx;
    (void)atomic_fetch_add(&follow->n_wakes, 1);
}

struct auth_follow *auth_follow_new(struct watch_hub *hub, const struct model_kind *const *kinds,
                                    size_t n_kinds, const struct auth_follow_handler *handler,
                                    void *ctx)
{
    struct auth_follow *follow = ke_alloc(sizeof(*follow));
    if (follow == NULL)
        return NULL;
    KE_ASSERT(n_kinds <= MAX_KINDS);
    follow->hub = hub;
    follow->handler = handler;
    follow->ctx = ctx;
    follow->n_kinds = n_kinds;
    for (size_t i = 0; i < n_kinds; i++)
        follow->kinds[i] = kinds[i];
    atomic_init(&follow->n_wakes, 1);
    atomic_init(&follow->n_applied, 0);
    return follow;
}

void auth_follow_free(struct auth_follow *follow)
{
    if (follow == NULL)
        return;
    watch_stream_close(follow->stream);
    free(follow);
}

bool auth_follow_is_behind(const struct auth_follow *follow)
{
    return atomic_load(&follow->n_wakes) != atomic_load(&follow->n_applied);
}

static enum ke_code list_kind(struct auth_follow *follow, struct ke_str prefix, struct ke_err *err)
{
    struct registry_list list = { .n_objects = 0 };
    enum ke_code rc =
        registry_list(watch_hub_registry(follow->hub), prefix, 0, KE_STR(""), 0, &list, err);
    if (rc != KE_OK)
        return rc;
    for (size_t i = 0; i < list.n_objects && rc == KE_OK; i++) {
        if (!follow->handler->put(follow->ctx, list.objects[i]))
            rc = ke_fail(err, KE_NOMEM, "out of memory");
    }
    registry_list_free(&list);
    return rc;
}

/* Lists first what the stream, opened before, tells once more: puts and deletes in their order end
 * where the registry is. */
static enum ke_code list_all(struct auth_follow *follow, struct ke_err *err)
{
    char memory[MAX_KINDS][LIMIT_KEY_BYTES];
    struct ke_str prefixes[MAX_KINDS];
    struct watch_stream_spec spec = { .prefixes = prefixes,
                                      .n_prefixes = follow->n_kinds,
                                      .after = registry_revision(watch_hub_registry(follow->hub)),
                                      .wake = wake,
                                      .ctx = follow };
    for (size_t i = 0; i < follow->n_kinds; i++) {
        struct ke_buf buf = KE_BUF_FIXED(memory[i], sizeof(memory[i]));
        model_kind_key(follow->kinds[i], KE_STR(""), KE_STR(""), &buf);
        prefixes[i] = ke_buf_str(&buf);
    }
    enum ke_code rc = watch_stream_open_spec(follow->hub, &spec, &follow->stream, err);
    if (rc != KE_OK)
        return rc;
    follow->handler->reset(follow->ctx);
    for (size_t i = 0; i < follow->n_kinds && rc == KE_OK; i++)
        rc = list_kind(follow, prefixes[i], err);
    return rc;
}

static enum ke_code drain(struct auth_follow *follow, struct ke_err *err)
{
    struct watch_event event = { .object = NULL };
    enum ke_code rc = KE_OK;
    while ((rc = watch_stream_next(follow->stream, &event, err)) == KE_OK) {
        bool is_kept = true;
        if (event.type == REGISTRY_DELETE)
            follow->handler->del(follow->ctx, event.object);
        else
            is_kept = follow->handler->put(follow->ctx, event.object);
        watch_event_clear(&event);
        if (!is_kept)
            return ke_fail(err, KE_NOMEM, "out of memory");
    }
    return rc == KE_AGAIN ? KE_OK : rc;
}

static void forget_stream(struct auth_follow *follow)
{
    watch_stream_close(follow->stream);
    follow->stream = NULL;
}

enum ke_code auth_follow_catch_up(struct auth_follow *follow, struct ke_err *err)
{
    uint_fast64_t n_wakes = atomic_load(&follow->n_wakes);
    if (n_wakes == atomic_load(&follow->n_applied))
        return KE_OK; /* another thread was here first */
    enum ke_code rc = KE_OK;
    if (follow->stream != NULL) {
        rc = drain(follow, err);
        if (rc == KE_GONE)
            forget_stream(follow);
        else if (rc != KE_OK)
            goto fail;
    }
    if (follow->stream == NULL) {
        rc = list_all(follow, err);
        if (rc == KE_OK)
            rc = drain(follow, err);
        if (rc != KE_OK)
            goto fail;
    }
    atomic_store(&follow->n_applied, n_wakes);
    return KE_OK;
fail: /* what was put is in doubt: the next one lists everything */
    forget_stream(follow);
    return rc;
}
