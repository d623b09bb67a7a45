// SPDX-License-Identifier: Apache-2.0
// The queue, the breaker's wiring and the probe.
#include "provision-proxy/upstream/upstream.hh"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <unordered_map>

#include "provision-proxy/upstream/curl_loop.hh"
#include "provision-proxy/upstream/origin_names.hh"
#include "provision-proxy/upstream/transfer.hh"

namespace holdfast::provision {
namespace {

using Clock = Transfer::Clock;

uint64_t ms_of(Clock::time_point time) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

std::optional<OriginEvidence> evidence_of(UpstreamEnd end, Transfer::Phase phase) {
  switch (end) {
    case UpstreamEnd::refused:
      return OriginEvidence::refused;
    case UpstreamEnd::unreachable:
      return OriginEvidence::unreachable;
    case UpstreamEnd::dns:
      return OriginEvidence::no_address;
    case UpstreamEnd::tls:
      return OriginEvidence::tls_failed;
    case UpstreamEnd::connect_timeout:
      return OriginEvidence::connect_silent;
    case UpstreamEnd::answer_timeout:
      return OriginEvidence::silent;
    case UpstreamEnd::closed:
      return OriginEvidence::closed_early;
    case UpstreamEnd::stalled:
      return phase == Transfer::Phase::receiving ? OriginEvidence::stalled : OriginEvidence::silent;
    case UpstreamEnd::truncated:
      return OriginEvidence::cut_short;
    case UpstreamEnd::protocol:
      return OriginEvidence::nonsense;
    default:
      return std::nullopt;  // ours, not the origin's
  }
}

// The probe wants to know one thing only.
struct ProbeHandler : UpstreamHandler {
  void on_head(ResponseHead /*head*/, BodyFraming /*framing*/) override {}
  void on_body(std::span<const char> /*bytes*/) override {}
  void on_end(const UpstreamOutcome& /*outcome*/) override {}
};

constexpr uint64_t kMaxProbeBody = 64 * 1024;

}  // namespace

class Upstream::Impl : public std::enable_shared_from_this<Upstream::Impl>, public TransferOwner {
 public:
  Impl(CurlLoop& loop, Throttle& throttle, OriginNames* names, OriginConfig config, Logger logger)
      : loop_(loop),
        throttle_(throttle),
        names_(names),
        config_(std::move(config)),
        logger_(std::move(logger)),
        health_(ms_of(Clock::now()), config_.health),
        probe_timer_(loop.io()) {}

  void open() {
    if (names_ == nullptr) return;
    names_->on_change([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump();
    });
  }
  void close() {
    closed_ = true;
    queue_.clear();
    transfers_.clear();
    probe_.reset();
    probe_timer_.cancel();
  }

  Id start(UpstreamRequest request, UpstreamHandler& handler) {
    const Id id = ++last_id_;
    ++status_.started;
    auto& transfer = transfers_[id];
    transfer =
        std::make_unique<Transfer>(loop_, throttle_, *this, id, std::move(request), &handler);
    if (!health_.admits()) {
      end_soon(id, UpstreamEnd::breaker_open);
    } else if (queue_.size() >= config_.max_queued) {
      end_soon(id, UpstreamEnd::queue_full);
    } else {
      queue_.push_back(id);
      transfer->expect_within(resolving() ? transfer->request().connect_timeout
                                          : config_.queue_timeout);
      pump_soon();
    }
    return id;
  }

  void cancel(Id id) {
    const auto found = transfers_.find(id);
    if (found == transfers_.end() || found->second->handler() == nullptr) return;
    ++status_.dropped;
    ++status_.ends[static_cast<size_t>(UpstreamEnd::cancelled)];
    found->second->abandon();
    if (!loop_.inside()) {
      erase(id);
    } else {
      soon([this, id] { erase(id); });
    }
  }

  void cancel_all() {
    std::vector<Id> ids;
    for (const auto& [id, transfer] : transfers_) ids.push_back(id);
    for (const Id id : ids) end_soon(id, UpstreamEnd::cancelled);
  }

  void pause(Id id) {
    if (auto* transfer = find(id)) transfer->pause();
  }
  void resume(Id id) {
    soon([this, id] {
      if (auto* transfer = find(id)) transfer->resume();
    });
  }
  void resume_upload(Id id) {
    soon([this, id] {
      if (auto* transfer = find(id)) transfer->resume_upload();
    });
  }

  const OriginConfig& config() const { return config_; }
  const OriginHealth& health() const { return health_; }
  void on_health(std::function<void(const OriginTransition&)> handler) {
    health_handlers_.push_back(std::move(handler));
  }
  UpstreamStatus status() const {
    auto now = status_;
    now.queued = queue_.size();
    now.running = running_;
    return now;
  }

