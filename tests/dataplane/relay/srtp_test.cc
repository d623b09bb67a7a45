// SPDX-License-Identifier: Apache-2.0
// SRTP through the relay: what libsrtp protects is heard, and nothing else passes.
#include <gtest/gtest.h>

#include "dataplane/calls/capture_desk.hh"
#include "media/srtp/libsrtp_engine.hh"
#include "tests/dataplane/relay/srtp_calls.hh"

namespace holdfast::dataplane {
namespace {

using namespace test_rig;

constexpr SrtpSuite kSuites[] = {
    SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aes_cm_128_hmac_sha1_32,
    SrtpSuite::aes_256_cm_hmac_sha1_80, SrtpSuite::aes_256_cm_hmac_sha1_32,
    SrtpSuite::aead_aes_128_gcm,        SrtpSuite::aead_aes_256_gcm};

Bytes sender_report(uint32_t ssrc) {
  Bytes report(28);
  report[0] = 0x80;
  report[1] = 200;
  report[3] = 6;
  media::put_be32(&report[4], ssrc);
  media::put_be32(&report[8], 0x1122'3344);
  return report;
}

// Reports on one stream, with a delay since its last sender report of nothing.
Bytes receiver_report(uint32_t ssrc, uint32_t about, uint8_t lost) {
  Bytes report(32);
  report[0] = 0x81;
  report[1] = 201;
  report[3] = 7;
  media::put_be32(&report[4], ssrc);
  media::put_be32(&report[8], about);
  report[15] = lost;
  return report;
}

// By ipsec-mb where the CPU can, and by what is there where it cannot.
struct Library {
  const char* name;
  std::unique_ptr<media::SrtpEngine> (*make)();
};
class SrtpCallBy : public SrtpCall, public ::testing::WithParamInterface<Library> {};
INSTANTIATE_TEST_SUITE_P(
    Both, SrtpCallBy,
    ::testing::Values(Library{"chosen", [] { return media::make_srtp_engine().engine; }},
                      Library{"libsrtp", [] { return media::make_libsrtp_engine(); }}),
    [](const auto& tried) { return tried.param.name; });

TEST_P(SrtpCallBy, PlainCentreAndSecurePhoneBySuite) {
  SrtpLife life({.engine = GetParam().make});
  for (const SrtpSuite suite : kSuites) {
    begin(life, suite);
    for (uint16_t burst = 0; burst < 4; ++burst) {
      say(life, phone, centre, speech(static_cast<uint16_t>(burst * 32), 32, 7));
      say(life, centre, phone, speech(static_cast<uint16_t>(500 + burst * 32), 32, 8));
      say(life, phone, centre, {sender_report(7), receiver_report(7, 8, 3)}, true);
      say(life, centre, phone, {sender_report(8)}, true);
    }
    const control::CallReport last = life.remove("a");
    const control::LegReport& lan = last.legs[0];
    EXPECT_EQ(lan.srtp->in, traits_of(suite).name);
    EXPECT_EQ(lan.srtp->out, traits_of(suite).name);
    EXPECT_FALSE(last.legs[1].srtp);
    EXPECT_EQ(lan.rx.packets, 128u);
    EXPECT_EQ(lan.rx.octets, 128u * 160) << "of what was in it, without tags";
    EXPECT_EQ(lan.tx.octets, 128u * 160);
    EXPECT_EQ(lan.rtcp_received, 8u);
    ASSERT_EQ(lan.streams.size(), 1u);
    EXPECT_EQ(lan.streams[0].received, 128u);
    EXPECT_EQ(lan.streams[0].lost, 0u);
    ASSERT_EQ(lan.far_end.size(), 1u) << "RTCP is read as it was before it was encrypted";
    EXPECT_EQ(lan.far_end[0].ssrc, 8u);
    EXPECT_EQ(lan.far_end[0].cumulative_lost, 3);
    EXPECT_TRUE(lan.drops.empty());
  }
  life.rig.expect_balanced();
}

TEST_F(SrtpCall, TwoSuitesMkiAndMux) {
  SrtpLife life({});
  control::CallAdd add = request();
  const SdesKey centre_key = key(SrtpSuite::aead_aes_256_gcm, {9, 4});
  const SdesKey to_centre = key(SrtpSuite::aead_aes_128_gcm);
  add.legs[1].srtp = keys(centre_key, to_centre);
  for (control::LegSpec& leg : add.legs) leg.rtcp_mux = true;
  centre.use(centre_key, to_centre);
  begin(life, key(SrtpSuite::aes_cm_128_hmac_sha1_80, {0x1234, 2}),
        key(SrtpSuite::aes_256_cm_hmac_sha1_80, {1, 1}), add);
  uint16_t number = 65500;  // over a roll-over
  for (int burst = 0; burst < 10; ++burst, number = static_cast<uint16_t>(number + 20)) {
    say(life, phone, centre, speech(number, 20, 7));
    say(life, centre, phone, speech(number, 20, 8));
    say(life, phone, centre, {sender_report(7)}, true);
    say(life, centre, phone, {sender_report(8)}, true);
  }
  EXPECT_EQ(report(life, 1).srtp->in, "AEAD_AES_256_GCM");
  EXPECT_EQ(report(life, 1).srtp->out, "AEAD_AES_128_GCM");
  life.rig.expect_balanced();
}

// No one who has not the key gets a packet through, or the path.
TEST_F(SrtpCall, ForgedReplayedAndPlainPacketsGoNoFurther) {
  SrtpLife life({});
  for (const SrtpSuite suite : {SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aead_aes_128_gcm}) {
    control::CallAdd add = request();
    add.legs[0].remote.reset();  // to be learned
    begin(life, key(suite), key(suite), add);
    media::SrtpOracle thief(key(suite), media::SrtpOracle::Role::sender);
    Endpoint elsewhere(0, "198.18.1.66:4000");
    const Bytes forged = thief.protect(media::rtp_packet(7, 1, 160), false);
    EXPECT_TRUE(pass(life, elsewhere, {forged, media::rtp_packet(7, 2, 160)}).empty());
    EXPECT_FALSE(report(life, 0).learned_source);

    const Bytes good = phone.protect(media::rtp_packet(7, 1, 160));
    Bytes flipped = good;
    flipped[40] ^= 1;
    // In one burst: forged, damaged, the packet, the packet again.
    EXPECT_EQ(pass(life, phone, {forged, flipped, good, good}).size(), 1u);
    EXPECT_TRUE(pass(life, phone, {good}).empty());
    EXPECT_EQ(report(life, 0).learned_source, phone.at());
    EXPECT_TRUE(pass(life, phone, {Bytes(good.begin(), good.begin() + 14)}).empty());
    const Bytes rtcp = phone.protect(sender_report(7), true);
    EXPECT_EQ(pass(life, phone, {rtcp, rtcp}, true).size(), 1u);

    const control::LegReport lan = life.remove("a").legs[0];
    EXPECT_EQ(drops(lan, "srtp_auth_failed"), 4u);
    EXPECT_EQ(drops(lan, "srtp_replayed"), 3u);
    EXPECT_EQ(drops(lan, "srtp_bad_packet"), 1u);
    EXPECT_EQ(lan.rx.packets, 1u);
    EXPECT_EQ(lan.streams.at(0).received, 1u);
    EXPECT_EQ(lan.streams.at(0).duplicates, 0u) << "a replay is no packet of the stream";
  }
  life.rig.expect_balanced();
  const auto dropped = life.rig.drops(0);
  EXPECT_EQ(dropped.at("srtp_auth_failed"), 8u);
  EXPECT_EQ(dropped.at("srtp_replayed"), 6u);
}

// A source that begins anew goes on under the next numbers, and the receiver hears it.
TEST_F(SrtpCall, APlainSourceThatRestartsIsHeardOn) {
  SrtpLife life({});
  begin(life, SrtpSuite::aead_aes_128_gcm);
  uint16_t last = 0;
  std::set<uint16_t> numbers;
  for (const uint16_t from : std::initializer_list<uint16_t>{65000, 20000, 40000, 5}) {
    for (const Bytes& payload : pass(life, centre, speech(from, 30))) {
      const Bytes heard = phone.hear(payload, false);
      ASSERT_EQ(heard.size(), 172u);
      last = static_cast<uint16_t>(payload[2] << 8 | payload[3]);
      EXPECT_TRUE(numbers.insert(last).second);
    }
  }
  EXPECT_EQ(numbers.size(), 120u);
  EXPECT_EQ(last, 65000 - 0x8000 + 119) << "an SSRC begins in the lower half";
}

TEST_P(SrtpCallBy, KeysChangeOneWayAtATime) {
  SrtpLife life({.engine = GetParam().make});
  const SdesKey mine = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  const SdesKey ours = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  control::CallAdd add = request();
  add.legs[0].srtp = std::make_shared<control::LegSrtp>();  // offered; keys come with the answer
  begin(life, add);
  phone.use(mine, ours);
  EXPECT_TRUE(pass(life, phone, {phone.protect(media::rtp_packet(7, 1, 160))}).empty());
  EXPECT_TRUE(pass(life, centre, speech(1, 1)).empty());
  EXPECT_EQ(drops(report(life, 0), "srtp_no_key"), 2u);

  control::LegUpdate update;
  update.leg = call.legs[0].leg;
  update.srtp = keys(mine, ours);
  life.update(update);
  say(life, phone, centre, speech(65530, 20, 7));  // ROC is 1 now
  say(life, centre, phone, speech(65530, 20, 8));
  const Bytes heard_once = phone.protect(media::rtp_packet(7, 14, 160));
  EXPECT_EQ(pass(life, phone, {heard_once}).size(), 1u);

  // The same keys, told again with a new mark, as of a re-INVITE: nothing begins anew.
  update.dscp = 10;
  life.update(update);
  EXPECT_TRUE(pass(life, phone, {heard_once}).empty());
  say(life, phone, centre, speech(15, 5, 7));
  say(life, centre, phone, speech(15, 5, 8));

  // Another key for what we send; what the phone sends goes on under its own.
  const SdesKey newer = key(SrtpSuite::aead_aes_256_gcm);
  update.srtp = keys(mine, newer);
  EXPECT_EQ(life.update(update).srtp->out, "AEAD_AES_256_GCM");
  phone.hear(newer);
  EXPECT_TRUE(pass(life, phone, {heard_once}).empty());
  say(life, phone, centre, speech(20, 5, 7));
  say(life, centre, phone, speech(20, 5, 8));
  EXPECT_EQ(drops(report(life, 0), "srtp_replayed"), 2u);

  // Plain from now on.
  control::LegUpdate plain;
  plain.leg = update.leg;
  plain.clear_srtp = true;
  EXPECT_FALSE(life.update(plain).srtp);
  phone.be_plain();
  say(life, phone, centre, speech(25, 5, 7));
  say(life, centre, phone, speech(25, 5, 8));
  life.rig.expect_balanced();
}

// A new key of the phone's after its numbers have wrapped, from one that keeps its ROC.
TEST_P(SrtpCallBy, ANewKeyWithTheRocOfTheOneBefore) {
  SrtpLife life({.engine = GetParam().make});
  const SdesKey ours = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
  auto engine = media::make_srtp_engine().engine;
  auto state = std::make_unique<media::SrtpOutbound>();  // what the phone remembers
  const auto speak = [&](uint16_t sequence) {
    media::Packet packet(media::rtp_packet(7, sequence, 160), media::SrtpOp::protect_rtp, nullptr,
                         state.get());
    EXPECT_EQ(name_of(process_one(*engine, packet)), "srtp_ok");
    return pass(life, phone, {packet.result()}).size();
  };
  control::CallAdd add = request();
  uint16_t sequence = 65530;
  state->stream_count = 1;
  state->streams[0].index = sequence - 1u;
  state->streams[0].ssrc = 7;
  state->streams[0].rtp_sent = true;
  for (int key_number = 0; key_number < 3; ++key_number) {
    const SdesKey mine = key(SrtpSuite::aead_aes_128_gcm);
    const media::SrtpCheckpoint before = media::checkpoint_of(*state);
    ASSERT_TRUE(engine->open(*state, mine));
    media::restore(*state, before);
    if (key_number == 0) {
      add.legs[0].srtp = keys(mine, ours);
      begin(life, add);
    } else {
      control::LegUpdate update;
      update.leg = call.legs[0].leg;
      update.srtp = keys(mine, ours);
      life.update(update);
    }
    for (int i = 0; i < 20; ++i) ASSERT_EQ(speak(sequence++), 1u) << key_number << ' ' << i;
  }
  EXPECT_EQ(state->streams[0].index >> 16, 1u);
  engine->release(*state);
}

TEST_F(SrtpCall, TheTrailerCountsForTheMtu) {
  SrtpLife life({});
  begin(life, SrtpSuite::aead_aes_128_gcm);
  constexpr size_t kLongest = 1500 - 20 - 8 - 12 - 16;
  EXPECT_TRUE(pass(life, centre, {media::rtp_packet(8, 1, kLongest + 1)}).empty());
  say(life, centre, phone, {media::rtp_packet(8, 2, kLongest)});
  EXPECT_EQ(drops(report(life, 1), "too_big"), 1u);
  life.rig.expect_balanced();
}

// Legs that are joined here: what leaves one as cipher text comes to the next as that.
TEST_F(SrtpCall, JoinedLegsDecipherForEachOther) {
  for (const uint32_t cores : {1u, 2u}) {
    SrtpLife life({.cores = cores});
    const SdesKey mine = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
    const SdesKey ours = key(SrtpSuite::aes_cm_128_hmac_sha1_80);
    const SdesKey there = key(SrtpSuite::aead_aes_128_gcm);
    const SdesKey back = key(SrtpSuite::aead_aes_128_gcm);
    control::CallAdd first = request("first");
    control::CallAdd second = request("second");
    // Of two slices when there are two lcores.
    const uint16_t near = 20010;
    const uint16_t far = cores == 1 ? 20030 : 20150;
    first.legs[0].local_port = near;
    first.legs[1].local_port = static_cast<uint16_t>(near + 10);
    second.legs[0].local_port = far;
    second.legs[1].local_port = static_cast<uint16_t>(far + 10);
    first.legs[0].srtp = keys(mine, ours);
    first.legs[1].remote = SocketAddress{*IpAddress::parse("198.18.1.2"), far};
    first.legs[1].srtp = keys(back, there);
    second.legs[0].remote =
        SocketAddress{*IpAddress::parse("198.18.2.2"), static_cast<uint16_t>(near + 10)};
    second.legs[0].srtp = keys(there, back);
    const control::CallReport one = life.add(first);
    const control::CallReport two = life.add(second);
    life.rig.resolve(one.legs[0].leg);
    life.rig.resolve(two.legs[1].leg);
    call.legs = {one.legs[0], two.legs[1]};
    phone.use(mine, ours);
    say(life, phone, centre, speech(1, 32, 7));
    say(life, centre, phone, speech(1, 32, 8));
    EXPECT_EQ(life.remove("first").legs[1].joined_sent, 32u);
    life.rig.expect_balanced();
  }
}

TEST_F(SrtpCall, CapturesHaveWhatWasOnTheWire) {
  SrtpLife life({});
  begin(life, SrtpSuite::aead_aes_128_gcm);
  CaptureDesk desk(life.rig.board(), {life.lines[0].get()}, *life.book);
  control::CaptureStart start;
  start.legs = {call.legs[0].leg};
  uint64_t capture = 0;
  {
    const Running running(life.rig);
    const auto begun = desk.start(start, 1, 1);
    ASSERT_TRUE(begun);
    capture = begun->capture;
  }
  const Bytes sent = phone.protect(media::rtp_packet(7, 1, 160));
  ASSERT_EQ(pass(life, phone, {sent}).size(), 1u);
  const std::vector<Bytes> heard = pass(life, centre, speech(1, 1));
  ASSERT_EQ(heard.size(), 1u);
  const auto page = desk.read({capture}, 1, 2);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->frames.size(), 2u);
  const auto captured = [&](size_t i) {
    const std::string& bytes = page->frames[i].bytes;
    return payload_of(Bytes(bytes.begin(), bytes.end()));
  };
  EXPECT_EQ(captured(0), sent);
  EXPECT_EQ(captured(1), heard[0]);
  EXPECT_TRUE(page->frames[1].out);
  {
    const Running running(life.rig);
    EXPECT_TRUE(desk.stop({capture}, 1, 3));
  }
}

// Both sides have keys that only they know: what they say passes as it is, SRTCP too.
TEST_F(SrtpCall, WhatIsSealedPassesUnread) {
  SrtpLife life({});
  control::CallAdd add = request();
  add.legs[0].sealed = add.legs[1].sealed = true;
  begin(life, add);
  const auto reports = [&] {
    std::vector<Bytes> made;
    made.reserve(40);
    for (int i = 0; i < 40; ++i) made.push_back(media::random_rtcp(random, 7));
    return made;
  };
  for (const SrtpSuite suite : kSuites) {
    const SdesKey mine = key(suite);
    const SdesKey theirs = key(suite);
    phone.use(mine, theirs);
    centre.use(theirs, mine);
    say(life, phone, centre, speech(1, 5));
    say(life, phone, centre, reports(), true);
    say(life, centre, phone, reports(), true);
  }
  // Padding that is encrypted is none that we could count.
  Bytes padded = speech(9, 1, 9).front();
  padded[0] |= 0x20;
  padded.back() = 0xff;
  EXPECT_EQ(pass(life, phone, {padded}).size(), 1u);
  Bytes bad = phone.protect(reports().front(), true);
  bad[1] = 191;
  EXPECT_TRUE(pass(life, phone, {bad, Bytes{0x80, 200, 0, 1, 0, 0, 0, 7}}, true).empty());
  const control::LegReport lan = report(life, 0);
  EXPECT_TRUE(lan.sealed);
  EXPECT_FALSE(lan.srtp);
  EXPECT_EQ(lan.rtcp_received, 40 * std::size(kSuites));
  EXPECT_EQ(drops(lan, "rtcp_too_short"), 1u);

  // In the clear from now on, and read again.
  control::LegUpdate update;
  for (const control::LegReport& leg : call.legs) {
    update.leg = leg.leg;
    update.sealed = false;
    EXPECT_FALSE(life.update(update).sealed);
  }
  EXPECT_TRUE(pass(life, phone, {phone.protect(reports().front(), true)}, true).empty());
  EXPECT_EQ(pass(life, phone, {test::rtcp_rr(7)}, true).size(), 1u);
  life.rig.expect_balanced();
}

// Whatever way a request went, refused ones too.
TEST(SrtpChange, IsWipedWhereItWas) {
  alignas(SrtpChange) std::array<uint8_t, sizeof(SrtpChange)> memory{};
  auto* const change = new (memory.data()) SrtpChange;
  change->state.in.keys.rtp.bytes.fill(0xa7);
  change->state.out.keys.rtcp.salt.fill(0xa7);
  std::destroy_at(change);
  EXPECT_EQ(std::count(memory.begin(), memory.end(), 0xa7), 0);
}

// Many legs of all kinds in one burst, on lcores that run by themselves.
TEST_F(SrtpCall, BurstsOfAllKindsAllocateNothing) {
  SrtpLife life({.cores = 2, .max_legs = 32});
  struct Pair {
    Endpoint phone, centre;
    control::CallReport call;
  };
  std::vector<Pair> pairs;
  for (size_t i = 0; i < 12; ++i) {
    const SdesKey mine = key(kSuites[i % 6]);
    const SdesKey ours = key(kSuites[(i + 1) % 6]);
    const SdesKey theirs = key(kSuites[(i + 2) % 6]);
    const SdesKey to_them = key(kSuites[(i + 3) % 6]);
    pairs.push_back({{0, "198.18.1.10:4000"}, {1, "198.18.3.10:30000"}, {}});
    control::CallAdd add = request("call " + std::to_string(i));
    if (i % 3 != 0) {
      add.legs[0].srtp = keys(mine, ours);
      pairs[i].phone.use(mine, ours);
    }
    if (i % 3 != 1) {
      add.legs[1].srtp = keys(theirs, to_them);
      pairs[i].centre.use(theirs, to_them);
    }
    pairs[i].call = life.add(add);
    for (const auto& leg : pairs[i].call.legs) life.rig.resolve(leg.leg);
  }
  std::vector<Pending> frames;
  for (uint16_t number = 1; number <= 20; ++number) {
    for (size_t i = 0; i < pairs.size(); ++i) {
      const auto ssrc = static_cast<uint32_t>(i);
      frames.push_back(life.rig.prepare(
          0, pairs[i].phone.frame(pairs[i].phone.protect(media::rtp_packet(ssrc, number, 160)),
                                  pairs[i].call.legs[0], false)));
      frames.push_back(life.rig.prepare(
          1, pairs[i].centre.frame(pairs[i].centre.protect(media::rtp_packet(ssrc, number, 160)),
                                   pairs[i].call.legs[1], false)));
    }
  }
  std::array<std::vector<rte_mbuf*>, 2> left;
  for (auto& each : left) each.reserve(frames.size());
  {
    const Running running(life.rig);
    for (const Pending& each : frames) ASSERT_TRUE(life.rig.inject(each));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (left[0].size() + left[1].size() < frames.size() &&
           std::chrono::steady_clock::now() < deadline) {
      for (size_t port = 0; port < 2; ++port) life.rig.collect(port, left[port]);
    }
    if (life.setup.status().name.starts_with("ipsec-mb")) {
      EXPECT_EQ(running.heap_bytes(), 0u);
    }
  }
  ASSERT_EQ(left[0].size() + left[1].size(), frames.size());
  for (size_t port = 0; port < 2; ++port) {
    std::map<uint16_t, uint16_t> last;  // by our port
    for (rte_mbuf* mbuf : left[port]) {
      const auto* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      const Bytes frame(bytes, bytes + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
      const auto from = static_cast<uint16_t>(frame[34] << 8 | frame[35]);
      const auto pair = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& each) {
        return each.call.legs[port].local.port == from;
      });
      ASSERT_NE(pair, pairs.end());
      ++last[from];
      const Bytes heard = (port == 0 ? pair->phone : pair->centre).hear(payload_of(frame), false);
      const auto ssrc = static_cast<uint32_t>(pair - pairs.begin());
      ASSERT_EQ(heard, media::rtp_packet(ssrc, last[from], 160)) << "in order";
    }
  }
  life.rig.expect_balanced();
}

}  // namespace
}  // namespace holdfast::dataplane
