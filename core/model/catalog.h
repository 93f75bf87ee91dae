/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_CATALOG_H
#define CORE_MODEL_CATALOG_H
/*
 * The one look-up of kinds: the built-in rows and the rows of CustomResourceDefinitions, which come
 * and go while the process runs. The registry owns it (registry_catalog) and lets it follow what is
 * stored: a definition counts from the moment its commit is visible.
 *
 * Threads: look-ups from any, under a read lock held for the look-up alone; changes by one thread
 * at a time (the registry's writer, or whoever loads it).
 *
 * Life: a struct model_kind is light (names, key prefix, subresources) and stays valid, unchanged,
 * as long as the catalog: objects and requests hold it without counting. A definition whose names
 * change gets another row; one that comes back as it was gets its old row again; so there are never
 * more rows than LIMIT_CUSTOM_ROWS, and then new ones are refused (KE_LIMIT) until a restart. What
 * is heavy (schemas, columns) is the struct model_definition behind the row: immutable, counted,
 * replaced whole, and freed when the last request that began with it is done.
 */
#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/definition.h"
#include "core/model/kind.h"

struct model_catalog;

/* Errors: KE_NOMEM. */
enum ke_code model_catalog_new(struct model_catalog **out, struct ke_err *err) KE_MUST_CHECK;
void model_catalog_free(struct model_catalog *catalog); /* with all custom rows; NULL is fine */
KE_AUTO_DEFINE(model_catalog)

/* As model_kind_by_plural, _by_name, _by_key, of all kinds served now. NULL: not served. */
const struct model_kind *model_catalog_by_plural(struct model_catalog *catalog, struct ke_str group,
                                                 struct ke_str version, struct ke_str plural,
                                                 const struct model_version **out_version);
const struct model_kind *model_catalog_by_name(struct model_catalog *catalog, struct ke_str group,
                                               struct ke_str version, struct ke_str name,
                                               const struct model_version **out_version);
const struct model_kind *model_catalog_by_key(struct model_catalog *catalog, struct ke_str key,
                                              struct ke_str *out_ns, struct ke_str *out_name);
/* Walks all kinds in the order of discovery: *pos from 0; NULL at the end. What comes or goes
 * meanwhile is given or not. */
const struct model_kind *model_catalog_next(struct model_catalog *catalog, size_t *pos);

/* Grows with each change of what is served. */
uint64_t model_catalog_generation(const struct model_catalog *catalog);

/*
 * A stored CustomResourceDefinition: serves it when it is established, else takes it away. Nothing
 * changes when the definition says what it said before. Errors, with what was served before still
 * served: KE_NOMEM, KE_LIMIT (rows), KE_MALFORMED (not one that validation lets through).
 */
enum ke_code model_catalog_put(struct model_catalog *catalog, const cJSON *object,
                               struct ke_err *err) KE_MUST_CHECK;
/* By its name, "plural.group". */
void model_catalog_remove(struct model_catalog *catalog, struct ke_str name);

/* What is behind a custom row now: a reference (model_definition_unref). NULL: a built-in kind, or
 * one that is no longer defined. */
struct model_definition *model_kind_definition(const struct model_kind *kind);

#endif
