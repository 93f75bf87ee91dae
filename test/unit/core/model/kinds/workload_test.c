/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DaemonSets, StatefulSets, their revisions, PodTemplates, Jobs and CronJobs: defaults (DaemonSet
 * and Job as a real kube-apiserver answered them, with what is newer than 1.20), refusals, updates,
 * status.
 */
#include "core/model/cron.h"
#include "test/unit/core/model/kinds/write.h"

static const struct {
    const char *object, *has;
} created[] = {
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
      "\"nginx:1\"}]}}}}",
      "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"Always\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\",\"resources\":{},\"terminationMessagePath\":"
      "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
      "\"IfNotPresent\"}],\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}},\"updateStrategy\":"
      "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":1,\"maxSurge\":"
      "0}},\"revisionHistoryLimit\":10},\"metadata\":{\"name\":\"x\",\"namespace\":\"default\","
      "\"annotations\":{\"deprecated.daemonset.template.generation\":\"1\"}},\"status\":"
      "{\"currentNumberScheduled\":0,\"numberMisscheduled\":0,\"desiredNumberScheduled\":"
      "0,\"numberReady\":0}}" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":\"s\",\"template\":"
      "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
      "\"image\":\"nginx:1\"}]}},\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"d\"},"
      "\"spec\":{\"accessModes\":[\"ReadWriteOnce\"]}}]}}",
      "{\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":"
      "\"s\",\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":"
      "\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\",\"resources\":"
      "{},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":"
      "\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"terminationGracePeriodSeconds\":"
      "30,\"dnsPolicy\":\"ClusterFirst\",\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}},"
      "\"volumeClaimTemplates\":[{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\","
      "\"metadata\":{\"name\":\"d\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":"
      "{},\"volumeMode\":\"Filesystem\"},\"status\":{\"phase\":\"Pending\"}}],\"podManagementPolicy\":"
      "\"OrderedReady\",\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":"
      "{\"partition\":0}},\"revisionHistoryLimit\":10,\"persistentVolumeClaimRetentionPolicy\":"
      "{\"whenDeleted\":\"Retain\",\"whenScaled\":\"Retain\"}},\"status\":{\"replicas\":"
      "0,\"availableReplicas\":0}}" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}",
      "{\"spec\":{\"parallelism\":1,\"completions\":1,\"backoffLimit\":6,\"completionMode\":"
      "\"NonIndexed\",\"suspend\":false,\"manualSelector\":false,\"podReplacementPolicy\":"
      "\"TerminatingOrFailed\",\"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}},\"template\":{\"metadata\":{\"labels\":"
      "{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\",\"resources\":{},\"terminationMessagePath\":"
      "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
      "\"IfNotPresent\"}],\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}}},\"metadata\":"
      "{\"name\":\"j\",\"namespace\":\"default\",\"uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"status\":{}}" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"*/5 * * * *\",\"jobTemplate\":{\"spec\":{\"template\":"
      "{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":"
      "\"x:1\"}]}}}}}}",
      "{\"spec\":{\"schedule\":\"*/5 * * * *\",\"jobTemplate\":{\"metadata\":{},\"spec\":"
      "{\"template\":{\"metadata\":{},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\",\"resources\":{},\"terminationMessagePath\":"
      "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
      "\"IfNotPresent\"}],\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}}}},\"concurrencyPolicy\":"
      "\"Allow\",\"suspend\":false,\"successfulJobsHistoryLimit\":3,\"failedJobsHistoryLimit\":"
      "1},\"status\":{}}" },
    { "{\"kind\":\"PodTemplate\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},"
      "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}",
      "{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":"
      "\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\",\"resources\":"
      "{},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":"
      "\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"terminationGracePeriodSeconds\":"
      "30,\"dnsPolicy\":\"ClusterFirst\",\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}}}" },
};

