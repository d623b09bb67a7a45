// SPDX-License-Identifier: Apache-2.0
// One thread, one task at a time.
#include "provision-proxy/spool/spool_worker.hh"

#include <utility>

namespace holdfast::provision {
namespace {

Key file_of(const Spool::Item& item) {
  return {item.origin, item.target, item.phone};
}

}  // namespace

Result<std::unique_ptr<SpoolWorker>, std::string> SpoolWorker::open(SpoolConfig config,
                                                                    std::function<void()> wake,
                                                                    Disk& disk) {
  const uint64_t max_upload_bytes = config.max_upload_bytes;
  auto spool = Spool::open(std::move(config), disk);
  if (!spool) return spool.error();
  return std::unique_ptr<SpoolWorker>(
      new SpoolWorker(std::move(spool).value(), max_upload_bytes, std::move(wake)));
}

SpoolWorker::SpoolWorker(std::unique_ptr<Spool> spool, uint64_t max_upload_bytes,
                         std::function<void()> wake)
    : spool_(std::move(spool)),
      max_upload_bytes_(max_upload_bytes),
      wake_up_(std::move(wake)),
      status_(spool_->status()),
      unheard_(spool_->take_damage()) {
  for (const auto& [number, item] : spool_->items()) insert(item);
  thread_ = std::thread([this] { work(); });
}

SpoolWorker::~SpoolWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// ---- the network thread -------------------------------------------------------------------------

void SpoolWorker::add(Upload upload, Added done) {
  Task task;
  ++waiting_[{upload.origin, upload.phone}];
  task.upload = std::move(upload);
  task.added = std::move(done);
  put(std::move(task));
}

void SpoolWorker::read(uint64_t number, Got done) {
  Task task;
  task.kind = Task::Kind::read;
  task.number = number;
  task.got = std::move(done);
  put(std::move(task));
}

void SpoolWorker::finish(uint64_t number, std::function<void()> done) {
  Task task;
  task.kind = Task::Kind::finish;
  task.number = number;
  task.finished = std::move(done);
  put(std::move(task));
}

void SpoolWorker::put(Task task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_all();
}

void SpoolWorker::poll() {
  std::deque<Task> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (auto& task : done) {
    if (task.kind == Task::Kind::add) {
      if (task.item) insert(*task.item);
      count_down({task.upload.origin, task.upload.phone});  // from here on its item counts
    }
    for (const uint64_t number : task.gone) erase(number);
    status_ = task.status;
    for (const auto& damage : task.damage)
      if (hear_damage_) hear_damage_(damage);
  }
  for (auto& task : done) {
    if (task.added) task.added(task.result);
    if (task.got) task.got(std::move(task.content));
    if (task.finished) task.finished();
  }
}

void SpoolWorker::on_damage(std::function<void(const Spool::Damage&)> hear) {
  hear_damage_ = std::move(hear);
  for (const auto& damage : std::exchange(unheard_, {})) hear_damage_(damage);
}

void SpoolWorker::drain() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, [this] { return queue_.empty() && !busy_; });
      if (done_.empty()) return;
    }
    poll();
  }
}

void SpoolWorker::insert(const Spool::Item& item) {
  items_.insert_or_assign(item.number, item);
  if (item.method == "PUT") puts_[file_of(item)].insert(item.number);
  ++waiting_[{item.origin, item.phone}];
}

void SpoolWorker::erase(uint64_t number) {
  const auto found = items_.find(number);
  if (found == items_.end()) return;
  if (const auto puts = puts_.find(file_of(found->second)); puts != puts_.end()) {
    puts->second.erase(number);
    if (puts->second.empty()) puts_.erase(puts);
  }
  count_down({found->second.origin, found->second.phone});
  items_.erase(found);
}

void SpoolWorker::count_down(const Phone& phone) {
  const auto waiting = waiting_.find(phone);
  if (waiting != waiting_.end() && --waiting->second == 0) waiting_.erase(waiting);
}

const Spool::Item* SpoolWorker::next(std::string_view origin,
                                     const std::set<std::string>& held_back) const {
  for (const auto& [number, item] : items_)
    if (item.origin == origin && !held_back.contains(item.phone)) return &item;
  return nullptr;
}

const Spool::Item* SpoolWorker::newest(const Key& file) const {
  const auto puts = puts_.find(file);
  return puts == puts_.end() ? nullptr : &items_.at(*puts->second.rbegin());
}

bool SpoolWorker::waits(const std::string& origin, const std::string& phone) const {
  return waiting_.contains({origin, phone});
}

// ---- the spool's thread -------------------------------------------------------------------------

void SpoolWorker::work() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      busy_ = true;
    }
    carry_out(task);
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(task));
    }
    wake_up_();
    const std::lock_guard lock(mutex_);
    busy_ = false;
    idle_.notify_all();
  }
}

void SpoolWorker::carry_out(Task& task) {
  switch (task.kind) {
    case Task::Kind::add: {
      // Its body is not needed any more; whose it was is.
      Upload upload = std::move(task.upload);
      task.upload.origin = upload.origin;
      task.upload.phone = upload.phone;
      task.result = spool_->add(std::move(upload));
      if (task.result == SpoolResult::kept) task.item = spool_->items().rbegin()->second;
      break;
    }
    case Task::Kind::read:
      task.content = spool_->read(task.number);
      break;
    case Task::Kind::finish:
      spool_->finish(task.number);
      break;
  }
  task.gone = spool_->take_gone();
  task.damage = spool_->take_damage();
  task.status = spool_->status();
}

}  // namespace holdfast::provision
