// SPDX-License-Identifier: Apache-2.0
// From the keys that a call has settled to what the dataplane is told. Pure.
#pragma once

#include "dataplane/control/messages.hh"
#include "media/sdp_media.hh"

namespace holdfast::sip {

// Null: plain RTP. Keys that we do not have are left out: what needs them is dropped.
control::SharedSrtp leg_srtp_of(const media::SrtpEnd& end);
void tell_srtp(const media::SrtpEnd& end, control::LegUpdate& out);

// Whether the leg has what it was told, as far as its report shows that: the suites.
bool has_srtp(const control::LegReport& report, const media::SrtpEnd& told);

}  // namespace holdfast::sip