 private:
  Transfer* find(Id id) {
    const auto found = transfers_.find(id);
    return found == transfers_.end() || found->second->handler() == nullptr ? nullptr
                                                                            : found->second.get();
  }

  void soon(std::function<void()> work) {
    loop_.soon([weak = weak_from_this(), work = std::move(work)] {
      const auto self = weak.lock();
      if (self && !self->closed_) work();
    });
  }
  void pump_soon() {
    soon([this] { pump(); });
  }
  void end_soon(Id id, UpstreamEnd end) {
    soon([this, id, end] {
      if (auto* transfer = find(id)) ended(*transfer, end);
    });
  }

  std::unique_ptr<Transfer> take(Id id) {
    const auto found = transfers_.find(id);
    if (found == transfers_.end()) return nullptr;
    auto transfer = std::move(found->second);
    transfers_.erase(found);
    if (transfer->phase() != Transfer::Phase::queued) {
      --running_;
    } else {
      std::erase(queue_, id);
    }
    return transfer;
  }
  void erase(Id id) {
    if (take(id)) pump_soon();
  }

  bool resolving() const {
    return names_ != nullptr && names_->find(config_.host).state == NameAnswer::State::asking;
  }

  // Starts what there is room for.
  void pump() {
    while (!closed_ && !queue_.empty() && running_ < config_.max_transfers) {
      if (!health_.admits()) return;  // those that wait are being told
      NameAnswer name = address();
      if (name.state == NameAnswer::State::asking) return;  // on_change comes here again
      auto& transfer = *transfers_.at(queue_.front());
      if (name.addresses.empty()) {
        transfer.outcome().detail = name.error;
        ended(transfer, UpstreamEnd::dns);
        continue;
      }
      queue_.pop_front();
      ++running_;
      if (transfer.begin(config_, name.addresses)) continue;
      ended(transfer, UpstreamEnd::bad_request);
    }
  }

  NameAnswer address() const {
    NameAnswer answer;
    if (names_ != nullptr) return names_->find(config_.host);
    if (const auto literal = IpAddress::parse(config_.host)) answer.addresses = {*literal};
    answer.state = NameAnswer::State::nothing;
    return answer;
  }

  void answered(Transfer& transfer, int status) override {
    const bool gateway = status >= 502 && status <= 504;
    observe(transfer, gateway ? OriginEvidence::gateway_error : OriginEvidence::answered);
    if (names_ == nullptr) return;
    if (const auto address = IpAddress::parse(transfer.outcome().address))
      names_->worked(config_.host, *address);
  }

  void ended(Transfer& transfer, UpstreamEnd end) override {
    if (&transfer == probe_.get()) {
      probe_ended(end);
      return;
    }
    // Nobody waits for a place while its name is being asked for; it waits for the name.
    if (transfer.phase() == Transfer::Phase::queued && end == UpstreamEnd::queue_full &&
        resolving())
      end = UpstreamEnd::dns;
    const auto gone = take(transfer.id());
    if (!gone) return;
    auto& outcome = gone->outcome();
    outcome.end = end;
    outcome.total =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - gone->started_at());
    if (end != UpstreamEnd::complete && outcome.detail.empty()) outcome.detail = text_of(end);
    status_.body_bytes += outcome.body_bytes;
    status_.sent_bytes += outcome.sent_bytes;
    if (outcome.reused) ++status_.reused;
    if (outcome.retried) ++status_.retried;
    if (const auto evidence = evidence_of(end, gone->phase())) observe(*gone, *evidence);
    pump_soon();
    if (gone->handler() == nullptr) return;  // cancel() has counted it
    ++status_.ends[static_cast<size_t>(end)];
    gone->handler()->on_end(outcome);
  }

  // --- health

  void observe(const Transfer& transfer, OriginEvidence evidence) {
    health_.observed(ms_of(Clock::now()), evidence, ms_of(transfer.sent_at()),
                     &transfer == probe_.get());
    note_health();
  }

  void note_health() {
    for (const auto& change : health_.take_transitions()) {
      // From half-open back to open is no news: an origin that is away stays away.
      if (change.to == OriginState::closed)
        logger_(LogLevel::info,
                config_.label + ": is back: " + std::string(text_of(change.evidence)));
      if (change.from == OriginState::closed) {
        logger_(LogLevel::warning,
                config_.label + ": is away: " + std::string(text_of(change.evidence)));
        if (names_ != nullptr) names_->ask_again();
        for (const Id id : queue_) end_soon(id, UpstreamEnd::breaker_open);
      }
      soon([this, change] {
        for (const auto& handler : health_handlers_) handler(change);
      });
    }
    arm_probe();
  }

