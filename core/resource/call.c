/* SPDX-License-Identifier: Apache-2.0 */
/* The write that waits for its answer. Threads: any that may block; never the writer's. */
#include <pthread.h>

#include "core/resource/resource.h"

struct waiting {
    pthread_mutex_t lock; /* guards all of it */
    pthread_cond_t answered;
    bool is_done;
    enum ke_code code;
    struct ke_err err;
    struct registry_object *object;
};

static void answer(void *ctx, const struct resource_reply *reply)
{
    struct waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->lock);
    waiting->code = reply->code;
    waiting->err = reply->err;
    if (reply->object != NULL)
        waiting->object = registry_object_ref(reply->object);
    waiting->is_done = true;
    pthread_cond_signal(&waiting->answered);
    pthread_mutex_unlock(&waiting->lock);
}

enum ke_code resource_call(struct resource_store *store, struct resource_request *request,
                           struct registry_object **out, struct ke_err *err)
{
    struct waiting waiting = { .is_done = false };
    pthread_mutex_init(&waiting.lock, NULL);
    pthread_cond_init(&waiting.answered, NULL);
    resource_submit(store, request, answer, &waiting);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.is_done)
        pthread_cond_wait(&waiting.answered, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.answered);
    pthread_mutex_destroy(&waiting.lock);
    if (waiting.code != KE_OK) {
        registry_object_unref(waiting.object);
        *err = waiting.err;
        return waiting.code;
    }
    if (out != NULL)
        *out = waiting.object;
    else
        registry_object_unref(waiting.object);
    return KE_OK;
}
