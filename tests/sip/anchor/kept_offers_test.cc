// SPDX-License-Identifier: Apache-2.0
// Offers that outlive this process: their answers are followed by the next, with the keys of SRTP.
#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/file_rights.hh"
#include "tests/sip/anchor/srtp_rig.hh"

// In the C library's place for the whole program; an error after so many entries, if not below 0.
static int entries_left = -1;
extern "C" dirent* read_entry(DIR* folder) asm("readdir");
extern "C" dirent* read_entry(DIR* folder) {
  static const auto next = reinterpret_cast<dirent* (*)(DIR*)>(::dlsym(RTLD_NEXT, "readdir"));
  if (entries_left == 0) {
    errno = EIO;
    return nullptr;
  }
  if (entries_left > 0) --entries_left;
  return next(folder);
}

namespace holdfast::sip {
namespace {

namespace fs = std::filesystem;
using Kind = MediaVerdict::Kind;

class KeptOffers : public Srtp {
 protected:
  KeptOffers() { config_.offers_directory = directory_; }
  ~KeptOffers() override { fs::remove_all(directory_); }

  void restart() {
    start_anchor();
    settle();
    ASSERT_EQ(anchor->snapshot().state, AnchorState::up);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& each : fs::directory_iterator(directory_)) found.push_back(each.path());
    return found;
  }
  // Both sides with SRTP, each with a suite of its own.
  void talk() {
    rules(SrtpPolicy::require, SrtpPolicy::require, {SrtpSuite::aead_aes_128_gcm});
    sent(call.invite(savp(sdp(kAlice, crypto(1, kAliceKey)))));
    sent(call.reply(200, savp(sdp(kBob, crypto(1, kGcmKey)))));
    send(call.request(Side::caller, Method::ack, ""));
  }
  std::string offer_again() {
    return sent(call.request(Side::caller, Method::invite,
                             savp(sdp("198.18.1.10:4400", crypto(3, kNewKey), "2"))));
  }
  std::string answer_again() {
    return sent(call.response(Side::callee, Method::invite, 200,
                              savp(sdp("198.18.3.30:7000", crypto(1, kGcmKey), "2"))));
  }
  void expect_new_keys(const std::string& offer, const std::string& answer) {
    const Seen back = seen(answer);
    ASSERT_EQ(back.keys.size(), 1u);
    EXPECT_EQ(back.keys[0].tag, 3u);
    EXPECT_EQ(answer.find(kGcmKey), std::string::npos);
    EXPECT_EQ(answer.find("198.18.3."), std::string::npos);
    EXPECT_TRUE(is(leg(Side::caller)->in, kNewKey));
    EXPECT_TRUE(leg(Side::caller)->out->master.same_as(master(back.keys[0])));
    EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(seen(offer).keys[0])));
    EXPECT_EQ(remote(dataplane->only().call, 0), "198.18.1.10:4400");
    EXPECT_EQ(remote(dataplane->only().call, 1), "198.18.3.30:7000");
  }

  const std::string directory_ = testing::TempDir() + "hf-offers-" + std::to_string(::getpid());
};

TEST_F(KeptOffers, AnAnswerOfTheNextProcessBringsTheKeysThatWereOffered) {
  talk();
  const std::string offer = offer_again();
  restart();
  expect_new_keys(offer, answer_again());
  EXPECT_EQ(count("offers_of_before"), 1u);
  // Sent again, since its ACK is late, to yet another process.
  const std::string first = answer_again();
  restart();
  EXPECT_EQ(seen(answer_again()).keys.size(), 1u);
  expect_new_keys(offer, first);
  send(call.request(Side::caller, Method::ack, ""));
  EXPECT_TRUE(files().empty()) << "the exchange is over";
}

TEST_F(KeptOffers, ARequestThatComesAgainIsOfferedOnWithTheSameKeys) {
  talk();
  const std::string offer = offer_again();
  restart();
  const std::string again = offer_again();
  EXPECT_TRUE(master(seen(again).keys[0]).same_as(master(seen(offer).keys[0])));
  expect_new_keys(offer, answer_again());
}

