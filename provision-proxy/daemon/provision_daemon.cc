// SPDX-License-Identifier: Apache-2.0
// holdfast-provision put together.
#include "provision-proxy/daemon/provision_daemon.hh"

#include <net/if.h>
#include <openssl/rand.h>
#include <sys/signalfd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>

#include "base/logging.hh"
#include "base/pid_lock.hh"
#include "base/privileges.hh"
#include "base/state_file.hh"
#include "provision-proxy/daemon/operator_api.hh"
#include "provision-proxy/daemon/operator_socket.hh"
#include "provision-proxy/daemon/tftp_fronts.hh"
#include "provision-proxy/phone/neighbours.hh"
#include "provision-proxy/proxy/flow.hh"
#include "provision-proxy/server/server.hh"
#include "provision-proxy/spool/spool_worker.hh"
#include "provision-proxy/upstream/curl_loop.hh"
#include "provision-proxy/upstream/origin_names.hh"
#include "provision-proxy/upstream/throttle.hh"

namespace holdfast::provision {
namespace {

namespace asio = boost::asio;
using config::ProvisionFile;
using std::chrono::milliseconds;

constexpr size_t kSaltBytes = 32;
constexpr std::chrono::seconds kTick{1};

int64_t unix_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
int64_t steady_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The secret of credentials' marks: made once for each store. The error, or empty.
std::string load_or_make_salt(const std::string& directory, std::string& salt) {
  const std::string path = directory + "/salt";
  if (auto kept = read_state_file(path, kSaltBytes); kept && kept->size() == kSaltBytes) {
    salt = *kept;
    return "";
  }
  salt.assign(kSaltBytes, '\0');
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), kSaltBytes) != 1)
    return "no random numbers";
  return write_state_file(path, salt);
}

OriginConfig upstream_of(const config::ProvisionOriginConfig& origin, uint8_t dscp) {
  OriginConfig upstream;
  upstream.label = origin.name;
  upstream.tls = origin.url.tls;
  upstream.host = origin.url.host;
  upstream.port = origin.url.port;
  upstream.ca_file = origin.ca;
  upstream.client_certificate = origin.client_certificate;
  upstream.client_key = origin.client_key;
  upstream.dscp = dscp;
  upstream.health.probe_interval_ms = uint64_t{origin.probe_s} * 1000;
  return upstream;
}

OwnerConfig owner_of(const config::ProvisionOriginConfig& origin) {
  OwnerConfig owner;
  owner.policy = origin.owner_check == config::OwnerCheck::kStrict ? OwnerPolicy::strict
                 : origin.owner_check == config::OwnerCheck::kOff  ? OwnerPolicy::off
                                                                  : OwnerPolicy::neighbour_if_known;
  if (origin.enumeration_limit) owner.max_unproven = *origin.enumeration_limit;
  if (owner.policy == OwnerPolicy::off && !origin.enumeration_limit) owner.max_unproven = 0;
  if (owner.max_unproven == 0) owner.max_foreign = 0;
  return owner;
}

FileClasses classes_of(const std::vector<config::ProvisionClassConfig>& rows) {
  std::vector<FileClassOverlay> overlays;
  overlays.reserve(rows.size());
  for (const auto& row : rows)
    overlays.push_back({row.match, row.shared, file_kind_of(row.kind), row.revalidate_s});
  return FileClasses({}, std::move(overlays));
}

}  // namespace

class ProvisionDaemon::Parts {
 public:
  explicit Parts(const ProvisionFile& file) : file_(file), alarms_(unix_ms, log_line) {}
  ~Parts();

  std::string start();
  void run() { io_.run(); }

 private:
  std::string open_state();
  std::string open_origins();
  std::string open_flow();
  std::string open_signals();
  void tick();
  void wait_for_signal();

  const ProvisionFile file_;
  asio::io_context io_{1};
  std::unique_ptr<PidLock> lock_;
  std::string salt_;
  Alarms alarms_;
  FlowCounters counters_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SpoolWorker> spool_;
  std::unique_ptr<CurlLoop> curl_;
  std::unique_ptr<Throttle> throttle_;
  std::unique_ptr<OriginNames> names_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::unique_ptr<OwnerCheck>> owner_checks_;
  std::unique_ptr<Neighbours> neighbours_;
  std::vector<unsigned> ifindex_of_listener_;  // HTTP's, then TFTP's; 0: any
  std::unique_ptr<Flow> flow_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TftpFronts> tftp_;
  std::unique_ptr<OperatorApi> api_;
  std::unique_ptr<OperatorSocket> operator_socket_;
  asio::steady_timer timer_{io_};
  std::unique_ptr<asio::posix::stream_descriptor> signals_;
  signalfd_siginfo signal_{};
};

