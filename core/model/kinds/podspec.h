/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_PODSPEC_H
#define CORE_MODEL_KINDS_PODSPEC_H
/*
 * What Pods and the templates of ReplicationControllers, ReplicaSets and Deployments share. Pure;
 * any thread.
 */
#include <cjson/cJSON.h>

#include "core/model/path.h"

/* The defaults of a PodSpec, wherever it stands. False: out of memory. */
bool podspec_set_defaults(cJSON *spec);
/* is_pod: a Pod's own spec and not a template's. */
void podspec_validate(const cJSON *spec, const struct model_path *path, bool is_pod,
                      struct model_issues *issues);

/* Each container list of a spec: containers, initContainers. */
void containers_validate(const cJSON *spec, const struct model_path *path, bool is_pod,
                         struct model_issues *issues);
/* ephemeralContainers: with no name of another, and nothing that a debugger does not need. */
void containers_validate_ephemeral(const cJSON *spec, const struct model_path *path,
                                   struct model_issues *issues);
void container_validate_env(const cJSON *container, const struct model_path *path,
                            struct model_issues *issues);
void container_validate_resources(const cJSON *container, const struct model_path *path,
                                  struct model_issues *issues);
/* A map of resources and their quantities. */
void container_validate_amounts(const cJSON *amounts, const struct model_path *path,
                                struct model_issues *issues);
void container_validate_probes(const cJSON *container, const struct model_path *path,
                               struct model_issues *issues);
void volumes_validate(const cJSON *spec, const struct model_path *path,
                      struct model_issues *issues);
void tolerations_validate(const cJSON *tolerations, const struct model_path *path,
                          struct model_issues *issues);

/* Checks that text is a path below where it is used: not absolute, no "..". */
void podspec_check_relative(struct model_path path, struct ke_str text,
                            struct model_issues *issues);
/* A reference to a ConfigMap's or Secret's key. */
void podspec_check_key_ref(const cJSON *ref, const struct model_path *path,
                           struct model_issues *issues);
/* A fieldRef of the downward API. */
void podspec_check_field_ref(const cJSON *ref, const struct model_path *path,
                             struct model_issues *issues);

/* A pod template at path: labels, annotations and spec. template NULL: required. */
void template_validate_pod(const cJSON *template, const struct model_path *path,
                           struct model_issues *issues);
/* selector (a LabelSelector) matches the labels of spec.template, where both are there. */
void template_check_selected(const cJSON *workload_spec, struct model_issues *issues);
/*
 * spec.template of a workload: as above, the selector (a LabelSelector, or a plain map of a
 * ReplicationController) matches its labels, and it restarts always. owner: as upstream calls it.
 */
#define TEMPLATE_OF_CONTROLLER "ReplicationController"
void template_validate(const cJSON *workload_spec, const char *owner, struct model_issues *issues);

#endif
