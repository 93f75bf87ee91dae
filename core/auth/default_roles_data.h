/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_DEFAULT_ROLES_DATA_H
#define CORE_AUTH_DEFAULT_ROLES_DATA_H
/* Inside core/auth: the shape of the tables in default_roles_data.c. Constant data. */
#include "core/auth/default_roles.h"

/* Words separated by blanks; NULL: no such member. A list of rules ends with verbs NULL. */
struct default_rule {
    const char *verbs, *groups, *resources, *names, *urls;
};

struct default_role_row {
    struct default_role object;
    const char *label;   /* one more, "true"; NULL: none */
    const char *selects; /* ClusterRole that is a sum: of those with this label */
    const struct default_rule *rules;
    const char *role;     /* binding: the name it refers to; Role when it has a namespace */
    const char *subjects; /* "User=NAME Group=NAME ServiceAccount=NS/NAME"; NULL: nobody */
};

extern const struct default_role_row default_roles_rows[];
extern const size_t default_roles_n_rows;

#endif
