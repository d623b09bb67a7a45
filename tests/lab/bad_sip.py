# SPDX-License-Identifier: Apache-2.0
"""Hostile SIP for the lab: what a broken or malicious peer could send, as bytes. Rows by name, from a seed."""
import random

SDP = "\r\n".join(["v=0", "o=x 1 1 IN IP4 {host}", "s=-", "c=IN IP4 {host}", "t=0 0", "m=audio 4000 RTP/AVP 8", ""])


def request(method, host, uri="sip:1011@centre.example", body="", **fields):
    """A good request of ours; fields replace or add header fields, None leaves one out."""
    number = random.getrandbits(48)
    lines = {"Via": f"SIP/2.0/UDP {host}:5099;branch=z9hG4bK{number:x};rport", "Max-Forwards": "70",
             "From": f"<sip:1019@centre.example>;tag={number:x}", "To": f"<{uri}>", "Call-ID": f"{number:x}@bad",
             "CSeq": f"1 {method}", "Contact": f"<sip:1019@{host}:5099>",
             "Content-Type": "application/sdp" if body else None, "Content-Length": str(len(body))}
    lines.update({name.replace("_", "-"): value for name, value in fields.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {uri} SIP/2.0\r\n{head}\r\n{body}".encode()


def rows(host):
    """[(name, bytes)]: each is to be answered or dropped, and to leave no trace."""
    sdp = SDP.format(host=host)
    lines = sdp.splitlines(keepends=True)
    found = [
        ("nothing", b"\r\n\r\n"), ("noise", bytes(range(256)) * 4), ("zeros", bytes(1200)),
        ("half_a_request", request("INVITE", host, body=sdp)[:90]),
        ("no_version", b"INVITE sip:1011@centre.example\r\n\r\n"),
        ("version_3", request("OPTIONS", host).replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1)),
        ("unknown_method", request("FROBNICATE", host)),
        ("long_method", request("X" * 5000, host)),
        ("method_and_cseq_differ", request("INVITE", host, CSeq="1 BYE", body=sdp)),
        ("cseq_too_large", request("INVITE", host, CSeq="99999999999 INVITE")),
        ("content_length_too_large", request("INVITE", host, body=sdp, Content_Length="99999")),
        ("content_length_negative", request("INVITE", host, body=sdp, Content_Length="-1")),
        ("two_content_lengths", request("INVITE", host, body=sdp, L="3")),
        ("max_forwards_0", request("INVITE", host, Max_Forwards="0", body=sdp)),
        ("max_forwards_none", request("OPTIONS", host, Max_Forwards=None)),
        ("max_forwards_text", request("INVITE", host, Max_Forwards="many", body=sdp)),
        ("header_of_60000", request("INVITE", host, Subject="s" * 60000, body=sdp)[:65000]),
        ("1000_vias", request("INVITE", host, Via=", ".join(f"SIP/2.0/UDP {host}:5099;branch=z9hG4bK{n}" for n in range(800)))),
        ("1000_routes", request("INVITE", host, Route=", ".join(["<sip:198.18.1.2:5060;lr>"] * 1000))),
        ("scheme", request("INVITE", host, uri="ftp://centre.example/x")),
        ("uri_of_nothing", request("INVITE", host, uri="sip:@")),
        ("sdp_of_1000_lines", request("INVITE", host, body=lines[0] + "".join(lines[1:]) + "a=x:y\r\n" * 1000)),
        ("sdp_of_200_media", request("INVITE", host, body=sdp + "m=audio 4002 RTP/AVP 8\r\n" * 200)),
        ("sdp_port_0", request("INVITE", host, body=sdp.replace("4000", "0"))),
        ("sdp_port_70000", request("INVITE", host, body=sdp.replace("4000", "70000"))),
        ("sdp_broadcast", request("INVITE", host, body=sdp.replace(host, "255.255.255.255"))),
        ("sdp_of_zeros", request("INVITE", host, body="\0" * 500)),
        ("sdp_without_c", request("INVITE", host, body="".join(line for line in lines if not line.startswith("c=")))),
        ("answer_nobody_asked_for", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.18.1.2:5060;branch=z9hG4bKnone\r\n"
         b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: none@bad\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"),
        ("answer_999", request("OPTIONS", host).replace(b"OPTIONS sip:1011@centre.example SIP/2.0", b"SIP/2.0 999 What", 1)),
        ("cancel_of_nothing", request("CANCEL", host)), ("ack_of_nothing", request("ACK", host)),
        ("bye_of_nothing", request("BYE", host, To="<sip:1011@centre.example>;tag=gone")),
        ("contacts_of_strangers", request("REGISTER", host, uri="sip:centre.example", To="<sip:1010@centre.example>",
                                          From="<sip:1010@centre.example>;tag=a", Contact="<sip:1010@198.18.1.19:5099>",
                                          Expires="3600")),
    ]
    return found


def mutations(host, count, seed):
    """Good requests with a few bytes changed, cut or repeated."""
    chance = random.Random(seed)
    kinds = [("INVITE", SDP.format(host=host)), ("REGISTER", ""), ("OPTIONS", ""), ("BYE", ""), ("SUBSCRIBE", "")]
    for _ in range(count):
        method, body = chance.choice(kinds)
        data = bytearray(request(method, host, body=body))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            how = chance.random()
            if how < 0.5:
                data[at] = chance.randrange(256)
            elif how < 0.8:
                del data[at:at + chance.randint(1, 30)]
            else:
                data[at:at] = data[at:at + chance.randint(1, 50)] * chance.randint(1, 20)
            if not data:
                data = bytearray(b"x")
        yield bytes(data[:60000])