static const struct {
    const char *object, *issues;
} refused[] = {
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: "
      "map[string]string{\"a\":\"b\"}: `selector` does not match template `labels`]" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
      "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil),"
      " MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid "
      "for daemonset" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"rollingUpdate\":"
      "{\"maxUnavailable\":0}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
      "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 "
      "when maxSurge is 0" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"rollingUpdate\":"
      "{\"maxUnavailable\":1,\"maxSurge\":\"10%\"}},\"template\":{\"metadata\":{\"labels\":"
      "{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 10%: may not be set "
      "when maxUnavailable is non-zero" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"type\":"
      "\"Maybe\"},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.updateStrategy: Unsupported value: \"Maybe\": supported values: \"OnDelete\","
      " \"RollingUpdate\"" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"type\":"
      "\"OnDelete\"},\"minReadySeconds\":-1,\"template\":{\"metadata\":{\"labels\":{\"a\":"
      "\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values:"
      " \"Always\"" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"activeDeadlineSeconds\":5,\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in "
      "DaemonSet is not Supported" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"podManagementPolicy\":"
      "\"X\",\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.podManagementPolicy: Invalid value: \"X\": must be 'OrderedReady' or 'Parallel'" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"type\":"
      "\"OnDelete\",\"rollingUpdate\":{\"partition\":1}},\"template\":{\"metadata\":{"
      "\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
      "\"nginx:1\"}]}}}}",
      "spec.updateStrategy.rollingUpdate: Invalid value: {...}: only allowed for updateStrategy "
      "'RollingUpdate'" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"updateStrategy\":{\"rollingUpdate\":"
      "{\"partition\":-1}},\"replicas\":-2,\"template\":{\"metadata\":{\"labels\":{\"a\":"
      "\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "[spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater "
      "than or equal to 0, spec.replicas: Invalid value: -2: must be greater than or "
      "equal to 0]" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"persistentVolumeClaimRetentionPolicy\":"
      "{\"whenScaled\":\"Keep\"},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
      "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: \"Keep\":"
      " supported values: \"Delete\", \"Retain\"" },
    { "{\"kind\":\"ControllerRevision\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"revision\":-1}",
      "[data: Required value: data is mandatory, revision: Invalid value: -1: must be "
      "greater than or equal to 0]" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"template\":{\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}",
      "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\","
      " \"Never\"" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"parallelism\":-1,\"ttlSecondsAfterFinished\":"
      "-5,\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}",
      "[spec.parallelism: Invalid value: -1: must be greater than or equal to 0, spec.ttlSecondsAfterFinished:"
      " Invalid value: -5: must be greater than or equal to 0]" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Indexed\","
      "\"parallelism\":2,\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}",
      "spec.completions: Required value: when completion mode is Indexed" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Other\","
      "\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}",
      "spec.completionMode: Unsupported value: \"Other\": supported values: \"Indexed\","
      " \"NonIndexed\"" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"backoffLimitPerIndex\":1,"
      "\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}",
      "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"selector\":{\"matchLabels\":"
      "{\"x\":\"y\"}},\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}",
      "[spec.selector: Invalid value: {\"matchLabels\":{\"x\":\"y\",\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}: `selector` not auto-generated, spec.template.metadata.labels:"
      " Invalid value: map[string]string{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      " \"batch.kubernetes.io/job-name\":\"j\", \"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      " \"job-name\":\"j\"}: `selector` does not match template `labels`]" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"manualSelector\":true,\"template\":"
      "{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":"
      "\"x:1\"}]}}}}",
      "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: "
      "map[string]string(nil): `selector` does not match template `labels`]" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"podFailurePolicy\":{\"rules\":"
      "[{\"action\":\"FailJob\"},{\"action\":\"Zap\",\"onExitCodes\":{\"operator\":\"In\","
      "\"values\":[1,0]}}]},\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}",
      "[spec.podFailurePolicy.rules[0]: Invalid value: {...}: specifying one of OnExitCodes "
      "and OnPodConditions is required, spec.podFailurePolicy.rules[1].action: Unsupported "
      "value: \"Zap\": supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\","
      " spec.podFailurePolicy.rules[1].onExitCodes.values[1]: Invalid value: 0: must "
      "not be 0 for the In operator, spec.podFailurePolicy.rules[1].onExitCodes.values:"
      " Invalid value: [...]: must be ordered]" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"podFailurePolicy\":{\"rules\":"
      "[{\"action\":\"Ignore\",\"onPodConditions\":[{\"type\":\"DisruptionTarget\"}]}]},"
      "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}",
      "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" "
      "is supported when podFailurePolicy is specified" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"* * * *\",\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":"
      "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}}}",
      "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4:"
      " [* * * *]" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"\",\"concurrencyPolicy\":\"No\",\"jobTemplate\":{\"spec\":"
      "{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}}}",
      "[spec.schedule: Required value, spec.concurrencyPolicy: Unsupported value: \"No\":"
      " supported values: \"Allow\", \"Forbid\", \"Replace\"]" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"TZ=UTC 0 0 * * *\",\"jobTemplate\":{\"spec\":{\"template\":"
      "{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":"
      "\"x:1\"}]}}}}}}",
      "spec.schedule: Invalid value: \"TZ=UTC 0 0 * * *\": cannot use TZ or CRON_TZ in "
      "schedule, use timeZone field instead" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"@daily\",\"timeZone\":\"a/../b\",\"jobTemplate\":{\"spec\":"
      "{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
      "\"c\",\"image\":\"x:1\"}]}}}}}}",
      "spec.timeZone: Invalid value: \"a/../b\": unknown time zone a/../b" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},"
      "\"spec\":{\"schedule\":\"@daily\",\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":"
      "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}}}",
      "metadata.name: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":"
      " must be no more than 52 characters" },
    { "{\"kind\":\"CronJob\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"schedule\":\"@daily\",\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":"
      "{\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}}}}}",
      "spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values:"
      " \"OnFailure\", \"Never\"" },
};

