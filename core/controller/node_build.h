/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_NODE_BUILD_H
#define CORE_CONTROLLER_NODE_BUILD_H
/* What the Node object of this machine says, and whether that is news. Pure but for
 * node_facts_read. */
#include <cjson/cJSON.h>

#include "core/controller/controllers.h"

/* What is found out about the machine once, at start. */
struct node_facts {
    char machine_id[64], boot_id[64], system_uuid[64];
    char kernel[128], os_image[128];
    const char *arch; /* as Go names it: "amd64" */
    unsigned n_cpus;
    uint64_t memory_kib, storage_bytes;
};
void node_facts_read(struct node_facts *out); /* what cannot be read is empty */

struct node_input {
    const struct controllers_options *options;
    const struct node_facts *facts;
    struct ke_str degraded; /* what is wrong with parts of this process; empty: nothing */
    int64_t now_s;          /* wall clock */
};
/* Name, labels and spec; NULL: out of memory. */
cJSON *node_build_object(const struct node_input *input);
/* {"status":...} as it should be, on top of the conditions that now (the Node, NULL: none) has. */
cJSON *node_build_status(const struct node_input *input, const cJSON *now);
/* A change of more than heartbeats, or the last one is max_age_s old. */
bool node_status_is_news(const cJSON *wanted, const cJSON *now, int64_t now_s, int64_t max_age_s);

#endif
