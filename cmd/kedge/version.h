/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_VERSION_H
#define CMD_KEDGE_VERSION_H
/* KEDGE_VERSION and KEDGE_BUILD_TIME (unix seconds) come from the build. */

/* What /version says: which Kubernetes the API speaks. */
#define KEDGE_KUBERNETES_VERSION "v1.33.0+kedge." KEDGE_VERSION

#endif
