/* SPDX-License-Identifier: Apache-2.0 */
/* Reading wire bytes with a sticky error. Any thread; a cursor belongs to one. */
#include "core/base/cur.h"

/* The next len bytes, or NULL and bad. */
static const uint8_t *cur_take(struct ke_cur *cur, size_t len)
{
    if (cur->is_bad || cur->len - cur->pos < len) {
        cur->is_bad = true;
        return NULL;
    }
    const uint8_t *p = cur->ptr + cur->pos;
    cur->pos += len;
    return p;
}

uint8_t ke_cur_u8(struct ke_cur *cur)
{
    const uint8_t *p = cur_take(cur, 1);
    return p == NULL ? 0 : p[0];
}

uint16_t ke_cur_be16(struct ke_cur *cur)
{
    const uint8_t *p = cur_take(cur, 2);
    return p == NULL ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t ke_cur_be32(struct ke_cur *cur)
{
    const uint8_t *p = cur_take(cur, 4);
    if (p == NULL)
        return 0;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t ke_cur_varint(struct ke_cur *cur)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t *p = cur_take(cur, 1);
        if (p == NULL)
            return 0;
        if (shift == 63 && p[0] > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(p[0] & 0x7f) << shift;
        if ((p[0] & 0x80) == 0)
            return value;
    }
    cur->is_bad = true;
    return 0;
}

uint32_t ke_cur_le32(struct ke_cur *cur)
{
    const uint8_t *p = cur_take(cur, 4);
    if (p == NULL)
        return 0;
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

uint64_t ke_cur_le64(struct ke_cur *cur)
{
    const uint8_t *p = cur_take(cur, 8);
    if (p == NULL)
        return 0;
    uint64_t value = 0;
    for (unsigned i = 8; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

struct ke_str ke_cur_bytes(struct ke_cur *cur, size_t len)
{
    const uint8_t *p = cur_take(cur, len);
    if (p == NULL)
        return (struct ke_str){ NULL, 0 };
    return ke_str_of((const char *)p, len);
}
