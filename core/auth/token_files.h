/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_TOKEN_FILES_H
#define CORE_AUTH_TOKEN_FILES_H
/*
 * The keys of service account tokens on disk: sa.key signs (made at first start, mode 0600), and
 * every sa-NAME.pub or sa-NAME.key beside it verifies too. To change the signing key: move sa.key
 * to sa-old.key and start again; delete that once the tokens signed with it have run out. Blocking;
 * at start.
 */
#include "core/auth/token_keys.h"

/* dir: DATA-DIR/pki, there already. Errors: KE_IO, KE_MALFORMED (a damaged file: named; nothing is
 * overwritten), KE_TOO_LARGE (too many keys), KE_NOMEM. */
enum ke_code token_keys_open(struct ke_str dir, struct token_keys **out,
                             struct ke_err *err) KE_MUST_CHECK;

#endif
