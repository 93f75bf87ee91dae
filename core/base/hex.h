/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_HEX_H
#define CORE_BASE_HEX_H
/* Reading hexadecimal digits; ke_buf_add_hex of buf.h writes them. Pure; any thread. */

/* The value of a digit of either case, or -1. */
static inline int ke_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
