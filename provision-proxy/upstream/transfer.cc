// SPDX-License-Identifier: Apache-2.0
// What libcurl calls, and what it is told while it runs. Options are in transfer_options.cc.
#include "provision-proxy/upstream/transfer.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>

namespace holdfast::provision {
namespace {

std::chrono::milliseconds since(Transfer::Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Transfer::Clock::now() - start);
}

}  // namespace

Transfer::Transfer(CurlLoop& loop, Throttle& throttle, TransferOwner& owner, uint64_t id,
                   UpstreamRequest request, UpstreamHandler* handler)
    : loop_(loop),
      throttle_(throttle),
      owner_(owner),
      id_(id),
      request_(std::move(request)),
      handler_(handler),
      head_(request_.method == "HEAD"),
      timer_(loop.io()) {}

Transfer::~Transfer() {
  throttle_.forget(this);
  if (easy_) loop_.remove(easy_.get());
}

bool Transfer::begin(const OriginConfig& origin, const std::vector<IpAddress>& addresses) {
  phase_ = Phase::connecting;
  begun_ = Clock::now();
  addresses_ = addresses;
  easy_.reset(curl_easy_init());
  if (!easy_ || !set_request(origin)) return false;
  set_transport(origin);
  if (origin.tls) set_tls(origin);
  // libcurl keeps this time itself; ours is for when it waits for a place.
  expect_within(request_.connect_timeout + std::chrono::milliseconds(250));
  return try_next_address();
}

// One at a time: libcurl 7.88, given several, waits up to half a second after one has refused
// before it tries the next. Each but the last may take half of the time that is left.
bool Transfer::try_next_address() {
  if (tried_ >= addresses_.size() || !pin(addresses_[tried_])) return false;
  ++tried_;
  auto left = request_.connect_timeout - since(begun_);
  if (tried_ < addresses_.size()) left /= 2;
  const long left_ms = std::max<long>(1, static_cast<long>(left.count()));
  curl_easy_setopt(easy_.get(), CURLOPT_CONNECTTIMEOUT_MS, left_ms);
  return loop_.add(easy_.get(), [this](CURLcode code) { done(code); });
}

bool Transfer::try_another(CURLcode code) {
  if (phase_ != Phase::connecting || fault_) return false;
  silence_ |= code == CURLE_OPERATION_TIMEDOUT;
  return (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_COULDNT_CONNECT ||
          code == CURLE_INTERFACE_FAILED) &&
         try_next_address();
}

void Transfer::abandon() {
  handler_ = nullptr;
  if (!fault_) fault_ = UpstreamEnd::cancelled;
}

// --- deadlines

void Transfer::expect_within(std::optional<std::chrono::milliseconds> time) {
  deadline_.reset();
  if (!time) return;
  deadline_ = Clock::now() + *time;
  if (timer_armed_ && timer_.expiry() > *deadline_) {
    timer_.cancel();
    timer_armed_ = false;
  }
  arm();
}

// A deadline that moves further away leaves the timer alone, which then looks again.
void Transfer::arm() {
  if (timer_armed_ || !deadline_) return;
  timer_armed_ = true;
  timer_.expires_at(*deadline_);
  timer_.async_wait([this, alive = std::weak_ptr<char>(alive_),
                     at = *deadline_](const boost::system::error_code& error) {
    if (error || alive.expired() || timer_.expiry() != at) return;
    timer_armed_ = false;
    if (!deadline_) return;
    if (Clock::now() < *deadline_) {
      arm();
      return;
    }
    const auto end = fault_.value_or(end_of_silence());
    if (easy_) loop_.remove(easy_.get());
    owner_.ended(*this, end);
  });
}

UpstreamEnd Transfer::end_of_silence() const {
  switch (phase_) {
    case Phase::queued:
      return UpstreamEnd::queue_full;
    case Phase::connecting:
      return UpstreamEnd::connect_timeout;
    case Phase::waiting:
      return UpstreamEnd::answer_timeout;
    default:
      return UpstreamEnd::stalled;
  }
}

// --- pausing

void Transfer::pause() {
  held_ = true;
  if (phase_ == Phase::receiving) expect_within(std::nullopt);
}

void Transfer::resume() {
  if (!held_) return;
  held_ = false;
  if (phase_ == Phase::receiving) expect_within(request_.stall_timeout);
  proceed();
}

void Transfer::resume_upload() {
  source_waits_ = false;
  proceed();
}

