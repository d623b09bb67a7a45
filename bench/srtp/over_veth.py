# SPDX-License-Identifier: Apache-2.0
"""What a packet of SRTP costs the whole machine over veth, beside rtpengine in user space."""
import cost  # of bench/rtpengine
import relays

CALLS = 500  # 1,000 legs, 50,000 packets/s
TARGET = 1 / 5
CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
# By side. Another suite on the other side, so that nobody can pass packets on as they are.
CASES = {f"RTP from and to {CM}": {"wan": CM}, f"{CM} from and to GCM": {"lan": GCM, "wan": CM}}


def report(options, output):
    seconds = cost.QUICK_S if options.quick else cost.RUN_S
    for name, suites in CASES.items():
        cost.judge(cost.Cost(seconds, CALLS, (relays.Holdfast,), suites), options.runs, output, "srtp",
                   f"{CALLS} calls over veth, {name}", TARGET)
