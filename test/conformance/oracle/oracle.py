#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends recorded requests to a kedge and compares its answers with those of a kube-apiserver 1.20.

usage: oracle.py CASES SOCKET TLS-ADDRESS

A line of CASES is a request and the answer recorded for it. What no two runs have in common (uids,
times, revisions, addresses) is masked on both sides. "differs" names members, by dotted path, that
newer releases answer otherwise, each with the reason; "now" replaces a recorded answer, "why" says
why. A line of the form "(setup) x" only makes what follows possible. Prints each difference; exit 1
when there is one.
"""
import http.client
import json
import re
import socket
import ssl
import sys

IGNORED = {"managedFields"}  # the recording has cut it
MASKED = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "clusterIP", "token",
          "expirationTimestamp", "healthCheckNodePort", "controller-uid", "startTime"}
TEXTS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\b10\.(32|43)(\.\d+){2}"), "10.X"),
    (re.compile(r"current: \d+"), "current: N"),
    (re.compile(r"^x-[a-z0-9]{5}$"), "x-RANDOM"),
]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("kedge", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def send(case, path, address):
    headers = {"Accept": case.get("accept", "application/json")}
    if "anonymous" in case or "token" in case:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(address, timeout=20, context=context)
    else:
        connection = UnixConnection(path)
    if "token" in case:
        headers["Authorization"] = "Bearer " + case["token"]
    if "user" in case:
        headers["Impersonate-User"] = case["user"]
    body = case.get("body")
    if body is not None:
        headers["Content-Type"] = case["type"]
        body = body if isinstance(body, str) else json.dumps(body)
    connection.request(case["method"], case["path"], body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text.rstrip("\n")


def mask(value, name=""):
    if isinstance(value, dict):
        return {k: mask(v, k) for k, v in value.items() if k not in IGNORED}
    if isinstance(value, list):
        return [mask(v, name) for v in value]
    if name in MASKED and value is not None:
        return "MASKED"
    if isinstance(value, str):
        for pattern, text in TEXTS:
            value = pattern.sub(text, value)
    return value


def drop(value, path):
    """Takes a member away: a.b.c; "*" is every element of a list."""
    head, _, rest = path.partition(".")
    if head == "*" and isinstance(value, list):
        for item in value:
            drop(item, rest)
    elif isinstance(value, dict) and head in value:
        if rest:
            drop(value[head], rest)
        else:
            del value[head]


def differences(was, now, path=""):
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            at = f"{path}.{key}" if path else key
            if key not in now:
                yield f"{at}: was {json.dumps(was[key])}, is absent"
            elif key not in was:
                yield f"{at}: was absent, is {json.dumps(now[key])}"
            else:
                yield from differences(was[key], now[key], at)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for i, (a, b) in enumerate(zip(was, now)):
            yield from differences(a, b, f"{path}.{i}")
    elif was != now:
        yield f"{path}: was {json.dumps(was)}, is {json.dumps(now)}"


def main():
    cases, path, address = sys.argv[1:]
    n = n_bad = 0
    for line in open(cases, encoding="utf-8"):
        case = json.loads(line)
        status, answer = send(case, path, address)
        found = [] if status == case["status"] else [f"status: was {case['status']}, is {status}"]
        if "answer" in case or "now" in case:
            want = mask(case.get("now", case.get("answer")))
            answer = mask(answer)
            for member in case.get("differs", {}):
                drop(want, member)
                drop(answer, member)
            found += differences(want, answer)
        n += 1
        if found:
            n_bad += 1
            print(f"{case['case']}: {case['method']} {case['path']}")
            for text in found:
                print("   ", text[:1000])
    print(f"{n - n_bad} of {n} answers as recorded")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