// Continues each direction that nothing holds back. libcurl may hand bytes on from within, and be
// paused again by that.
void Transfer::proceed() {
  const bool in = in_paused_ && !held_, out = out_paused_ && !source_waits_;
  if (!in && !out) return;
  if (in) in_paused_ = false;
  if (out) out_paused_ = false;
  expect_within(request_.stall_timeout);
  loop_.pause(easy_.get(), (in_paused_ ? CURLPAUSE_RECV : 0) | (out_paused_ ? CURLPAUSE_SEND : 0));
}

// --- callbacks

size_t Transfer::on_header(char* bytes, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->header({bytes, size * count});
}
size_t Transfer::on_body(char* bytes, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->body({bytes, size * count});
}
size_t Transfer::on_read(char* bytes, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->read({bytes, size * count});
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) {
  auto& me = *static_cast<Transfer*>(self);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  if (me.request_.source != nullptr && !me.request_.source->rewind()) return CURL_SEEKFUNC_FAIL;
  me.outcome_.sent_bytes = 0;
  return CURL_SEEKFUNC_OK;
}

int Transfer::on_prereq(void* self, char* address, char* /*local*/, int /*port*/,
                        int /*local_port*/) {
  auto& me = *static_cast<Transfer*>(self);
  if (me.handler_ == nullptr || ++me.attempts_ > 2) return CURL_PREREQFUNC_ABORT;
  me.outcome_.address = address == nullptr ? "" : address;
  me.outcome_.retried = me.attempts_ > 1;
  me.sent_at_ = Clock::now();
  // Should this connection turn out to have died, the one retry gets a new one.
  curl_easy_setopt(me.easy_.get(), CURLOPT_FRESH_CONNECT, 1L);
  const bool sends = me.has_body() && me.body_size() != 0U;
  me.phase_ = sends ? Phase::sending : Phase::waiting;
  me.expect_within(sends ? me.request_.stall_timeout : me.request_.answer_timeout);
  return CURL_PREREQFUNC_OK;
}

int Transfer::on_socket(void* self, curl_socket_t fd, curlsocktype /*purpose*/) {
  const auto& me = *static_cast<Transfer*>(self);
  int family = 0;
  socklen_t size = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  const int byte = me.dscp_ << 2;  // a new TCP socket has no ECN bits to keep
  // Marking is best effort: a transfer that the network treats as any other still is one.
  ::setsockopt(fd, IPPROTO_IP, IP_TOS, &byte, sizeof byte);
  if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &byte, sizeof byte);
  if (me.receive_buffer_ > 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &me.receive_buffer_, sizeof me.receive_buffer_);
  return CURL_SOCKOPT_OK;
}

size_t Transfer::fail(UpstreamEnd end, std::string_view detail) {
  if (!fault_) {
    fault_ = end;
    outcome_.detail = detail;
  }
  return 0;
}

size_t Transfer::header(std::string_view line) {
  if (handler_ == nullptr || fault_) return 0;
  if (outcome_.first_byte.count() == 0) outcome_.first_byte = since(started_);
  if (!head_.done()) expect_within(request_.stall_timeout);
  switch (head_.line(line)) {
    case HeadReader::Line::more:
    case HeadReader::Line::trailer:
      return line.size();
    case HeadReader::Line::interim:
      handler_->on_interim(head_.take());
      return handler_ == nullptr ? 0 : line.size();
    case HeadReader::Line::final:
      return head_done(line.size());
    case HeadReader::Line::too_large:
      return fail(UpstreamEnd::too_large, "the head is too large");
    case HeadReader::Line::bad:
      break;
  }
  return fail(UpstreamEnd::protocol, head_.problem());
}

size_t Transfer::head_done(size_t size) {
  phase_ = Phase::receiving;
  outcome_.framing = head_.framing();
  auto head = head_.take();
  owner_.answered(*this, head.status);
  if (head_.framing() == BodyFraming::length && head_.content_length() > request_.max_body_bytes)
    return fail(UpstreamEnd::too_large, "Content-Length is larger than allowed");
  if (held_) expect_within(std::nullopt);
  if (out_paused_) {  // libcurl would wait for the rest of an upload that an error has answered
    loop_.soon([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) resume_upload();
    });
  }
  handler_->on_head(std::move(head), head_.framing());
  return handler_ == nullptr ? 0 : size;
}

