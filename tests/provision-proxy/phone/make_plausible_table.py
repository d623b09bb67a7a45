#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a table of old and new bodies from a seed: what centres change, and what goes wrong there and on the way."""
import argparse
import json
import random

WORDS = ("reception", "lobby", "desk", "kitchen", "berlin", "lab", "meeting", "warehouse", "office", "sales")
SETTINGS = ("voice.volume.persist", "up.backlight.timeout", "tcpIpApp.sntp.gmtOffset", "call.offeringTimeOut",
            "feature.presence.enabled", "feature.messaging.enabled", "dialplan.digitmap.timeOut", "tone.dtmf.level",
            "voIpProt.SIP.local.port", "video.enable", "sec.srtp.enable", "se.rt.1.ringer", "bg.color.index",
            "powerSaving.enable", "nat.keepalive.interval", "diags.dumpcore.enabled", "qos.ip.rtp.dscp")

# Bodies that servers and boxes on the way answer with status 200.
DENIALS = (
    "Access denied", "Access denied.\r\n", "403 Forbidden", "401 Unauthorized\n", "Not Found", "404 - File not found.\n",
    "The requested file does not exist.\n", "Error 500: internal server error\n", "Service Unavailable",
    "HTTP Error 503. The service is unavailable.", "Request blocked by policy 17.\n", "Invalid session\n",
    "java.lang.NullPointerException\n\tat com.example.prov.Files.get(Files.java:88)\n\tat com.example.Main.main(Main.java:3)\n",
    "Traceback (most recent call last):\n  File \"prov.py\", line 7, in get\nKeyError: 'mac'\n",
    "Fatal error: Uncaught exception 'PDOException' in /var/www/prov.php on line 12\n", "upstream connect error",
    "null", "OK\n", "{\"error\":\"forbidden\"}", "{\"status\":503,\"message\":\"try later\"}", "{\"detail\":\"Not found.\"}",
    "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>",
    "<fault><faultstring>no such phone</faultstring></fault>",
    "<?xml version=\"1.0\"?><response><status>error</status><message>license expired</message></response>",
)
PAGES = (
    "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>\n",
    "<!DOCTYPE html>\n<html lang=\"en\"><body><h1>It works!</h1></body></html>\n",
    "<!doctype html><html><head><meta http-equiv=\"refresh\" content=\"0;url=/login\"></head></html>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"xhtml1-strict.dtd\">\n"
    "<html xmlns=\"http://www.w3.org/1999/xhtml\"><body><p>Login</p></body></html>\n",
    "\r\n\r\n<HTML><BODY>Web authentication redirect</BODY></HTML>",
    "<script>window.location='/portal'</script>",
    "<!-- index -->\n<body>Directory listing</body>",
)


class Phone:
    def __init__(self, rng):
        self.mac = "0004f2%06x" % rng.randrange(1 << 24)
        self.guid = "%08x-%04x-%04x-%04x-%012x" % (
            rng.randrange(1 << 32), rng.randrange(1 << 16), rng.randrange(1 << 16), rng.randrange(1 << 16), rng.randrange(1 << 48))
        self.user = str(rng.randrange(1000, 9999))
        self.password = "%08x" % rng.randrange(1 << 32)
        self.label = rng.choice(WORDS).title() + " " + self.user
        self.settings = {k: str(rng.randrange(1, 400)) for k in rng.sample(SETTINGS, rng.randrange(6, len(SETTINGS)))}
        self.named = rng.random() < 0.5     # whether the files name the phone's MAC
        self.registered = True


def polycom_master(p):
    files = [f"phone/{p.guid}.cfg"] if p.registered else []
    files = ["server/cert/ca.cfg"] + files + ["proxy/branch.cfg", "server/xic.cfg", "phone1.cfg", "sip.cfg"]
    if p.named:
        files.append(f"overrides/{p.mac}-phone.cfg")
    return ('<?xml version="1.0" standalone="yes"?>\n<APPLICATION APP_FILE_PATH="sip.ld" CONFIG_FILES="%s" '
            'MISC_FILES="" LOG_FILE_DIRECTORY="" CONTACTS_DIRECTORY="contacts"/>\n' % ", ".join(files))


