#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends every request that real kubectl binaries were seen to send and asks for a sane answer.

usage: replay.py REQUESTS SOCKET

The objects that the requests name are made first. A read is answered 200; a write with an empty body
200, 201, or what says what is wrong with the body (400, 409, 422); a stream may say that there is no
runtime. Never: no such path, a method that is not served, a form that is not had, an error of ours.
"""
import json
import re
import sys

from oracle import UnixConnection

ACCEPT = {
    "J": "application/json",
    "T": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"
         "g=meta.k8s.io,application/json",
    "PB": "application/vnd.kubernetes.protobuf,application/json",
}
ENVELOPE = b"k8s\x00\x0a\x04\x0a\x00\x12\x00\x12\x00\x1a\x00\x22\x00"  # no version, kind or content
NS = "/api/v1/namespaces/default/"
APPS = "/apis/apps/v1/namespaces/default/"
LABELS = {"app": "web"}
SPEC = {"containers": [{"name": "c", "image": "nginx:1"}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": SPEC}
SET = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
OBJECTS = [
    (NS + "pods", "bare", {"spec": SPEC}),
    (NS + "pods", "web-h2-x", {"spec": SPEC}),
    (NS + "configmaps", "cm1", {}),
    (NS + "secrets", "s1", {}),
    (NS + "services", "websvc", {"spec": {"ports": [{"port": 80}]}}),
    (NS + "endpoints", "websvc", {}),
    (NS + "replicationcontrollers", "rc1", {"spec": {"template": TEMPLATE, "replicas": 0}}),
    (APPS + "deployments", "web", {"spec": dict(SET, replicas=0)}),
    (APPS + "deployments", "app2", {"spec": dict(SET, replicas=0)}),
    (APPS + "replicasets", "web-h1", {"spec": dict(SET, replicas=0)}),
    (APPS + "replicasets", "web-h2", {"spec": dict(SET, replicas=0)}),
    (APPS + "daemonsets", "ds1", {"spec": SET}),
    ("/apis/batch/v1/namespaces/default/jobs", "job1",
     {"spec": {"template": {"spec": dict(SPEC, restartPolicy="Never")}}}),
    ("/apis/networking.k8s.io/v1/namespaces/default/ingresses", "ing1",
     {"spec": {"defaultBackend": {"service": {"name": "websvc", "port": {"number": 80}}}}}),
    ("/api/v1/nodes", "n1", {}),
    ("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", "n1", {}),
]


def send(path, method, url, headers, body=None, head_only=False):
    connection = UnixConnection(path)
    connection.request(method, url, body, headers)
    answer = connection.getresponse()
    text = b"" if head_only else answer.read()
    connection.close()
    return answer.status, text


def body_of(method, url, kind):
    """An empty body of the kind that the request has."""
    if method in ("GET", "DELETE"):
        return None
    if kind == "vnd.kubernetes.protobuf":
        return ENVELOPE
    if kind == "json-patch+json":
        return b"[]"
    if kind == "apply-patch+yaml":
        return b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app2}\n"
    return b"{}"


def is_sane(method, url, status, text, upgrade):
    path = url.split("?")[0]
    if status == 404 and (b"could not find the requested resource" in text or b"page not found" in text):
        return False
    if re.search(r"/(exec|attach|portforward|log)$", path):
        return status not in (405, 406, 415)
    if method == "GET":
        return status == 200
    if method == "DELETE":
        return status in (200, 202, 404, 403)
    return status in (200, 201, 400, 409, 422)


def main():
    requests, path = sys.argv[1:]
    for url, name, rest in OBJECTS:
        status, text = send(path, "POST", url, {"Content-Type": "application/json"},
                            json.dumps(dict(rest, metadata={"name": name, "labels": LABELS})))
        if status not in (201, 409):
            print(f"cannot make {url}/{name}: {status} {text[:300]}")
            return 1
    rows = [line.split() for line in open(requests, encoding="utf-8") if not line.startswith("#")]
    rows.sort(key=lambda row: row[0] == "DELETE")  # last: others name what they take away
    n_bad = 0
    for method, url, accept, *rest in rows:
        want = int(rest.pop()) if rest and rest[-1].isdigit() else None
        kind = rest[0] if rest else "json"
        upgrade = kind[3:] if kind.startswith("up=") else None
        headers = {"Accept": ACCEPT[accept]}
        body = None if upgrade else body_of(method, url, kind)
        if upgrade:
            protocol = upgrade.split(":", 1)
            headers.update({"Connection": "Upgrade", "Upgrade": protocol[0]})
            if protocol[0] == "websocket":
                headers.update({"Sec-WebSocket-Protocol": protocol[1], "Sec-WebSocket-Version": "13",
                                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
            else:
                headers["X-Stream-Protocol-Version"] = protocol[1].split(",")[0]
        elif body is not None:
            headers["Content-Type"] = "application/" + kind
        try:
            status, text = send(path, method, url, headers, body,
                                "watch=true" in url or "follow=true" in url or bool(upgrade))
        except OSError as error:
            status, text = 0, str(error).encode()
        is_ok = status == want if want else is_sane(method, url, status, text, upgrade)
        if not is_ok:
            n_bad += 1
            print(f"{method} {url} {kind}: {status} {text[:300].decode(errors='replace')}")
    print(f"{len(rows) - n_bad} of {len(rows)} requests answered sanely")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
