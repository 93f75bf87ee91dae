/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness. The fast generator is wyrand, one state a thread, seeded from the kernel. */
#include "core/base/rand.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

#include "core/base/attr.h"

void ke_rand_secure(void *ptr, size_t len)
{
    unsigned char *p = ptr;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        KE_ASSERT(n > 0); /* Linux has it since 3.17; keys made without it would be worse */
        p += n;
        len -= (size_t)n;
    }
}

uint64_t ke_rand_fast(void)
{
    static _Thread_local uint64_t state;
    static _Thread_local bool is_seeded;
    if (!is_seeded) {
        ke_rand_secure(&state, sizeof(state));
        is_seeded = true;
    }
    state += 0xa0761d6478bd642fU;
    __extension__ unsigned __int128 product =
        (unsigned __int128)state * (state ^ 0xe7037ed1a0b428dbU);
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

uint32_t ke_rand_below(uint32_t n)
{
    KE_ASSERT(n > 0);
    /* Lemire: multiply and keep the high half; redraw the few low halves that would bias. */
    uint64_t product = (ke_rand_fast() >> 32) * n;
    uint32_t low = (uint32_t)product;
    if (low < n) {
        uint32_t bound = (0 - n) % n;
        while (low < bound) {
            product = (ke_rand_fast() >> 32) * n;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

void ke_rand_uuid(char out[KE_UUID_TEXT_MAX])
{
    static const char DIGITS[] = "0123456789abcdef";
    unsigned char bytes[16];
    ke_rand_secure(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char *at = out;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = DIGITS[bytes[i] >> 4];
        *at++ = DIGITS[bytes[i] & 15];
    }
    *at = '\0';
}
