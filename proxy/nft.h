/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NFT_H
#define PROXY_NFT_H
/* The nftables applier: makes the table `kedge` of each family equal to the plans. One thread. */
#include "proxy/nft_kernel.h"
#include "proxy/plan.h"

struct nft_applier;

/* settings: borrowed; is_dns_held may change before nft_applier_set_dns. Errors: KE_NOMEM, KE_IO.
 */
enum ke_code nft_applier_new(const struct proxy_settings *settings, struct nft_applier **out,
                             struct ke_err *err) KE_MUST_CHECK;
void nft_applier_free(struct nft_applier *nft); /* rules stay */
/* Everything, whatever is there: the elements change in one transaction, so traffic flows on. */
enum ke_code nft_applier_load(struct nft_applier *nft, const struct proxy_plans *plans,
                              struct ke_err *err) KE_MUST_CHECK;
/* After a failure the kernel's state is unknown: load is next. */
enum ke_code nft_applier_change(struct nft_applier *nft, const struct proxy_change *changes,
                                size_t n, struct ke_err *err) KE_MUST_CHECK;
enum ke_code nft_applier_set_dns(struct nft_applier *nft, struct ke_err *err) KE_MUST_CHECK;
/* How many elements a set should have. */
size_t nft_applier_expected(const struct nft_applier *nft, enum nft_set_id set,
                            enum ke_family family);
/* Whether a netlink message came from this applier. */
bool nft_applier_is_own(const struct nft_applier *nft, uint32_t port_id);
/* How often text was run: libnftables' messages cannot be told from others by their port. */
size_t nft_applier_texts(const struct nft_applier *nft);
/* Runs text in a context of its own; what the parser says is the message. Errors: KE_IO, KE_NOMEM.
 */
enum ke_code nft_run_text(struct ke_buf *text, bool is_dry, struct ke_err *err) KE_MUST_CHECK;

#endif
