// SPDX-License-Identifier: Apache-2.0
// Starts the parts in the order in which they need each other.
#include "control/daemon/daemon.hh"

#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timex.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>

#include "base/logging.hh"
#include "base/pid_lock.hh"
#include "base/privileges.hh"
#include "base/state_file.hh"
#include "control/admin/server.hh"
#include "control/config/apart_checks.hh"
#include "control/config/srtp_warnings.hh"
#include "control/daemon/bindings_keeper.hh"
#include "control/daemon/keys.hh"
#include "control/daemon/open_records.hh"
#include "control/daemon/setup.hh"
#include "control/names/resolver.hh"
#include "control/records/minute_collector.hh"
#include "control/records/recorder.hh"
#include "control/store/reader.hh"
#include "control/store/writer.hh"
#include "sip/transport/sofia_loop.hh"

namespace holdfast::daemon {
namespace {

constexpr uint32_t kDrainLookMs = 500;
// Until the dataplane has listed its calls, and once it has.
constexpr uint32_t kAdoptSoonMs = 50;
constexpr uint32_t kAdoptMs = 5000;

int64_t unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// The time, if the kernel's clock is known to be set (by NTP). A box without a battery begins in
// another year, and nothing is to be thrown away for that.
std::optional<int64_t> trusted_unix_ms() {
  timex query{};
  if (::adjtimex(&query) == TIME_ERROR) return std::nullopt;
  return unix_ms();
}

uint32_t random_seed() {
  uint32_t seed = 0;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = static_cast<uint32_t>(unix_ms());
  return seed;
}

int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  return ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

// In the order in which they are made; destroyed in the other.
class Daemon::Parts {
 public:
  explicit Parts(const config::SiteConfig& site) : site_(site), config_(*site.daemon) {}
  ~Parts();
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  std::string start();
  void run() { loop_->run(); }
  void drain(bool on);

 private:
  std::string open_state();
  std::string open_sip();
  std::string open_admin();
  admin::Sources admin_sources();
  void on_signal();
  void reload_certificates();
  void look_whether_drained();
  void look_for_calls_of_before();

