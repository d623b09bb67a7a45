// SPDX-License-Identifier: Apache-2.0
// libcurl's easy interface behind the phone's client.
#include "provision-proxy/phonesim/http_client.hh"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

#include "provision-proxy/phone/ascii.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kMaxFieldBytes = 4096;  // of a response field that is shown

void init_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kMaxFieldBytes));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') c = '?';
  return line;
}

class File {
 public:
  explicit File(const std::string& name) {
    if (name.empty()) return;
    // Configuration holds passwords.
    fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) error_ = "cannot write " + name + ": " + std::strerror(errno);
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& error() const { return error_; }
  void write(const char* data, size_t size) {
    while (fd_ >= 0 && error_.empty() && size > 0) {
      const ssize_t n = ::write(fd_, data, size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        error_ = std::string("cannot write the saved file: ") + std::strerror(errno);
        return;
      }
      data += n;
      size -= static_cast<size_t>(n);
    }
  }

 private:
  int fd_ = -1;
  std::string error_;
};

struct Transfer {
  CURL* curl;
  const HttpQuestion& question;
  HttpAnswer& answer;
  std::optional<File> file;
};

size_t on_body(char* data, size_t one, size_t count, void* into) {
  auto& transfer = *static_cast<Transfer*>(into);
  const size_t size = one * count;
  HttpAnswer& answer = transfer.answer;
  if (answer.bytes == 0 && !transfer.question.save_as.empty()) {
    long status = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) transfer.file.emplace(transfer.question.save_as);
  }
  if (transfer.file) {
    transfer.file->write(data, size);
    if (!transfer.file->error().empty()) return 0;
  }
  answer.bytes += size;
  const size_t room = transfer.question.keep_bytes - answer.body.size();
  answer.body.append(data, std::min(room, size));
  return size;
}

struct Upload {
  std::string_view left;
};

size_t on_upload(char* into, size_t one, size_t count, void* from) {
  auto& left = static_cast<Upload*>(from)->left;
  const size_t size = left.copy(into, one * count);
  left.remove_prefix(size);
  return size;
}

size_t on_field(char* data, size_t one, size_t count, void* into) {
  auto& answer = static_cast<Transfer*>(into)->answer;
  const std::string_view line(data, one * count);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  const std::string_view name = line.substr(0, colon);
  const std::string value = one_line(trimmed(line.substr(colon + 1)));
  if (same_text(name, "cache-status")) {
    if (answer.cache_status.size() < kMaxFieldBytes)
      answer.cache_status += (answer.cache_status.empty() ? "" : ", ") + value;
  } else if (same_text(name, "age")) {
    answer.age = value;
  } else if (same_text(name, "content-type")) {
    answer.content_type = value;
  }
  return line.size();
}

double ms_of(CURL* curl, CURLINFO what) {
  curl_off_t us = 0;
  curl_easy_getinfo(curl, what, &us);
  return static_cast<double>(us) / 1000.0;
}

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(const ClientOptions& options) : base_(options.url), curl_(curl_easy_init()) {
    while (base_.ends_with('/')) base_.pop_back();
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout_ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeout_ms));
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_HEADERFUNCTION, on_field);
    set(CURLOPT_READFUNCTION, on_upload);
    if (!options.source.empty()) set(CURLOPT_INTERFACE, ("host!" + options.source).c_str());
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    if (options.insecure) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options.certificate_file.empty()) {
      set(CURLOPT_SSLCERT, options.certificate_file.c_str());
      const auto& key = options.key_file.empty() ? options.certificate_file : options.key_file;
      set(CURLOPT_SSLKEY, key.c_str());
    }
    set_user_agent(options.user_agent);
  }
  ~CurlClient() override { curl_easy_cleanup(curl_); }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  bool usable() const { return curl_ != nullptr; }

  void set_user_agent(const std::string& user_agent) override {
    set(CURLOPT_USERAGENT, user_agent.c_str());
  }

  HttpAnswer ask(const HttpQuestion& question) override {
    HttpAnswer answer;
    Transfer transfer{curl_, question, answer, std::nullopt};
    const std::string url = base_ + question.target;
    std::string range;
    if (question.range)
      range = std::to_string(question.range->first) + "-" + std::to_string(question.range->second);
    Upload upload;
    if (question.upload) upload.left = *question.upload;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_UPLOAD, question.upload ? 1L : 0L);
    if (question.upload) {
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(upload.left.size()));
      set(CURLOPT_READDATA, &upload);
    } else {
      set(CURLOPT_HTTPGET, 1L);
    }
    set(CURLOPT_RANGE, range.empty() ? nullptr : range.c_str());
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_HEADERDATA, &transfer);
    error_[0] = '\0';
    const CURLcode end = curl_easy_perform(curl_);
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    answer.ms = ms_of(curl_, CURLINFO_TOTAL_TIME_T);
    answer.first_byte_ms = ms_of(curl_, CURLINFO_STARTTRANSFER_TIME_T);
    if (transfer.file && !transfer.file->error().empty()) {
      answer.error = transfer.file->error();
    } else if (end != CURLE_OK) {
      answer.error = one_line(error_[0] != '\0' ? error_.data() : curl_easy_strerror(end));
    }
    return answer;
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (curl_ != nullptr) curl_easy_setopt(curl_, option, value);
  }

  std::string base_;
  CURL* curl_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

// Plain http or https with a host, and no more than a path behind it.
std::string check_url(const std::string& url) {
  CURLU* parsed = curl_url();
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(parsed, which, &text, 0);
    std::string result = text == nullptr ? "" : text;
    curl_free(text);
    return result;
  };
  std::string error;
  if (curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    error = "is no URL";
  } else if (part(CURLUPART_SCHEME) != "http" && part(CURLUPART_SCHEME) != "https") {
    error = "is neither http nor https";
  } else if (!part(CURLUPART_QUERY).empty() || !part(CURLUPART_FRAGMENT).empty()) {
    error = "has more than a path behind the host";
  }
  curl_url_cleanup(parsed);
  return error.empty() ? "" : url + " " + error;
}

}  // namespace

Result<std::unique_ptr<HttpClient>, std::string> HttpClient::open(const ClientOptions& options) {
  init_once();
  if (auto error = check_url(options.url); !error.empty()) return error;
  for (const auto* file : {&options.ca_file, &options.certificate_file, &options.key_file})
    if (!file->empty() && ::access(file->c_str(), R_OK) != 0)
      return "cannot read " + *file + ": " + std::strerror(errno);
  auto client = std::make_unique<CurlClient>(options);
  if (!client->usable()) return std::string("libcurl cannot be started");
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace holdfast::provision
