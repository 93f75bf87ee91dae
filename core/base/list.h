/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_LIST_H
#define CORE_BASE_LIST_H
/* Intrusive doubly linked list; the head is a struct ke_list of its own, self-linked when empty. */
#include <stdbool.h>

#include "core/base/attr.h"

struct ke_list {
    struct ke_list *next;
    struct ke_list *prev;
};

static inline void ke_list_init(struct ke_list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool ke_list_is_empty(const struct ke_list *head)
{
    return head->next == head;
}

static inline void ke_list_append(struct ke_list *head, struct ke_list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/* Safe on an item that was only ke_list_init-ed; leaves it self-linked. */
static inline void ke_list_remove(struct ke_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    ke_list_init(item);
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `it` is declared, not an expression */
#define KE_LIST_EACH(it, head) for (struct ke_list *it = (head)->next; it != (head); it = it->next)
/* Safe when the body removes it. */
#define KE_LIST_EACH_SAFE(it, tmp, head)                                                           \
    for (struct ke_list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
