/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_CRON_H
#define CORE_MODEL_CRON_H
/*
 * The schedules of CronJobs: five fields (minute, hour, day of month, month, day of week) or a name
 * such as @daily. Pure; any thread. Source: robfig/cron v3, ParseStandard.
 */
#include "core/base/mem.h"
#include "core/base/str.h"

/* What is wrong with schedule, in upstream's words; NULL: nothing. Text in arena or constant. */
const char *model_cron_complaint(struct ke_str schedule, struct ke_arena *arena);

#endif