  void arm_probe() {
    const auto due_ms = health_.probe_due_ms();
    if (due_ms == UINT64_MAX) {
      probe_timer_.cancel();
      return;
    }
    probe_timer_.expires_at(Clock::time_point(std::chrono::milliseconds(due_ms)));
    probe_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (self && !error && !self->closed_) self->probe();
    });
  }

  void probe() {
    if (probe_ || !health_.take_probe(ms_of(Clock::now()))) return;
    UpstreamRequest request;
    request.method = config_.probe_method;
    request.target = config_.probe_target;
    request.max_body_bytes = kMaxProbeBody;
    probe_ =
        std::make_unique<Transfer>(loop_, throttle_, *this, 0, std::move(request), &probe_handler_);
    note_health();
    const auto name = address();
    if (name.addresses.empty()) {
      probe_ended(UpstreamEnd::dns);
    } else if (!probe_->begin(config_, name.addresses)) {
      probe_ended(UpstreamEnd::bad_request);
    }
  }

  void probe_ended(UpstreamEnd end) {
    if (end == UpstreamEnd::complete || probe_->phase() == Transfer::Phase::receiving) {
      // Its head has said it already.
    } else if (const auto evidence = evidence_of(end, probe_->phase())) {
      observe(*probe_, *evidence);
    }
    probe_.reset();
    // Whatever it was, if it did not close the breaker it is over.
    health_.probe_lost(ms_of(Clock::now()));
    note_health();
    if (names_ != nullptr && !health_.admits()) names_->ask_again();
  }

  CurlLoop& loop_;
  Throttle& throttle_;
  OriginNames* const names_;
  const OriginConfig config_;
  const Logger logger_;
  OriginHealth health_;
  std::unordered_map<Id, std::unique_ptr<Transfer>> transfers_;
  std::deque<Id> queue_;
  size_t running_ = 0;
  Id last_id_ = 0;
  std::unique_ptr<Transfer> probe_;
  ProbeHandler probe_handler_;
  boost::asio::steady_timer probe_timer_;
  std::vector<std::function<void(const OriginTransition&)>> health_handlers_;
  UpstreamStatus status_;
  bool closed_ = false;
};

std::string Upstream::problem_of(const OriginConfig& config) {
  const auto is_host_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  for (const auto* host : {&config.host, &config.tls_name}) {
    if (host == &config.tls_name && host->empty()) continue;
    const bool is_name = !host->empty() && host->size() <= 253 &&
                         std::all_of(host->begin(), host->end(), is_host_char);
    if (!is_name && !IpAddress::parse(*host)) return "'" + *host + "' is neither name nor address";
  }
  if (config.port == 0) return "port 0 cannot be connected to";
  if (config.dscp > 63) return "a DSCP is 0 to 63";
  if (config.max_transfers == 0) return "no transfer would ever start";
  if (!config.client_key.empty() && config.client_certificate.empty())
    return "a client key without its certificate";
  for (const auto* file : {&config.ca_file, &config.client_certificate, &config.client_key})
    if (!file->empty() && ::access(file->c_str(), R_OK) != 0) return *file + " cannot be read";
  return "";
}

Upstream::Upstream(CurlLoop& loop, Throttle& throttle, OriginNames* names, OriginConfig config,
                   Logger logger)
    : impl_(std::make_shared<Impl>(loop, throttle, names, std::move(config), std::move(logger))) {
  impl_->open();
}
Upstream::~Upstream() {
  impl_->close();
}
Upstream::Id Upstream::start(UpstreamRequest request, UpstreamHandler& handler) {
  return impl_->start(std::move(request), handler);
}
void Upstream::cancel(Id id) {
  impl_->cancel(id);
}
void Upstream::cancel_all() {
  impl_->cancel_all();
}
void Upstream::pause(Id id) {
  impl_->pause(id);
}
void Upstream::resume(Id id) {
  impl_->resume(id);
}
void Upstream::resume_upload(Id id) {
  impl_->resume_upload(id);
}
const OriginConfig& Upstream::config() const {
  return impl_->config();
}
const OriginHealth& Upstream::health() const {
  return impl_->health();
}
void Upstream::on_health(std::function<void(const OriginTransition&)> handler) {
  impl_->on_health(std::move(handler));
}
UpstreamStatus Upstream::status() const {
  return impl_->status();
}

}  // namespace holdfast::provision
