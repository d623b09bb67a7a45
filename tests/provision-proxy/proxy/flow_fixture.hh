// SPDX-License-Identifier: Apache-2.0
// The request flow on a real store and a real upstream, in front of a centre that does what a test
// says.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provision-proxy/proxy/flow.hh"
#include "provision-proxy/spool/spool_worker.hh"
#include "tests/provision-proxy/store/failing_disk.hh"
#include "tests/provision-proxy/upstream/bench.hh"
#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {

// What a phone got for one request.
struct Got {
  bool answered = false;
  bool ended = false, failed = false;  // the body: whole, or broken off
  bool hold = false;                   // reads no further than the piece that it has
  int replies = 0, status = 0;
  Fields fields;
  std::optional<uint64_t> length;
  std::string body;
  std::vector<int> interims;

  void take(Answer answer);
  void read_on();
  void leave();  // the phone goes away
  bool done() const { return answered && (ended || failed); }
  bool whole() const { return answered && ended && !failed && (!length || *length == body.size()); }
  std::string field(std::string_view name) const { return fields.combined(name); }
  std::string how() const { return field("Cache-Status"); }
  std::string brief() const;  // "200 body", "200 body[cut]"

 private:
  void piece(BodyPiece got);
  std::unique_ptr<AnswerBody> source_;
  bool reading_ = false, again_ = false;
};
using GotPtr = std::shared_ptr<Got>;

using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// An answer with that body; more fields as "Name: value\r\n".
std::string with_status(std::string_view status, std::string_view body = "",
                        std::string_view more_fields = "");
// A phone's master file as a centre writes it, with a word of ours in it.
std::string master(std::string_view mac, std::string_view word = "one");
std::string bytes_like_firmware(size_t size, unsigned seed = 1);
bool has_line(const std::string& head, std::string_view line);

inline constexpr std::string_view kMac = "0004f2aaaaaa", kOtherMac = "0004f2bbbbbb";
inline constexpr std::string_view kConfig = "/0004f2aaaaaa.cfg";
inline constexpr std::string_view kFirmware = "/2345-12500-001.sip.ld";
inline constexpr int64_t kMinute_ms = 60'000;

class FlowTest : public testing::Test {
 protected:
  // Does one request; false: the connection ends. On threads of its own.
  using Act = std::function<bool(OriginConnection& connection, const std::string& head)>;

  FlowTest();
  ~FlowTest() override;
  void SetUp() override;
  void TearDown() override;

  void start();          // with `config_`, `classes_`, `owner_` and the like as they are
  void start_refused();  // no centre listens
  void centre(Act act);
  // The same answer to everything; with an ETag in it, 304 to who has that one.
  void centre_says(std::string answer);
  void kill_centre();
  void revive_centre();
  void restart_flow();   // another flow on the same store
  void restart();        // and another store on the same disk: what is written is all that is known
  size_t asked() const;  // requests that the centre saw
  std::string last_head() const;

  GotPtr begin(std::string_view target, Lines fields = {}, std::string_view method = "GET");
  Got ask(std::string_view target, Lines fields = {}, std::string_view method = "GET");
  GotPtr send(Request request);
  // With a body; `pieces`: in so many, each when the last has been taken, its length not said.
  GotPtr upload(std::string_view target, std::string body, Lines fields = {},
                std::string_view method = "PUT", size_t pieces = 0);
  Got put(std::string_view target, std::string body, Lines fields = {},
          std::string_view method = "PUT", size_t pieces = 0);
  static Request request(std::string_view target, Lines fields = {},
                         std::string_view method = "GET");
  bool run_until(const std::function<bool()>& holds,
                 std::chrono::milliseconds limit = std::chrono::seconds(20));
  bool settle();  // no fetch is under way, and all is written
  void open_breaker();

  uint64_t count(FlowCount what) const { return counters_.of(what); }
  uint64_t alarms(AlarmKind kind) const;

  config::ProvisionOriginConfig config_;
  SpoolConfig spool_config_;
  FileClasses classes_;
  std::optional<OwnerConfig> owner_;
  std::map<std::string, MacAddress> neighbours_;  // by address
  StoreConfig store_config_;                      // before SetUp()
  FailingDisk disk_;
  int64_t unix_ms_ = 1'700'000'000'000;
  IpAddress peer_ = *IpAddress::parse("198.18.1.10");
  FlowCounters counters_;

  Flow& flow();
  Store& store();
  SpoolWorker& spool();
  Upstream& upstream();

 private:
  void open_store();

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::provision
