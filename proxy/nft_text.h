/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NFT_TEXT_H
#define PROXY_NFT_TEXT_H
/* The static rules of the table `kedge`, and its chains per number of backends, as nft text. Pure.
 */
#include "proxy/nft_elements.h"

#define NFT_TABLE "kedge"

/* Chains for so many backends are always there. */
#define NFT_CHAINS_READY 10

/* Sets, maps and base chains of a family, with what was in the chains replaced: one transaction
 * keeps traffic flowing, and elements stay. is_for_reading: with the declarations that the rules of
 * chains without affinity need in text. */
void nft_text_static(const struct proxy_settings *settings, enum ke_family family,
                     bool is_for_reading, struct ke_buf *out);
/* Only the rules that depend on whether the responder holds its address. */
void nft_text_dns(const struct proxy_settings *settings, enum ke_family family, struct ke_buf *out);
/* A chain that verdicts lead to; replaces its rules. Without affinity only for reading. */
void nft_text_chain(const struct nft_chain *chain, enum ke_family family, struct ke_buf *out);
const char *nft_family_name(enum ke_family family); /* "ip" or "ip6" */

#endif
