// SPDX-License-Identifier: Apache-2.0
// Calls with SRTP through a call book and a relay, and endpoints whose SRTP is libsrtp's.
#pragma once

#include <random>

#include "dataplane/calls/call_book.hh"
#include "tests/dataplane/relay/rig.hh"
#include "tests/media/srtp/oracle.hh"
#include "tests/media/srtp/packets.hh"

namespace holdfast::dataplane::test_rig {

inline constexpr size_t kUdpPayloadAt = 14 + 20 + 8;

inline Bytes payload_of(const Bytes& frame) {
  return {frame.begin() + kUdpPayloadAt, frame.end()};
}

// A phone or the centre: where it is, and its keys. Without keys it speaks plain RTP.
class Endpoint {
 public:
  Endpoint(size_t port, const char* at) : port_(port), at_(*SocketAddress::parse(at)) {}

  // What it sends is protected with `mine`, what it hears with `ours`.
  void use(const media::SdesKey& mine, const media::SdesKey& ours) {
    sender_.emplace(mine, media::SrtpOracle::Role::sender);
    hear(ours);
  }
  void hear(const media::SdesKey& ours) {
    receiver_.emplace(ours, media::SrtpOracle::Role::receiver);
  }
  void be_plain() {
    sender_.reset();
    receiver_.reset();
  }

  Bytes protect(const Bytes& packet, bool rtcp = false) {
    return sender_ ? sender_->protect(packet, rtcp) : packet;
  }
  // Empty: it would not take it.
  Bytes hear(const Bytes& payload, bool rtcp) {
    return receiver_ ? receiver_->unprotect(payload, rtcp) : payload;
  }
  Bytes frame(const Bytes& payload, const control::LegReport& leg, bool rtcp) const {
    test::UdpFrame frame{.to = *MacAddress::parse("02:00:00:00:00:0" + std::to_string(port_ + 1)),
                         .source = at_,
                         .destination = rtcp ? leg.local_rtcp : leg.local,
                         .payload = payload};
    if (rtcp && !(leg.local == leg.local_rtcp)) ++frame.source.port;
    return test::build(frame);
  }
  size_t port() const { return port_; }
  const SocketAddress& at() const { return at_; }

 private:
  size_t port_;
  SocketAddress at_;
  std::optional<media::SrtpOracle> sender_;
  std::optional<media::SrtpOracle> receiver_;
};

// A relay with its book, for as long as a process would live.
struct SrtpLife {
  explicit SrtpLife(
      const RigOptions& options, std::span<SavedCall> saved = {},
      SrtpSetup::Reserve reserve = [](LegIndex) { return true; }, SrtpSetup::Brought brought = {})
      : rig(with_engine(options)),
        setup({with_engine(options).engine(), "the test says so"}, std::move(reserve),
              std::move(brought)) {
    std::vector<CoreLine*> raw;
    for (uint32_t i = 0; i < options.cores; ++i) {
      lines.push_back(std::make_unique<CoreLine>(rig.core(i), rig.board().core_bell(i)));
      raw.push_back(lines.back().get());
    }
    book = std::make_unique<CallBook>(rig.board(), raw,
                                      std::vector<BookInterface>{{"lan", 7}, {"wan", 8}},
                                      options.max_legs, saved);
    book->set_srtp(&setup);
  }
  static RigOptions with_engine(RigOptions options) {
    if (options.engine == nullptr) options.engine = [] { return media::make_srtp_engine().engine; };
    return options;
  }

  control::CallReport add(const control::CallAdd& request) {
    const Running running(rig);
    const auto added = book->add(request);
    EXPECT_TRUE(added) << added.error().message;
    return added ? *added : control::CallReport{request.call, 0, {}, {{}, {}}};
  }
  control::LegReport update(const control::LegUpdate& request) {
    const Running running(rig);
    const auto updated = book->update(request);
    EXPECT_TRUE(updated) << updated.error().message;
    return updated ? *updated : control::LegReport{};
  }
  control::CallReport remove(const std::string& call) {
    const Running running(rig);
    const auto removed = book->remove(call);
    EXPECT_TRUE(removed);
    return removed ? *removed : control::CallReport{};
  }

