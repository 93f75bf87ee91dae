/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List: selectors, pages and the rules of resourceVersion and resourceVersionMatch. Reads the
 * registry's snapshots; any thread. Source: apiserver pkg/storage/etcd3/store.go GetList.
 */
#include <inttypes.h>

#include "core/base/limits.h"
#include "core/resource/operation.h"
#include "core/resource/token.h"

#define PAGE_MIN 128 /* read at once while a selector filters */

const char resource_continue_expired_message[] =
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the first "
    "chunk was returned and now may show up in the list.";

struct listing {
    struct registry *registry;
    const struct model_kind *kind;
    const struct resource_list_options *options;
    struct ke_buf prefix;
    struct ke_buf start; /* after this key; empty: from the beginning */
    int64_t revision;    /* 0: of now */
    struct registry_list found;
    size_t found_cap;
    int64_t n_remaining;
    bool is_cut; /* the limit was reached and more may follow */
};

static void listing_deinit(struct listing *listing)
{
    ke_buf_free(&listing->prefix);
    ke_buf_free(&listing->start);
    registry_list_free(&listing->found);
}

enum ke_code resource_check_fields(const struct model_kind *kind,
                                   const struct model_selector *fields, struct ke_err *err)
{
    struct ke_str key;
    for (size_t i = 0; fields != NULL && model_selector_key(fields, i, &key); i++) {
        if (!model_kind_has_field(kind, key))
            return ke_fail(err, KE_MALFORMED, "field label not supported: %.*s", KE_STR_ARG(key));
    }
    return KE_OK;
}

static bool is_wanted(const struct listing *listing, const struct registry_object *object)
{
    const struct resource_list_options *options = listing->options;
    return model_selector_matches(options->labels, object->labels, object->n_labels) &&
           registry_object_matches(object, listing->kind, options->fields);
}

/* What revision the caller's words mean. */
static enum ke_code choose_revision(struct listing *listing, struct ke_err *err)
{
    const struct resource_list_options *options = listing->options;
    if (options->continue_token.len > 0) {
        struct resource_token token;
        enum ke_code rc = resource_token_decode(options->continue_token,
                                                ke_buf_str(&listing->prefix), &token, err);
        if (rc != KE_OK)
            return rc;
        listing->start = token.start_key;
        listing->revision = token.revision < 0 ? 0 : token.revision;
        return KE_OK;
    }
    if (!options->has_revision || options->revision == 0)
        return KE_OK;
    int64_t now = registry_revision(listing->registry);
    if (options->revision > now) {
        return ke_fail(err, KE_TIMEOUT,
                       "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64,
                       options->revision, now);
    }
    bool is_exact = options->match == RESOURCE_MATCH_EXACT ||
                    (options->match == RESOURCE_MATCH_UNSET && options->limit > 0);
    listing->revision = is_exact ? options->revision : 0;
    return KE_OK;
}

static bool keep(struct listing *listing, struct registry_object *object)
{
    if (!ke_grow((void **)&listing->found.objects, &listing->found_cap,
                 listing->found.n_objects + 1, sizeof(struct registry_object *)))
        return false;
    listing->found.objects[listing->found.n_objects++] = registry_object_ref(object);
    return true;
}

/* Takes the wanted objects of a page until limit (0: all) is reached. False: out of memory. */
static bool take_page(struct listing *listing, const struct registry_list *page, size_t limit)
{
    for (size_t i = 0; i < page->n_objects; i++) {
        if (!is_wanted(listing, page->objects[i]))
            continue;
        if (!keep(listing, page->objects[i]))
            return false;
        if (limit != 0 && listing->found.n_objects == limit) {
            listing->is_cut = i + 1 < page->n_objects || page->n_remaining > 0;
            listing->n_remaining = (int64_t)(page->n_objects - i - 1 + page->n_remaining);
            return true;
        }
    }
    return true;
}

static enum ke_code walk(struct listing *listing, size_t limit, struct ke_err *err)
{
    bool has_selector = listing->options->labels != NULL || listing->options->fields != NULL;
    size_t at_once = limit;
    if (limit != 0 && has_selector && at_once < PAGE_MIN)
        at_once = PAGE_MIN;
    for (;;) {
        struct registry_list page = { .objects = NULL };
        enum ke_code rc =
            registry_list(listing->registry, ke_buf_str(&listing->prefix), listing->revision,
                          ke_buf_str(&listing->start), at_once, &page, err);
        if (rc != KE_OK)
            return rc;
        listing->revision = page.revision;
        listing->found.revision = page.revision;
        bool is_ok = take_page(listing, &page, limit);
        bool is_last = page.n_remaining == 0 || page.n_objects == 0 ||
                       (limit != 0 && listing->found.n_objects >= limit);
        if (is_ok && !is_last) {
            ke_buf_clear(&listing->start);
            ke_buf_add_str(&listing->start, page.objects[page.n_objects - 1]->key);
            is_ok = listing->start.failed == KE_OK;
        }
        registry_list_free(&page);
        if (!is_ok)
            return ke_fail(err, KE_NOMEM, "list of %s", listing->kind->plural);
        if (is_last)
            return KE_OK;
    }
}

