/* SPDX-License-Identifier: Apache-2.0 */
/* See slices.h. Pure. */
#include "core/controller/slices.h"

#include "core/base/json.h"
#include "core/base/map.h"

#define NAME_BASE_MAX 58
#define NAME_SUFFIX   5
#define KEY_MAX       128 /* address and uid */

/* One existing slice while it is being repacked. */
struct bin {
    const cJSON *slice;
    cJSON *endpoints; /* what stays and what comes; owned until it is put into a change */
    size_t n;
    bool is_changed;
    bool is_matched; /* to a group */
};

/* One group being packed. */
struct packing {
    const struct slices_wish *wish;
    const struct slice_group *group;
    struct ke_arena *arena;
    struct slices_plan *plan;
    struct bin *bins; /* all of the owner */
    size_t n_bins;
    struct ke_map *wanted; /* key to wanted endpoint (const cJSON *) not placed yet */
};

static const char *family_type(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? "IPv6" : "IPv4";
}

/* ---- wishes */

struct slice_group *slices_wish_add_group(struct slices_wish *wish, enum ke_family family,
                                          cJSON *ports_given)
{
    cJSON *endpoints = cJSON_CreateArray();
    if (ports_given == NULL || endpoints == NULL ||
        !ke_grow((void **)&wish->groups, &wish->cap_groups, wish->n_groups + 1,
                 sizeof(*wish->groups))) {
        cJSON_Delete(ports_given);
        cJSON_Delete(endpoints);
        return NULL;
    }
    struct slice_group *group = &wish->groups[wish->n_groups++];
    *group = (struct slice_group){ .family = family, .ports = ports_given, .endpoints = endpoints };
    return group;
}

void slices_wish_deinit(struct slices_wish *wish)
{
    for (size_t i = 0; i < wish->n_groups; i++) {
        cJSON_Delete(wish->groups[i].ports);
        cJSON_Delete(wish->groups[i].endpoints);
    }
    free(wish->groups);
    cJSON_Delete(wish->labels);
}

void slices_plan_deinit(struct slices_plan *plan)
{
    for (size_t i = 0; i < plan->n_changes; i++)
        cJSON_Delete(plan->changes[i].object);
    free(plan->changes);
}

/* ---- changes */

static bool add_change(struct slices_plan *plan, enum slices_change_type type, struct ke_str name,
                       cJSON *object_given)
{
    if (!ke_grow((void **)&plan->changes, &plan->cap_changes, plan->n_changes + 1,
                 sizeof(*plan->changes))) {
        cJSON_Delete(object_given);
        return false;
    }
    plan->changes[plan->n_changes++] =
        (struct slices_change){ .type = type, .name = name, .object = object_given };
    return true;
}

static bool set_copy(cJSON *object, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);
    return copy != NULL && ke_json_set(object, name, copy);
}

static cJSON *make_owner(const struct slices_wish *wish)
{
    ke_auto_json *list = cJSON_CreateArray();
    ke_auto_json *ref = cJSON_CreateObject();
    if (list == NULL || ref == NULL || !ke_json_set_str(ref, "apiVersion", wish->api_version) ||
        !ke_json_set_str(ref, "kind", wish->kind) || !ke_json_set_str(ref, "name", wish->name) ||
        !ke_json_set_str(ref, "uid", wish->uid) ||
        !ke_json_set(ref, "controller", cJSON_CreateTrue()) ||
        !ke_json_set(ref, "blockOwnerDeletion", cJSON_CreateTrue()) ||
        !cJSON_AddItemToArray(list, ref))
        return NULL;
    (void)KE_TAKE(ref);
    return KE_TAKE(list);
}

static bool set_metadata(const struct slices_wish *wish, cJSON *meta)
{
    cJSON *owner = make_owner(wish);
    return owner != NULL && ke_json_set(meta, "ownerReferences", owner) &&
           set_copy(meta, "labels", wish->labels);
}

/* Do labels and owner say what they should? */
static bool metadata_is_right(const struct slices_wish *wish, const cJSON *slice)
{
    const cJSON *meta = ke_json_get(slice, "metadata");
    const cJSON *labels = ke_json_get(meta, "labels");
    const cJSON *owners = ke_json_get(meta, "ownerReferences");
    return labels != NULL && ke_json_equal(labels, wish->labels) &&
           ke_str_eq(ke_json_str(cJSON_GetArrayItem(owners, 0), "uid"), wish->uid);
}

