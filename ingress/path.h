/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_PATH_H
#define INGRESS_PATH_H
/*
 * Hosts and paths of requests, made comparable: what is matched is what is forwarded. Pure; any
 * thread. Source: RFC 3986 sections 5.2.4 and 6.2.2; Kubernetes Ingress v1.
 */
#include <stdbool.h>

#include "core/base/str.h"
#include "core/model/views.h"

/*
 * Decodes escaped unreserved characters and removes dot segments; "//" and "%2F" stay. path is
 * without query. *out is path itself where nothing changes, else text in memory (path.len bytes are
 * enough). False: above the root, a bad escape, %00, or dots beside an escaped slash (answer 400).
 */
bool ingress_path_normalise(struct ke_str path, char *memory, struct ke_str *out);
/* Does a rule match a normalised path? Prefix is element-wise; ImplementationSpecific is as Prefix.
 */
bool ingress_path_matches(enum model_path_type type, struct ke_str rule, struct ke_str path);
/* Lower case, without port and without one trailing dot. memory: 256 bytes. False: over long or
 * empty. */
bool ingress_host_normalise(struct ke_str host, char *memory, struct ke_str *out);
/* "*.foo.com" covers "bar.foo.com" and itself; other names themselves. Without case. */
bool ingress_host_covers(struct ke_str name, struct ke_str host);

#endif
