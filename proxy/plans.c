/* SPDX-License-Identifier: Apache-2.0 */
/* All plans of a table, by name. Belongs to one thread. */
#include <stdlib.h>

#include "core/base/map.h"
#include "core/base/mem.h"
#include "proxy/plan.h"

#define KEY_MAX 512 /* namespace and name are at most 253 bytes each */

struct proxy_plans {
    struct ke_map *map;
};

struct proxy_plans *proxy_plans_new(void)
{
    struct proxy_plans *plans = ke_alloc(sizeof(*plans));
    if (plans == NULL)
        return NULL;
    plans->map = ke_map_new();
    if (plans->map == NULL) {
        free(plans);
        return NULL;
    }
    return plans;
}

void proxy_plans_free(struct proxy_plans *plans)
{
    if (plans == NULL)
        return;
    size_t pos = 0;
    struct ke_str key;
    void *plan = NULL;
    while (ke_map_next(plans->map, &pos, &key, &plan))
        free(plan);
    ke_map_free(plans->map);
    free(plans);
}

static struct ke_str key_of(struct ke_buf *buf, struct ke_str ns, struct ke_str name)
{
    ke_buf_add_str(buf, ns);
    ke_buf_add_char(buf, '/');
    ke_buf_add_str(buf, name);
    return ke_buf_str(buf);
}

struct proxy_plan *proxy_plans_get(const struct proxy_plans *plans, struct ke_str ns,
                                   struct ke_str name)
{
    char memory[KEY_MAX];
    struct ke_buf buf = KE_BUF_FIXED(memory, sizeof(memory));
    return ke_map_get(plans->map, key_of(&buf, ns, name));
}

bool proxy_plans_set(struct proxy_plans *plans, struct ke_str ns, struct ke_str name,
                     struct proxy_plan *plan, struct proxy_plan **old)
{
    char memory[KEY_MAX];
    struct ke_buf buf = KE_BUF_FIXED(memory, sizeof(memory));
    struct ke_str key = key_of(&buf, ns, name);
    if (plan == NULL) {
        *old = ke_map_del(plans->map, key);
        return true;
    }
    void *before = NULL;
    if (!ke_map_set(plans->map, key, plan, &before))
        return false;
    *old = before;
    return true;
}

const struct proxy_plan *proxy_plans_next(const struct proxy_plans *plans, size_t *pos)
{
    struct ke_str key;
    void *plan = NULL;
    return ke_map_next(plans->map, pos, &key, &plan) ? plan : NULL;
}

size_t proxy_plans_count(const struct proxy_plans *plans)
{
    return ke_map_count(plans->map);
}

static int compare_plans(const void *left, const void *right)
{
    const struct proxy_plan *a = *(const struct proxy_plan *const *)left;
    const struct proxy_plan *b = *(const struct proxy_plan *const *)right;
    int by_ns = ke_str_cmp(a->ns, b->ns);
    return by_ns != 0 ? by_ns : ke_str_cmp(a->name, b->name);
}

const struct proxy_plan **proxy_plans_sorted(const struct proxy_plans *plans)
{
    size_t n = 0;
    size_t pos = 0;
    const struct proxy_plan **sorted = ke_alloc_n(proxy_plans_count(plans) + 1, sizeof(*sorted));
    const struct proxy_plan *plan = NULL;
    while (sorted != NULL && (plan = proxy_plans_next(plans, &pos)) != NULL)
        sorted[n++] = plan;
    if (sorted != NULL)
        qsort(sorted, n, sizeof(*sorted), compare_plans);
    return sorted;
}