ProvisionDaemon::Parts::~Parts() {
  // From the outside in: phones, then what is under way, then what it stands on.
  operator_socket_.reset();
  server_.reset();
  tftp_.reset();
  if (flow_) flow_->stop_replays();
  for (const auto& upstream : upstreams_) upstream->cancel_all();
  io_.restart();
  io_.poll();
  if (spool_) spool_->drain();
  upstreams_.clear();
  if (store_) store_->drain();
}

std::string ProvisionDaemon::Parts::start() {
  for (const auto step :
       {&Parts::open_state, &Parts::open_origins, &Parts::open_flow, &Parts::open_signals}) {
    if (auto error = (this->*step)(); !error.empty()) return error;
  }
  tick();
  return "";
}

std::string ProvisionDaemon::Parts::open_state() {
  const auto& config = file_.sections.provision;
  if (auto error = make_state_directory(config.directory); !error.empty()) return error;
  auto lock = PidLock::take(config.directory + "/holdfast-provision.pid");
  if (!lock) return lock.error();
  lock_ = std::move(lock).value();
  if (auto error = load_or_make_salt(config.directory, salt_); !error.empty()) return error;
  StoreConfig store;
  store.directory = config.directory + "/store";
  store.max_bytes = uint64_t{config.max_store_mib} << 20;
  store.generations = config.generations;
  StoreHooks hooks;
  hooks.unix_ms = unix_ms;
  hooks.steady_ms = steady_ms;
  hooks.wake = [this] { asio::post(io_, [this] { store_->poll(); }); };
  hooks.logger = log_line;
  hooks.damaged = [this, index = store.directory](const std::string& subject,
                                                  const std::string& what) {
    const auto kind = subject.empty() ? AlarmKind::index_damaged : AlarmKind::body_damaged;
    alarms_.raise(kind, subject.empty() ? index : subject, what);
  };
  auto opened = Store::open(std::move(store), std::move(hooks));
  if (!opened) return opened.error();
  store_ = std::move(opened).value();
  SpoolConfig spool;
  spool.directory = config.directory + "/uploads";
  spool.max_bytes = uint64_t{config.max_upload_mib} << 20;
  auto uploads =
      SpoolWorker::open(std::move(spool), [this] { asio::post(io_, [this] { spool_->poll(); }); });
  if (!uploads) return uploads.error();
  spool_ = std::move(uploads).value();
  spool_->on_damage([this](const Spool::Damage& damage) {
    const std::string whose =
        damage.target.empty() ? "whose it was is not known" : damage.phone + " " + damage.target;
    alarms_.raise(AlarmKind::upload_damaged, damage.file, whose);
  });
  return "";
}

std::string ProvisionDaemon::Parts::open_origins() {
  const auto& sections = file_.sections;
  curl_ = std::make_unique<CurlLoop>(io_);
  throttle_ = std::make_unique<Throttle>(io_, uint64_t{sections.provision.bandwidth_kbit} * 125);
  NamesConfig names;
  for (const auto& origin : sections.origins) names.hosts.push_back(origin.url.host);
  names.state_path = sections.provision.directory + "/names.json";
  names.dns = file_.dns;
  names_ = std::make_unique<OriginNames>(io_, std::move(names), log_line);
  for (const auto& origin : sections.origins) {
    const auto config = upstream_of(origin, sections.provision.dscp);
    if (auto error = Upstream::problem_of(config); !error.empty())
      return "provision-origin " + origin.name + ": " + error;
    auto& upstream = upstreams_.emplace_back(
        std::make_unique<Upstream>(*curl_, *throttle_, names_.get(), config, log_line));
    upstream->on_health([this, name = origin.name](const OriginTransition& transition) {
      if (transition.from == OriginState::closed)
        alarms_.raise(AlarmKind::origin_away, name, text_of(transition.evidence));
      if (transition.to == OriginState::closed) alarms_.end(AlarmKind::origin_away, name);
      if (transition.to == OriginState::closed && flow_) flow_->replay();
    });
  }
  return "";
}