/* The slice as it should be; endpoints given. NULL: out of memory. */
static cJSON *make_slice(const struct packing *packing, const cJSON *was, struct ke_str name,
                         cJSON *endpoints)
{
    ke_auto_json *rest = endpoints;
    ke_auto_json *slice = cJSON_CreateObject();
    if (slice == NULL)
        return NULL;
    if (was != NULL && !set_copy(slice, "metadata", ke_json_get(was, "metadata")))
        return NULL;
    cJSON *meta = ke_json_need_object(slice, "metadata");
    if (meta == NULL || !ke_json_set_str(meta, "name", name) ||
        !ke_json_set_str(meta, "namespace", packing->wish->ns) ||
        !set_metadata(packing->wish, meta) ||
        !ke_json_set_str(slice, "addressType", ke_str_c(family_type(packing->group->family))) ||
        !ke_json_set(slice, "endpoints", KE_TAKE(rest)) ||
        !set_copy(slice, "ports", packing->group->ports))
        return NULL;
    return KE_TAKE(slice);
}

/* ---- names: the same owner gets the same names again, in any process */

static uint64_t fnv(uint64_t hash, struct ke_str s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (uint8_t)s.ptr[i]) * 0x100000001b3U;
    return (hash ^ 0xff) * 0x100000001b3U;
}

static bool name_is_used(const struct packing *packing, struct ke_str name)
{
    for (size_t i = 0; i < packing->n_bins; i++) {
        if (ke_str_eq(ke_json_path_str(packing->bins[i].slice, "metadata.name"), name))
            return true;
    }
    for (size_t i = 0; i < packing->plan->n_changes; i++) {
        if (ke_str_eq(packing->plan->changes[i].name, name))
            return true;
    }
    return false;
}

static struct ke_str make_name(const struct packing *packing)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    const struct slices_wish *wish = packing->wish;
    size_t base = wish->name.len < NAME_BASE_MAX - 1 ? wish->name.len : NAME_BASE_MAX - 1;
    uint64_t hash = fnv(0xcbf29ce484222325U, wish->uid);
    hash = fnv(hash, ke_json_str(wish->labels, SLICE_LABEL_MANAGED_BY));
    hash = fnv(hash, ke_str_c(family_type(packing->group->family)));
    for (;;) {
        char suffix[NAME_SUFFIX];
        uint64_t rest = hash >> 8;
        for (size_t i = 0; i < NAME_SUFFIX; i++) {
            suffix[i] = letters[rest % (sizeof(letters) - 1)];
            rest /= sizeof(letters) - 1;
        }
        struct ke_str name = ke_arena_fmt(packing->arena, "%.*s-%.*s", (int)base, wish->name.ptr,
                                          NAME_SUFFIX, suffix);
        if (name.ptr == NULL || !name_is_used(packing, name))
            return name;
        hash = fnv(hash, KE_STR("next"));
    }
}

/* ---- packing */

/* NOLINTNEXTLINE(readability-non-const-parameter): the buffer writes into it */
static struct ke_str endpoint_key(const cJSON *endpoint, char text[KEY_MAX])
{
    struct ke_buf key = KE_BUF_FIXED(text, KEY_MAX);
    ke_buf_add_str(&key,
                   ke_json_value_str(cJSON_GetArrayItem(ke_json_get(endpoint, "addresses"), 0)));
    ke_buf_add_char(&key, '/');
    ke_buf_add_str(&key, ke_json_path_str(endpoint, "targetRef.uid"));
    return ke_buf_str(&key);
}

static bool bin_add(struct bin *bin, const cJSON *endpoint)
{
    cJSON *copy = cJSON_Duplicate(endpoint, true);
    if (copy == NULL || !cJSON_AddItemToArray(bin->endpoints, copy)) {
        cJSON_Delete(copy);
        return false;
    }
    bin->n++;
    return true;
}

