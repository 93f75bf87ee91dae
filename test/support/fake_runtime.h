/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_FAKE_RUNTIME_H
#define TEST_SUPPORT_FAKE_RUNTIME_H
/*
 * A runtime whose containers are processes of this machine: exec runs the command with pipes or a
 * terminal, attach runs `cat`, port-forward connects to 127.0.0.1 of its own network namespace, and
 * logs are `tail` of the file POD_CONTAINER.log (previous: .previous.log) of a folder. Every
 * container of a pod runs, but for those named "gone". One thread of its own.
 */
#include "core/api/runtime.h"

struct fake_runtime;
struct fake_runtime *fake_runtime_new(const char *log_dir); /* borrowed */
void fake_runtime_free(struct fake_runtime *runtime);       /* ends what still runs */
const struct api_runtime *fake_runtime_of(struct fake_runtime *runtime);
/* Processes and calls that are not through. */
size_t fake_runtime_busy(struct fake_runtime *runtime);

#endif
