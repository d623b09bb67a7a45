// SPDX-License-Identifier: Apache-2.0
// Phones on threads: they block, the kernel schedules.
#include "provision-proxy/phonesim/fleet.hh"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

constexpr uint64_t kMacSpace = uint64_t{1} << 48;

// Samples of all phones, behind one lock that is held once per phone.
class Collector {
 public:
  explicit Collector(bool each_request) : each_request_(each_request) {}

  void add(const PhoneRun& run) {
    const std::lock_guard lock(mutex_);
    ++report_.phones;
    report_.held += run.held ? 1 : 0;
    for (const FetchRecord& fetch : run.fetches) {
      count(std::string(fetch.step.kind), fetch);
      count("all", fetch);
      if (auto outcome = cache_outcome(fetch.answer.cache_status); !outcome.empty())
        ++report_.cache[std::move(outcome)];
      if (each_request_) report_.requests.push_back({run.mac, fetch});
    }
    if (!run.held && report_.failures.size() < kMaxToldFailures)
      report_.failures.push_back({run.mac, run.problems.empty() ? "" : run.problems.front()});
  }

  FleetReport finish() {
    for (auto& [kind, report] : report_.kinds) {
      auto& sample = samples_[kind];
      report.p50_ms = percentile(sample, 0.5);
      report.p99_ms = percentile(sample, 0.99);
      report.max_ms = percentile(sample, 1);
    }
    return std::move(report_);
  }

 private:
  void count(const std::string& kind, const FetchRecord& fetch) {
    KindReport& report = report_.kinds[kind];
    ++report.requests;
    report.ok += fetch.outcome == "ok" ? 1 : 0;
    report.absent += fetch.outcome == "absent" ? 1 : 0;
    report.failed += fetch.held() ? 0 : 1;
    report.bytes += fetch.answer.bytes;
    samples_[kind].push_back(fetch.answer.ms);
  }

  const bool each_request_;
  std::mutex mutex_;  // guards what follows
  FleetReport report_;
  std::map<std::string, std::vector<double>> samples_;
};

}  // namespace

std::string mac_after(const std::string& mac, uint64_t steps) {
  uint64_t number = 0;
  for (const char c : mac) {
    const int digit = hex_digit(c);
    if (digit < 0) return {};
    number = number << 4 | static_cast<uint64_t>(digit);
  }
  if (mac.size() != 12 || steps >= kMacSpace || number + steps >= kMacSpace) return {};
  number += steps;
  std::string next(12, '0');
  for (size_t i = next.size(); i-- > 0; number >>= 4) next[i] = "0123456789abcdef"[number & 15];
  return next;
}

std::optional<IpAddress> address_after(IpAddress address, uint64_t steps) {
  for (size_t i = address.size(); i-- > 0 && steps > 0; steps >>= 8) {
    const uint64_t sum = address.bytes.at(i) + (steps & 0xff);
    address.bytes.at(i) = static_cast<uint8_t>(sum);
    steps += (sum >> 8) << 8;
  }
  if (steps > 0) return std::nullopt;
  return address;
}

double percentile(std::vector<double>& sample, double share) {
  if (sample.empty()) return 0;
  std::ranges::sort(sample);
  const double rank = std::ceil(share * static_cast<double>(sample.size()));
  return sample[std::clamp(static_cast<size_t>(rank), size_t{1}, sample.size()) - 1];
}

std::string cache_outcome(std::string_view cache_status) {
  const size_t last = cache_status.rfind(',');
  if (last != std::string_view::npos) cache_status.remove_prefix(last + 1);
  while (true) {
    const size_t cut = cache_status.find(';');
    if (cut == std::string_view::npos) return {};
    cache_status = trimmed(cache_status.substr(cut + 1));
    const std::string_view word = trimmed(cache_status.substr(0, cache_status.find(';')));
    if (word == "hit" || word.starts_with("fwd=")) return std::string(word);
  }
}

FleetReport run_fleet(const RunOptions& options, const FleetOptions& fleet) {
  Collector collector(fleet.each_request);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < fleet.count; i = next++) {
      RunOptions own = options;
      own.boot.mac = mac_after(options.boot.mac, i);
      if (fleet.source)
        own.client.source = address_after(*fleet.source, i).value_or(IpAddress{}).to_string();
      collector.add(run_phone(own));
    }
  };
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < std::clamp(fleet.parallel, size_t{1}, kMaxParallel); ++i)
    threads.emplace_back(work);
  threads.clear();
  FleetReport report = collector.finish();
  report.elapsed_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace holdfast::provision
