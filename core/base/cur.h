/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_CUR_H
#define CORE_BASE_CUR_H
/*
 * struct ke_cur: a read cursor over wire bytes with a sticky error: after the first read past the
 * end every read gives 0 and is_bad stays set, asked for once at the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

struct ke_cur {
    const uint8_t *ptr; /* borrowed */
    size_t len;
    size_t pos;
    bool is_bad;
};

static inline struct ke_cur ke_cur_of(const void *ptr, size_t len)
{
    return (struct ke_cur){ .ptr = ptr, .len = len };
}

static inline size_t ke_cur_left(const struct ke_cur *cur)
{
    return cur->is_bad ? 0 : cur->len - cur->pos;
}

uint8_t ke_cur_u8(struct ke_cur *cur);
uint16_t ke_cur_be16(struct ke_cur *cur);
uint32_t ke_cur_be32(struct ke_cur *cur);
uint64_t ke_cur_varint(struct ke_cur *cur); /* protobuf: at most ten bytes */
uint64_t ke_cur_le64(struct ke_cur *cur);
uint32_t ke_cur_le32(struct ke_cur *cur);
/* Borrowed bytes of the input; empty and bad when fewer are left. */
struct ke_str ke_cur_bytes(struct ke_cur *cur, size_t len);

#endif