static const struct {
    const char *old, *object, *issues;
} updated[] = {
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
      "\"nginx:1\"}]}}}}",
      "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"minReadySeconds\":3,\"template\":"
      "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
      "\"image\":\"nginx:1\"}]}}}}",
      "" },
    { "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]},"
      "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
      "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}",
      "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
      "\"nginx:1\"}]}}}}",
      "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"a\":"
      "\"b\"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":\"s\",\"template\":"
      "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
      "\"image\":\"nginx:1\"}]}}}}",
      "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":\"s\",\"replicas\":"
      "4,\"minReadySeconds\":2,\"ordinals\":{\"start\":3},\"template\":{\"metadata\":"
      "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
      "\"nginx:2\"}]}}}}",
      "" },
    { "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":\"s\",\"template\":"
      "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
      "\"image\":\"nginx:1\"}]}}}}",
      "{\"kind\":\"StatefulSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"serviceName\":\"t\",\"template\":"
      "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
      "\"image\":\"nginx:1\"}]}}}}",
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas',"
      " 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' "
      "and 'minReadySeconds' are forbidden" },
    { "{\"kind\":\"ControllerRevision\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"revision\":1,\"data\":{\"a\":1}}",
      "{\"kind\":\"ControllerRevision\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"revision\":2,\"data\":{\"a\":2}}",
      "data: Invalid value: {\"a\":2}: field is immutable" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"template\":{\"metadata\":"
      "{\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"parallelism\":3,\"completions\":"
      "1,\"template\":{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"batch.kubernetes.io/job-name\":\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"template\":{\"metadata\":"
      "{\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completions\":2,\"template\":"
      "{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "spec.completions: Invalid value: 2: field is immutable" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Indexed\","
      "\"completions\":2,\"parallelism\":2,\"template\":{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"batch.kubernetes.io/job-name\":\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Indexed\","
      "\"completions\":3,\"parallelism\":3,\"template\":{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"batch.kubernetes.io/job-name\":\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Indexed\","
      "\"completions\":2,\"parallelism\":2,\"template\":{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"batch.kubernetes.io/job-name\":\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"completionMode\":\"Indexed\","
      "\"completions\":3,\"parallelism\":1,\"template\":{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"batch.kubernetes.io/job-name\":\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism" },
    { "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"suspend\":true,\"template\":"
      "{\"metadata\":{\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
      "[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\",\"uid\":"
      "\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"},\"spec\":{\"template\":{\"metadata\":"
      "{\"labels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\","
      "\"controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\",\"batch.kubernetes.io/job-name\":"
      "\"j\",\"job-name\":\"j\"}},\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"},\"restartPolicy\":"
      "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}},\"selector\":{"
      "\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"6ed98a1a-687f-4a2b-8ece-e50ac0db39b6\"}}}}",
      "" },
};

