# SPDX-License-Identifier: Apache-2.0
"""Asks echo servers. Arguments: tcp|udp ADDRESS PORT [COUNT [SOURCE-PORT]]. One line an answer: what was
answered, or "refused", "timeout", "unreachable"."""
import errno
import socket
import sys

protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
source = int(sys.argv[5]) if len(sys.argv) > 5 else 0
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
for _ in range(count):
    with socket.socket(family, kind) as s:
        s.settimeout(1.5)
        try:
            if source:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("", source))
            s.connect((address, port))
            if protocol == "udp":
                s.send(b"?")
            print(s.recv(2048).decode().strip() or "closed")
        except ConnectionResetError:
            print("reset")
        except ConnectionRefusedError:
            print("refused")
        except TimeoutError:
            print("timeout")
        except OSError as e:
            # EPERM: refused on the way out of this very machine
            print("refused" if e.errno in (errno.ECONNREFUSED, errno.EPERM) else "unreachable")
