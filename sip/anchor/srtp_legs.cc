// SPDX-License-Identifier: Apache-2.0
// From the keys that a call has settled to what the dataplane is told.
#include "sip/anchor/srtp_legs.hh"

#include "media/srtp/sdes.hh"

namespace holdfast::sip {
namespace {

using media::SrtpEnd;

std::optional<media::SdesKey> copy_of(const media::SdesKeyPtr& key) {
  if (!key) return std::nullopt;
  return media::SdesKey{key->master.clone(), key->lifetime_packets, key->mki};
}

std::string_view suite_of(const media::SdesKeyPtr& key) {
  return key ? media::traits_of(key->master.suite()).name : std::string_view();
}

}  // namespace

control::SharedSrtp leg_srtp_of(const SrtpEnd& end) {
  if (end.mode == SrtpEnd::Mode::plain) return nullptr;
  return std::make_shared<const control::LegSrtp>(
      control::LegSrtp{copy_of(end.in), copy_of(end.out)});
}

void tell_srtp(const SrtpEnd& end, control::LegUpdate& out) {
  out.srtp = leg_srtp_of(end);
  out.clear_srtp = !out.srtp;
}

bool has_srtp(const control::LegReport& report, const SrtpEnd& told) {
  if (told.mode == SrtpEnd::Mode::kept) return true;
  if (!report.srtp) return told.mode == SrtpEnd::Mode::plain;
  return told.mode == SrtpEnd::Mode::sdes && report.srtp->in == suite_of(told.in) &&
         report.srtp->out == suite_of(told.out);
}

}  // namespace holdfast::sip