TEST_F(KeptOffers, TheFirstAnswerOfACallIsFollowedToo) {
  rules(SrtpPolicy::forbid, SrtpPolicy::require);
  const Seen offer = seen(sent(call.invite(sdp(kAlice))));
  restart();
  sent(call.reply(200, savp(sdp(kBob, crypto(1, kBobKey)))));
  EXPECT_TRUE(is(leg(Side::callee)->in, kBobKey));
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(master(offer.keys[0])));
  send(call.request(Side::caller, Method::ack, ""));
  EXPECT_TRUE(files().empty());
}

TEST_F(KeptOffers, AnOfferInTheAnswerIsAnsweredInTheAck) {
  talk();
  send(call.request(Side::caller, Method::invite, ""));
  const std::string offer = answer_again();
  restart();
  const std::string ack = sent(call.request(
      Side::caller, Method::ack, savp(sdp("198.18.1.10:4400", crypto(1, kNewKey), "2"))));
  EXPECT_EQ(ack.find(kNewKey), std::string::npos);
  EXPECT_TRUE(is(leg(Side::caller)->in, kNewKey));
  EXPECT_TRUE(leg(Side::caller)->out->master.same_as(master(seen(offer).keys[0])));
  EXPECT_TRUE(files().empty());
}

TEST_F(KeptOffers, WithoutItsOfferAnAnswerIsPutOffAndTheLegsGoOn) {
  talk();
  const auto key = leg(Side::callee)->out->master.clone();
  offer_again();
  for (const auto& file : files()) fs::resize_file(file, fs::file_size(file) - 1);  // half written
  restart();
  dataplane->forget_log();
  const MediaVerdict verdict = send(call.response(
      Side::callee, Method::invite, 200, savp(sdp("198.18.3.30:7000", crypto(1, kGcmKey), "2"))));
  EXPECT_EQ(verdict.kind, Kind::refuse);
  EXPECT_EQ(verdict.reason, "srtp_keys_lost");
  EXPECT_TRUE(dataplane->log().empty());
  EXPECT_TRUE(leg(Side::callee)->out->master.same_as(key));
  const std::string offer = offer_again();
  expect_new_keys(offer, answer_again());
}

TEST_F(KeptOffers, AnAnswerDoesNotPassWhileTheDataplaneIsAway) {
  talk();
  offer_again();
  dataplane->kill();
  start_anchor();
  MediaMessage answer = call.response(Side::callee, Method::invite, 200,
                                      savp(sdp("198.18.3.30:7000", crypto(1, kGcmKey), "2")));
  answer.from_before = true;
  std::optional<MediaVerdict> verdict;
  anchor->message(answer, [&](MediaVerdict given) { verdict = std::move(given); });
  pass(1'000);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, Kind::later);
  EXPECT_EQ(count("answers_put_off"), 1u);
}

TEST_F(KeptOffers, WhatCameToNothingOrIsOverIsDeleted) {
  talk();
  offer_again();
  ASSERT_EQ(files().size(), 1u);
  struct stat file {};
  ASSERT_EQ(::stat(files()[0].c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  send(call.response(Side::callee, Method::invite, 488, ""));
  EXPECT_TRUE(files().empty());
  offer_again();
  end(call.key);
  EXPECT_TRUE(files().empty());
  // Of a call that nobody has ended: at the next start, when it is older than any offer.
  std::ofstream(directory_ + "/offer-old") << "x";
  fs::last_write_time(directory_ + "/offer-old",
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  restart();
  EXPECT_TRUE(files().empty());
}

TEST_F(KeptOffers, ADirectoryThatCannotBeReadIsNamedAndCallsGoOn) {
  const std::string warning = "media: offers are not known again after a restart: " + directory_;
  talk();
  const std::string offer = offer_again();
  entries_left = 2;  // . and .. alone
  restart();
  entries_left = -1;
  EXPECT_NE(logged.find(warning + ": Input/output error\n"), std::string::npos) << logged;
  restart();
  expect_new_keys(offer, answer_again());

  fs::permissions(directory_, fs::perms::none);
  {
    const RightsOfDaemon rights;
    restart();
    fs::permissions(directory_, fs::perms::owner_all);
  }
  EXPECT_NE(logged.find(warning + ": Permission denied\n"), std::string::npos) << logged;

  fs::remove_all(directory_);
  std::ofstream(directory_) << "a file";
  restart();
  EXPECT_NE(logged.find(warning + ": Not a directory\n"), std::string::npos) << logged;
  offer_again();
  EXPECT_EQ(count("offers_not_kept"), 1u);
}

}  // namespace
}  // namespace holdfast::sip
