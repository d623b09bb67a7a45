// SPDX-License-Identifier: Apache-2.0
// The rounds of the resolver's thread, and what it shares with the Asio thread under one short
// lock.
#include "provision-proxy/upstream/origin_names.hh"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "base/state_file.hh"
#include "provision-proxy/upstream/address_book.hh"

namespace holdfast::provision {
namespace {

using Clock = std::chrono::steady_clock;

struct Tried {
  bool asked = false, good = false;
  std::string error;
  Clock::time_point good_at;
};

}  // namespace

std::string_view name_of(NameAnswer::State state) {
  static constexpr std::string_view kNames[] = {"good", "kept", "asking", "nothing"};
  return kNames[static_cast<size_t>(state)];
}

class OriginNames::Impl : public std::enable_shared_from_this<OriginNames::Impl> {
 public:
  Impl(boost::asio::io_context& io, NamesConfig config, Logger logger)
      : io_(io),
        config_(std::move(config)),
        logger_(std::move(logger)),
        client_(config_.dns),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    for (const auto& host : config_.hosts) {
      const bool known = std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end();
      if (!known && !IpAddress::parse(host) && hosts_.size() < kMaxOriginNames)
        hosts_.push_back(host);
    }
    if (!config_.state_path.empty())
      if (const auto text = read_state_file(config_.state_path, kMaxBookBytes))
        book_ = AddressBook::parse(*text);
    book_.keep_only(hosts_);
  }
  ~Impl() { ::close(wake_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() {
    if (!hosts_.empty()) thread_ = std::thread([this] { work(); });
  }
  void stop() {
    client_.stop();
    if (thread_.joinable()) thread_.join();
    save();
    handlers_.clear();
  }

  NameAnswer find(const std::string& host) const {
    NameAnswer answer;
    if (const auto literal = IpAddress::parse(host)) {
      answer.state = NameAnswer::State::good;
      answer.addresses = {*literal};
      return answer;
    }
    const std::lock_guard lock(mutex_);
    answer.addresses = book_.find(host);
    const auto found = tried_.find(host);
    const Tried tried = found == tried_.end() ? Tried{} : found->second;
    const bool is_ours = std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end();
    answer.error = is_ours ? tried.error : "not a name that is kept resolved";
    if (!answer.addresses.empty()) {
      answer.state = tried.good ? NameAnswer::State::good : NameAnswer::State::kept;
    } else {
      answer.state =
          is_ours && !tried.asked ? NameAnswer::State::asking : NameAnswer::State::nothing;
    }
    if (tried.good)
      answer.age_s = static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - tried.good_at).count());
    return answer;
  }

  void worked(const std::string& host, const IpAddress& address) {
    {
      const std::lock_guard lock(mutex_);
      if (!book_.worked(host, address)) return;
      dirty_ = true;
    }
    ::eventfd_write(wake_, 1);  // the disk is the thread's
  }

  void ask_again() {
    {
      const std::lock_guard lock(mutex_);
      asked_again_ = true;
    }
    ::eventfd_write(wake_, 1);
  }

  void on_change(std::function<void()> handler) { handlers_.push_back(std::move(handler)); }

  uint64_t rounds() const {
    const std::lock_guard lock(mutex_);
    return rounds_;
  }

 private:
  void work() {
    for (;;) {
      const auto begun = Clock::now();
      const auto wait = round() * config_.second;
      save();
      if (!rest(begun + wait, begun + config_.dns.retry_s * config_.second)) return;
    }
  }

