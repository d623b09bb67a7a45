// SPDX-License-Identifier: Apache-2.0
// What remotes with SRTP send: frames of frames.hh, protected, many at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/relay/frames.hh"
#include "bench/relay/srtp_defects.hh"
#include "bench/relay/srtp_plan.hh"
#include "media/srtp/engine.hh"

namespace holdfast::bench {

// All remotes of one side. One thread.
class SrtpSpeaker {
 public:
  static constexpr size_t kMaxFrameBytes = kFrameBytes + media::kMaxSrtpTrailerBytes;

  // Throws std::runtime_error when there is no engine.
  SrtpSpeaker(media::SrtpSuite suite, size_t side, uint32_t calls);

  size_t frame_bytes() const { return frame_bytes_; }
  // `frame`: of first_frame(), in a buffer of frame_bytes(). Its headers get room for the trailer.
  void make_room(uint8_t* frame) const;
  // Makes such a frame the one that comes `packets` later, as of the next seal(). A frame is once
  // in a batch; streams' frames come in their order.
  void next(uint8_t* frame, uint32_t call, uint16_t packets);
  // Makes `bad`, as of the next seal(), of the newest frame of its stream, which may be in the
  // batch.
  void spoil(const uint8_t* newest, uint8_t* bad, const SrtpDefect& how);
  // Protects the batch and closes its frames. Throws std::runtime_error when the engine refuses.
  void seal();

 private:
  struct Spoiled {
    const uint8_t* newest;
    uint8_t* bad;
    const SrtpDefect* how;
  };

  std::unique_ptr<media::SrtpEngine> engine_;
  std::vector<media::SrtpOutbound> states_;  // by call
  std::vector<media::SrtpTask> batch_;
  std::vector<Spoiled> spoiled_;
  size_t frame_bytes_;
};

// One side's, or null where it speaks plain RTP.
std::unique_ptr<SrtpSpeaker> make_srtp_speaker(const SrtpSuites& suites, size_t side,
                                               uint32_t calls);

}  // namespace holdfast::bench