  const config::SiteConfig site_;
  const config::DaemonConfig& config_;
  std::unique_ptr<PidLock> lock_;
  Keys keys_;
  std::unique_ptr<store::Writer> writer_;
  std::unique_ptr<sip::SofiaLoop> loop_;
  std::unique_ptr<sip::MediaAnchor> anchor_;
  std::unique_ptr<records::Recorder> recorder_;
  std::unique_ptr<sip::Proxy> proxy_;
  std::unique_ptr<BindingsKeeper> bindings_;
  std::unique_ptr<OpenRecords> open_records_;
  std::unique_ptr<names::Resolver> resolver_;
  std::unique_ptr<records::MinuteCollector> minutes_;
  std::unique_ptr<admin::Server> admin_;
  int signals_ = -1;
  sip::Loop::Handle signal_watch_ = 0;
  sip::Loop::Handle drain_timer_ = 0;
  sip::Loop::Handle adopt_timer_ = 0;
};

Daemon::Parts::~Parts() {
  if (bindings_) bindings_->save();
  if (loop_ && signal_watch_ != 0) loop_->unwatch(signal_watch_);
  if (loop_ && drain_timer_ != 0) loop_->cancel(drain_timer_);
  if (loop_ && adopt_timer_ != 0) loop_->cancel(adopt_timer_);
  if (signals_ >= 0) ::close(signals_);
}

std::string Daemon::Parts::start() {
  for (const auto step : {&Parts::open_state, &Parts::open_sip, &Parts::open_admin}) {
    if (auto error = (this->*step)(); !error.empty()) return error;
  }
  return "";
}

std::string Daemon::Parts::open_state() {
  const std::string& directory = config_.storage.directory;
  if (auto error = make_state_directory(directory); !error.empty()) return error;
  auto lock = PidLock::take(directory + "/holdfastd.pid");
  if (!lock) return lock.error();
  lock_ = std::move(lock).value();
  auto keys = load_or_make_keys(directory, log_line);
  if (!keys) return keys.error();
  keys_ = *keys;
  store::WriterConfig writer;
  writer.path = config_.storage.database();
  writer.retention_days = config_.storage.retention_days;
  writer.max_calls = config_.storage.max_calls;
  writer.trusted_time = trusted_unix_ms;
  writer_ = std::make_unique<store::Writer>(std::move(writer), log_line);
  return "";
}

std::string Daemon::Parts::open_sip() {
  loop_ = sip::SofiaLoop::make();
  if (!loop_) return "the kernel gives no descriptors for the SIP loop";
  for (const auto& each : config::srtp_warnings_of(site_))
    log_line(LogLevel::warning, each.to_string());
  anchor_ = std::make_unique<sip::MediaAnchor>(*loop_, anchor_config_of(site_), log_line);
  const auto put = [this](store::Item item) { return writer_->put(std::move(item)); };
  recorder_ = std::make_unique<records::Recorder>(
      records::Recorder::Clock{unix_ms, [this] { return loop_->now_ms(); }}, put);
  proxy_ = std::make_unique<sip::Proxy>(*loop_, proxy_config_of(site_, keys_), anchor_.get(),
                                        recorder_.get(), log_line);
  const auto saved = store::Reader(config_.storage.database()).bindings();
  if (saved) {
    proxy_->load_bindings(*saved);
    log_line(LogLevel::info,
             "registrations: " + std::to_string(saved->size()) + " known from before");
  } else {
    log_line(LogLevel::error,
             "registrations: those from before cannot be read: " + saved.error().text);
  }
  bindings_ = std::make_unique<BindingsKeeper>(*loop_, *proxy_, put);
  open_records_ = std::make_unique<OpenRecords>(*loop_, *proxy_, *anchor_, *recorder_, put);
  minutes_ = std::make_unique<records::MinuteCollector>(
      site_.dataplane.control_socket, store::Reader(config_.storage.database()).minute_cursor(),
      put, log_line);

  resolver_ = std::make_unique<names::Resolver>(
      config_.centre, config_.dns, config_.storage.names(), std::mt19937(random_seed()), log_line,
      [this](const names::Names& found) {
        loop_->post([this, found] {
          proxy_->set_upstreams(found.upstreams);
          proxy_->set_names(found.names);
        });
      },
      [this](const SocketAddress& address) {
        const auto* own = config::own_listener_at(config_, config_.centre.transport, address);
        return own == nullptr ? std::string() : own->interface;
      });
  proxy_->set_upstreams(resolver_->at_start().upstreams);
  proxy_->set_names(resolver_->at_start().names);
  look_for_calls_of_before();
  if (const auto error = proxy_->start()) return error->listener + ": " + error->text;

  signals_ = open_signals();
  signal_watch_ = signals_ < 0 ? 0 : loop_->watch(signals_, sip::Loop::kReadable, [this](unsigned) {
    on_signal();
  });
  return signal_watch_ == 0 ? "cannot watch for signals" : "";
}

admin::Sources Daemon::Parts::admin_sources() {
  admin::Sources sources;
  sources.sip = [this](const admin::Sources::Done& done) {
    return loop_->post([this, done] {
      auto snapshot = std::make_shared<admin::SipSnapshot>();
      snapshot->proxy = proxy_->snapshot();
      snapshot->anchor = anchor_->snapshot();
      snapshot->media = anchor_->last_list();
      done(std::move(snapshot));
    });
  };
  sources.store = [this] { return writer_->status(); };
  sources.minutes = [this] { return minutes_->status(); };
  sources.names = [this] { return resolver_->status(); };
  sources.drain = [this](bool on) { return loop_->post([this, on] { drain(on); }); };
  sources.database = config_.storage.database();
  sources.started_ms = static_cast<uint64_t>(unix_ms());
  return sources;
}

std::string Daemon::Parts::open_admin() {
  auto server = admin::Server::start(config_.admin, admin_sources());
  if (!server) return server.error();
  admin_ = std::move(server).value();
  log_line(LogLevel::info, "admin page at http://" + admin_->page_address().to_string() + "/");
  return "";
}

void Daemon::Parts::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGUSR1) {
      drain(true);
    } else if (info.ssi_signo == SIGHUP) {
      reload_certificates();
    } else {
      log_line(LogLevel::info, "stopping: calls that live go on without us");
      loop_->stop();
    }
  }
}

void Daemon::Parts::reload_certificates() {
  const std::string wrong = proxy_->reload_certificates();
  if (wrong.empty())
    log_line(LogLevel::info, "certificates read again; connections that stand keep theirs");
  else
    log_line(LogLevel::error, "certificates stay as they were: " + wrong);
}

void Daemon::Parts::drain(bool on) {
  proxy_->drain(on);
  log_line(LogLevel::info, on ? "draining: no new calls, the end comes with that of the last"
                              : "no longer draining");
  if (drain_timer_ != 0) loop_->cancel(std::exchange(drain_timer_, 0));
  if (on) look_whether_drained();
}

void Daemon::Parts::look_whether_drained() {
  // A call from before we started has its legs, whether it has said anything since or not.
  const sip::AnchorSnapshot media = anchor_->snapshot();
  const bool calls_of_before = media.state == sip::AnchorState::syncing || !media.adopted.empty();
  if (proxy_->is_drained() && !calls_of_before) {
    log_line(LogLevel::info, "drained: the last call has ended");
    loop_->stop();
    return;
  }
  drain_timer_ = loop_->after(kDrainLookMs, [this] { look_whether_drained(); });
}

// They hold their links too: so the book is whole again as soon as the dataplane's list is.
void Daemon::Parts::look_for_calls_of_before() {
  const bool listed = anchor_->snapshot().state == sip::AnchorState::up;
  if (listed) proxy_->adopt_calls(live_calls_of(anchor_->last_list()));
  adopt_timer_ =
      loop_->after(listed ? kAdoptMs : kAdoptSoonMs, [this] { look_for_calls_of_before(); });
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>, std::string> Daemon::start(const config::SiteConfig& site) {
  if (auto error = drop_capabilities(Keep::kBindOnly); !error.empty()) return error;
  auto parts = std::make_unique<Parts>(site);
  if (auto error = parts->start(); !error.empty()) return error;
  if (auto error = drop_capabilities(Keep::kNothing); !error.empty()) return error;
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

void Daemon::run() {
  parts_->run();
}

}  // namespace holdfast::daemon
