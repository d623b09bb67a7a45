// SPDX-License-Identifier: Apache-2.0
// The writer's thread: gathers, commits, and comes back from what can go wrong.
#include "control/store/writer.hh"

#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>

#include "control/store/schema.hh"
#include "control/store/statements.hh"

namespace holdfast::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLastChance{2000};
constexpr milliseconds kLastPause{100};
constexpr int64_t kDayMs = 86'400'000;

std::string time_suffix() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

}  // namespace

class Writer::Impl {
 public:
  Impl(WriterConfig config, Logger logger)
      : config_(std::move(config)), logger_(std::move(logger)) {
    status_.path = config_.path;
    note(open());
    next_purge_ = Clock::now() + milliseconds(config_.first_purge_ms);
    thread_ = std::thread([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      give_up_at_ = Clock::now() + kLastChance;
    }
    wake_.notify_all();
    thread_.join();
  }

  bool put(Item item) {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() >= config_.max_queue) {
        ++status_.dropped;
        return false;
      }
      queue_.push_back(std::move(item));
      ++put_;
    }
    wake_.notify_all();
    return true;
  }

  bool flush(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    const uint64_t wanted = put_;
    ++flushing_;
    wake_.notify_all();
    const bool done = done_.wait_for(lock, at_most, [&] { return settled_ >= wanted; });
    --flushing_;
    return done;
  }

  StoreStatus status() const {
    const std::lock_guard lock(mutex_);
    StoreStatus now = status_;
    now.queued = queue_.size() + in_hand_;
    return now;
  }

 private:
  // ---- the thread ------------------------------------------------------------------------------

  void work() {
    for (;;) {
      std::deque<Item> batch = gather();
      if (batch.empty() && is_stopping()) return;
      if (!batch.empty()) settle(batch);
      if (Clock::now() >= next_purge_) purge();
    }
  }

  // Waits for items, then, if the last commit was a moment ago, for company for them.
  std::deque<Item> gather() {
    std::unique_lock lock(mutex_);
    const auto due = [this] { return stopping_ || flushing_ > 0; };
    wake_.wait_until(lock, next_purge_, [&] { return stopping_ || !queue_.empty(); });
    if (!queue_.empty())
      wake_.wait_until(lock, last_commit_ + milliseconds(config_.commit_ms), due);
    std::deque<Item> batch;
    batch.swap(queue_);
    in_hand_ = batch.size();
    return batch;
  }

  // Commits the batch, however long the disk needs to come back; the queue fills meanwhile.
  void settle(std::deque<Item>& batch) {
    uint64_t refused = 0;
    DbError error;
    while ((error = commit(batch, refused)).trouble != Trouble::kNone) {
      note(error);
      if (error.trouble == Trouble::kCorrupt) {
        error = replace(error);
        if (error.trouble == Trouble::kNone) continue;
        note(error);
      }
      if (!rest(milliseconds(config_.retry_ms))) break;
    }
    const bool lost = error.trouble != Trouble::kNone;  // on the way out
    if (!lost) note({});
    const std::lock_guard lock(mutex_);
    (lost ? status_.dropped : status_.written) += batch.size() - refused;
    status_.refused += refused;
    settled_ += batch.size();
    in_hand_ = 0;
    if (!lost) done_.notify_all();
  }

  DbError commit(const std::deque<Item>& batch, uint64_t& refused) {
    refused = 0;
    if (!statements_) {
      if (auto error = open(); error.trouble != Trouble::kNone) return error;
    }
    if (!database_->execute("BEGIN IMMEDIATE")) return undo(database_->error());
    for (const auto& item : batch) {
      const auto error = statements_->apply(item);
      if (error.trouble == Trouble::kNone) continue;
      // Of this item alone; the statement has been undone, the rest of the batch has not.
      if (error.trouble != Trouble::kOther) return undo(error);
      ++refused;
      if (refused_said_++ == 0)
        logger_(LogLevel::error, "records: the database refuses an item: " + error.text);
    }
    if (!database_->execute("COMMIT")) return undo(database_->error());
    const std::lock_guard lock(mutex_);
    ++status_.commits;
    last_commit_ = Clock::now();
    return {};
  }

  DbError undo(DbError error) {
    if (error.trouble == Trouble::kNone) error.trouble = Trouble::kOther;
    database_->execute("ROLLBACK");
    statements_->forget();
    const std::lock_guard lock(mutex_);
    ++status_.failures;
    // What cannot be told to be of one item is tried again like a failing disk.
    if (error.trouble == Trouble::kOther) error.trouble = Trouble::kIo;
    return error;
  }

  void purge() {
    next_purge_ = Clock::now() + std::chrono::seconds(config_.purge_s);
    if (!statements_) return;
    const auto now = config_.trusted_time ? config_.trusted_time() : std::nullopt;
    const int64_t before = now ? *now - int64_t{config_.retention_days} * kDayMs : 0;
    DbError error;
    for (bool more = true; more && !is_stopping() && !has_work();) {
      more = statements_->purge(before, config_.max_calls, error);
      const std::lock_guard lock(mutex_);
      ++status_.purged;
    }
    if (has_work()) next_purge_ = Clock::now() + milliseconds(config_.retry_ms);
    if (error.trouble != Trouble::kNone) note(error);
  }

  // ---- opening, and what goes wrong ------------------------------------------------------------

  DbError open() {
    auto store = open_store(config_.path);
    if (!store && store.error().trouble == Trouble::kCorrupt) return replace(store.error());
    if (!store) return store.error();
    return take(std::move(store).value());
  }

  DbError take(OpenedStore store) {
    statements_.reset();
    database_ = std::move(store.database);
    auto statements = Statements::make(*database_, store.run);
    if (!statements) return statements.error();
    statements_ = std::move(statements).value();
    const std::lock_guard lock(mutex_);
    status_.run = store.run;
    return {};
  }

  // The damaged file goes aside; a new one takes its place.
  DbError replace(const DbError& why) {
    statements_.reset();
    database_.reset();
    const auto moved = move_aside(config_.path, "damaged-" + time_suffix());
    if (!moved) return moved.error();
    logger_(LogLevel::error, "records: " + config_.path + " cannot be used (" + why.text +
                                 "); it is kept as " + *moved + ", and a new one is made");
    {
      const std::lock_guard lock(mutex_);
      status_.moved_aside = *moved;
    }
    auto store = open_store(config_.path);
    if (!store) return store.error();
    return take(std::move(store).value());
  }

  // Each change of state is said once.
  void note(const DbError& error) {
    const std::lock_guard lock(mutex_);
    if (error.trouble == status_.trouble) return;
    status_.trouble = error.trouble;
    status_.text = error.text;
    if (error.trouble == Trouble::kNone) {
      logger_(LogLevel::info, "records: written again");
    } else {
      logger_(LogLevel::error, "records: " + config_.path + " cannot be written: " + error.text +
                                   "; calls go on, and it is tried again");
    }
  }

  // False: there is no time left.
  bool rest(milliseconds time) {
    std::unique_lock lock(mutex_);
    const auto until = Clock::now() + time;
    wake_.wait_until(lock, until, [this] { return stopping_; });
    if (!stopping_) return true;
    const auto next = std::min(until, Clock::now() + kLastPause);
    if (next >= give_up_at_) return false;
    lock.unlock();
    std::this_thread::sleep_until(next);  // nothing else is to be waited for any more
    return true;
  }

  bool is_stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_ && queue_.empty();
  }
  bool has_work() const {
    const std::lock_guard lock(mutex_);
    return !queue_.empty();
  }

  const WriterConfig config_;
  const Logger logger_;

  mutable std::mutex mutex_;  // guards what follows, to the blank line
  std::condition_variable wake_, done_;
  std::deque<Item> queue_;
  size_t in_hand_ = 0;
  uint64_t put_ = 0, settled_ = 0;  // items, ever
  int flushing_ = 0;
  bool stopping_ = false;
  Clock::time_point give_up_at_{};
  StoreStatus status_;

  // The thread's own, after the constructor.
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;  // none: not open
  Clock::time_point next_purge_;
  Clock::time_point last_commit_;  // the thread only
  uint64_t refused_said_ = 0;
  std::thread thread_;
};

Writer::Writer(WriterConfig config, Logger logger)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(logger))) {}
Writer::~Writer() = default;
bool Writer::put(Item item) {
  return impl_->put(std::move(item));
}
bool Writer::flush(std::chrono::milliseconds at_most) {
  return impl_->flush(at_most);
}
StoreStatus Writer::status() const {
  return impl_->status();
}

}  // namespace holdfast::store
