/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_VALUES_H
#define CORE_MODEL_VALUES_H
/*
 * Checks of single values that many kinds share (addresses, ports, enumerations), and the setters
 * that defaulting is made of. Pure; any thread.
 */
#include <cjson/cJSON.h>

#include "core/base/addr.h"
#include "core/model/path.h"
#include "core/model/quantity.h"

/*
 * "Too many" when the list or map has more than LIMIT_LIST_ITEMS: lists whose items are compared
 * with each other are not compared then, so that no object takes seconds to check.
 */
bool model_check_count(struct model_issues *issues, struct model_path path, const cJSON *list);
/* Empty: "Required value"; not in allowed (NULL-terminated, in order of printing): unsupported. */
bool model_check_enum(struct model_issues *issues, struct model_path path, struct ke_str value,
                      const char *const *allowed);
/* "SCTP", "TCP", "UDP". */
bool model_check_protocol(struct model_issues *issues, struct model_path path,
                          struct ke_str protocol);
bool model_check_ip(struct model_issues *issues, struct model_path path, struct ke_str value,
                    struct ke_ip *out);
bool model_check_cidr(struct model_issues *issues, struct model_path path, struct ke_str value);
/* Not unspecified, loopback, link-local: addresses that mean something else on every host. */
void model_check_not_special_ip(struct model_issues *issues, struct model_path path,
                                struct ke_str value);
/* The number of an IntOrString, that of a percentage without its sign; 0: neither, or absent. */
int64_t model_int_or_percent(const cJSON *value);
/* As it is printed: 3, 25%. */
struct ke_str model_print_int_or_string(struct ke_arena *arena, const cJSON *value);
/* A count or a percentage, not negative. */
void model_check_int_or_percent(struct model_issues *issues, struct model_path path,
                                const cJSON *value);
/* At most 100%. */
void model_check_at_most_all(struct model_issues *issues, struct model_path path,
                             const cJSON *value);
/* An IntOrString that names a port. value NULL: 0. */
void model_check_port_or_name(struct model_issues *issues, struct model_path path,
                              const cJSON *value);
/* The quantity a member is, its canonical text; false: absent, or none (decoding has refused it).
 */
bool model_quantity_of(const cJSON *value, struct model_quantity *out);
/* "must be greater than or equal to 0"; is_positive: "must be greater than zero". */
bool model_check_quantity(struct model_issues *issues, struct model_path path, const cJSON *value,
                          bool is_positive);
/* The name of a CSI driver: a subdomain of at most 63 bytes in any case. */
void model_check_csi_driver(struct model_issues *issues, struct model_path path,
                            struct ke_str name);
/* "Required value" when the member says nothing. */
bool model_check_required(struct model_issues *issues, const struct model_path *path,
                          const cJSON *object, const char *name);
/* "field is immutable" when the member differs; the new value is shown. */
void model_check_immutable(struct model_issues *issues, struct model_path path, const cJSON *object,
                           const cJSON *old, const char *name);
/* status.loadBalancer of Service and Ingress: addresses and host names. */
void model_check_lb_ingress(struct model_issues *issues, struct model_path path,
                            const cJSON *ingress);

/* Each sets the member when it is absent, null or the empty string. False: out of memory. */
bool model_default_str(cJSON *object, const char *name, const char *value) KE_MUST_CHECK;
bool model_default_num(cJSON *object, const char *name, double value) KE_MUST_CHECK;
bool model_default_bool(cJSON *object, const char *name, bool value) KE_MUST_CHECK;
bool model_default_object(cJSON *object, const char *name) KE_MUST_CHECK;
/* Replaces or adds a copy of value; NULL removes. */
bool model_set_copy(cJSON *object, const char *name, const cJSON *value) KE_MUST_CHECK;
/* Replaces the member by an empty object. */
bool model_set_empty(cJSON *object, const char *name) KE_MUST_CHECK;

/* Absent, null, "" and empty lists and objects read alike: nothing was said. */
bool model_is_unset(const cJSON *object, const char *name);
/* The members are equal, or both unset. */
bool model_same_member(const cJSON *a, const cJSON *b, const char *name);

#endif
