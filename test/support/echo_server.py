# SPDX-License-Identifier: Apache-2.0
"""Answers every TCP connection and UDP datagram with "NAME CLIENT-ADDRESS". Arguments: NAME ADDRESS PORT."""
import selectors
import socket
import sys

name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
tcp = socket.socket(family, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind((address, port))
tcp.listen(512)
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind((address, port))
print("ready", flush=True)
ready = selectors.DefaultSelector()
ready.register(tcp, selectors.EVENT_READ)
ready.register(udp, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is tcp:
            connection, peer = tcp.accept()
            connection.sendall(f"{name} {peer[0]}\n".encode())
            connection.close()
        else:
            _, peer = udp.recvfrom(2048)
            udp.sendto(f"{name} {peer[0]}\n".encode(), peer)
