/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names in wire form. Pure; any thread. */
#include "dns/name.h"

#include <string.h>

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Appends a label of len bytes; false: the name would be too long. */
static bool add_label(struct dns_name *name, const uint8_t *label, size_t len)
{
    if (name->len + len + 2 > DNS_NAME_MAX || name->n_labels == DNS_LABELS_MAX)
        return false;
    name->at[name->n_labels++] = (uint8_t)name->len;
    name->wire[name->len++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++)
        name->wire[name->len++] = lower(label[i]);
    return true;
}

static void end_name(struct dns_name *name)
{
    name->at[name->n_labels] = (uint8_t)name->len;
    name->wire[name->len++] = 0;
}

bool dns_name_read(const uint8_t *bytes, size_t len, size_t pos, struct dns_name *out, size_t *end)
{
    out->len = 0;
    out->n_labels = 0;
    while (pos < len && bytes[pos] != 0) {
        size_t label_len = bytes[pos];
        if (label_len > DNS_LABEL_MAX || pos + 1 + label_len > len ||
            !add_label(out, bytes + pos + 1, label_len))
            return false;
        pos += 1 + label_len;
    }
    if (pos >= len)
        return false;
    end_name(out);
    *end = pos + 1;
    return true;
}

bool dns_name_read_compressed(const uint8_t *bytes, size_t len, size_t pos, struct dns_name *out,
                              size_t *end)
{
    size_t lowest = pos; /* pointers go strictly backward, so the walk ends */
    bool has_jumped = false;
    out->len = 0;
    out->n_labels = 0;
    while (pos < len && bytes[pos] != 0) {
        size_t label_len = bytes[pos];
        if (label_len >= 0xc0) {
            if (pos + 2 > len)
                return false;
            size_t target = ((label_len & 0x3f) << 8) | bytes[pos + 1];
            if (!has_jumped)
                *end = pos + 2;
            if (target >= lowest)
                return false;
            has_jumped = true;
            lowest = target;
            pos = target;
            continue;
        }
        if (label_len > DNS_LABEL_MAX || pos + 1 + label_len > len ||
            !add_label(out, bytes + pos + 1, label_len))
            return false;
        pos += 1 + label_len;
    }
    if (pos >= len)
        return false;
    end_name(out);
    if (!has_jumped)
        *end = pos + 1;
    return true;
}

bool dns_name_from_text(struct ke_str text, struct dns_name *out)
{
    out->len = 0;
    out->n_labels = 0;
    if (text.len > 0 && text.ptr[text.len - 1] == '.')
        text.len--;
    struct ke_str label = { 0 };
    while (text.len > 0 && ke_str_split(&text, '.', &label)) {
        if (label.len == 0 || label.len > DNS_LABEL_MAX ||
            !add_label(out, (const uint8_t *)label.ptr, label.len))
            return false;
        if (text.ptr != NULL && text.len == 0)
            return false; /* "a..": an empty label */
    }
    end_name(out);
    return true;
}

void dns_name_print(const struct dns_name *name, struct ke_buf *out)
{
    for (unsigned i = 0; i < name->n_labels; i++) {
        struct ke_str label = dns_name_label(name, i);
        for (size_t j = 0; j < label.len; j++) {
            uint8_t c = (uint8_t)label.ptr[j];
            if (c <= ' ' || c >= 0x7f || c == '.' || c == '\\')
                ke_buf_addf(out, "\\%03u", c);
            else
                ke_buf_add_u8(out, c);
        }
        ke_buf_add_char(out, '.');
    }
    if (name->n_labels == 0)
        ke_buf_add_char(out, '.');
}

bool dns_name_is_in(const struct dns_name *name, const struct dns_name *zone, unsigned *n_above)
{
    if (name->n_labels < zone->n_labels)
        return false;
    unsigned above = (unsigned)name->n_labels - zone->n_labels;
    size_t from = name->at[above];
    if (name->len - from != zone->len || memcmp(name->wire + from, zone->wire, zone->len) != 0)
        return false;
    *n_above = above;
    return true;
}

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
    return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

/* Labels in front of in-addr.arpa, most significant last: octets in decimal without leading zeros.
 */
static bool reverse_octet(struct ke_str label, uint8_t *out)
{
    uint64_t value = 0;
    if (label.len > 3 || (label.len > 1 && label.ptr[0] == '0') ||
        !ke_str_to_u64(label, 255, &value))
        return false;
    *out = (uint8_t)value;
    return true;
}

static bool reverse_nibble(struct ke_str label, uint8_t *out)
{
    static const struct ke_str digits = { "0123456789abcdef", 16 };
    size_t at = label.len == 1 ? ke_str_find(digits, label.ptr[0]) : digits.len;
    *out = (uint8_t)at;
    return at < digits.len;
}

void dns_name_reverse(const struct dns_name *name, struct dns_reverse *out)
{
    *out = (struct dns_reverse){ .what = DNS_REVERSE_NO };
    unsigned n = name->n_labels;
    if (n < 2 || !ke_str_eq_c(dns_name_label(name, n - 1), "arpa"))
        return;
    struct ke_str tree = dns_name_label(name, n - 2);
    if (ke_str_eq_c(tree, "in-addr"))
        out->family = 4;
    else if (ke_str_eq_c(tree, "ip6"))
        out->family = 6;
    else
        return;
    unsigned max = out->family == 4 ? 4 : 32;
    unsigned n_parts = n - 2;
    out->what = n_parts == max ? DNS_REVERSE_WHOLE : DNS_REVERSE_PART;
    for (unsigned i = 0; i < n_parts && i < max; i++) {
        struct ke_str label = dns_name_label(name, n_parts - 1 - i);
        uint8_t value = 0;
        bool is_good =
            out->family == 4 ? reverse_octet(label, &value) : reverse_nibble(label, &value);
        if (!is_good) {
            out->what = DNS_REVERSE_BAD;
            return;
        }
        if (out->family == 4)
            out->b[i] = value;
        else
            out->b[i / 2] = (uint8_t)(out->b[i / 2] | (i % 2 == 0 ? value << 4 : value));
        out->n_bits += out->family == 4 ? 8 : 4;
    }
    if (n_parts > max)
        out->what = DNS_REVERSE_BAD;
}
