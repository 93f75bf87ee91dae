/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_CALL_H
#define CORE_API_STREAM_CALL_H
/*
 * The API's side of a runtime's call: made and used on one loop; what the runtime says on its own
 * threads arrives there as `on_news`. The call lives until both sides have let go of it.
 */
#include "core/api/runtime.h"
#include "core/api/shard.h"
#include "core/base/mem.h"

/* All that a call's texts may take. */
#define API_CALL_BYTES (256U << 10)

struct api_call;
typedef void api_call_fn(void *ctx);

/* The texts are copied. NULL: out of memory. */
struct api_call *api_call_new(struct api_shard *shard, const struct runtime_call *what,
                              api_call_fn *on_news, void *ctx);
void api_call_start(struct api_call *call);
void api_call_resize(struct api_call *call, uint16_t width, uint16_t height);
/* Let go: abandons it when the runtime has not had its last word. NULL is fine. */
void api_call_drop(struct api_call *call);

enum api_call_news {
    API_CALL_NOTHING,
    API_CALL_DONE,
    API_CALL_OPENED, /* the streams are given */
    API_CALL_EXITED,
    API_CALL_FAILED
};
/* The next thing the runtime has said. */
enum api_call_news api_call_next(struct api_call *call, struct runtime_streams *streams,
                                 int *exit_code, struct ke_err *err);

#endif
