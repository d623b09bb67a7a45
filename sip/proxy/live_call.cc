// SPDX-License-Identifier: Apache-2.0
// From the ends of streams to links.
#include "sip/proxy/live_call.hh"

#include <algorithm>

namespace holdfast::sip {
namespace {

bool contains(const std::vector<IpAddress>& list, const IpAddress& ip) {
  return std::find(list.begin(), list.end(), ip) != list.end();
}

LinkId link_of_end(const LiveCall::End& end, const RouteConfig& config,
                   const std::vector<Upstream>& upstreams, const std::vector<IpAddress>& phones) {
  if (contains(config.media.addresses, end.ip)) return kNoLink;
  const LinkId known = link_of(config, upstreams, end.ip, end.interface);
  if (known != kNoLink) return known;
  return end.interface == config.centre_interface && !contains(phones, end.ip) ? kCentreLink
                                                                               : kNoLink;
}

}  // namespace

CallUse use_of_listed(const LiveCall& call, const RouteConfig& config,
                      const std::vector<Upstream>& upstreams,
                      const std::vector<IpAddress>& phones) {
  CallUse use;
  constexpr media::LineDemand kSpeech{media::kUsualDemand, true};
  bool video = false;
  for (const LiveCall::Stream& stream : call.streams) {
    video |= stream.media == "video";
    for (size_t side = 0; side < 2; ++side) {
      const uint32_t trailer = stream.ends[side].srtp_trailer_bytes;
      use.demands[side] =
          media::larger(use.demands[side], media::sum_of({&kSpeech, 1}, {&trailer, 1}));
      const LinkId link = link_of_end(stream.ends[side], config, upstreams, phones);
      if (link != kNoLink) use.links[side] = link;
    }
  }
  if (video)
    for (media::MediaDemand& each : use.demands) each.bits_per_s += media::kVideoBitsPerS;
  return use;
}

}  // namespace holdfast::sip
