/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed text. The hash is SipHash-1-3 with a key drawn before main, so that nobody can choose
 * keys that collide. Any thread. */
#include "core/base/str.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "core/base/mem.h"

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ke_str_eq_nocase(struct ke_str a, struct ke_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    }
    return true;
}

int ke_str_cmp(struct ke_str a, struct ke_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool ke_str_has_prefix(struct ke_str s, struct ke_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool ke_str_has_suffix(struct ke_str s, struct ke_str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

bool ke_str_cut_prefix(struct ke_str *s, struct ke_str prefix)
{
    if (!ke_str_has_prefix(*s, prefix))
        return false;
    if (prefix.len > 0) {
        s->ptr += prefix.len;
        s->len -= prefix.len;
    }
    return true;
}

bool ke_str_split(struct ke_str *rest, char sep, struct ke_str *out)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = ke_str_find(*rest, sep);
    *out = ke_str_of(rest->ptr, at);
    if (at == rest->len)
        *rest = (struct ke_str){ NULL, 0 };
    else
        *rest = ke_str_of(rest->ptr + at + 1, rest->len - at - 1);
    return true;
}

size_t ke_str_find(struct ke_str s, char c)
{
    if (s.len == 0)
        return 0;
    const char *at = memchr(s.ptr, c, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

struct ke_str ke_str_sub(struct ke_str s, size_t from, size_t len)
{
    if (from >= s.len)
        return ke_str_of(s.ptr == NULL ? NULL : s.ptr + s.len, 0);
    size_t left = s.len - from;
    return ke_str_of(s.ptr + from, len < left ? len : left);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct ke_str ke_str_trim(struct ke_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool ke_str_to_u64(struct ke_str s, uint64_t max, uint64_t *out)
{
    if (s.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool ke_str_to_i64(struct ke_str s, int64_t *out)
{
    bool is_negative = ke_str_cut_prefix(&s, KE_STR("-"));
    uint64_t magnitude = 0;
    if (!ke_str_to_u64(s, (uint64_t)INT64_MAX + (is_negative ? 1 : 0), &magnitude))
        return false;
    *out = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

char *ke_str_dup(struct ke_str s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = malloc(s.len + 1);
    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

/* ---- SipHash-1-3 (Aumasson, Bernstein) ---- */

/* Written once before main, read-only afterwards. */
static uint64_t hash_key[2];

__attribute__((constructor)) static void hash_seed(void)
{
    if (getrandom(hash_key, sizeof(hash_key), GRND_NONBLOCK) == (ssize_t)sizeof(hash_key))
        return;
    /* An early boot without entropy must still start; only the hash spread is at stake. */
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    hash_key[0] = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15U;
    hash_key[1] = (uint64_t)now.tv_sec * 0xbf58476d1ce4e5b9U ^ (uint64_t)(uintptr_t)&now;
}

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t ke_hash_bytes(const void *ptr, size_t len)
{
    const unsigned char *p = ptr;
    uint64_t v[4] = { hash_key[0] ^ 0x736f6d6570736575U, hash_key[1] ^ 0x646f72616e646f6dU,
                      hash_key[0] ^ 0x6c7967656e657261U, hash_key[1] ^ 0x7465646279746573U };
    size_t n_words = len / 8;
    for (size_t i = 0; i < n_words; i++) {
        uint64_t word = 0;
        memcpy(&word, p + i * 8, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)len << 56;
    if (len % 8 != 0) {
        uint64_t tail = 0;
        memcpy(&tail, p + n_words * 8, len % 8);
        last |= tail;
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash != 0 ? hash : 1;
}

uint64_t ke_str_hash(struct ke_str s)
{
    return ke_hash_bytes(s.ptr, s.len);
}

/* ---- UTF-8 ---- */

/* Bytes of the well-formed sequence at p (RFC 3629), or 0. */
static size_t utf8_sequence_len(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t need = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf; /* no surrogates */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    }
    if (need == 0 || left < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return need;
}

size_t ke_str_utf8_step(struct ke_str s, size_t at)
{
    return utf8_sequence_len((const unsigned char *)s.ptr + at, s.len - at);
}

bool ke_str_is_utf8(struct ke_str s)
{
    size_t at = 0;
    while (at < s.len) {
        size_t step = ke_str_utf8_step(s, at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
