// SPDX-License-Identifier: Apache-2.0
// A phone's HTTP client: one request after the other over one kept connection, by libcurl.
//
// Blocking; one thread for each client. Follows no redirects, takes no proxies from the
// environment, asks for what it is told byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "media/result.hh"

namespace holdfast::provision {

struct ClientOptions {
  std::string url;  // http://host:port, with a path in front of all targets if need be
  std::string user_agent;
  std::string source;                      // the address to send from; empty: the kernel's choice
  int64_t timeout_ms = 10'000;             // of one whole request
  std::string ca_file;                     // https: who may have signed the server's certificate
  bool insecure = false;                   // https: anyone
  std::string certificate_file, key_file;  // https: the phone's own, PEM
};

struct HttpQuestion {
  std::string target;                                       // "/sip.cfg"
  std::optional<std::pair<uint64_t, uint64_t>> range = {};  // first and last byte
  size_t keep_bytes = 0;                   // of the body, in the answer; the rest is counted only
  std::string save_as = {};                // a file for the whole body of a 200; its folder exists
  std::optional<std::string> upload = {};  // PUT of these bytes; else GET
};

struct HttpAnswer {
  int status = 0;     // 0: there was no answer
  std::string error;  // why there was none, or why it ended early
  std::string body;   // its first bytes
  uint64_t bytes = 0;
  double first_byte_ms = 0, ms = 0;
  std::string cache_status, age, content_type;
  bool broken() const { return !error.empty(); }
};

class HttpClient {
 public:
  // The error is one line: a URL or a file that cannot be used.
  static Result<std::unique_ptr<HttpClient>, std::string> open(const ClientOptions& options);
  virtual ~HttpClient() = default;

  virtual HttpAnswer ask(const HttpQuestion& question) = 0;
  virtual void set_user_agent(const std::string& user_agent) = 0;
};

}  // namespace holdfast::provision