static const struct {
    const char *kind, *object, *old, *issues;
} statuses[] = {
    { "DaemonSet", "{\"status\":{\"numberReady\":-1}}", "{\"status\":{}}",
      "status.numberReady: Invalid value: -1: must be greater than or equal to 0" },
    { "DaemonSet", "{\"status\":{\"collisionCount\":1}}", "{\"status\":{\"collisionCount\":2}}",
      "status.collisionCount: Invalid value: 1: cannot be decremented" },
    { "StatefulSet", "{\"status\":{\"replicas\":1,\"readyReplicas\":2}}", "{\"status\":{}}",
      "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas" },
    { "Job", "{\"status\":{\"active\":1,\"ready\":2}}", "{\"status\":{}}",
      "status.ready: Invalid value: 2: cannot set more ready pods than active" },
    { "Job", "{\"status\":{\"completionTime\":\"2026-01-01T00:00:00Z\"}}", "{\"status\":{}}",
      "status.completionTime: Invalid value: \"2026-01-01T00:00:00Z\": cannot set completionTime "
      "when there is no Complete=True condition" },
};

static const struct {
    const char *schedule, *complaint; /* NULL: none */
} schedules[] = {
    { "* * * * *", NULL },
    { "*/15 0-6,12 1 jan,Mar-dec sun", NULL },
    { "@every 1h30m", NULL },
    { "@hourly", NULL },
    { "? 0 ? * ?", NULL },
    { "60 * * * *", "end of range (60) above maximum (59): 60" },
    { "* * 0 * *", "beginning of range (0) below minimum (1): 0" },
    { "5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1" },
    { "*/0 * * * *", "step of range should be a positive number: */0" },
    { "a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax" },
    { "1-2-3 * * * *", "too many hyphens: 1-2-3" },
    { "1/2/3 * * * *", "too many slashes: 1/2/3" },
    { "@never", "unrecognized descriptor: @never" },
    { "@every x", "failed to parse duration @every x: time: invalid duration \"x\"" },
    { "* * * * 7", "end of range (7) above maximum (6): 7" },
    { "* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]" },
};

static void create_fills_in_what_was_not_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(created); i++)
        assert_create_fills(created[i].object, created[i].has);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(refused); i++)
        assert_create_gives(refused[i].object, refused[i].issues);
}

static void updates_change_what_may_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(updated); i++)
        assert_update_gives(updated[i].old, updated[i].object, updated[i].issues);
}

static void a_status_makes_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(statuses); i++)
        assert_status_gives(statuses[i].kind, statuses[i].object, statuses[i].old,
                            statuses[i].issues);
}

static void the_generation_of_a_template_counts_its_changes(void **state)
{
    (void)state;
    static const char note[] = "deprecated.daemonset.template.generation";
    WRITE_AUTO old = { 0 };
    WRITE_AUTO same = { 0 };
    WRITE_AUTO other = { 0 };
    (void)write_create(
        &old, "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
              "\"x\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":"
              "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
              "\"c\",\"image\":\"nginx:1\"}]}}}}");
    write_update(&same, old.object,
                 "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
                 "\"x\",\"annotations\":{\"deprecated.daemonset.template.generation\":\"9\"}},"
                 "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"revisionHistoryLimit\":"
                 "3,\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
                 "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}");
    write_update(&other, old.object,
                 "{\"kind\":\"DaemonSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":"
                 "\"x\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":"
                 "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
                 "\"c\",\"image\":\"nginx:2\"}]}}}}");
    assert_issues(&other, "an update", "");
    assert_true(
        ke_str_eq_c(ke_json_str(ke_json_path(same.object, "metadata.annotations"), note), "1"));
    assert_true(
        ke_str_eq_c(ke_json_str(ke_json_path(other.object, "metadata.annotations"), note), "2"));
}

static void schedules_are_read_as_upstream_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(schedules); i++) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 16);
        assert_non_null(arena);
        const char *complaint = model_cron_complaint(ke_str_c(schedules[i].schedule), arena);
        if (schedules[i].complaint == NULL)
            assert_null(complaint);
        else
            assert_string_equal(complaint, schedules[i].complaint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fills_in_what_was_not_said),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(updates_change_what_may_change),
        cmocka_unit_test(a_status_makes_sense),
        cmocka_unit_test(the_generation_of_a_template_counts_its_changes),
        cmocka_unit_test(schedules_are_read_as_upstream_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
