# SPDX-License-Identifier: Apache-2.0
"""udptl_end.py ADDRESS PORT TO-ADDRESS TO-PORT COUNT FIRST: one end of a fax, by ordinary sockets.

Says "ready", sends COUNT UDPTL packets numbered from FIRST on, 20 ms apart, marked AF11 and ECT(1), and receives what
comes until as many have come or 3 s are over. Prints them as JSON: [[hex, traffic class], ...].
"""
import json
import socket
import sys
import time

AF11_ECT1 = 10 << 2 | 1
EVERY_S = 0.02
PATIENCE_S = 3


def packet(sequence):
    """T.38 9.1: sequence number, a primary of v21 flags, one secondary."""
    return sequence.to_bytes(2, "big") + bytes((1, 0x06, 0, 1, 1, 0x04))


def main():
    address, port, to_address, to_port, count, first = sys.argv[1:]
    v6 = ":" in address
    end = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((address, int(port)))
    if v6:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, AF11_ECT1)
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, AF11_ECT1)
        end.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    print("ready", flush=True)
    sys.stdin.readline()
    for sequence in range(int(first), int(first) + int(count)):
        end.sendto(packet(sequence), (to_address, int(to_port)))
        time.sleep(EVERY_S)
    end.settimeout(PATIENCE_S)
    came = []
    try:
        while len(came) < int(count):
            data, notes, _, _ = end.recvmsg(2048, 64)
            came.append((data.hex(), notes[0][2][0]))
    except TimeoutError:
        pass
    print(json.dumps(came))


if __name__ == "__main__":
    main()