std::string ProvisionDaemon::Parts::open_flow() {
  const auto& sections = file_.sections;
  auto neighbours = Neighbours::open();
  if (!neighbours) return neighbours.error();
  neighbours_ = std::move(neighbours).value();
  std::vector<OriginPort> origins;
  for (size_t i = 0; i < sections.origins.size(); ++i) {
    OriginPort port{&sections.origins[i], upstreams_[i].get(), nullptr};
    if (!port.by_rfc())
      port.owner_check =
          owner_checks_.emplace_back(std::make_unique<OwnerCheck>(owner_of(sections.origins[i])))
              .get();
    origins.push_back(port);
  }
  FlowConfig config;
  const auto add_listener = [&](const auto& listener) {
    size_t place = 0;
    while (sections.origins[place].name != listener.origin) ++place;
    config.origin_of_listener.push_back(place);
    // 0, which is any, for a device that is not there: the listener will say so.
    ifindex_of_listener_.push_back(
        listener.device.empty() ? 0 : ::if_nametoindex(listener.device.c_str()));
  };
  for (const auto& listener : sections.listeners) add_listener(listener);
  for (const auto& tftp : sections.tftps) add_listener(tftp);
  config.salt = salt_;
  config.neighbour_of = [this](const IpAddress& address, size_t listener) {
    return neighbours_->mac_of(address, ifindex_of_listener_.at(listener), steady_ms());
  };
  flow_ =
      std::make_unique<Flow>(FlowContext{io_, *store_, alarms_, counters_, unix_ms, spool_.get()},
                             std::move(origins), classes_of(sections.classes), std::move(config));
  ServerLimits limits;
  limits.max_connections = sections.provision.max_connections;
  limits.max_connections_per_address = sections.provision.max_connections_per_address;
  limits.handshake = limits.head = std::chrono::seconds(sections.provision.request_s);
  limits.body_progress = limits.write_progress = std::chrono::seconds(sections.provision.stall_s);
  auto server = Server::start(io_, sections.listeners, limits, *flow_, log_line);
  if (!server) return server.error();
  server_ = std::move(server).value();
  auto tftp = TftpFronts::start(io_, sections.tftps, sections.listeners.size(), *flow_);
  if (!tftp) return tftp.error();
  tftp_ = std::move(tftp).value();
  api_ = std::make_unique<OperatorApi>(OperatorSources{*store_, *spool_, *flow_, alarms_, counters_,
                                                       *server_, *tftp_, sections, unix_ms});
  auto socket = OperatorSocket::start(io_, sections.provision.socket, *api_);
  if (!socket) return socket.error();
  operator_socket_ = std::move(socket).value();
  return "";
}

std::string ProvisionDaemon::Parts::open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return "cannot watch for signals";
  signals_ = std::make_unique<asio::posix::stream_descriptor>(io_, fd);
  wait_for_signal();
  return "";
}

void ProvisionDaemon::Parts::wait_for_signal() {
  signals_->async_read_some(asio::buffer(&signal_, sizeof signal_),
                            [this](boost::system::error_code error, size_t) {
                              if (error) return;
                              if (signal_.ssi_signo != SIGHUP) {
                                log_line(LogLevel::info, "stopping");
                                return io_.stop();
                              }
                              const auto wrong = server_->reload();
                              log_line(wrong.empty() ? LogLevel::info : LogLevel::error,
                                       wrong.empty() ? "certificates read again" : wrong);
                              wait_for_signal();
                            });
}

void ProvisionDaemon::Parts::tick() {
  store_->tick();
  flow_->replay();
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

ProvisionDaemon::ProvisionDaemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ProvisionDaemon::~ProvisionDaemon() = default;

Result<std::unique_ptr<ProvisionDaemon>, std::string> ProvisionDaemon::start(
    const ProvisionFile& file) {
  if (auto error = drop_capabilities(holdfast::Keep::kBindOnly); !error.empty()) return error;
  auto parts = std::make_unique<Parts>(file);
  if (auto error = parts->start(); !error.empty()) return error;
  if (auto error = drop_capabilities(holdfast::Keep::kNothing); !error.empty()) return error;
  return std::unique_ptr<ProvisionDaemon>(new ProvisionDaemon(std::move(parts)));
}

void ProvisionDaemon::run() {
  parts_->run();
}

}  // namespace holdfast::provision
