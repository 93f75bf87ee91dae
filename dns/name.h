/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_NAME_H
#define DNS_NAME_H
/*
 * Domain names in wire form: length-prefixed labels, ended by the root label. A struct dns_name
 * holds one in lower case with the places of its labels, ready to be compared label by label. Pure,
 * no allocation. RFC 1035 section 3.1.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

#define DNS_NAME_MAX   255 /* bytes in wire form, with the root */
#define DNS_LABEL_MAX  63
#define DNS_LABELS_MAX 127

struct dns_name {
    uint8_t wire[DNS_NAME_MAX + 1]; /* lower case */
    uint16_t len;                   /* bytes, with the root */
    uint8_t n_labels;               /* without the root */
    uint8_t at[DNS_LABELS_MAX +
               1]; /* where label i begins in wire (its length byte); at[n_labels] is the root */
};

/*
 * Reads an uncompressed name that begins at pos of bytes; *end is set behind it. False: cut short,
 * too long, a compression pointer or a reserved label type.
 */
bool dns_name_read(const uint8_t *bytes, size_t len, size_t pos, struct dns_name *out, size_t *end);
/* The same with compression pointers, backward only, bounded. bytes is a whole message. */
bool dns_name_read_compressed(const uint8_t *bytes, size_t len, size_t pos, struct dns_name *out,
                              size_t *end);
/* "a.b.c" or "a.b.c."; "." and "" are the root. Backslashes are not special. */
bool dns_name_from_text(struct ke_str text, struct dns_name *out);
/* With the final dot. Bytes outside of printable ASCII, and dots in labels, as \DDD. */
void dns_name_print(const struct dns_name *name, struct ke_buf *out);

static inline struct ke_str dns_name_label(const struct dns_name *name, unsigned i)
{
    return ke_str_of((const char *)name->wire + name->at[i] + 1, name->wire[name->at[i]]);
}

/* Is name equal to zone or below it? Then *n_above is the number of labels in front of the zone. */
bool dns_name_is_in(const struct dns_name *name, const struct dns_name *zone, unsigned *n_above);
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b);

/* "10.in-addr.arpa" forms. How much of an address a name under in-addr.arpa or ip6.arpa gives. */
struct dns_reverse {
    enum { DNS_REVERSE_NO, DNS_REVERSE_BAD, DNS_REVERSE_PART, DNS_REVERSE_WHOLE } what;
    uint8_t family;  /* 4 or 6 */
    uint8_t b[16];   /* what is known, the rest zero */
    unsigned n_bits; /* known from the front */
};
void dns_name_reverse(const struct dns_name *name, struct dns_reverse *out);

#endif
