// SPDX-License-Identifier: Apache-2.0
// The asynchronous client: connection, framing, deadlines.
#include "dataplane/client/async_client.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "dataplane/control/key_texts.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;
using Kind = ClientError::Kind;

constexpr size_t kReadBytes = size_t{64} * 1024;
constexpr int kReadsAtOnce = 8;  // half a frame of the largest size; the loop calls again

// Reads an answer's members into a T before `done` sees them.
template <typename T>
AsyncClient::Done<json> reading(AsyncClient::Done<T> done,
                                Result<T, std::string> (*read)(const json&)) {
  return [done = std::move(done), read](const Result<json, ClientError>& answer) {
    if (!answer) return done(answer.error());
    auto value = read(*answer);
    if (!value) return done(senseless_answer(value.error()));
    done(std::move(value).value());
  };
}

}  // namespace

AsyncClient::AsyncClient(ClientLoop& loop, std::string path, AsyncOptions options)
    : loop_(loop), path_(std::move(path)), options_(options), retry_ms_(options.first_retry_ms) {}

AsyncClient::~AsyncClient() {
  if (fd_ < 0) return;
  loop_.unwatch();
  ::close(fd_);
}

void AsyncClient::start(std::function<void()> on_up,
                        std::function<void(const ClientError&)> on_down) {
  on_up_ = std::move(on_up);
  on_down_ = std::move(on_down);
  connect();
  arm();
}

void AsyncClient::connect() {
  const auto fd = connect_socket(path_);
  if (!fd) return disconnect(fd.error());
  fd_ = *fd;
  watching_writable_ = false;
  if (!loop_.watch(fd_, false))
    return disconnect({Kind::kUnreachable, "the loop has no room for " + path_, std::nullopt});
  phase_ = Phase::greeting;
  phase_deadline_ms_ = loop_.now_ms() + options_.greeting_timeout_ms;
}

void AsyncClient::disconnect(const ClientError& why) {
  if (fd_ >= 0) {
    loop_.unwatch();
    ::close(fd_);
  }
  fd_ = -1;
  in_ = {};
  out_.clear();
  written_ = 0;
  owed_.clear();
  const bool was_up = std::exchange(phase_, Phase::unconnected) == Phase::up;
  phase_deadline_ms_ = loop_.now_ms() + retry_ms_;
  retry_ms_ = std::min(retry_ms_ * 2, options_.max_retry_ms);
  last_error_ = why;
  if (was_up) go_down(why);
}

// Tells of it first, so that whoever gets a request back knows already.
void AsyncClient::go_down(const ClientError& why) {
  std::vector<Pending> failed;
  for (auto& [id, each] : sent_) failed.push_back(std::move(each));
  for (Pending& each : waiting_) failed.push_back(std::move(each));
  sent_.clear();
  waiting_.clear();
  on_down_(why);
  for (Pending& each : failed) each.done(why);
}

void AsyncClient::request(const Operation& operation, Done<json> done) {
  ++counters_.requests;
  if (phase_ != Phase::up) {
    ClientError why{Kind::kUnreachable, "holdfast-dataplane is not there yet", std::nullopt};
    if (last_error_) why.message = last_error_->message;
    return done(why);
  }
  if (sent_.size() + waiting_.size() >= options_.max_requests) {
    ++counters_.refused_full;
    return done(ClientError{Kind::kRefused, "too many requests wait for holdfast-dataplane",
                            ErrorCode::kBusy});
  }
  json params = to_json(operation);
  auto body = write_request(++last_id_, operation_name(operation), params);
  wipe_keys(params);
  if (!body) return done(body.error());
  waiting_.push_back({last_id_, std::move(body).value(),
                      loop_.now_ms() + options_.answer_timeout_ms, std::move(done)});
  pump();
  arm();
}

void AsyncClient::add(const CallAdd& request, Done<CallReport> done) {
  this->request(request, reading<CallReport>(std::move(done), call_report_from));
}

void AsyncClient::update(const LegUpdate& request, Done<LegReport> done) {
  this->request(request, reading<LegReport>(std::move(done), leg_report_from));
}

void AsyncClient::remove(const CallDelete& request, Done<CallReport> done) {
  this->request(request, reading<CallReport>(std::move(done), call_report_from));
}

void AsyncClient::status(Done<StatusReport> done) {
  this->request(StatusGet{}, reading<StatusReport>(std::move(done), status_report_from));
}

void AsyncClient::list(const CallList& page, Done<ListedCalls> done) {
  this->request(
      page, [done = std::move(done), after = page.after](const Result<json, ClientError>& answer) {
        if (!answer) return done(answer.error());
        done(read_list(*answer, after));
      });
}

void AsyncClient::minutes(const MinuteList& page, Done<MinutePage> done) {
  request(page, reading<MinutePage>(std::move(done), minute_page_from));
}

void AsyncClient::checkpoints(const CheckpointList& page, Done<CheckpointPage> done) {
  request(page, reading<CheckpointPage>(std::move(done), checkpoint_page_from));
}

void AsyncClient::on_ready() {
  if (fd_ < 0) return;
  write();
  if (receive()) pump();
  arm();
}

