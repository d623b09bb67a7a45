// SPDX-License-Identifier: Apache-2.0
// By our own engine: libsrtp would be slower than the device under test.
#include "bench/relay/srtp_speaker.hh"

#include <algorithm>
#include <stdexcept>

#include "media/srtp/choose.hh"

namespace holdfast::bench {

using media::SrtpOp;
using media::SrtpVerdict;

SrtpSpeaker::SrtpSpeaker(media::SrtpSuite suite, size_t side, uint32_t calls)
    : engine_(media::make_srtp_engine().engine),
      states_(calls),
      frame_bytes_(kFrameBytes + media::traits_of(suite).rtp_tag_bytes) {
  if (engine_ == nullptr) throw std::runtime_error("no library for SRTP");
  for (uint32_t call = 0; call < calls; ++call) {
    if (!engine_->open(states_[call], srtp_key_of(suite, side, call, Sender::remote)))
      throw std::runtime_error("the SRTP engine takes no more keys");
  }
}

void SrtpSpeaker::make_room(uint8_t* frame) const {
  set_udp_payload(frame, static_cast<uint16_t>(frame_bytes_ - kRtpAt));
}

void SrtpSpeaker::next(uint8_t* frame, uint32_t call, uint16_t packets) {
  advance_rtp(frame, packets);
  fill_payload(frame, call);
  batch_.push_back({.data = frame + kRtpAt,
                    .length = static_cast<uint16_t>(kFrameBytes - kRtpAt),
                    .capacity = static_cast<uint16_t>(frame_bytes_ - kRtpAt),
                    .op = SrtpOp::protect_rtp,
                    .out = &states_[call]});
}

void SrtpSpeaker::spoil(const uint8_t* newest, uint8_t* bad, const SrtpDefect& how) {
  spoiled_.push_back({newest, bad, &how});
}

void SrtpSpeaker::seal() {
  engine_->process(batch_);
  for (const media::SrtpTask& task : batch_) {
    if (task.verdict != SrtpVerdict::srtp_ok || task.length != frame_bytes_ - kRtpAt)
      throw std::runtime_error("SRTP: " + std::string(media::name_of(task.verdict)));
    close_udp(task.data - kRtpAt);
  }
  batch_.clear();
  for (const Spoiled& each : spoiled_) {
    std::copy_n(each.newest, frame_bytes_, each.bad);
    each.how->apply(each.bad);
  }
  spoiled_.clear();
}

std::unique_ptr<SrtpSpeaker> make_srtp_speaker(const SrtpSuites& suites, size_t side,
                                               uint32_t calls) {
  return suites[side] ? std::make_unique<SrtpSpeaker>(*suites[side], side, calls) : nullptr;
}

}  // namespace holdfast::bench