/* fieldSelector metadata.name=x in one namespace: one look-up instead of a walk. */
static bool find_single_name(const struct listing *listing, struct ke_str *out)
{
    const struct resource_list_options *options = listing->options;
    if (options->fields == NULL || listing->revision != 0 || listing->start.len > 0 ||
        (listing->kind->is_namespaced && options->ns.len == 0))
        return false;
    return model_selector_equality(options->fields, KE_STR("metadata.name"), out) && out->len > 0;
}

static enum ke_code look_up(struct listing *listing, struct ke_str name, struct ke_err *err)
{
    ke_auto_object *object = NULL;
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(listing->kind, listing->options->ns, name, &key);
    listing->found.revision = registry_revision(listing->registry);
    if (key.failed == KE_TOO_LARGE)
        return KE_OK;
    enum ke_code rc = ke_buf_check(&key, "key", err);
    if (rc == KE_OK)
        rc = registry_get(listing->registry, ke_buf_str(&key), &object, err);
    if (rc == KE_NOT_FOUND)
        return KE_OK;
    if (rc != KE_OK)
        return rc;
    if (object->revision > listing->found.revision)
        listing->found.revision = object->revision;
    if (is_wanted(listing, object) && !keep(listing, object))
        return ke_fail(err, KE_NOMEM, "list of %s", listing->kind->plural);
    return KE_OK;
}

static char *make_token(const struct listing *listing, struct ke_str last_key, int64_t revision)
{
    ke_auto_buf text = KE_BUF_INIT(4 * LIMIT_KEY_BYTES);
    resource_token_encode(ke_buf_str(&listing->prefix), last_key, revision, &text);
    size_t len = 0;
    return ke_buf_take(&text, &len);
}

static enum ke_code hand_out(struct listing *listing, struct resource_list *out, struct ke_err *err)
{
    char *token = NULL;
    if (listing->is_cut) {
        struct ke_str last = listing->found.objects[listing->found.n_objects - 1]->key;
        token = make_token(listing, last, listing->found.revision);
        if (token == NULL)
            return ke_fail(err, KE_NOMEM, "continue token");
    }
    bool has_selector = listing->options->labels != NULL || listing->options->fields != NULL;
    out->items = listing->found;
    listing->found = (struct registry_list){ .objects = NULL };
    out->continue_token = token;
    out->n_remaining = has_selector ? -1 : listing->n_remaining;
    return KE_OK;
}

static enum ke_code run(struct listing *listing, struct resource_list *out, struct ke_err *err)
{
    const struct resource_list_options *options = listing->options;
    enum ke_code rc = choose_revision(listing, err);
    if (rc != KE_OK)
        return rc;
    /* A list at "any" revision comes whole, as upstream's watch cache gives it. */
    bool is_any = options->has_revision && options->revision == 0 &&
                  options->continue_token.len == 0 && options->match != RESOURCE_MATCH_EXACT;
    size_t limit = options->limit > 0 && !is_any ? (size_t)options->limit : 0;
    struct ke_str name;
    rc = find_single_name(listing, &name) ? look_up(listing, name, err) : walk(listing, limit, err);
    if (rc == KE_GONE && options->continue_token.len > 0) {
        out->continue_token = make_token(listing, ke_buf_str(&listing->start), -1);
        return ke_fail(err, KE_GONE, "%s", resource_continue_expired_message);
    }
    if (rc == KE_GONE)
        return ke_fail(err, KE_GONE, "The resourceVersion for the provided list is too old.");
    return rc == KE_OK ? hand_out(listing, out, err) : rc;
}

enum ke_code resource_list(struct resource_store *store, const struct model_kind *kind,
                           const struct resource_list_options *options, struct resource_list *out,
                           struct ke_err *err)
{
    enum ke_code rc = resource_check_fields(kind, options->fields, err);
    if (rc != KE_OK)
        return rc;
    struct listing listing = { .registry = store->registry,
                               .kind = kind,
                               .options = options,
                               .prefix = KE_BUF_INIT(LIMIT_KEY_BYTES),
                               .start = KE_BUF_INIT(LIMIT_KEY_BYTES) };
    model_kind_key(kind, options->ns, (struct ke_str){ NULL, 0 }, &listing.prefix);
    rc = ke_buf_check(&listing.prefix, "namespace", err);
    if (rc == KE_OK)
        rc = run(&listing, out, err);
    listing_deinit(&listing);
    return rc;
}

void resource_list_free(struct resource_list *list)
{
    if (list == NULL)
        return;
    registry_list_free(&list->items);
    free(list->continue_token);
    list->continue_token = NULL;
}
