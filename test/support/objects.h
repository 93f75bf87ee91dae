/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_OBJECTS_H
#define TEST_SUPPORT_OBJECTS_H
/* Objects and commits in one line, for tests of what stands on the registry. Each asserts that it
 * worked (cmocka). Any thread. */
#include "core/registry/registry.h"

/* Returned: of the kind, with data.value = value (ConfigMap and any other: kept as it is). */
struct registry_object *test_object(enum model_kind_id kind, const char *ns, const char *name,
                                    const char *value);
/* From the JSON text of a whole object. */
struct registry_object *test_object_json(enum model_kind_id kind, const char *json);
/* data.value of an object; "" when it has none. Terminated; valid until the next call. */
const char *test_object_value(const struct registry_object *object);
/* Returned: a reference; NULL: not there. */
struct registry_object *test_object_get(struct registry *registry, const char *key);

/* Commits one op and waits; the revision. */
int64_t test_object_put(struct registry *registry, struct registry_object *object);
int64_t test_object_delete(struct registry *registry, const char *key);
/* The code of a commit of one op. object given; NULL: delete. */
enum ke_code test_object_commit(struct registry *registry, const char *key, int64_t expected,
                                struct registry_object *object);

#endif
