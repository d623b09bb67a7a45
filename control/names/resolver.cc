// SPDX-License-Identifier: Apache-2.0
// The rounds of the resolver.
#include "control/names/resolver.hh"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>
#include <thread>

#include "control/names/centre_names.hh"

namespace holdfast::names {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> texts_of(const GoodAnswer& answer) {
  std::vector<std::string> texts;
  for (const auto& ip : answer.addresses) texts.push_back(ip.to_string());
  for (const auto& s : answer.servers)
    texts.push_back(s.target + ":" + std::to_string(s.port) + " priority " +
                    std::to_string(s.priority) + " weight " + std::to_string(s.weight));
  return texts;
}

// What is kept of a good answer, in an order that does not change from one answer to the next.
GoodAnswer good_of(Answer answer) {
  std::sort(answer.addresses.begin(), answer.addresses.end());
  std::sort(answer.servers.begin(), answer.servers.end(), [](const auto& a, const auto& b) {
    return std::tie(a.priority, a.target, a.port, a.weight) <
           std::tie(b.priority, b.target, b.port, b.weight);
  });
  return {std::move(answer.addresses), std::move(answer.servers), std::time(nullptr)};
}

bool is_no_service(const std::vector<SrvRecord>& servers) {  // RFC 2782: a target of "."
  return servers.size() == 1 && (servers[0].target.empty() || servers[0].target == ".");
}

}  // namespace

class Resolver::Impl {
 public:
  Impl(const config::CentreConfig& centre, const DnsConfig& dns, std::string cache_path,
       Random random, Logger logger, Changed changed, OwnListener own,
       std::chrono::milliseconds second)
      : centre_(centre),
        dns_(dns),
        cache_path_(std::move(cache_path)),
        random_(std::move(random)),
        logger_(std::move(logger)),
        changed_(std::move(changed)),
        own_(std::move(own)),
        second_(second),
        client_(dns) {
    cache_.load(cache_path_);
    assemble();
    at_start_ = current_;
    note_all();
    const bool asks =
        !centre_.srv_name.empty() || std::any_of(centre_.servers.begin(), centre_.servers.end(),
                                                 [](const auto& s) { return !s.literal; });
    if (asks) thread_ = std::thread([this] { work(); });
  }
  ~Impl() {
    client_.stop();
    if (thread_.joinable()) thread_.join();
  }

