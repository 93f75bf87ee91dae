/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_STATUS_H
#define CORE_API_STREAM_STATUS_H
/*
 * What the error stream says at the end of an exec or attach. Pure; any thread.
 * Source: apimachinery remotecommand, kubelet/pkg/cri/streaming/remotecommand.
 */
#include "core/base/buf.h"

struct stream_verdict {
    bool is_failure;     /* not of the process: `message` says why */
    int exit_code;       /* 0: success */
    const char *message; /* borrowed */
};

/* is_json: a Status (protocols from v4 on); else the text of a failure, nothing for success. */
void stream_verdict_print(const struct stream_verdict *verdict, bool is_json, struct ke_buf *out);

#endif
