# SPDX-License-Identifier: Apache-2.0
"""SIP as a capture shows it, read by tshark: the judge of signalling, which knows nothing of the product."""
import dataclasses
import ipaddress

import truth

FIELDS = ("frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "tcp.srcport",
          "tcp.dstport", "sip.Method", "sip.Status-Code", "sip.CSeq.method", "sip.CSeq.seq", "sip.Call-ID",
          "sip.from.user", "sip.to.user", "sip.r-uri.user", "sip.to.tag", "ip.dsfield.dscp", "ipv6.tclass.dscp")


@dataclasses.dataclass(frozen=True)
class Message:
    """One SIP message. method: of a request; status: of an answer, whose method_answered is that of its CSeq."""
    time_ns: int
    src: tuple
    dst: tuple
    transport: str
    method: str
    status: int
    cseq: int
    method_answered: str
    call_id: str
    from_user: str
    to_user: str
    uri_user: str
    in_dialog: bool
    dscp: int


def messages(pcap, ports=(5060, 8060)):
    """All SIP messages of a capture, in its order. Several in one TCP segment come one by one."""
    arguments = []
    for port in ports:
        arguments += ["-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"]
    arguments += ["-Y", "sip and !icmp and !icmpv6", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a",
                  "-E", "aggregator=|"]
    for field in FIELDS:
        arguments += ["-e", field]
    found = []
    for line in truth.tshark(pcap, *arguments).splitlines():
        found += _messages_of_frame(dict(zip(FIELDS, line.split("\t"))))
    return found


def _messages_of_frame(row):
    def column(name):
        return row[name].split("|") if row[name] else []

    version = "ip" if row["ip.src"] else "ipv6"
    transport = "udp" if row["udp.srcport"] else "tcp"
    ends = [(str(ipaddress.ip_address(column(f"{version}.{end}")[0])), int(column(f"{transport}.{end}port")[0]))
            for end in ("src", "dst")]
    dscp = int(column("ip.dsfield.dscp" if version == "ip" else "ipv6.tclass.dscp")[0])
    call_ids = column("sip.Call-ID")
    methods, statuses = column("sip.Method"), column("sip.Status-Code")
    # A frame of several messages lists requests and answers apart; frames that mix them are rare, and told by counts.
    for n, call_id in enumerate(call_ids):
        def at(name, n=n):
            values = column(name)
            return values[n] if n < len(values) else ""
        status = int(statuses[n]) if n < len(statuses) and not methods else 0
        yield Message(truth._ns(row["frame.time_epoch"]), ends[0], ends[1], transport,  # noqa: SLF001
                      methods[n] if n < len(methods) else "", status, int(at("sip.CSeq.seq") or 0),
                      at("sip.CSeq.method"), call_id, at("sip.from.user"), at("sip.to.user"), at("sip.r-uri.user"),
                      bool(at("sip.to.tag")), dscp)


def requests(message_list, method, **members):
    """The requests of a method whose members are as given."""
    return [m for m in message_list if m.method == method and _has(m, members)]


def answers(message_list, method, status=None, **members):
    """The answers to a method."""
    return [m for m in message_list if m.status and m.method_answered == method
            and (status is None or m.status == status) and _has(m, members)]


def _has(message, members):
    return all(getattr(message, name) == value for name, value in members.items())
