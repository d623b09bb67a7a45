// SPDX-License-Identifier: Apache-2.0
// A dataplane without packets, turned by hand: the real control server on a real socket, with legs
// and ports as the real one gives them, that can be killed, stopped, or told to refuse.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/control/server.hh"

namespace holdfast::sip {

class HandDataplane final : public control::ControlHandler {
 public:
  explicit HandDataplane(std::string path) : path_(std::move(path)) { start(); }
  ~HandDataplane() override;
  HandDataplane(const HandDataplane&) = delete;
  HandDataplane& operator=(const HandDataplane&) = delete;

  void start();
  void kill();   // and all that it knew
  void crash();  // the next start goes on with the calls, under other numbers of legs
  // While stopped it takes nothing and answers nothing.
  void stop(bool stopped) { stopped_ = stopped; }
  bool turn();                                          // false: there was nothing to do
  int epoll_fd() const { return server_->epoll_fd(); }  // readable: turn() has something to do

  void handle(const control::Request& request, control::Reply reply) override;

  // Refuses the next requests of this kind, forever or a number of times.
  void refuse_adds(std::optional<control::ErrorCode> code) { refuse_adds_ = code; }
  void refuse_updates(std::optional<control::ErrorCode> code) { refuse_updates_ = code; }
  // Comes in at a leg.
  void media(const std::string& name, uint64_t packets, size_t leg = 0);
  void rtcp(const std::string& name, size_t leg);
  void remove(const std::string& name) { calls_.erase(name); }
  void add(const control::CallReport& report) { calls_[report.call] = report; }

  const std::map<std::string, control::CallReport>& calls() const { return calls_; }
  const control::CallReport& only() const { return calls_.begin()->second; }
  // What the legs were told of SRTP, by name, in the order of legs; null: plain.
  using Keys = std::array<control::SharedSrtp, 2>;
  const Keys& keys(const std::string& name) { return keys_[name]; }
  const std::array<std::string, 2>& checkpoints_given(const std::string& name) {
    return given_[name];
  }
  void set_checkpoint(const std::string& text) { checkpoint_ = text; }  // of every leg
  const std::vector<std::string>& log() const { return log_; }  // "add NAME", "update LEG", ...
  void forget_log() { log_.clear(); }
  size_t page_calls = 1000;  // at most so many on a page

  static constexpr uint16_t kFirstPort = 30000;

 private:
  void add(const control::CallAdd& request, control::Reply& reply);
  void update(const control::LegUpdate& request, control::Reply& reply);
  void remove(const control::CallDelete& request, control::Reply& reply);
  void checkpoints(control::Reply& reply) const;
  void list(const control::CallList& request, control::Reply& reply) const;
  std::optional<uint16_t> take_port(const std::string& interface, uint16_t wanted) const;

  std::string path_;
  bool stopped_ = false;
  std::optional<control::ErrorCode> refuse_adds_, refuse_updates_;
  std::map<std::string, control::CallReport> calls_;
  std::map<std::string, Keys> keys_;
  std::map<std::string, std::array<std::string, 2>> given_;
  std::string checkpoint_;
  std::vector<std::string> log_;
  uint32_t next_leg_ = 1;
  std::unique_ptr<control::ControlServer> server_;
};

}  // namespace holdfast::sip