static bool belongs(const struct packing *packing, const struct bin *bin)
{
    const cJSON *ports = ke_json_get(bin->slice, "ports");
    bool has_none = cJSON_GetArraySize(ports) == 0;
    bool wants_none = packing->group->ports->child == NULL;
    return !bin->is_matched &&
           ke_str_eq_c(ke_json_str(bin->slice, "addressType"),
                       family_type(packing->group->family)) &&
           (has_none ? wants_none : ke_json_equal(ports, packing->group->ports));
}

/* Keeps what is still wanted, as it is wanted now. */
static bool keep_wanted(struct packing *packing, struct bin *bin)
{
    bin->endpoints = cJSON_CreateArray();
    if (bin->endpoints == NULL)
        return false;
    bin->is_matched = true;
    bin->is_changed = !metadata_is_right(packing->wish, bin->slice);
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(bin->slice, "endpoints")) {
        char text[KEY_MAX];
        const cJSON *wanted = ke_map_del(packing->wanted, endpoint_key(it, text));
        if (wanted == NULL) {
            bin->is_changed = true;
            continue;
        }
        if (!ke_json_equal(wanted, it))
            bin->is_changed = true;
        if (!bin_add(bin, wanted))
            return false;
    }
    return true;
}

/* Moves endpoints that have no place yet, in their order, into bin. */
static bool fill(struct packing *packing, struct bin *bin, const cJSON **next)
{
    while (*next != NULL && bin->n < SLICE_ENDPOINTS_MAX) {
        char text[KEY_MAX];
        const cJSON *endpoint = *next;
        *next = endpoint->next;
        if (ke_map_del(packing->wanted, endpoint_key(endpoint, text)) == NULL)
            continue;
        if (!bin_add(bin, endpoint))
            return false;
        bin->is_changed = true;
    }
    return true;
}

/* An unchanged slice that takes all the rest; the fullest one. */
static struct bin *find_room(const struct packing *packing, const size_t *mine, size_t n_mine)
{
    size_t n = ke_map_count(packing->wanted);
    struct bin *best = NULL;
    for (size_t i = 0; i < n_mine; i++) {
        struct bin *bin = &packing->bins[mine[i]];
        if (bin->n + n <= SLICE_ENDPOINTS_MAX && (best == NULL || bin->n > best->n))
            best = bin;
    }
    return best;
}

static bool add_new_slices(struct packing *packing, const cJSON **next, bool is_empty_wanted)
{
    while (ke_map_count(packing->wanted) > 0 || is_empty_wanted) {
        struct bin bin = { .endpoints = cJSON_CreateArray() };
        is_empty_wanted = false;
        if (bin.endpoints == NULL || !fill(packing, &bin, next)) {
            cJSON_Delete(bin.endpoints);
            return false;
        }
        struct ke_str name = make_name(packing);
        if (name.ptr == NULL) {
            cJSON_Delete(bin.endpoints);
            return false;
        }
        cJSON *slice = make_slice(packing, NULL, name, bin.endpoints);
        if (slice == NULL || !add_change(packing->plan, SLICES_CREATE, name, slice))
            return false;
    }
    return true;
}

/* What became of the existing slices of the group. */
static bool write_bin(struct packing *packing, struct bin *bin, bool *has_one)
{
    struct ke_str name = ke_json_path_str(bin->slice, "metadata.name");
    bool is_kept = bin->n > 0 || (packing->group->endpoints->child == NULL && !*has_one);
    if (!is_kept)
        return add_change(packing->plan, SLICES_DELETE, name, NULL);
    *has_one = true;
    if (!bin->is_changed)
        return true;
    cJSON *slice = make_slice(packing, bin->slice, name, KE_TAKE(bin->endpoints));
    return slice != NULL && add_change(packing->plan, SLICES_UPDATE, name, slice);
}

static bool index_wanted(struct packing *packing)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, packing->group->endpoints) {
        char text[KEY_MAX];
        if (!ke_map_set(packing->wanted, endpoint_key(it, text), (void *)(uintptr_t)it, NULL))
            return false;
    }
    return true;
}

