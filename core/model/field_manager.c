/* SPDX-License-Identifier: Apache-2.0 */
/* See field_manager.h. Pure. */
#include "core/model/field_manager.h"

#include "core/base/limits.h"

/* The character at *at, which moves on; what is no UTF-8 counts as U+FFFD. */
static uint32_t next_character(struct ke_str text, size_t *at)
{
    unsigned char first = (unsigned char)text.ptr[*at];
    size_t n_more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    (*at)++;
    if (first < 0x80)
        return first;
    uint32_t c = first & (0x3fU >> n_more);
    for (size_t i = 0; i < n_more; i++) {
        if (*at == text.len || ((unsigned char)text.ptr[*at] & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | ((unsigned char)text.ptr[*at] & 0x3fU);
        (*at)++;
    }
    return n_more == 0 ? 0xfffd : c;
}

/* Near enough to Go's unicode.IsPrint for names: no controls, no blanks but one. */
static bool is_printable(uint32_t c)
{
    bool is_control = c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad;
    bool is_blank = (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) || c == 0xfeff;
    return !is_control && !is_blank;
}

void model_check_field_manager(struct model_issues *issues, struct model_path path,
                               struct ke_str manager)
{
    if (manager.len > LIMIT_FIELD_MANAGER_BYTES)
        model_report_too_long(issues, path, LIMIT_FIELD_MANAGER_BYTES);
    for (size_t at = 0; at < manager.len;) {
        size_t start = at;
        uint32_t c = next_character(manager, &at);
        if (is_printable(c))
            continue;
        char why[80];
        struct ke_buf detail = KE_BUF_FIXED(why, sizeof(why) - 1);
        ke_buf_addf(&detail, "invalid character U+%04X (at position %zu)", (unsigned)c, start);
        why[detail.len] = '\0';
        model_report_invalid(issues, path, manager, why);
        return;
    }
}

struct ke_str model_field_manager_of_agent(struct ke_str user_agent, struct ke_arena *arena)
{
    char name[LIMIT_FIELD_MANAGER_BYTES];
    struct ke_str program = ke_str_sub(user_agent, 0, ke_str_find(user_agent, '/'));
    size_t n = 0;
    for (size_t at = 0; at < program.len;) {
        size_t start = at;
        if (!is_printable(next_character(program, &at)))
            continue;
        if (n + (at - start) > sizeof(name))
            break;
        memcpy(name + n, program.ptr + start, at - start);
        n += at - start;
    }
    struct ke_str kept = n > 0 ? ke_arena_str(arena, ke_str_of(name, n)) : KE_STR("unknown");
    return kept.ptr != NULL ? kept : KE_STR("unknown");
}