  const Names& at_start() const { return at_start_; }
  ResolverStatus status() const {
    const std::lock_guard lock(mutex_);
    auto now = status_;
    const auto left = next_round_ - Clock::now();
    now.next_round_in_s = static_cast<uint64_t>(
        std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(left).count()));
    for (size_t i = 0; i < now.names.size(); ++i) {
      if (!good_at_[i]) continue;
      now.names[i].age_s = static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - *good_at_[i]).count());
    }
    return now;
  }

 private:
  struct Tried {
    std::string error;
    std::optional<Clock::time_point> good_at;
  };

  void work() {
    for (;;) {
      const uint32_t wait_s = round();
      {
        const std::lock_guard lock(mutex_);
        next_round_ = Clock::now() + wait_s * second_;
      }
      pollfd stop{client_.stop_descriptor(), POLLIN, 0};
      if (::poll(&stop, 1, static_cast<int>((wait_s * second_).count())) != 0) return;
    }
  }

  // Asks all; the seconds until the next round.
  uint32_t round() {
    uint32_t ttl_s = dns_.max_ttl_s;
    bool failed = false;
    if (!centre_.srv_name.empty()) failed |= !ask({srv_question_of(centre_)}, ttl_s);
    failed |= !ask(host_questions(), ttl_s);
    if (pollfd stop{client_.stop_descriptor(), POLLIN, 0}; ::poll(&stop, 1, 0) != 0) return 0;
    if (dirty_) dirty_ = !cache_.save(cache_path_);
    const Names before = current_;
    assemble();
    {
      const std::lock_guard lock(mutex_);
      ++status_.rounds;
      if (failed) ++status_.failed_rounds;
    }
    note_all();
    if (before.upstreams != current_.upstreams) changed_(current_);
    if (failed != failing_) {
      failing_ = failed;
      logger_(failed ? LogLevel::warning : LogLevel::info,
              failed ? "names: DNS does not answer well (" + last_error_ +
                           "); the last good answers stay in use"
                     : "names: DNS answers");
    }
    return failed ? dns_.retry_s : std::clamp(ttl_s, dns_.min_ttl_s, dns_.max_ttl_s);
  }

  // False: one of them failed. Good answers go into the cache, their TTL into `ttl_s`.
  bool ask(const std::vector<Question>& questions, uint32_t& ttl_s) {
    bool all_good = true;
    auto answers = client_.ask(questions);
    std::map<std::string, bool> has_some;  // by host: one family may have nothing
    for (size_t i = 0; i < questions.size(); ++i) {
      has_some[questions[i].name] |= answers[i].kind == Answer::Kind::kGood;
    }
    for (size_t i = 0; i < questions.size(); ++i) {
      auto& answer = answers[i];
      auto& tried = tried_[NameCache::key_of(questions[i])];
      if (answer.kind == Answer::Kind::kGood && is_no_service(answer.servers)) {
        answer.kind = Answer::Kind::kFailed;
        answer.error = "the record says that there is no such service";
      }
      if (answer.kind == Answer::Kind::kGood) {
        ttl_s = std::min(ttl_s, answer.ttl_s);
        tried = {"", Clock::now()};
        dirty_ |= cache_.put(questions[i], good_of(std::move(answer)));
        continue;
      }
      tried.error = answer.error;
      if (answer.kind == Answer::Kind::kNothing && has_some[questions[i].name]) {
        dirty_ |= cache_.put(questions[i], {{}, {}, std::time(nullptr)});
        continue;
      }
      last_error_ = questions[i].name + ": " + answer.error;
      all_good = false;
    }
    return all_good;
  }

  // SRV targets as they were drawn; drawn anew only when the records change.
  std::vector<NamedServer> servers() {
    const auto* good = centre_.srv_name.empty() ? nullptr : cache_.find(srv_question_of(centre_));
    if (good == nullptr) return servers_of(centre_, cache_);
    if (good->servers != drawn_from_) {
      drawn_from_ = good->servers;
      drawn_ = order_srv(good->servers, random_);
    }
    std::vector<NamedServer> list;
    for (const auto& s : drawn_) list.push_back({s.target, s.port, s.priority});
    return list;
  }

  std::vector<Question> host_questions() {
    return names::host_questions(servers(), centre_.families);
  }

  void assemble() {
    CentreAddresses found = addresses_of(centre_, servers(), cache_, own_);
    for (const std::string& line : found.ourselves)
      if (std::find(ourselves_.begin(), ourselves_.end(), line) == ourselves_.end())
        logger_(LogLevel::warning, "names: " + line + ": " + std::string(kNotTaken));
    ourselves_ = std::move(found.ourselves);
    current_ = {std::move(found.upstreams), {}};
    const auto add = [this](const std::string& host, const SocketAddress& address) {
      const bool known = std::any_of(current_.names.begin(), current_.names.end(),
                                     [&](const auto& n) { return n.host == host; });
      if (!known && !IpAddress::parse(host)) current_.names.push_back({host, address});
    };
    for (const auto& upstream : current_.upstreams) add(upstream.host, upstream.address);
    // The domain leads to its servers, whatever its own A record says (RFC 3263).
    if (!current_.upstreams.empty()) add(centre_.domain, current_.upstreams.front().address);
  }

  void note_all() {
    std::vector<Question> questions = host_questions();
    if (!centre_.srv_name.empty()) questions.insert(questions.begin(), srv_question_of(centre_));
    const std::lock_guard lock(mutex_);
    status_.names.clear();
    status_.ourselves = ourselves_;
    good_at_.clear();
    for (const auto& question : questions) {
      NameStatus name{question.name, std::string(name_of(question.type)), {}, {}, false, ""};
      const auto tried = tried_.find(NameCache::key_of(question));
      const auto* good = cache_.find(question);
      if (good != nullptr) name.answers = texts_of(*good);
      if (tried != tried_.end()) name.error = tried->second.error;
      good_at_.push_back(tried == tried_.end() ? std::nullopt : tried->second.good_at);
      name.from_disk = good != nullptr && !good_at_.back();
      if (name.from_disk)  // by the wall clock, which may be wrong
        name.age_s =
            static_cast<uint64_t>(std::max<int64_t>(0, std::time(nullptr) - good->at_unix_s));
      status_.names.push_back(std::move(name));
    }
  }

  const config::CentreConfig centre_;
  const DnsConfig dns_;
  const std::string cache_path_;
  const Random random_;
  const Logger logger_;
  const Changed changed_;
  const OwnListener own_;
  const std::chrono::milliseconds second_;
  DnsClient client_;
  Names at_start_;

  // The thread's own, once it runs.
  NameCache cache_;
  std::map<std::string, Tried> tried_;
  std::vector<SrvRecord> drawn_from_, drawn_;
  Names current_;
  std::vector<std::string> ourselves_;  // said once, as long as it is so
  bool dirty_ = false, failing_ = false;
  std::string last_error_;

  mutable std::mutex mutex_;  // guards the status
  ResolverStatus status_;
  std::vector<std::optional<Clock::time_point>> good_at_;  // parallel to status_.names
  Clock::time_point next_round_ = Clock::now();
  std::thread thread_;
};

Resolver::Resolver(const config::CentreConfig& centre, const DnsConfig& dns, std::string cache_path,
                   Random random, Logger logger, Changed changed, OwnListener own,
                   std::chrono::milliseconds second)
    : impl_(std::make_unique<Impl>(centre, dns, std::move(cache_path), std::move(random),
                                   std::move(logger), std::move(changed), std::move(own), second)) {
}
Resolver::~Resolver() = default;
const Names& Resolver::at_start() const {
  return impl_->at_start();
}
ResolverStatus Resolver::status() const {
  return impl_->status();
}

}  // namespace holdfast::names
