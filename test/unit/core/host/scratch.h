/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_UNIT_CORE_HOST_SCRATCH_H
#define TEST_UNIT_CORE_HOST_SCRATCH_H
/* A folder of its own for each test of the ledger, with paths in it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/host/ledger.h"
#include "test/support/base/test.h"

static char scratch_folder[64];

static inline int scratch_make(void **state)
{
    (void)state;
    (void)snprintf(scratch_folder, sizeof(scratch_folder), "/tmp/kedge-host-test.XXXXXX");
    return mkdtemp(scratch_folder) != NULL ? 0 : -1;
}

/* Empty again, or the test left something behind. */
static inline int scratch_remove(void **state)
{
    (void)state;
    return rmdir(scratch_folder);
}

/* One of a few buffers, used in turn. */
static inline const char *scratch_path(const char *name)
{
    static _Thread_local char paths[8][PATH_MAX];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, PATH_MAX, "%s/%s", scratch_folder, name);
    return path;
}

static inline struct host_ledger *scratch_open(void)
{
    struct host_ledger *ledger = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (host_ledger_open(scratch_path("host.ledger"), &ledger, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return ledger;
}

static inline void scratch_undo(struct host_ledger *ledger)
{
    struct ke_err err = KE_ERR_INIT;
    if (host_ledger_undo(ledger, &err) != KE_OK)
        fail_msg("%s", err.msg);
    assert_false(ke_file_exists(scratch_path("host.ledger")));
}

static inline void scratch_write(const char *name, struct ke_str text)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_write(scratch_path(name), text, 0600, &err), KE_OK);
}

static inline void scratch_expect(const char *name, const char *want)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(1 << 20);
    assert_int_equal(ke_file_read(scratch_path(name), &text, &err), KE_OK);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, want);
}

static inline unsigned scratch_lines(void)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(1 << 22);
    assert_int_equal(ke_file_read(scratch_path("host.ledger"), &text, &err), KE_OK);
    unsigned n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n' ? 1 : 0;
    return n;
}

#endif
