/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_BASE_TEST_H
#define TEST_SUPPORT_BASE_TEST_H
/* cmocka with what it wants included before it, in the order it wants. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#endif
