/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of a user, and copies that outlive a connection. Any thread. */
#include "core/auth/user.h"

#include "core/base/mem.h"

bool auth_user_is_in(const struct auth_user *user, const char *group)
{
    for (size_t i = 0; i < user->n_groups; i++) {
        if (ke_str_eq_c(user->groups[i], group))
            return true;
    }
    return false;
}

static bool copy_text(struct ke_str *text, struct ke_arena *arena)
{
    *text = ke_arena_str(arena, *text);
    return text->ptr != NULL;
}

struct auth_user *auth_user_copy(const struct auth_user *user, struct ke_arena *arena)
{
    struct auth_user *copy = ke_arena_alloc(arena, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    *copy = *user;
    bool is_ok = copy_text(&copy->name, arena) && copy_text(&copy->uid, arena);
    for (size_t i = 0; is_ok && i < copy->n_groups; i++)
        is_ok = copy_text(&copy->groups[i], arena);
    for (size_t i = 0; is_ok && i < copy->n_extra; i++)
        is_ok = copy_text(&copy->extra[i].key, arena) && copy_text(&copy->extra[i].value, arena);
    return is_ok ? copy : NULL;
}
