// SPDX-License-Identifier: Apache-2.0
// Gives one origin the uploads that wait for it, oldest first, one at a time.
//
// Asio thread. One that the origin cannot take now holds back those of its phone, longer each time;
// one that it will not take is dropped with an alarm, as it would have been refused at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "provision-proxy/proxy/visit.hh"
#include "provision-proxy/spool/spool.hh"

namespace holdfast::provision {

class SpoolReplay final : public UpstreamHandler {
 public:
  static constexpr int64_t kFirstPause_ms = 10'000;  // doubled each time
  static constexpr int64_t kMaxPause_ms = 600'000;
  static constexpr int kMaxTries = 12;  // answered with an error of the origin's own; over an hour

  // `done`: the origin has taken it.
  using Done = std::function<void(const Upload& upload, const ResponseHead& head)>;

  // Context, with a spool, and origin outlive it.
  SpoolReplay(const FlowContext& context, const OriginPort& origin, Done done);
  ~SpoolReplay() override;
  SpoolReplay(const SpoolReplay&) = delete;
  SpoolReplay& operator=(const SpoolReplay&) = delete;

  // Goes on if there is something to do and the origin is there.
  void run();

  void on_head(ResponseHead head, BodyFraming framing) override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const UpstreamOutcome& outcome) override;

 private:
  struct Pause {
    int64_t from_ms = 0, until_ms = 0;
    int tries = 0;  // of the oldest upload of the phone
  };

  Pause& hold_back(const std::string& phone);
  void send(const std::string& phone, std::optional<Upload> upload);
  void later(std::string_view why, bool answered);
  void refused(std::string_view why);
  void finish();

  const FlowContext& context_;
  const OriginPort& origin_;
  Done done_;
  bool busy_ = false;
  Upstream::Id transfer_ = 0;
  std::optional<Upload> upload_;                   // under way
  std::optional<ResponseHead> head_;               // the answer to it
  std::unordered_map<std::string, Pause> pauses_;  // by phone
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace holdfast::provision
