/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_JOB_H
#define CORE_MODEL_KINDS_JOB_H
/* What Jobs and the templates of CronJobs share. Pure; any thread. */
#include <cjson/cJSON.h>

#include "core/model/path.h"

/* The defaults that a JobSpec has wherever it stands. False: out of memory. */
bool job_default_spec(cJSON *spec) KE_MUST_CHECK;
/* A JobSpec at path, without its selector. */
void job_validate_spec(const cJSON *spec, const struct model_path *path,
                       struct model_issues *issues);

#endif
