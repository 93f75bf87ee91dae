/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_ATTR_H
#define CORE_BASE_ATTR_H
/*
 * Compiler attributes and the few macros that every file may use: named once here, so that
 * the code reads the same with gcc and clang.
 */
#include <stddef.h>

#define KE_MUST_CHECK      __attribute__((warn_unused_result))
#define KE_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#define KE_NORETURN        _Noreturn
#define KE_UNUSED          __attribute__((unused))
#define KE_ARRAY_LEN(a)    (sizeof(a) / sizeof((a)[0]))
#define KE_LIKELY(x)       __builtin_expect(!!(x), 1)
#define KE_UNLIKELY(x)     __builtin_expect(!!(x), 0)

/* The structure that embeds a member, from a pointer to the member. */
#define KE_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/*
 * KE_AUTO(type) *x = type_new(): calls type_free(x) when x leaves scope. KE_AUTO_DEFINE(type)
 * in the header of the type makes it usable; type_free accepts NULL.
 * KE_TAKE(x): hands x out and leaves NULL behind.
 */
#define KE_AUTO_DEFINE(type)                                                                       \
    static inline void type##_autofree(struct type **p)                                            \
    {                                                                                              \
        type##_free(*p);                                                                           \
    }
#define KE_AUTO(type)  __attribute__((cleanup(type##_autofree))) struct type
#define KE_CLEANUP(fn) __attribute__((cleanup(fn)))
#define KE_TAKE(p)                                                                                 \
    __extension__({                                                                                \
        __typeof__(p) ke_taken_ = (p);                                                             \
        (p) = NULL;                                                                                \
        ke_taken_;                                                                                 \
    })

/* Own bugs only, never for input. On in every build. */
#define KE_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (KE_UNLIKELY(!(cond)))                                                                  \
            ke_assert_failed(#cond, __FILE__, __LINE__);                                           \
    } while (0)

KE_NORETURN void ke_assert_failed(const char *cond, const char *file, int line);

#endif