bool AsyncClient::receive() {
  for (int reads = 0; reads < kReadsAtOnce; ++reads) {
    char bytes[kReadBytes];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) {
      disconnect(connection_lost(path_));
      return false;
    }
    in_.append({bytes, static_cast<size_t>(n)});
    std::string_view body;
    FrameReader::Status status;
    while ((status = in_.next(body)) == FrameReader::Status::kFrame)
      if (!take_frame(body)) return false;
    if (status == FrameReader::Status::kTooLarge) {
      disconnect(senseless_answer("a frame over 1 MiB"));
      return false;
    }
  }
  return true;
}

bool AsyncClient::take_frame(std::string_view body) {
  auto message = read_object(body);
  if (message && phase_ == Phase::greeting) {
    auto version = read_greeting(*message, path_);
    if (version) {
      version_ = std::move(version).value();
      say_hello();
      return true;
    }
    disconnect(version.error());
    return false;
  }
  const auto id = message ? answer_id(*message) : message.error();
  if (!id || !*id) {
    disconnect(id ? senseless_answer("a frame of ours was not understood") : id.error());
    return false;
  }
  return take_answer(**id, std::move(message).value());
}

void AsyncClient::say_hello() {
  const Operation hello = Hello{kProtocol, "holdfast " + std::string(kVersion)};
  const auto body = write_request(++last_id_, operation_name(hello), to_json(hello));
  append_frame(out_, *body);
  owed_.insert(last_id_);
  phase_ = Phase::hello;
  write();
}

bool AsyncClient::take_answer(uint64_t id, json answer) {
  if (phase_ == Phase::hello) {
    const auto welcome = read_answer(std::move(answer));
    if (!welcome || !owed_.contains(id)) {
      disconnect(welcome ? senseless_answer("another id") : welcome.error());
      return false;
    }
    owed_.clear();
    ++counters_.connections;
    phase_ = Phase::up;
    on_up_();
    return fd_ >= 0;
  }
  if (owed_.erase(id) > 0) {
    ++counters_.late_answers;
    if (!owed_.empty()) return true;
    phase_ = Phase::up;
    on_up_();
    return fd_ >= 0;
  }
  const auto found = sent_.find(id);
  if (found == sent_.end()) {
    disconnect(senseless_answer("another id"));
    return false;
  }
  const auto done = std::move(found->second.done);
  sent_.erase(found);
  retry_ms_ = options_.first_retry_ms;  // not before: one that greets and leaves is no storm
  done(read_answer(std::move(answer)));
  return fd_ >= 0;
}

void AsyncClient::pump() {
  while (phase_ == Phase::up && !waiting_.empty() && sent_.size() < options_.max_sent) {
    Pending next = std::move(waiting_.front());
    waiting_.pop_front();
    append_frame(out_, std::exchange(next.body, {}));
    next.deadline_ms = loop_.now_ms() + options_.answer_timeout_ms;
    sent_.emplace(next.id, std::move(next));
  }
  write();
}

// Whether the server has gone is told by reading, where its last frame may say why.
void AsyncClient::write() {
  if (fd_ < 0) return;
  while (written_ < out_.size()) {
    const ssize_t n =
        ::send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    written_ += static_cast<size_t>(n);
  }
  const bool blocked = written_ < out_.size() && errno == EAGAIN;
  if (blocked) {
    out_.erase(0, written_);
  } else {
    out_ = {};  // its memory is wiped
  }
  written_ = 0;
  if (blocked == watching_writable_) return;
  watching_writable_ = blocked;
  loop_.watch(fd_, blocked);
}

void AsyncClient::on_time() {
  if (phase_ != Phase::up && loop_.now_ms() >= phase_deadline_ms_) {
    if (phase_ == Phase::unconnected)
      connect();
    else
      disconnect(answer_late(path_, options_.greeting_timeout_ms));
  }
  // A loop that is busy itself comes late to answers that are there.
  if (phase_ == Phase::up && receive()) pump();
  expire();
  arm();
}

// One answer that is late is enough: those behind it in the stream are no sooner. What waits here
// for so long says nothing of the dataplane: more is asked of it than it can answer.
void AsyncClient::expire() {
  const uint64_t now = loop_.now_ms();
  while (!waiting_.empty() && waiting_.front().deadline_ms <= now) {
    const auto done = std::move(waiting_.front().done);
    waiting_.pop_front();
    ++counters_.late;
    done(answer_late(path_, options_.answer_timeout_ms));
  }
  const bool late = std::any_of(sent_.begin(), sent_.end(),
                                [&](const auto& each) { return each.second.deadline_ms <= now; });
  if (!late) return;
  for (const auto& [id, each] : sent_) owed_.insert(id);
  counters_.late += sent_.size() + waiting_.size();
  phase_ = Phase::hanging;
  phase_deadline_ms_ = now + options_.hang_ms;
  last_error_ = answer_late(path_, options_.answer_timeout_ms);
  go_down(*last_error_);
}

void AsyncClient::arm() {
  uint64_t next = phase_ == Phase::up ? UINT64_MAX : phase_deadline_ms_;
  for (const auto& [id, each] : sent_) next = std::min(next, each.deadline_ms);
  if (!waiting_.empty()) next = std::min(next, waiting_.front().deadline_ms);
  if (next != UINT64_MAX) loop_.wake_at(next);
}

}  // namespace holdfast::control