static bool pack_into(struct packing *packing, size_t *mine)
{
    size_t n_mine = 0; /* positions in bins */
    for (size_t i = 0; i < packing->n_bins; i++) {
        if (!belongs(packing, &packing->bins[i]))
            continue;
        if (!keep_wanted(packing, &packing->bins[i]))
            return false;
        mine[n_mine++] = i;
    }
    const cJSON *next = packing->group->endpoints->child;
    for (size_t i = 0; i < n_mine; i++) {
        struct bin *bin = &packing->bins[mine[i]];
        if (bin->is_changed && bin->n > 0 && !fill(packing, bin, &next))
            return false;
    }
    struct bin *room = ke_map_count(packing->wanted) > 0 ? find_room(packing, mine, n_mine) : NULL;
    if (room != NULL && !fill(packing, room, &next))
        return false;
    bool has_one = false;
    for (size_t i = 0; i < n_mine; i++) {
        if (!write_bin(packing, &packing->bins[mine[i]], &has_one))
            return false;
    }
    bool is_empty_wanted = packing->group->endpoints->child == NULL && !has_one;
    return add_new_slices(packing, &next, is_empty_wanted);
}

static bool pack_group(struct packing *packing)
{
    KE_AUTO(ke_map) *wanted = ke_map_new();
    size_t *mine = ke_alloc_n(packing->n_bins + 1, sizeof(*mine));
    packing->wanted = wanted;
    bool is_ok =
        wanted != NULL && mine != NULL && index_wanted(packing) && pack_into(packing, mine);
    free(mine);
    return is_ok;
}

/* ---- recycling: one that goes lends its name to one that comes, so nobody sees neither */

static const cJSON *find_existing(const struct packing *packing, struct ke_str name)
{
    for (size_t i = 0; i < packing->n_bins; i++) {
        if (ke_str_eq(ke_json_path_str(packing->bins[i].slice, "metadata.name"), name))
            return packing->bins[i].slice;
    }
    return NULL;
}

static struct slices_change *find_created(const struct packing *packing, struct ke_str type)
{
    for (size_t i = 0; i < packing->plan->n_changes; i++) {
        struct slices_change *it = &packing->plan->changes[i];
        if (it->type == SLICES_CREATE && ke_str_eq(ke_json_str(it->object, "addressType"), type))
            return it;
    }
    return NULL;
}

static bool recycle(struct packing *packing)
{
    struct slices_plan *plan = packing->plan;
    for (size_t i = 0; i < plan->n_changes; i++) {
        struct slices_change *gone = &plan->changes[i];
        const cJSON *was = gone->type == SLICES_DELETE ? find_existing(packing, gone->name) : NULL;
        struct slices_change *created =
            was != NULL ? find_created(packing, ke_json_str(was, "addressType")) : NULL;
        if (created == NULL)
            continue;
        if (!set_copy(created->object, "metadata", ke_json_get(was, "metadata")) ||
            !set_metadata(packing->wish, ke_json_get_mut(created->object, "metadata")))
            return false;
        created->type = SLICES_UPDATE;
        created->name = gone->name;
        gone->name = (struct ke_str){ NULL, 0 }; /* needed no more */
    }
    size_t n = 0;
    for (size_t i = 0; i < plan->n_changes; i++) {
        if (plan->changes[i].name.len > 0)
            plan->changes[n++] = plan->changes[i];
    }
    plan->n_changes = n;
    return true;
}

bool slices_plan_make(const struct slices_wish *wish, const cJSON *const *existing,
                      size_t n_existing, struct ke_arena *arena, struct slices_plan *out)
{
    struct packing packing = { .wish = wish, .arena = arena, .plan = out, .n_bins = n_existing };
    packing.bins = ke_alloc_n(n_existing + 1, sizeof(*packing.bins));
    bool is_ok = packing.bins != NULL;
    for (size_t i = 0; is_ok && i < n_existing; i++)
        packing.bins[i].slice = existing[i];
    for (size_t i = 0; is_ok && i < wish->n_groups; i++) {
        packing.group = &wish->groups[i];
        is_ok = pack_group(&packing);
    }
    for (size_t i = 0; is_ok && i < n_existing; i++) {
        if (!packing.bins[i].is_matched)
            is_ok = add_change(out, SLICES_DELETE, ke_json_path_str(existing[i], "metadata.name"),
                               NULL);
    }
    is_ok = is_ok && recycle(&packing);
    for (size_t i = 0; packing.bins != NULL && i < n_existing; i++)
        cJSON_Delete(packing.bins[i].endpoints);
    free(packing.bins);
    return is_ok;
}
