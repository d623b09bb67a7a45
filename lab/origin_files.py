# SPDX-License-Identifier: Apache-2.0
"""The files that headquarters has for the ten phones of the branch, from a seed: lab/origin-server.py serves them.

MACs 0004f2000010 to 19 belong to users 1010 to 1019: six Polycoms, two AudioCodes, two SIP Stations. Passwords are
those of lab/accounts. Where there are more phones, the others are Polycoms of users 1020 and up.
"""
import base64
import os
import random
import secrets
import uuid

FIRST_MAC = 0x0004F2000010
PHONES = {**{n: "polycom" for n in range(6)}, **{n: "audiocodes" for n in (6, 7)}, **{n: "sip-station" for n in (8, 9)}}
IMAGES = ("sip100", "sip200", "405", "405hd", "420hd", "430hd", "440hd")
MODEL = "2345-12500-001"
GROUP = "branch"
MTIME = 1_767_225_600  # 2026-01-01: the same seed gives the same validators


def mac_of(number):
    return f"{FIRST_MAC + number:012x}"


def next_mac(mac):
    return mac_of((int(mac, 16) - FIRST_MAC + 1) % len(PHONES))


def xml(tag, **attributes):
    words = "".join(f'\n   {name.replace("__", ".")}="{value}"' for name, value in attributes.items())
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<{tag}{words}/>\n'


def polycom_files(number, guid):
    mac, user = mac_of(number), 1010 + number
    wanted = ("/server/cert/ca.cfg", f"/phone/{guid}.cfg", f"/proxy/{GROUP}.cfg", "/server/xic.cfg", "/phone1.cfg",
              "/sip.cfg", f"/overrides/{mac}-phone.cfg")
    yield f"{mac}.cfg", xml("APPLICATION", APP_FILE_PATH="sip.ld", CONFIG_FILES=", ".join(wanted), MISC_FILES="",
                            LOG_FILE_DIRECTORY="", OVERRIDES_DIRECTORY="/overrides", CONTACTS_DIRECTORY="/contacts",
                            LICENSE_DIRECTORY="")
    yield f"phone/{guid}.cfg", xml("PHONE_CONFIG", reg__1__address=user, reg__1__auth__userId=user,
                                   reg__1__auth__password=f"violet-{user}", reg__1__displayName=f"Desk {user}")
    if number % 2 == 0:  # half or more of a real boot is 404
        yield f"overrides/{mac}-phone.cfg", xml("PHONE_CONFIG", OVERRIDES="", up__backlight__idleIntensity=number)
    if number % 3 == 0:
        yield f"contacts/{mac}-directory.xml", ('<?xml version="1.0"?>\n<directory><item_list><item><ln>Reception</ln>'
                                                "<ct>1010</ct></item></item_list></directory>\n")
    if number == 0:
        yield f"{mac}-license.cfg", xml("LICENSE", key=guid)


def line_files(number):
    """AudioCodes and SIP Station: one line each, no blanks."""
    user = 1010 + number
    image = "420hd.img" if PHONES[number] == "audiocodes" else "sip100.img"
    yield f"{mac_of(number)}.cfg", "".join(f"{line}\n" for line in (
        f"system/type={image[:-4]}", "voip/line/0/enabled=1", f"voip/line/0/id={user}",
        f"voip/line/0/description=Desk {user}", f"voip/line/0/auth_name={user}",
        f"voip/line/0/auth_password=violet-{user}", "voip/signalling/sip/proxy_address=centre.example",
        f"provisioning/firmware_url={image}"))


def branch_files(seed, firmware_kb, phones):
    """(path, bytes) of everything that headquarters has."""
    draw = random.Random(seed)
    pem = base64.encodebytes(draw.randbytes(900)).decode()
    texts = [("server/cert/ca.cfg", xml("device", device__sec__TLS__customCaCert1=pem.replace("\n", "&#10;"))),
             (f"proxy/{GROUP}.cfg", xml("PHONE_CONFIG", voIpProt__server__1__address="centre.example",
                                        voIpProt__server__1__port=8060)),
             ("server/xic.cfg", xml("PHONE_CONFIG", dialplan__digitmap="[2-9]xxx|911|9[2-9]xxxxxx")),
             ("phone1.cfg", xml("PHONE_CONFIG", **{f"key__{n}__function": "Null" for n in range(200)})),
             ("sip.cfg", xml("SIP", **{f"tone__chord__{n}__freq": draw.randrange(4000) for n in range(3000)})),
             ("provisional.cfg", xml("APPLICATION", APP_FILE_PATH="sip.ld", CONFIG_FILES="/phone/provisional.cfg")),
             ("phone/provisional.cfg", xml("PHONE_CONFIG", reg__1__address="provisional"))]
    for number in range(phones):
        kind = PHONES.get(number, "polycom")
        guid = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        texts += polycom_files(number, guid) if kind == "polycom" else line_files(number)
        user = 1010 + number
        texts.append((f"by-user-agent/{mac_of(number)}/config.cfg", f"user={user}\npassword=violet-{user}\n"))
    yield from ((path, text.encode()) for path, text in texts)
    sizes = {f"{MODEL}.bootrom.ld": firmware_kb // 4, f"{MODEL}.sip.ld": firmware_kb,
             **{f"{name}.img": firmware_kb * 3 // 4 for name in IMAGES}}
    for path, size_kb in sizes.items():
        yield path, b"HFFW" + path.encode().ljust(60, b"\0") + draw.randbytes(size_kb * 1024)


def generate(root, seed, firmware_kb, phones=len(PHONES)):
    for path, data in branch_files(seed, firmware_kb, phones):
        write_whole(root / path, data)
        os.utime(root / path, (MTIME, MTIME))


def write_whole(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.write_bytes(data)
    fresh.replace(path)
