/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_RESOURCES_H
#define TEST_SUPPORT_RESOURCES_H
/*
 * A resource store on a registry in memory, with a clock that tests move, and writes in one line.
 * What was answered last is kept in the fixture. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/resource/resource.h"

struct test_resources {
    struct registry *registry;
    struct watch_hub *hub;
    struct resource_store *store;
    struct ke_clock clock;
    int64_t wall_us;
    /* of the last write */
    unsigned n_answers;
    enum ke_code code;
    char message[4096];
    char details[512]; /* "name|group|kind" */
    char issues[4096]; /* "field: message\n" each */
    char cause[512];   /* "reason|message|field" */
    char causes[4096]; /* of an apply: the same, a line each */
    char warnings[1024];
    bool is_created, is_deleted;
    uint32_t retry_after_s;
    cJSON *object; /* what was answered; NULL: none */
    int64_t revision;
    size_t n_list;
};

/* Services from 10.32.0.0/24 (and fd00:32::/112 when is_dual), node ports 30000-30099, DNS
 * 10.32.0.10. The namespace "default" is there. */
void test_resources_init(struct test_resources *r, bool is_dual);
void test_resources_deinit(struct test_resources *r);
/* Of cmocka: state is such a fixture, one family of addresses. */
int test_resources_set_up(void **state);
int test_resources_tear_down(void **state);

/* body NULL: none. The code of the answer, which is also kept. */
enum ke_code test_write(struct test_resources *r, struct resource_request request,
                        const char *body);
enum ke_code test_create(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *body);
enum ke_code test_update(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *name, const char *body);
enum ke_code test_merge(struct test_resources *r, enum model_kind_id kind, const char *ns,
                        const char *name, const char *body);
enum ke_code test_remove(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *name);
/* Text or number at a dotted path (numbers between dots index arrays) of the object answered last;
 * "" when it is not there. Valid until the next call. */
const char *test_field(const struct test_resources *r, const char *path);
bool test_exists(struct test_resources *r, enum model_kind_id kind, const char *ns,
                 const char *name);

#endif
