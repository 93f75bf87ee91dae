/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_STREAM_H
#define CORE_API_STREAM_STREAM_H
/*
 * The subresources of a pod that are connections: exec, attach, portforward, and log. On the
 * request's API loop; a session that has begun lives on in its upgraded connection.
 */
#include "core/api/request.h"
#include "core/api/runtime.h"

/* pods/exec, attach, portforward, log: the request is authorised, its kind and subresource known.
 */
void api_handle_stream(struct api_request *request);
/* A GET that asks for WebSocket: on exec, attach and portforward it takes the verb create as well,
 * for whoever may only read must not run anything (KEP-4006). */
bool api_is_websocket(const struct api_request *request);
/* Ends what waits for a runtime. */
void api_waits_end(struct api_shard *shard);

/* ---- for the files of core/api/stream ----------------------------------------------------------
 */

/* The pod asked for, and of it the container. Texts in the request's arena. */
struct stream_pod {
    struct ke_str ns, name, uid, node, container;
};
/* Reads the pod and chooses the container where one is wanted; else answers in upstream's words. */
bool stream_find_pod(struct api_request *request, bool wants_container, struct stream_pod *out);
/* The call of a runtime, begun: `what`, node, names. */
struct runtime_call stream_call(const struct stream_pod *pod, enum runtime_what what);
/* Nobody runs containers here: the answer for a node that cannot be reached. */
bool stream_has_runtime(struct api_request *request, const struct stream_pod *pod);
/* A call that failed before the client was accepted: as kubelet, plain text for an upgrade (clients
 * put "unable to upgrade connection: " in front), a Status for logs. */
void stream_respond_plain(struct api_request *request, enum ke_code rc, const struct ke_err *err);
void stream_respond_failure(struct api_request *request, enum ke_code rc, const struct ke_err *err);

enum stream_upgrade { STREAM_UPGRADE_NONE, STREAM_UPGRADE_WEBSOCKET, STREAM_UPGRADE_SPDY };
enum stream_upgrade stream_upgrade_of(const struct api_request *request);
/*
 * The protocol that client and we agree on, out of ours (NULL-terminated); NULL: answered.
 * WebSocket: Sec-WebSocket-Protocol and the key are checked; SPDY: X-Stream-Protocol-Version.
 */
const char *stream_choose(struct api_request *request, enum stream_upgrade upgrade,
                          const char *const *ours);
struct api_wire;
/* Answers 101 for it. As api_wire_accept. */
bool stream_accept(struct api_request *request, enum stream_upgrade upgrade, const char *protocol,
                   void (*start)(void *ctx, struct api_wire *wire), void *ctx);

void stream_handle_exec(struct api_request *request, bool is_attach);
void stream_handle_forward(struct api_request *request);
void stream_handle_log(struct api_request *request);

#endif
