/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_RAND_H
#define CORE_BASE_RAND_H
/* Randomness: getrandom for what must not be guessed, a fast thread-local generator for spreading.
 * Any thread. */
#include <stddef.h>
#include <stdint.h>

void ke_rand_secure(void *ptr, size_t len);
uint64_t ke_rand_fast(void);                   /* not for secrets */
uint32_t ke_rand_below(uint32_t n);            /* 0..n-1, even; n > 0; fast generator */
#define KE_UUID_TEXT_MAX 37                    /* with NUL */
void ke_rand_uuid(char out[KE_UUID_TEXT_MAX]); /* version 4, lower case */

#endif
