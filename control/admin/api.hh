// SPDX-License-Identifier: Apache-2.0
// Answers requests of the page and of the `holdfast` command; knows nothing of sockets.
//
// One thread, the admin server's, on which it may read from disk; what it asks of the SIP loop
// comes back by post().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/admin/snapshot.hh"

namespace holdfast::admin {

// Who asks: the page's port only reads; the socket is root's.
enum class Door : uint8_t { kPage, kSocket };

struct ApiRequest {
  Door door = Door::kPage;
  bool post = false;   // else GET
  std::string target;  // path and query, as it came
};

struct ApiResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

inline constexpr size_t kMaxCallsPerAnswer = 1000;

class Api {
 public:
  using Done = std::function<void(ApiResponse)>;
  // Hands work to the admin thread.
  using Post = std::function<void(std::function<void()>)>;

  Api(Sources sources, Post post);

  // Calls back once, on the admin thread, or not at all when the SIP loop is stuck: the server's
  // deadline says so then.
  void handle(const ApiRequest& request, Done done);

 private:
  void with_sip(Door door, Done done, std::function<ApiResponse(const SipSnapshot&)> make);

  Sources sources_;
  Post post_;
  // The page asks for several documents at once, and may be open many times: one copy serves all.
  std::shared_ptr<const SipSnapshot> last_;
  std::chrono::steady_clock::time_point last_at_{};
};

// One value of a query, percent escapes undone; none if it is not there.
std::optional<std::string> query_value(std::string_view target, std::string_view name);

}  // namespace holdfast::admin
