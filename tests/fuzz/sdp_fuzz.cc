// SPDX-License-Identifier: Apache-2.0
// Any bytes as SDP: refused by name, or anchored into a body that reads the same but for what is
// ours.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "media/media_call.hh"
#include "media/sdp_anchor.hh"
#include "media/sdp_bandwidth.hh"
#include "media/sdp_limits.hh"
#include "media/sdp_origin.hh"
#include "media/srtp/sdes_terms.hh"
#include "media/srtp/trailer.hh"

using namespace holdfast;
using namespace holdfast::media;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// Only what we may change differs between what came and what goes out.
void compare(const MediaDescription& before, const MediaDescription& after,
             const AnchorMedia& plan) {
  must(after.media == before.media && after.transport == before.transport);
  if (plan.action == MediaAction::refuse || before.refused()) {
    must(after.refused());
    return;
  }
  if (plan.action == MediaAction::pass) {
    must(after == before);
    return;
  }
  must(after.port == plan.local.port && after.host.empty());
  must(after.held_by_address == before.held_by_address);
  must(after.held_by_address || after.remote == plan.local);
  must(after.rtcp_mux == (plan.rtcp_mux && is_rtp(after.transport)));
  if (after.remote && is_rtp(after.transport)) {
    const int rtcp_port = plan.local_rtcp_port ? plan.local_rtcp_port : plan.local.port + 1;
    must(after.remote_rtcp->port == rtcp_port && after.remote_rtcp->ip == plan.local.ip);
  }
  must(after.direction == before.direction && after.clocks == before.clocks);
  must(after.crypto == before.crypto && after.ptime_ms == before.ptime_ms);
  must(after.telephone_event == before.telephone_event);
}

std::string untouched_lines(const Sdp& sdp) {
  std::string text;
  const auto take = [&](std::span<const SdpLine> lines) {
    for (const SdpLine& line : lines)
      if (line.type != 'o' && line.type != 'c' && line.type != 'm' && line.type != 'a')
        text.append(1, line.type).append(line.value).append("\n");
  };
  take(sdp.session_lines());
  for (const SdpMedia& media : sdp.media()) take(sdp.lines_of(media));
  return text;
}

void anchor_and_compare(size_t size, const Sdp& sdp, const MediaList& media,
                        const AnchorPlan& plan) {
  const auto body = anchor_sdp(sdp, plan);
  if (!body) {
    must(body.error() == SdpReject::sdp_port_count || plan.address.is_none());
    return;
  }
  must(body->size() <= size + kMaxAnchorGrowthBytes);
  const auto again = parse_sdp(*body);
  if (!again) {  // what we add may lead past a bound, and nowhere else
    must(again.error() == SdpReject::sdp_too_many_lines ||
         again.error() == SdpReject::sdp_too_long);
    return;
  }
  must(untouched_lines(*again) == untouched_lines(sdp));
  const auto after = describe_media(*again);
  must(after && after->size() == media.size());
  for (size_t i = 0; i < media.size(); ++i) compare(media[i], (*after)[i], plan.media[i]);
  const auto twice = anchor_sdp(*again, plan);
  must(twice && *twice == *body);
  SdpOriginKeeper keeper;
  const auto kept = keeper.anchor(sdp, plan);
  if (!kept) return;
  const auto repeated = keeper.anchor(sdp, plan);
  must(repeated && *repeated == *kept && kept->size() <= size + kMaxAnchorGrowthBytes);
}

// What the streams take of a link is known for every body, whatever its b= lines say, and grows
// with what the link adds.
void weigh(const Sdp& sdp, const MediaList& media) {
  const auto lines = demands_of_lines(sdp, media, {});
  must(lines.size() == media.size());
  const MediaDemand demand = sum_of(lines, {});
  const bool carries = std::any_of(media.begin(), media.end(), [](const MediaDescription& each) {
    return action_for(each, {}) == MediaAction::anchor && !each.refused();
  });
  must((demand.bits_per_s > 0) == carries && (demand.packets_per_s > 0) == carries);
  must(kbit_of(demand, 0) <= kbit_of(demand, 38) && kbit_of(demand, 0) >= demand.bits_per_s / 1000);
  must(larger(demand, {}) == demand && larger({}, demand) == demand);
  static const SrtpInterface kOurs{SrtpPolicy::offer};
  for (const SrtpPolicy other : {SrtpPolicy::offer, SrtpPolicy::pass_through}) {
    std::vector<uint32_t> trailers;
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto said = srtp_said(sdp, sdp.media()[i], media[i]);
      trailers.push_back(
          trailer_bytes_of(said, srtp_terms({other, kOurs.suites, true}, kOurs.rules(true))));
      must(trailers.back() <= 16 + kMaxMkiBytes && (said.any || trailers.back() == 0));
    }
    must(larger(sum_of(lines, trailers), demand) == sum_of(lines, trailers));
  }
}

