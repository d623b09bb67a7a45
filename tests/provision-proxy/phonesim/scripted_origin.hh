// SPDX-License-Identifier: Apache-2.0
// A small HTTP server for tests: files by their paths, and answers that go wrong on purpose.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::provision {

struct OriginRequest {
  std::string target, user_agent, range, method, body, peer;
};

struct OriginAnswer {
  int status = 200;
  std::string body = {};
  std::string fields = {};   // further ones, "Name: value\r\n"
  size_t missing_bytes = 0;  // announced, but not sent: the connection ends instead
  bool silent = false;       // no answer until the origin is stopped
};

// Serves each connection by a thread, many requests on one. Ranges of 200s are answered by 206
// unless `ranges` is false.
class ScriptedOrigin {
 public:
  using Handler = std::function<OriginAnswer(const OriginRequest&)>;

  explicit ScriptedOrigin(Handler handler, bool ranges = true);
  ~ScriptedOrigin();
  ScriptedOrigin(const ScriptedOrigin&) = delete;
  ScriptedOrigin& operator=(const ScriptedOrigin&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<OriginRequest> requests();

 private:
  void accept_all();
  void serve(int fd);
  bool answer(int fd, const std::string& head, std::string body);

  Handler handler_;
  bool ranges_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<OriginRequest> requests_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// The files of a branch with one Polycom phone and the like, by their paths.
std::map<std::string, std::string> branch_files();
// Serves them: 404 for what is not there.
ScriptedOrigin::Handler serving(std::map<std::string, std::string> files);

}  // namespace holdfast::provision
