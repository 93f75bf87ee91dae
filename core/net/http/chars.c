/* SPDX-License-Identifier: Apache-2.0 */
/* The table of character classes, computed by the compiler from their definitions. */
#include "core/net/http/chars.h"

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_LOWER(c) ((c) >= 'a' && (c) <= 'z')
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_ALNUM(c) (IS_DIGIT(c) || IS_LOWER(c) || IS_UPPER(c))
#define IS_HEX(c)   (IS_DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))
#define IS_TOKEN(c)                                                                                \
    (IS_ALNUM(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' || (c) == '+' ||       \
     (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' ||           \
     (c) == '~')
#define IS_TARGET(c) ((c) > ' ' && (c) < 0x7f && (c) != '#' && (c) != '\\')
#define IS_HOST(c)   (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_')
#define IS_IPV6(c)   (IS_HEX(c) || (c) == ':' || (c) == '.')
#define IS_TEXT(c)   (((c) >= ' ' && (c) != 0x7f) || (c) == '\t')

#define CLASSES(c)                                                                                 \
    ((IS_TOKEN(c) ? HTTP_CHAR_TOKEN : 0) | (IS_TARGET(c) ? HTTP_CHAR_TARGET : 0) |                 \
     (IS_HOST(c) ? HTTP_CHAR_HOST : 0) | (IS_IPV6(c) ? HTTP_CHAR_IPV6 : 0) |                       \
     (IS_HEX(c) ? HTTP_CHAR_HEX : 0) | ((c) == '_' ? HTTP_CHAR_UNDERSCORE : 0) |                   \
     (IS_TEXT(c) ? HTTP_CHAR_TEXT : 0))
#define FOUR(c)    CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define ROWS(c)    SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint8_t http_chars[256] = { ROWS(0), ROWS(64), ROWS(128), ROWS(192) };
