// SPDX-License-Identifier: Apache-2.0
// Any bytes to unprotect: nothing that was not sent passes, nothing passes twice, and the stream
// goes on after it. The first byte chooses suite, kind and MKI; what follows is cut into packets,
// each of them bytes as they are, or a good packet with some of its bytes changed.
//
// The keys come from a hash of the whole input: under keys that are the same for all, an input
// could hold what another one's keys have sealed, and rightly pass.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/srtp/ipsecmb_engine.hh"
#include "tests/media/srtp/packets.hh"

using namespace holdfast::media;

namespace {

// That of the _32 suites, which one forgery in 2^32 has by chance: some minute of fuzzing will meet
// it, though not under two keys.
constexpr size_t kGuessableTagBytes = 4;

void must(bool holds) {
  if (!holds) std::abort();
}

SrtpEngine& engine() {
  static const std::unique_ptr<SrtpEngine> made = make_ipsecmb_engine().engine;
  must(made != nullptr);
  return *made;
}

struct Input {
  const uint8_t* data;
  size_t size;
  uint8_t byte() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
  Bytes bytes(size_t count) {
    count = std::min(count, size);
    Bytes taken(data, data + count);
    data += count;
    size -= count;
    return taken;
  }
};

enum class Outcome : uint8_t { right, passed_unsent };

// `text` gives the keys.
Outcome run(Input input, const std::string& text) {
  const uint8_t shape = input.byte();
  const bool rtcp = (shape & 0x40) != 0;
  Random random(std::hash<std::string>{}(text));
  const SdesKey key = random_key(random, static_cast<SrtpSuite>(shape % kSrtpSuites),
                                 (shape & 0x80) != 0 ? SrtpMki{1, 1} : SrtpMki{});
  const auto in = std::make_unique<SrtpInbound>();
  const auto out = std::make_unique<SrtpOutbound>();
  must(engine().open(*in, key) && engine().open(*out, key));
  constexpr uint16_t kFirst = 65500;  // near the roll-over, where an SSRC does not begin by itself
  constexpr uint32_t kSsrc = 9;
  SrtpCheckpoint before;
  before.stream_count = 1;
  before.streams[0] = {kFirst - 1, kSsrc, 0, true, false};
  restore(*out, before);
  const auto make_good = [&](uint16_t sequence) {
    Packet packet(rtcp ? random_rtcp(random, kSsrc) : rtp_packet(kSsrc, sequence, 30, 1, 1),
                  rtcp ? SrtpOp::protect_rtcp : SrtpOp::protect_rtp, nullptr, out.get());
    must(process_one(engine(), packet) == SrtpVerdict::srtp_ok);
    return packet.result();
  };

  std::vector<Packet> burst;
  std::vector<Bytes> good;
  const auto unprotect = rtcp ? SrtpOp::unprotect_rtcp : SrtpOp::unprotect_rtp;
  uint16_t sequence = kFirst;
  while (input.size > 0 && burst.size() < 80) {
    const uint8_t kind = input.byte();
    Bytes packet;
    if (kind < 128) {
      packet = input.bytes(size_t{kind} * 8);
    } else {
      good.push_back(make_good(sequence++));
      packet = good.back();
      for (int changes = kind & 3; changes > 0; --changes) {
        uint8_t& byte = packet[input.byte() % packet.size()];
        byte = static_cast<uint8_t>(byte ^ input.byte());
      }
      if ((kind & 4) != 0) packet.resize(input.byte() % (packet.size() + 1));
    }
    burst.emplace_back(packet, unprotect, in.get(), nullptr);
  }
  std::vector<Bytes> wire;
  wire.reserve(burst.size());
  for (const Packet& packet : burst)
    wire.emplace_back(packet.bytes.begin(), packet.bytes.begin() + packet.task.length);
  process(engine(), burst);
  const SrtpSuiteTraits& traits = traits_of(key.master.suite());
  const size_t tag_bytes = rtcp ? traits.rtcp_tag_bytes : traits.rtp_tag_bytes;
  std::vector<Bytes> passed;
  bool any_unsent = false;
  for (size_t i = 0; i < burst.size(); ++i) {
    if (burst[i].task.verdict != SrtpVerdict::srtp_ok) continue;
    any_unsent |= std::find(good.begin(), good.end(), wire[i]) == good.end();
    must(std::find(passed.begin(), passed.end(), wire[i]) == passed.end());
    passed.push_back(wire[i]);
  }
  must(!any_unsent || tag_bytes == kGuessableTagBytes);
  if (any_unsent) return Outcome::passed_unsent;
  // Where none passed before the roll-over, nobody can tell that there was one.
  const bool roc_is_known = rtcp || sequence >= kFirst || !passed.empty();
  Packet last(make_good(sequence), unprotect, in.get(), nullptr);
  const SrtpVerdict verdict = process_one(engine(), last);
  must(verdict == (roc_is_known ? SrtpVerdict::srtp_ok : SrtpVerdict::srtp_auth_failed));
  return Outcome::right;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Input input{data, size};
  std::string text(data, data + size);
  if (run(input, text) == Outcome::right) return 0;
  text += "other keys";
  must(run(input, text) == Outcome::right);
  return 0;
}
