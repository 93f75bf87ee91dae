#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python client as its users use it: typed and dynamic calls, every patch type, watch, errors.
usage: dynamic.py KUBECONFIG NAMESPACE; exit status 0 when all of it behaved."""
import json
import sys
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException


def check(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def refused(code, reason, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApiException as error:
        check(error.status, code)
        check(json.loads(error.body)["reason"], reason)
        return
    raise AssertionError(f"{call} was not refused")


def typed(ns):
    core = client.CoreV1Api()
    apps = client.AppsV1Api()
    made = core.create_namespaced_config_map(
        ns, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a", labels={"x": "y"}), data={"k": "1"}))
    check(made.data, {"k": "1"})
    refused(409, "AlreadyExists", core.create_namespaced_config_map, ns,
            client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a")))
    check(core.patch_namespaced_config_map("a", ns, {"data": {"k2": "2"}}).data, {"k": "1", "k2": "2"})
    made.data = {"k": "stale"}
    refused(409, "Conflict", core.replace_namespaced_config_map, "a", ns, made)
    check([o.metadata.name for o in core.list_namespaced_config_map(ns, label_selector="x=y").items], ["a"])
    refused(404, "NotFound", core.read_namespaced_config_map, "b", ns)
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    apps.create_namespaced_deployment(ns, {"metadata": {"name": "d"},
                                           "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}})
    check(apps.read_namespaced_deployment_scale("d", ns).spec.replicas, 1)
    check(apps.patch_namespaced_deployment_scale("d", ns, {"spec": {"replicas": 3}}).spec.replicas, 3)
    check(apps.read_namespaced_deployment("d", ns).spec.replicas, 3)
    apps.delete_namespaced_deployment("d", ns, propagation_policy="Background")


def patches(api, ns):
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    maps.create(namespace=ns, body={"metadata": {"name": "p"}, "data": {"a": "1", "b": "2"}})
    for kind, body, wanted in (
            ("application/merge-patch+json", {"data": {"a": None}}, {"b": "2"}),
            ("application/strategic-merge-patch+json", {"data": {"c": "3"}}, {"b": "2", "c": "3"}),
            ("application/json-patch+json", [{"op": "remove", "path": "/data/b"}], {"c": "3"})):
        got = maps.patch(namespace=ns, name="p", body=body, content_type=kind)
        check(dict(got.to_dict()["data"]), wanted)
    # This client prints no YAML itself: it sends what it is given.
    mine = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "p"}, "data": {"c": "4"}})
    applied = maps.patch(namespace=ns, name="p", body=mine, content_type="application/apply-patch+yaml",
                         field_manager="dynamic.py", force_conflicts=True)
    check(applied.to_dict()["data"]["c"], "4")


def watching(ns):
    core = client.CoreV1Api()
    start = core.list_namespaced_secret(ns).metadata.resource_version
    seen = []

    def write():
        core.create_namespaced_secret(ns, client.V1Secret(metadata=client.V1ObjectMeta(name="w"),
                                                          string_data={"a": "b"}))
        core.patch_namespaced_secret("w", ns, {"stringData": {"a": "c"}})
        core.delete_namespaced_secret("w", ns)

    writer = threading.Thread(target=write)
    writer.start()
    stream = watch.Watch()
    for event in stream.stream(core.list_namespaced_secret, ns, resource_version=start, timeout_seconds=30):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            stream.stop()
    writer.join()
    check(seen, [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")])


def main():
    config.load_kube_config(sys.argv[1])
    ns = sys.argv[2]
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=ns)))
    with client.ApiClient() as api:
        typed(ns)
        patches(api, ns)
        watching(ns)
        kinds = {r.kind for r in dynamic.DynamicClient(api).resources.search()}
        check({"Pod", "Deployment", "Ingress"} <= kinds, True)
    check(client.VersionApi().get_code().major, "1")
    client.CoreV1Api().delete_namespace(ns)
    print("python: all as it should be")


main()