def polycom_phone(p):
    rows = []
    if p.registered:
        rows.append(f'  <reg reg.1.displayName="{p.label}" reg.1.address="{p.user}" reg.1.auth.userId="{p.user}" '
                    f'reg.1.auth.password="{p.password}"/>')
    if p.named:
        rows.append(f'  <device device.set="1" device.mac="{p.mac}"/>')
    rows += [f'  <{k.split(".")[0]} {k}="{v}"/>' for k, v in p.settings.items()]
    return '<?xml version="1.0" standalone="yes"?>\n<PHONE_CONFIG>\n' + "\n".join(rows) + "\n</PHONE_CONFIG>\n"


def nested_xml(p):
    rows = []
    if p.registered:
        rows.append(f"  <line><number>1</number><authName>{p.user}</authName><authPassword>{p.password}</authPassword></line>")
    if p.named:
        rows.append(f"  <mac>{p.mac}</mac>")
    rows += [f"  <{k.replace('.', '_')}>{v}</{k.replace('.', '_')}>" for k, v in p.settings.items()]
    return '<?xml version="1.0" encoding="UTF-8"?>\n<device>\n' + "\n".join(rows) + "\n</device>\n"


def audiocodes(p):
    rows = []
    if p.registered:
        rows += ["voip/line/0/enabled=1", f"voip/line/0/id={p.user}", f"voip/line/0/description={p.label}",
                 f"voip/line/0/auth_name={p.user}", f"voip/line/0/auth_password={p.password}"]
    if p.named:
        rows.append(f"network/mac_address={p.mac}")
    rows += [f"{k.replace('.', '/')}={v}" for k, v in p.settings.items()]
    return "\n".join(rows) + "\n"


def yealink(p):
    rows = ["#!version:1.0.0.1"]
    if p.named:
        rows.append(f"## {p.mac}")
    if p.registered:
        rows += ["account.1.enable = 1", f"account.1.label = {p.label}", f"account.1.auth_name = {p.user}",
                 f"account.1.user_name = {p.user}", f"account.1.password = {p.password}"]
    rows += [f"{k} = {v}" for k, v in p.settings.items()]
    return "\n".join(rows) + "\n"


FORMS = {
    "polycom-master": (polycom_master, lambda p: f"/{p.mac}.cfg"),
    "polycom-phone": (polycom_phone, lambda p: f"/phone/{p.guid}.cfg"),
    "nested-xml": (nested_xml, lambda p: f"/{p.mac}.xml"),
    "audiocodes": (audiocodes, lambda p: f"/{p.mac}.cfg"),
    "yealink": (yealink, lambda p: f"/{p.mac}.cfg"),
}


def copy_of(phone, **changes):
    other = Phone(random.Random(0))
    other.__dict__.update(phone.__dict__)
    other.settings = dict(phone.settings)
    other.__dict__.update(changes)
    return other


def fewer(rng, settings, keep):
    keys = rng.sample(sorted(settings), max(1, int(len(settings) * keep)))
    return {k: v for k, v in settings.items() if k in keys}


