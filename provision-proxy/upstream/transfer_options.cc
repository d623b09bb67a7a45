// SPDX-License-Identifier: Apache-2.0
// How libcurl is told to add nothing, follow nothing, decode nothing and trust nobody else.
#include <algorithm>

#include "provision-proxy/http/text.hh"
#include "provision-proxy/upstream/transfer.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kMaxRequestHead = 64 * 1024;
constexpr int kMinReceiveBuffer = 32 * 1024, kMaxReceiveBuffer = 1024 * 1024;

// Framing and connection are libcurl's.
constexpr std::string_view kOurs[] = {"Host",       "Content-Length",   "Transfer-Encoding",
                                      "Connection", "Proxy-Connection", "Keep-Alive",
                                      "TE",         "Upgrade",          "Trailer"};

bool is_ours(std::string_view name) {
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view ours) { return same_word(ours, name); });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return text == "*" || (text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
                           const auto byte = static_cast<unsigned char>(c);
                           return byte > 0x20 && byte != 0x7f;
                         }));
}

// What may be sent twice without harm (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method) {
  static constexpr std::string_view kMethods[] = {"GET",    "HEAD",    "PUT",
                                                  "DELETE", "OPTIONS", "TRACE"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// The name in the URL: what TLS checks.
const std::string& url_host(const OriginConfig& origin) {
  return origin.tls && !origin.tls_name.empty() ? origin.tls_name : origin.host;
}

}  // namespace

bool Transfer::set_request(const OriginConfig& origin) {
  if (!is_token(request_.method) || !is_target(request_.target)) return false;
  const bool is_head = request_.method == "HEAD";
  for (const char* method : {"PUT", "POST", "PATCH"})
    if (request_.method == method) request_.has_body = true;  // Content-Length: 0 at least
  if (is_head && has_body()) return false;
  if (!add_fields(origin)) return false;

  CURL* easy = easy_.get();
  const std::string url = std::string(origin.tls ? "https" : "http") + "://" +
                          bracketed(url_host(origin)) + ":" + std::to_string(origin.port) + "/";
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  if (!IpAddress::parse(url_host(origin)))
    pinned_name_ = url_host(origin) + ":" + std::to_string(origin.port) + ":";
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request_.target.c_str());
  if (is_head) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (has_body()) {
    const auto size = body_size();
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size ? static_cast<curl_off_t>(*size) : -1);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Transfer::on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  if (!is_head) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());

  // libcurl retries whatever it sent on a kept connection that had died: what must not be sent
  // twice, or cannot be, gets a connection of its own.
  const bool again = request_.source == nullptr || request_.source->can_rewind();
  if (!is_idempotent(request_.method) || !again) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

bool Transfer::add_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(headers_.release());
  headers_.reset(longer);
  return true;
}

bool Transfer::add_fields(const OriginConfig& origin) {
  const auto& fields = request_.fields;
  std::string host = bracketed(origin.host);
  if (origin.port != (origin.tls ? 443 : 80)) host += ":" + std::to_string(origin.port);
  if (const auto kept = fields.find("Host")) host = *kept;
  if (!is_value(host) || host.empty()) return false;
  size_t bytes = request_.target.size() + host.size();
  bool ok = add_header("Host: " + host);
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto field = fields.at(i);
    if (is_ours(field.name)) continue;
    if (!is_token(field.name) || !is_value(field.value)) return false;
    bytes += field.name.size() + field.value.size() + 4;
    std::string line(field.name);
    line += field.value.empty() ? ";" : ": ";  // libcurl's way to write an empty one
    ok = ok && add_header(line.append(field.value));
  }
  for (const char* own : {"Accept", "Expect", "User-Agent", "Content-Type"})
    if (!fields.find(own)) ok = ok && add_header(std::string(own) + ":");  // not libcurl's own
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
  return ok && bytes <= kMaxRequestHead;
}

void Transfer::set_transport(const OriginConfig& origin) {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // nor the environment's
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, long{origin.idle_connection.count()});
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);

  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_prereq);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &Transfer::on_socket);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, this);
  dscp_ = origin.dscp & 0x3fU;
  // Of what the link carries in an eighth of a second: what the kernel takes in while a transfer
  // waits for its turn has crossed the link all the same.
  if (throttle_.bytes_per_s() > 0)
    receive_buffer_ = static_cast<int>(
        std::clamp<uint64_t>(throttle_.bytes_per_s() / 8, kMinReceiveBuffer, kMaxReceiveBuffer));
}

void Transfer::set_tls(const OriginConfig& origin) {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!origin.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, origin.ca_file.c_str());
    // Debian's libcurl has the system's store built in beside it, which then is not meant.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (origin.client_certificate.empty()) return;
  curl_easy_setopt(easy, CURLOPT_SSLCERT, origin.client_certificate.c_str());
  curl_easy_setopt(
      easy, CURLOPT_SSLKEY,
      (origin.client_key.empty() ? origin.client_certificate : origin.client_key).c_str());
}

bool Transfer::pin(const IpAddress& address) {
  if (pinned_name_.empty()) return true;
  const auto entry = pinned_name_ + bracketed(address.to_string());
  List pinned(curl_slist_append(nullptr, entry.c_str()));
  if (!pinned) return false;
  curl_easy_setopt(easy_.get(), CURLOPT_RESOLVE, pinned.get());
  pinned_ = std::move(pinned);
  return true;
}

}  // namespace holdfast::provision
