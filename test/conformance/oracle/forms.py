#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for the list of every kind that discovery names in every form, and for its watch.

usage: forms.py SOCKET
"""
import json
import sys

from oracle import UnixConnection

FORMS = [
    "application/json",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/yaml",
    "application/yaml;as=Table;v=v1;g=meta.k8s.io",
]
QUERIES = ["", "?limit=1", "?pretty=true", "?fieldSelector=metadata.name%3Dx&labelSelector=a%3Db"]
WATCH_LIST = ("?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
              "&allowWatchBookmarks=true")
# Besides metadata.name and metadata.namespace, which all have.
FIELDS = {
    "pods": "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
            "spec.hostNetwork status.phase status.podIP status.podIPs status.nominatedNodeName",
    "nodes": "spec.unschedulable",
    "namespaces": "status.phase",
    "secrets": "type",
    "events": "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
              "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath "
              "reason reportingComponent source type",
    "replicationcontrollers": "status.replicas",
    "replicasets": "status.replicas",
    "jobs": "status.successful",
    "certificatesigningrequests": "spec.signerName",
}


class Asker:
    def __init__(self, path):
        self.path = path
        self.n = self.n_bad = 0

    def get(self, url, accept="application/json"):
        connection = UnixConnection(self.path)
        connection.request("GET", url, None, {"Accept": accept})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def check(self, is_ok, what, text):
        self.n += 1
        if not is_ok:
            self.n_bad += 1
            print(f"{what}: {text[:300]}")

    def ask_fields(self, url, name):
        fields = ["metadata.name", "metadata.namespace"]
        if not url.startswith("/apis/events.k8s.io"):
            fields += FIELDS.get(name, "").split()
        for field in fields:
            status, text = self.get(f"{url}?fieldSelector={field}%3Dx")
            self.check(status == 200, f"{url} by {field} {status}", text)
        status, text = self.get(url + "?fieldSelector=spec.nope%3Dx")
        is_told = status == 400 and "field label not supported: spec.nope" in text
        self.check(is_told, f"{url} by spec.nope {status}", text)

    def ask_kind(self, url, resource):
        for form in FORMS:
            for query in QUERIES:
                status, text = self.get(url + query, form)
                is_ok = status == 200 and (text[0] == "{") == ("json" in form)
                if is_ok and "json" in form:
                    json.loads(text)
                self.check(is_ok, f"{url}{query} {form} {status}", text)
        self.ask_fields(url, resource["name"])
        if "watch" in resource["verbs"]:
            status, text = self.get(url + WATCH_LIST)
            is_whole = status == 200 and text.count("k8s.io/initial-events-end") == 1
            self.check(is_whole, f"{url}{WATCH_LIST} {status}", text)


def main():
    asker = Asker(sys.argv[1])
    groups = json.loads(asker.get("/apis")[1])["groups"]
    bases = ["/api/v1"] + ["/apis/" + v["groupVersion"] for g in groups for v in g["versions"]]
    n_kinds = 0
    for base in bases:
        for resource in json.loads(asker.get(base)[1])["resources"]:
            if "/" not in resource["name"] and "list" in resource["verbs"]:
                asker.ask_kind(f"{base}/{resource['name']}", resource)
                n_kinds += 1
    print(f"{n_kinds} kinds, {asker.n - asker.n_bad} of {asker.n} answers good")
    return 1 if asker.n_bad or n_kinds < 15 else 0


if __name__ == "__main__":
    sys.exit(main())
