/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_BODY_H
#define CORE_API_BODY_H
/*
 * Request bodies: JSON, YAML or Kubernetes protobuf to a JSON tree, with upstream's words for what
 * cannot be decoded. Pure.
 */
#include <cjson/cJSON.h>

#include "core/api/target.h"
#include "core/model/kind.h"
#include "core/resource/resource.h"

enum api_body_error {
    API_BODY_OK,
    API_BODY_UNSUPPORTED, /* 415 */
    API_BODY_BAD,         /* err: KE_MALFORMED, KE_TOO_LARGE, KE_NOMEM */
};

/*
 * An object; whether it is one of kind and version is core/resource's to check. duplicates (may be
 * NULL): as model_yaml_parse; JSON marks them in the tree (ke_json_is_duplicate).
 */
enum api_body_error api_body_object(struct ke_str content_type, struct ke_str body,
                                    const struct model_kind *kind,
                                    const struct model_version *version, struct ke_buf *duplicates,
                                    cJSON **out, struct ke_err *err);
/* DeleteOptions; *out NULL when there are none. */
enum api_body_error api_body_delete_options(struct ke_str content_type, struct ke_str body,
                                            cJSON **out, struct ke_err *err);
/* A patch and its type. duplicates: of an applied configuration, which is YAML. */
enum api_body_error api_body_patch(struct ke_str content_type, struct ke_str body,
                                   struct ke_buf *duplicates, cJSON **out,
                                   enum resource_patch *out_type, struct ke_err *err);

#endif