def poisons(rng, form, render, phone, stranger):
    old = render(phone)
    yield "html", rng.choice(PAGES)
    yield "denial", rng.choice(DENIALS)
    yield "denial", rng.choice(DENIALS)
    yield "empty", rng.choice(("", "\n", " \r\n", "\0" * 64))
    yield "cut", old[:rng.randrange(1, len(old) - 4)]
    changed = render(copy_of(phone, label="Changed " + rng.choice(WORDS)))
    yield "cut-and-changed", changed[:rng.randrange(len(changed) // 4, len(changed) - 4)]
    if phone.named:
        yield "another-phone", render(stranger)
    yield "bytes", "".join(chr(rng.randrange(256)) for _ in range(400))
    if form == "polycom-master":
        yield "provisional", render(copy_of(phone, registered=False))
        yield "provisional", old.replace(f"phone/{phone.guid}.cfg", "provisional/station.cfg")
    else:
        yield "provisional", render(copy_of(phone, registered=False, settings=fewer(rng, phone.settings, 0.2)))
        yield "provisional", render(copy_of(phone, label="Provisional", user="", password="",
                                            settings=fewer(rng, phone.settings, 0.6)))


def changes(rng, form, render, phone):
    old = render(phone)
    some = dict(phone.settings)
    some[rng.choice(sorted(some))] = str(rng.randrange(1000))
    yield "value", render(copy_of(phone, settings=some))
    yield "user", render(copy_of(phone, user=str(rng.randrange(1000, 9999)), password="%08x" % rng.randrange(1 << 32)))
    yield "halved", render(copy_of(phone, settings=fewer(rng, phone.settings, 0.4)))
    yield "quartered", render(copy_of(phone, settings=fewer(rng, phone.settings, 0.1)))
    many = {f"{k}.{i}": v for k, v in phone.settings.items() for i in range(12)}
    yield "tenfold", render(copy_of(phone, settings={**phone.settings, **many}))
    shuffled = list(phone.settings.items())
    rng.shuffle(shuffled)
    yield "reordered", render(copy_of(phone, settings=dict(shuffled)))
    yield "line-ends", old.replace("\n", "\r\n")
    yield "label", render(copy_of(phone, label=rng.choice(("Access denied", "Not found", "Error", "Provisional desk", "Unauthorized"))))
    yield "format", render(copy_of(phone, named=not phone.named))
    if form != "polycom-master":
        yield "taken-off", render(copy_of(phone, registered=False))
        yield "another-vendor", rng.choice((polycom_phone, nested_xml, audiocodes, yealink))(phone)
    if old.startswith("<"):
        root = {"polycom-master": "APPLICATION", "polycom-phone": "PHONE_CONFIG", "nested-xml": "device"}[form]
        yield "new-root", old.replace(root, "settings")
        yield "comment", old.replace("?>\n", "?>\n<!-- made by hand, do not edit -->\n")
        yield "indented", old.replace("\n  <", "\n\t\t<")
    else:
        yield "comment", "# made by hand\n" + old
        yield "no-last-newline", render(copy_of(phone, settings=some)).rstrip("\n")
        half = old.splitlines(keepends=True)
        yield "lower-half-gone", "".join(half[:max(6, len(half) // 2)])


def firmware(rng, head):
    size = rng.randrange(2000, 9000)
    return head + bytes(rng.randrange(256) for _ in range(size))


def firmware_rows(rng):
    head = rng.choice((b"\x7fELF\2\1\1\0", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"\x27\x05\x19\x56", b"RMI\0"))
    old = firmware(rng, head)
    for kind, new in (("html", rng.choice(PAGES).encode()), ("denial", rng.choice(DENIALS).encode()), ("empty", b""),
                      ("cut", old[:rng.randrange(8, len(old) - 1)])):
        yield "poison", "firmware-" + kind, old, new
    for kind, new in (("other", firmware(rng, head)), ("other-head", firmware(rng, b"\0\1\2\3")), ("longer", old + old[::-1] * 9),
                      ("same-beginning", old[:len(old) // 2] + firmware(rng, b""))):
        yield "ok", "firmware-" + kind, old, new


def rows_of(rng):
    for form, (render, path) in FORMS.items():
        for _ in range(8):
            phone, stranger = Phone(rng), Phone(rng)
            stranger.named = phone.named
            for want, made in (("poison", poisons(rng, form, render, phone, stranger)), ("ok", changes(rng, form, render, phone))):
                for kind, new in made:
                    if new == render(phone):
                        continue
                    yield {"name": f"{form} {kind}", "kind": f"{want}: {kind}", "path": path(phone), "identity": phone.mac,
                           "old": render(phone), "new": new, "want": want}
    for _ in range(12):
        for want, kind, old, new in firmware_rows(rng):
            yield {"name": kind, "kind": f"{want}: {kind}", "path": "/420hd.img", "old": {"hex": old.hex()},
                   "new": {"hex": new.hex()}, "want": want}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    rows = list(rows_of(random.Random(options.seed)))
    with open(options.output, "w", encoding="utf-8") as out:
        json.dump({"cases": rows}, out, indent=0)


if __name__ == "__main__":
    main()
