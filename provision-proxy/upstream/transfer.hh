// SPDX-License-Identifier: Apache-2.0
// One request to an origin through libcurl: what it is told, what it hands on, its deadlines.
//
// Internal to upstream/. Asio thread.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/address.hh"
#include "provision-proxy/upstream/curl_loop.hh"
#include "provision-proxy/upstream/head_reader.hh"
#include "provision-proxy/upstream/origin_config.hh"
#include "provision-proxy/upstream/request.hh"
#include "provision-proxy/upstream/throttle.hh"

namespace holdfast::provision {

class Transfer;

class TransferOwner {
 public:
  virtual ~TransferOwner() = default;
  // A final head came. From inside of libcurl.
  virtual void answered(Transfer& transfer, int status) = 0;
  // It has ended and left libcurl; the owner tells its handler.
  virtual void ended(Transfer& transfer, UpstreamEnd end) = 0;
};

class Transfer {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase : uint8_t { queued, connecting, sending, waiting, receiving };

  Transfer(CurlLoop& loop, Throttle& throttle, TransferOwner& owner, uint64_t id,
           UpstreamRequest request, UpstreamHandler* handler);
  // Takes it from libcurl without a word.
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Hands it to libcurl, which tries one address after the other. False: it cannot be.
  bool begin(const OriginConfig& origin, const std::vector<IpAddress>& addresses);

  uint64_t id() const { return id_; }
  Phase phase() const { return phase_; }
  Clock::time_point sent_at() const { return sent_at_; }
  Clock::time_point started_at() const { return started_; }
  UpstreamHandler* handler() const { return handler_; }
  const UpstreamRequest& request() const { return request_; }
  UpstreamOutcome& outcome() { return outcome_; }

  // No more calls of its handler. From inside of libcurl it then ends by itself, at the latest with
  // its next callback.
  void abandon();
  void pause();
  void resume();         // not from inside of libcurl
  void resume_upload();  // not from inside of libcurl
  // It ends when this has passed, by the name of its phase; none: it may take for ever.
  void expect_within(std::optional<std::chrono::milliseconds> time);

 private:
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using Easy = std::unique_ptr<CURL, EasyDeleter>;
  using List = std::unique_ptr<curl_slist, ListDeleter>;

  static size_t on_header(char* bytes, size_t size, size_t count, void* self);
  static size_t on_body(char* bytes, size_t size, size_t count, void* self);
  static size_t on_read(char* bytes, size_t size, size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  static int on_prereq(void* self, char* address, char* local, int port, int local_port);
  static int on_socket(void* self, curl_socket_t fd, curlsocktype purpose);

  bool set_request(const OriginConfig& origin);
  bool add_fields(const OriginConfig& origin);
  bool add_header(const std::string& line);
  void set_transport(const OriginConfig& origin);
  void set_tls(const OriginConfig& origin);
  bool pin(const IpAddress& address);
  bool try_next_address();
  bool try_another(CURLcode code);

  size_t header(std::string_view line);
  size_t head_done(size_t size);
  size_t body(std::span<const char> bytes);
  size_t read(std::span<char> into);
  size_t read_source(std::span<char> into);
  void sent(size_t bytes);
  size_t fail(UpstreamEnd end, std::string_view detail = {});
  void proceed();
  void done(CURLcode code);
  UpstreamEnd end_of(CURLcode code);
  UpstreamEnd end_of_connect();
  UpstreamEnd end_of_silence() const;
  void arm();
  bool has_body() const;
  std::optional<uint64_t> body_size() const;

  CurlLoop& loop_;
  Throttle& throttle_;
  TransferOwner& owner_;
  const uint64_t id_;
  UpstreamRequest request_;
  UpstreamHandler* handler_;
  UpstreamOutcome outcome_;
  Phase phase_ = Phase::queued;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point sent_at_ = started_;

  List headers_, pinned_;  // before the handle, which points to them
  std::array<char, CURL_ERROR_SIZE> error_{};
  Easy easy_;
  HeadReader head_;
  std::optional<UpstreamEnd> fault_;  // why a callback made libcurl stop
  std::string pinned_name_;           // host:port: ; empty: the host is a literal
  std::vector<IpAddress> addresses_;
  size_t tried_ = 0;      // of the addresses
  bool silence_ = false;  // one of them did not even refuse
  Clock::time_point begun_;
  uint8_t dscp_ = 0;
  int receive_buffer_ = 0;
  int attempts_ = 0;

  bool held_ = false;                            // by pause()
  bool source_waits_ = false;                    // until resume_upload()
  bool in_paused_ = false, out_paused_ = false;  // in libcurl

  std::optional<Clock::time_point> deadline_;
  boost::asio::steady_timer timer_;
  bool timer_armed_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace holdfast::provision
