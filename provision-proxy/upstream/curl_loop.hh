// SPDX-License-Identifier: Apache-2.0
// libcurl's multi interface on Asio: its sockets and its timer are waited for by an io_context.
//
// One thread, that of the io_context. libcurl's callbacks must not call back into it; inside()
// tells, and soon() does it afterwards.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

// NOLINTNEXTLINE: Asio's own, which is heavy to include
namespace boost::asio {
class io_context;
}

namespace holdfast::provision {

struct CurlLoopConfig {
  long max_connections = 128;  // open at a time, kept ones among them
};

class CurlLoop {
 public:
  using Done = std::function<void(CURLcode)>;

  explicit CurlLoop(boost::asio::io_context& io, const CurlLoopConfig& config = {});
  // All handles must have been removed.
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  boost::asio::io_context& io() const;
  bool inside() const;
  void soon(std::function<void()> work);  // not run any more once the loop is gone

  // Starts a transfer. `done` is called once, when the handle has been removed. Not from inside().
  bool add(CURL* easy, Done done);
  // Ends one; nothing is called. Not from inside().
  void remove(CURL* easy);
  // Pauses and continues it, as curl_easy_pause(). May end it. Not from inside().
  void pause(CURL* easy, int bits);

  size_t transfers() const;
  size_t watched_sockets() const;
  static std::string version();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace holdfast::provision