size_t Transfer::body(std::span<const char> bytes) {
  if (handler_ == nullptr || fault_) return 0;
  if (!head_.done()) return fail(UpstreamEnd::protocol, "a body without a head");
  if (held_ || !throttle_.may_pass(this, [this] { proceed(); })) {
    in_paused_ = true;
    expect_within(std::nullopt);
    return CURL_WRITEFUNC_PAUSE;
  }
  if (bytes.size() > request_.max_body_bytes - outcome_.body_bytes)
    return fail(UpstreamEnd::too_large, "the body is larger than allowed");
  throttle_.spend(bytes.size());
  outcome_.body_bytes += bytes.size();
  expect_within(request_.stall_timeout);
  handler_->on_body(bytes);
  return handler_ == nullptr ? 0 : bytes.size();
}

bool Transfer::has_body() const {
  return request_.source != nullptr || request_.has_body || !request_.body.empty();
}
std::optional<uint64_t> Transfer::body_size() const {
  return request_.source != nullptr ? request_.source->size() : request_.body.size();
}

size_t Transfer::read(std::span<char> into) {
  if (handler_ == nullptr || fault_) return CURL_READFUNC_ABORT;
  if (!throttle_.may_pass(this, [this] { proceed(); })) {
    out_paused_ = true;
    expect_within(std::nullopt);
    return CURL_READFUNC_PAUSE;
  }
  if (request_.source != nullptr) return read_source(into);
  const auto rest = std::string_view(request_.body).substr(outcome_.sent_bytes);
  const size_t size = std::min(rest.size(), into.size());
  std::memcpy(into.data(), rest.data(), size);
  sent(size);
  return size;
}

size_t Transfer::read_source(std::span<char> into) {
  const auto size = body_size();
  if (size) into = into.first(std::min<uint64_t>(into.size(), *size - outcome_.sent_bytes));
  const auto got = request_.source->read(into);
  switch (got.state) {
    case BodySource::State::piece:
      if (got.size == 0 || got.size > into.size()) break;
      sent(got.size);
      return got.size;
    case BodySource::State::end:
      if (size && outcome_.sent_bytes < *size) break;
      sent(0);
      return 0;
    case BodySource::State::wait:
      source_waits_ = out_paused_ = true;
      expect_within(std::nullopt);
      return CURL_READFUNC_PAUSE;
    case BodySource::State::failed:
      break;
  }
  fail(UpstreamEnd::source_failed);
  return CURL_READFUNC_ABORT;
}

// The answer's time begins with the last byte handed over.
void Transfer::sent(size_t bytes) {
  throttle_.spend(bytes);
  outcome_.sent_bytes += bytes;
  if (phase_ != Phase::sending) return;  // it answered while we send
  const auto size = body_size();
  const bool all = size ? outcome_.sent_bytes >= *size : bytes == 0;
  if (all) phase_ = Phase::waiting;
  if (all) sent_at_ = Clock::now();
  expect_within(all ? request_.answer_timeout : request_.stall_timeout);
}

// --- the end

void Transfer::done(CURLcode code) {
  if (try_another(code)) return;
  long connects = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
  outcome_.reused = attempts_ > 0 && connects == 0;
  const auto end = end_of(code);
  if (end != UpstreamEnd::complete && outcome_.detail.empty())
    outcome_.detail = error_[0] != '\0' ? error_.data() : std::string(text_of(end));
  owner_.ended(*this, end);
}

UpstreamEnd Transfer::end_of(CURLcode code) {
  if (fault_) return *fault_;
  const auto by_phase = [this](UpstreamEnd before) {
    return head_.done() ? UpstreamEnd::truncated : before;
  };
  switch (code) {
    case CURLE_OK:
      return head_.done() ? UpstreamEnd::complete : UpstreamEnd::closed;
    case CURLE_COULDNT_RESOLVE_HOST:
      return UpstreamEnd::dns;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return end_of_connect();
    case CURLE_OPERATION_TIMEDOUT:
      return end_of_silence();
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return UpstreamEnd::tls;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_GOT_NOTHING:
      return by_phase(UpstreamEnd::closed);
    case CURLE_OUT_OF_MEMORY:  // so it calls a line longer than its 100 KiB
      return by_phase(UpstreamEnd::too_large);
    default:
      return by_phase(UpstreamEnd::protocol);
  }
}

UpstreamEnd Transfer::end_of_connect() {
  if (silence_) return UpstreamEnd::connect_timeout;
  long error = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
  switch (error) {
    case ETIMEDOUT:
      return UpstreamEnd::connect_timeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM:
      return UpstreamEnd::unreachable;
    case ECONNRESET:  // it had accepted, and reset before libcurl looked
      return UpstreamEnd::closed;
    default:
      return UpstreamEnd::refused;
  }
}

}  // namespace holdfast::provision