  // Until `until`, or until `soonest` if somebody wants to know earlier; saves what is new
  // meanwhile. False: it is over.
  bool rest(Clock::time_point until, Clock::time_point soonest) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (asked_again_) until = std::min(until, soonest);
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count() + 1;
      pollfd polls[2] = {{client_.stop_descriptor(), POLLIN, 0}, {wake_, POLLIN, 0}};
      ::poll(polls, 2, static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000)));
      if (polls[0].revents != 0) return false;
      if (left <= 1) return true;
      eventfd_t count = 0;
      ::eventfd_read(wake_, &count);
      save();
    }
  }

  std::vector<Question> questions() const {
    std::vector<Question> list;
    for (const auto& host : hosts_) {
      if (config_.ipv6) list.push_back({host, RecordType::kAaaa});
      if (config_.ipv4) list.push_back({host, RecordType::kA});
    }
    return list;
  }

  // Asks for all; the seconds until the next round.
  uint32_t round() {
    {
      const std::lock_guard lock(mutex_);
      asked_again_ = false;
    }
    const auto asked = questions();
    const auto answers = client_.ask(asked);
    if (pollfd stop{client_.stop_descriptor(), POLLIN, 0}; ::poll(&stop, 1, 0) != 0) return 0;
    uint32_t ttl_s = config_.dns.max_ttl_s;
    bool changed = false, failed = false;
    std::string error;
    for (const auto& host : hosts_) {
      std::vector<IpAddress> addresses;
      std::string trouble;
      bool all_answered = true;
      for (size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].name != host) continue;
        const auto& answer = answers[i];
        addresses.insert(addresses.end(), answer.addresses.begin(), answer.addresses.end());
        if (answer.kind == Answer::Kind::kGood) ttl_s = std::min(ttl_s, answer.ttl_s);
        if (answer.kind == Answer::Kind::kFailed) all_answered = false;
        if (answer.kind != Answer::Kind::kGood) trouble = answer.error;
      }
      const bool good = all_answered && !addresses.empty();
      if (!good) {
        failed = true;
        error = host;
        error.append(": ").append(trouble);
      }
      changed |= note(host, good, good ? "" : trouble, std::move(addresses));
    }
    tell(changed, failed, error);
    return failed ? config_.dns.retry_s
                  : std::clamp(ttl_s, config_.dns.min_ttl_s, config_.dns.max_ttl_s);
  }

  // Of one family alone the answer is used, but does not replace what is known of the other.
  bool note(const std::string& host, bool good, std::string error,
            std::vector<IpAddress> addresses) {
    const std::lock_guard lock(mutex_);
    auto& tried = tried_[host];
    bool changed = !tried.asked || tried.good != good;
    if (!good && !addresses.empty()) {
      const auto known = book_.find(host);
      addresses.insert(addresses.end(), known.begin(), known.end());
    }
    if (book_.put(host, std::move(addresses))) changed = dirty_ = true;
    tried.asked = true;
    tried.good = good;
    tried.error = std::move(error);
    if (good) tried.good_at = Clock::now();
    return changed;
  }

  void tell(bool changed, bool failed, const std::string& error) {
    {
      const std::lock_guard lock(mutex_);
      ++rounds_;
    }
    if (failed != failing_) {
      failing_ = failed;
      logger_(failed ? LogLevel::warning : LogLevel::info,
              failed ? "origin names: DNS does not answer well (" + error +
                           "); the last good addresses stay in use"
                     : "origin names: DNS answers");
    }
    if (!changed) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
      if (const auto self = weak.lock())
        for (const auto& handler : self->handlers_) handler();
    });
  }

  // On the resolver's thread, and at the end.
  void save() {
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      if (!dirty_ || config_.state_path.empty()) return;
      dirty_ = false;
      text = book_.text();
    }
    const auto error = write_state_file(config_.state_path, text);
    if (error.empty() != save_failed_) return;
    save_failed_ = !error.empty();
    logger_(save_failed_ ? LogLevel::error : LogLevel::info,
            save_failed_ ? "origin names: " + error : "origin names: addresses are on disk again");
  }

  boost::asio::io_context& io_;
  const NamesConfig config_;
  const Logger logger_;
  DnsClient client_;
  const int wake_;
  std::vector<std::string> hosts_;               // constant once started
  std::vector<std::function<void()>> handlers_;  // the Asio thread's

  mutable std::mutex mutex_;  // guards what follows, never while anything waits
  AddressBook book_;
  std::map<std::string, Tried> tried_;
  bool dirty_ = false, asked_again_ = false;
  uint64_t rounds_ = 0;

  bool failing_ = false, save_failed_ = false;  // the resolver thread's
  std::thread thread_;
};

OriginNames::OriginNames(boost::asio::io_context& io, NamesConfig config, Logger logger)
    : impl_(std::make_shared<Impl>(io, std::move(config), std::move(logger))) {
  impl_->start();
}
OriginNames::~OriginNames() {
  impl_->stop();
}
NameAnswer OriginNames::find(const std::string& host) const {
  return impl_->find(host);
}
void OriginNames::worked(const std::string& host, const IpAddress& address) {
  impl_->worked(host, address);
}
void OriginNames::ask_again() {
  impl_->ask_again();
}
void OriginNames::on_change(std::function<void()> handler) {
  impl_->on_change(std::move(handler));
}
uint64_t OriginNames::rounds() const {
  return impl_->rounds();
}

}  // namespace holdfast::provision
