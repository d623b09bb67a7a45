// SPDX-License-Identifier: Apache-2.0
// Pages through minute.list.
#include "control/records/minute_collector.hh"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "dataplane/client/client.hh"
#include "sip/anchor/media_anchor.hh"

namespace holdfast::records {
namespace {

constexpr std::chrono::milliseconds kAnswerTime{900};
constexpr int64_t kMinuteS = 60;

store::MinuteRow row_of(uint64_t call_key, const control::MinuteRecord& r) {
  return {call_key,     r.call,
          r.leg,        r.interface,
          r.ssrc,       static_cast<int64_t>(r.minute_s) / kMinuteS,
          r.expected,   r.received,
          r.lost,       r.duplicates,
          r.lost_by_us, r.jitter_max,
          r.clock_hz,   r.longest_loss_run};
}

}  // namespace

class MinuteCollector::Impl {
 public:
  Impl(std::string socket, std::optional<store::MinuteCursor> cursor, Sink sink, Logger logger,
       std::chrono::milliseconds every)
      : socket_(std::move(socket)),
        sink_(std::move(sink)),
        logger_(std::move(logger)),
        every_(every),
        cursor_(cursor),
        thread_([this] { work(); }) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  MinuteStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      std::string error;
      while (fetch_page(error)) {
      }
      lock.lock();
      status_.last_error = std::move(error);
      wake_.wait_for(lock, every_, [this] { return stopping_; });
    }
  }

  // True: there is more to fetch at once.
  bool fetch_page(std::string& error) {
    if (!client_) {
      auto client = control::DataplaneClient::connect(socket_, kAnswerTime);
      if (!client) {
        error = client.error().message;
        return false;
      }
      client_ = std::move(client).value();
    }
    control::MinuteList request;
    request.limit = control::kMaxPageMinutes;
    if (cursor_) {
      request.after = cursor_->next;
      request.epoch = cursor_->epoch;
    }
    const auto page = client_->minutes(request);
    if (!page) {
      error = page.error().message;
      client_.reset();
      return false;
    }
    return take(*page);
  }

  bool take(const control::MinutePage& page) {
    const store::MinuteCursor cursor{page.epoch, page.next};
    store::MinutesItem item{{}, cursor};
    uint64_t others = 0;
    for (const auto& record : page.records) {
      if (const auto key = sip::call_key_of_stream(record.call)) {
        item.rows.push_back(row_of(*key, record));
      } else {
        ++others;
      }
    }
    const uint64_t rows = item.rows.size();
    if (cursor_ != cursor && !sink_(std::move(item))) return false;  // asked for again
    cursor_ = cursor;
    const std::lock_guard lock(mutex_);
    if (page.missed > 0 && status_.missed == 0)
      logger_(LogLevel::warning, "records: the dataplane had dropped " +
                                     std::to_string(page.missed) +
                                     " minute records before they were fetched");
    status_.rows += rows;
    status_.not_of_calls += others;
    status_.missed += page.missed;
    return page.more && !stopping_;
  }

  const std::string socket_;
  const Sink sink_;
  const Logger logger_;
  const std::chrono::milliseconds every_;
  std::optional<store::MinuteCursor> cursor_;         // the thread's own
  std::unique_ptr<control::DataplaneClient> client_;  // the thread's own
  mutable std::mutex mutex_;                          // guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  MinuteStatus status_;
  std::thread thread_;
};

MinuteCollector::MinuteCollector(std::string dataplane_socket,
                                 std::optional<store::MinuteCursor> cursor, Sink sink,
                                 Logger logger, std::chrono::milliseconds every)
    : impl_(std::make_unique<Impl>(std::move(dataplane_socket), cursor, std::move(sink),
                                   std::move(logger), every)) {}
MinuteCollector::~MinuteCollector() = default;
MinuteStatus MinuteCollector::status() const {
  return impl_->status();
}

}  // namespace holdfast::records
