/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames: what is decoded does not depend on how the bytes are cut, and is never more
 * than came in. First byte: bit 0 of which end, the rest the size of a piece. */
#include <stdlib.h>
#include <string.h>

#include "core/net/stream/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t n_bytes, n_messages, n_events;
    unsigned code;
};

static struct seen decode(const uint8_t *data, size_t size, bool is_client, size_t step)
{
    struct ws_decoder d = { .is_client = is_client };
    struct seen seen = { .n_bytes = 0 };
    char *copy = malloc(size + 1);
    KE_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    for (size_t at = 0; at < size;) {
        size_t n = size - at < step ? size - at : step;
        size_t used = 0;
        struct ws_event event = ws_decode(&d, copy + at, n, &used);
        KE_ASSERT(used <= n);
        if (event.kind == WS_EVENT_NONE) {
            KE_ASSERT(used == n);
        } else if (event.kind == WS_EVENT_DATA) {
            seen.n_bytes += event.data.len;
            seen.n_messages += event.is_last ? 1 : 0;
        } else {
            seen.n_events++;
            seen.code = event.code;
        }
        at += used;
    }
    free(copy);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    bool is_client = (data[0] & 1U) != 0;
    struct seen whole = decode(data + 1, size - 1, is_client, size);
    struct seen cut = decode(data + 1, size - 1, is_client, (data[0] >> 1U) + 1U);
    KE_ASSERT(whole.n_bytes <= size && whole.n_bytes == cut.n_bytes);
    KE_ASSERT(whole.n_messages == cut.n_messages && whole.n_events == cut.n_events &&
              whole.code == cut.code);
    return 0;
}
