/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NFT_KERNEL_H
#define PROXY_NFT_KERNEL_H
/*
 * Elements to and from the kernel: one batch for a change, single elements read back, counts. Never
 * lists anything but kedge's own sets. A socket belongs to one thread.
 */
#include "proxy/nfnl.h"
#include "proxy/nft_elements.h"

/*
 * All of it or nothing, in one transaction. is_full: the sets of the families in a mask (1 IPv4, 2
 * IPv6) are emptied first; gone is not looked at. Errors: KE_IO, KE_NOT_FOUND, KE_NOMEM,
 * KE_TIMEOUT: the kernel's state is unknown then.
 */
struct nft_family_chain {
    enum ke_family family;
    struct nft_chain chain; /* without affinity: those with it are text */
};
struct nft_batch {
    const struct nft_family_chain *chains; /* made, or made anew, before the elements */
    size_t n_chains;
    bool is_full;
    unsigned families;
    const struct nft_elements *gone;
    const struct nft_elements *added;
};
enum ke_code nft_batch_commit(struct nfnl_socket *socket, const struct nft_batch *batch,
                              struct ke_err *err) KE_MUST_CHECK;

/*
 * Reads back the element that has wanted's key; its verdict and data go to *out. Errors:
 * KE_NOT_FOUND (the element, set or table), KE_IO.
 */
enum ke_code nft_element_read(struct nfnl_socket *socket, const struct nft_element *wanted,
                              struct nft_element *out, struct ke_err *err) KE_MUST_CHECK;
/* Errors: KE_NOT_FOUND (no such set), KE_IO. */
enum ke_code nft_set_count_elements(struct nfnl_socket *socket, enum nft_set_id set,
                                    enum ke_family family, size_t *out,
                                    struct ke_err *err) KE_MUST_CHECK;
/* The table, with all that is in it; nothing there is fine. */
enum ke_code nft_table_delete(struct nfnl_socket *socket, enum ke_family family,
                              struct ke_err *err) KE_MUST_CHECK;

struct nft_table_event {
    bool is_ours; /* about a table kedge */
    bool is_removal_or_rule;
    uint32_t port_id;
};
/* What a multicast message is about; false: nothing of interest. */
bool nft_event_parse(const struct nlmsghdr *message, struct nft_table_event *out);

#endif