// SRTP of ours: whatever the lines say, what is sent on has our keys alone, and an end has both
// keys or none.
void settle(const Sdp& sdp, MediaList media, const SocketAddress& ours) {
  static const std::vector<SrtpSuite> kSuites = {SrtpSuite::aes_cm_128_hmac_sha1_80,
                                                 SrtpSuite::aead_aes_256_gcm};
  std::vector<AnchorMedia> plan(media.size());
  std::vector<CryptoTexts> texts(media.size());
  for (size_t i = 0; i < media.size(); ++i) {
    if (media[i].refused() || media[i].port_count != 1 || !is_rtp(media[i].transport)) continue;
    if (media[i].transport == MediaTransport::dtls_srtp) continue;
    const SrtpRules writer{static_cast<SrtpPolicy>(i % 4), kSuites, i % 3 != 0};
    const SrtpRules reader{SrtpPolicy::offer, kSuites, true};
    const auto crypto = crypto_values(sdp, sdp.media()[i]);
    const SrtpTerms terms = srtp_terms(reader, writer);
    const auto offered = settle_offer(crypto, srtp_terms(writer, reader), terms, {}, media[i]);
    if (!offered.refused.empty()) continue;
    must((media[i].srtp.mode == SrtpEnd::Mode::sdes) == (media[i].srtp.in && media[i].srtp.out));
    must(media[i].crypto_onward.size() == kSuites.size());
    MediaDescription answer = media[i];
    const auto answered = settle_answer(crypto, media[i], nullptr, answer);
    must(!answered.refused.empty() || !answer.srtp.in || answer.srtp.out);
    plan[i] = {MediaAction::anchor, ours, 0, false};
    for (const CryptoOffer& each : media[i].crypto_onward) texts[i].add(each);
    plan[i].secure = i % 2 == 0;
    plan[i].crypto = texts[i].all();
  }
  const auto body = anchor_sdp(sdp, {ours.ip, std::nullopt, plan});
  if (!body) return;
  const auto again = parse_sdp(*body);
  if (!again) return;
  for (size_t i = 0; i < plan.size(); ++i) {
    const SdpMedia& section = again->media()[i];
    const auto seen = crypto_values(*again, section);
    must(std::equal(seen.begin(), seen.end(), plan[i].crypto.begin(), plan[i].crypto.end()));
    if (plan[i].secure)
      must((transport_from(section.proto) == MediaTransport::srtp) == *plan[i].secure);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sdp = parse_sdp(text);
  if (!sdp) {
    must(!name_of(sdp.error()).empty() && !text_of(sdp.error()).empty());
    return 0;
  }
  must(sdp->media().size() <= kMaxSdpMedia);
  const auto media = describe_media(*sdp);
  if (!media) return 0;
  weigh(*sdp, *media);

  const auto ours = SocketAddress::parse(size % 2 ? "198.18.2.1:30000" : "[2001:db8::1]:30000");
  std::vector<AnchorMedia> all;
  for (size_t i = 0; i < media->size(); ++i)
    all.push_back({(*media)[i].port_count == 1 ? MediaAction::anchor : MediaAction::refuse, *ours,
                   static_cast<uint16_t>(size % 3 ? 0 : 30005), size % 5 == 0});
  std::vector<AnchorMedia> mixed = all;
  for (size_t i = 0; i < mixed.size(); ++i)
    if ((size >> (i % 8)) & 1) mixed[i].action = i % 2 ? MediaAction::pass : MediaAction::refuse;
  for (const auto& plan : {all, mixed})
    anchor_and_compare(size, *sdp, *media, {ours->ip, std::nullopt, plan});

  settle(*sdp, *media, *ours);

  MediaList relayed = *media;
  apply_plan(all, relayed);
  MediaCall call("a");
  must(call.offer({"a", "", "z"}, Carrier::reliable, relayed).ok());
  must(call.answer({"a", "b", "z"}, Carrier::final, relayed).ok());
  must(call.wanted().size() <= relayed.size() &&
       call.offer({"b", "a", ""}, Carrier::reliable, relayed).ok());
  call.remove({"a", "b", ""});
  must(call.empty());
  return 0;
}