  Rig rig;
  std::vector<std::unique_ptr<CoreLine>> lines;
  SrtpSetup setup;
  std::unique_ptr<CallBook> book;
};

using media::SdesKey;
using media::SrtpSuite;

inline SdesKey copy_of(const SdesKey& key) {
  return {key.master.clone(), key.lifetime_packets, key.mki};
}
inline control::SharedSrtp keys(const SdesKey& in, const SdesKey& out) {
  auto made = std::make_shared<control::LegSrtp>();
  made->in.emplace(copy_of(in));
  made->out.emplace(copy_of(out));
  return made;
}

// A call "a" between a phone on the LAN and the centre on the WAN.
class SrtpCall : public ::testing::Test {
 protected:
  SdesKey key(SrtpSuite suite, media::SrtpMki mki = {}) {
    return media::random_key(random, suite, mki);
  }
  static control::CallAdd request(const std::string& call = "a") {
    control::CallAdd add;
    add.call = call;
    add.legs[0].interface = "lan";
    add.legs[0].remote = SocketAddress::parse("198.18.1.10:4000");
    add.legs[1].interface = "wan";
    add.legs[1].remote = SocketAddress::parse("198.18.3.10:30000");
    return add;
  }
  void begin(SrtpLife& life, const control::CallAdd& add) {
    call = life.add(add);
    for (size_t i = 0; i < 2; ++i)
      if (add.legs[i].remote) life.rig.resolve(call.legs[i].leg);
  }
  // The phone protects with `mine` and hears with `ours`; the centre is as `add` says: plain.
  void begin(SrtpLife& life, const SdesKey& mine, const SdesKey& ours,
             control::CallAdd add = request()) {
    add.legs[0].srtp = keys(mine, ours);
    begin(life, add);
    phone.use(mine, ours);
  }
  void begin(SrtpLife& life, SrtpSuite suite) { begin(life, key(suite), key(suite)); }
  // Every frame of `from` in one burst; what came out at the other side, in its order.
  std::vector<Bytes> pass(SrtpLife& life, const Endpoint& from, const std::vector<Bytes>& payloads,
                          bool rtcp = false) {
    const control::LegReport& leg = call.legs[from.port()];
    for (const Bytes& payload : payloads)
      life.rig.arrive(from.port(), from.frame(payload, leg, rtcp));
    life.rig.run();
    std::vector<Bytes> left;
    for (const Bytes& frame : life.rig.departed(1 - from.port())) {
      EXPECT_TRUE(test::checksums_hold(frame));
      left.push_back(payload_of(frame));
    }
    return left;
  }
  // Says `packets` from one endpoint to the other, who hears them as they were said.
  void say(SrtpLife& life, Endpoint& from, Endpoint& to, const std::vector<Bytes>& packets,
           bool rtcp = false) {
    std::vector<Bytes> sent;
    sent.reserve(packets.size());
    for (const Bytes& packet : packets) sent.push_back(from.protect(packet, rtcp));
    const auto left = pass(life, from, sent, rtcp);
    ASSERT_EQ(left.size(), packets.size());
    // An SSRC begins in the lower half of the numbers, where SRTP is ours.
    const auto low = [rtcp](Bytes packet) {
      if (!rtcp && packet.size() > 2) packet[2] &= 0x7f;
      return packet;
    };
    for (size_t i = 0; i < left.size(); ++i)
      ASSERT_EQ(low(to.hear(left[i], rtcp)), low(packets[i])) << i;
  }
  std::vector<Bytes> speech(uint16_t from, size_t count, uint32_t ssrc = 7) {
    std::vector<Bytes> packets;
    for (size_t i = 0; i < count; ++i)
      packets.push_back(media::rtp_packet(ssrc, static_cast<uint16_t>(from + i), 160));
    return packets;
  }
  control::LegReport report(SrtpLife& life, size_t leg) {
    control::LegUpdate nothing;
    nothing.leg = call.legs[leg].leg;
    return life.update(nothing);
  }
  static uint64_t drops(const control::LegReport& leg, std::string_view name) {
    for (const auto& drop : leg.drops)
      if (drop.name == name) return drop.count;
    return 0;
  }

  media::Random random{20};
  Endpoint phone{0, "198.18.1.10:4000"};
  Endpoint centre{1, "198.18.3.10:30000"};
  control::CallReport call;
};

}  // namespace holdfast::dataplane::test_rig
