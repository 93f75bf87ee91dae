/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_KINDS_H
#define CORE_MODEL_KINDS_KINDS_H
/*
 * The rows of the table of kinds, each in a file named after it. To add a kind: a file, a line
 * here, a line in kind.c and an enum model_kind_id. Constant data.
 */
#include "core/model/kind.h"

#define VERBS_READ    (MODEL_VERB_GET | MODEL_VERB_LIST)
#define VERBS_WRITE   (MODEL_VERB_CREATE | MODEL_VERB_UPDATE | MODEL_VERB_PATCH | MODEL_VERB_DELETE)
#define VERBS_ALL     (VERBS_READ | MODEL_VERB_WATCH | VERBS_WRITE | MODEL_VERB_DELETECOLLECTION)
#define VERBS_CONNECT (MODEL_VERB_GET | MODEL_VERB_CREATE)
#define VERBS_PROXY   (MODEL_VERB_GET | VERBS_WRITE)
#define VERBS_STATUS  (MODEL_VERB_GET | MODEL_VERB_UPDATE | MODEL_VERB_PATCH)

extern const struct model_kind model_kind_apiservice;
extern const struct model_kind model_kind_clusterrole;
extern const struct model_kind model_kind_clusterrolebinding;
extern const struct model_kind model_kind_certificatesigningrequest;
extern const struct model_kind model_kind_componentstatus;
extern const struct model_kind model_kind_configmap;
extern const struct model_kind model_kind_binding;
extern const struct model_kind model_kind_controllerrevision;
extern const struct model_kind model_kind_cronjob;
extern const struct model_kind model_kind_csidriver;
extern const struct model_kind model_kind_csinode;
extern const struct model_kind model_kind_csistoragecapacity;
extern const struct model_kind model_kind_customresourcedefinition;
extern const struct model_kind model_kind_daemonset;
extern const struct model_kind model_kind_deployment;
extern const struct model_kind model_kind_deviceclass;
extern const struct model_kind model_kind_endpoints;
extern const struct model_kind model_kind_endpointslice;
extern const struct model_kind model_kind_event;
extern const struct model_kind model_kind_eviction;
extern const struct model_kind model_kind_horizontalpodautoscaler;
extern const struct model_kind model_kind_ingress;
extern const struct model_kind model_kind_ingressclass;
extern const struct model_kind model_kind_ipaddress;
extern const struct model_kind model_kind_job;
extern const struct model_kind model_kind_lease;
extern const struct model_kind model_kind_limitrange;
extern const struct model_kind model_kind_localsubjectaccessreview;
extern const struct model_kind model_kind_namespace;
extern const struct model_kind model_kind_networkpolicy;
extern const struct model_kind model_kind_node;
extern const struct model_kind model_kind_persistentvolume;
extern const struct model_kind model_kind_persistentvolumeclaim;
extern const struct model_kind model_kind_pod;
extern const struct model_kind model_kind_poddisruptionbudget;
extern const struct model_kind model_kind_podtemplate;
extern const struct model_kind model_kind_priorityclass;
extern const struct model_kind model_kind_replicaset;
extern const struct model_kind model_kind_replicationcontroller;
extern const struct model_kind model_kind_resourceclaim;
extern const struct model_kind model_kind_resourceclaimtemplate;
extern const struct model_kind model_kind_resourcequota;
extern const struct model_kind model_kind_resourceslice;
extern const struct model_kind model_kind_role;
extern const struct model_kind model_kind_rolebinding;
extern const struct model_kind model_kind_runtimeclass;
extern const struct model_kind model_kind_scale;
extern const struct model_kind model_kind_secret;
extern const struct model_kind model_kind_selfsubjectaccessreview;
extern const struct model_kind model_kind_selfsubjectreview;
extern const struct model_kind model_kind_selfsubjectrulesreview;
extern const struct model_kind model_kind_service;
extern const struct model_kind model_kind_serviceaccount;
extern const struct model_kind model_kind_servicecidr;
extern const struct model_kind model_kind_statefulset;
extern const struct model_kind model_kind_storageclass;
extern const struct model_kind model_kind_subjectaccessreview;
extern const struct model_kind model_kind_tokenrequest;
extern const struct model_kind model_kind_tokenreview;
extern const struct model_kind model_kind_volumeattributesclass;

/* Spoken by subresources, in no table. */
extern const struct model_kind model_kind_pod_attach_options;
extern const struct model_kind model_kind_pod_exec_options;
extern const struct model_kind model_kind_pod_portforward_options;
extern const struct model_kind model_kind_pod_proxy_options;
extern const struct model_kind model_kind_service_proxy_options;

#endif
