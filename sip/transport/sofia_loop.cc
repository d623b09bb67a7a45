// SPDX-License-Identifier: Apache-2.0
// Descriptors by su_root, timers in one ordered list, work of other threads by an eventfd.
#include "sip/transport/sofia_loop.hh"

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::sip {
namespace {

uint64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

int to_su(unsigned events) {
  int mask = 0;
  if ((events & Loop::kReadable) != 0) mask |= SU_WAIT_IN;
  if ((events & Loop::kWritable) != 0) mask |= SU_WAIT_OUT;
  return mask;
}

unsigned from_su(int events) {
  unsigned seen = 0;
  if ((events & SU_WAIT_IN) != 0) seen |= Loop::kReadable;
  if ((events & SU_WAIT_OUT) != 0) seen |= Loop::kWritable;
  if ((events & (SU_WAIT_ERR | SU_WAIT_HUP)) != 0) seen |= Loop::kFailed;
  return seen;
}

}  // namespace

struct SofiaLoop::Impl {
  struct Watch {
    Impl* impl;
    Handle handle;
    int fd;
    int index;  // su_root's
    std::function<void(unsigned)> ready;
  };

  su_root_t* root = nullptr;
  int wake_fd = -1;
  Handle last_handle = 0;
  std::unordered_map<Handle, std::unique_ptr<Watch>> watches;
  // Kept until the turn ends: su_root may still hold events for what was unwatched in it.
  std::vector<std::unique_ptr<Watch>> unwatched;
  std::map<std::pair<uint64_t, Handle>, std::function<void()>> timers;
  std::unordered_map<Handle, uint64_t> due_of;
  std::atomic<bool> stopping{false};

  std::mutex mutex;  // guards posted
  std::vector<std::function<void()>> posted;

  Handle next_handle() { return ++last_handle; }
  Handle watch(int fd, unsigned events, std::function<void(unsigned)> ready);
  void unwatch(Handle handle);
  void run_posted();
  void run_timers();
  void step(su_duration_t at_most_ms);
  void wake() const {
    const uint64_t one = 1;
    // Full or not, the descriptor is readable then.
    [[maybe_unused]] const ssize_t written = write(wake_fd, &one, sizeof one);
  }
  static int on_event(su_root_magic_t*, su_wait_t* wait, su_wakeup_arg_t* arg);
};

int SofiaLoop::Impl::on_event(su_root_magic_t*, su_wait_t* wait, su_wakeup_arg_t* arg) {
  auto* watch = static_cast<Watch*>(arg);
  // Unwatched earlier in this turn: its event is stale.
  if (watch->ready == nullptr) return 0;
  const unsigned seen = from_su(wait->revents);
  if (seen == 0) return 0;
  // The callback may unwatch itself, and so end the function that runs.
  const auto ready = watch->ready;
  ready(seen);
  return 0;
}

Loop::Handle SofiaLoop::Impl::watch(int fd, unsigned events, std::function<void(unsigned)> ready) {
  auto entry = std::make_unique<Watch>(Watch{this, next_handle(), fd, -1, std::move(ready)});
  su_wait_t wait = SU_WAIT_INIT;
  if (su_wait_create(&wait, fd, to_su(events)) < 0) return 0;
  entry->index = su_root_register(root, &wait, on_event, entry.get(), su_pri_normal);
  if (entry->index < 0) {
    su_wait_destroy(&wait);
    return 0;
  }
  const Handle handle = entry->handle;
  watches.emplace(handle, std::move(entry));
  return handle;
}

void SofiaLoop::Impl::unwatch(Handle handle) {
  const auto found = watches.find(handle);
  if (found == watches.end()) return;
  su_root_deregister(root, found->second->index);
  found->second->ready = nullptr;
  unwatched.push_back(std::move(found->second));
  watches.erase(found);
}

void SofiaLoop::Impl::run_posted() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_fd, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex);
    work.swap(posted);
  }
  for (const auto& item : work) item();
}

void SofiaLoop::Impl::run_timers() {
  // What is due now, and not what its callbacks add: those wait for the next turn.
  std::vector<std::pair<uint64_t, Handle>> due;
  const uint64_t now = monotonic_ms();
  for (auto at = timers.begin(); at != timers.end() && at->first.first <= now; ++at)
    due.push_back(at->first);
  for (const auto& key : due) {
    const auto found = timers.find(key);
    if (found == timers.end()) continue;  // cancelled by one before it
    const auto callback = std::move(found->second);
    timers.erase(found);
    due_of.erase(key.second);
    callback();
  }
}

void SofiaLoop::Impl::step(su_duration_t at_most_ms) {
  const uint64_t now = monotonic_ms();
  su_duration_t wait_ms = at_most_ms;
  if (!timers.empty()) {
    const uint64_t due = timers.begin()->first.first;
    const uint64_t left = due > now ? due - now : 0;
    wait_ms = static_cast<su_duration_t>(
        std::min<uint64_t>(left, static_cast<uint64_t>(std::max<su_duration_t>(wait_ms, 0))));
  }
  su_root_step(root, wait_ms);
  run_timers();
  unwatched.clear();
}

std::unique_ptr<SofiaLoop> SofiaLoop::make() {
  static const int initialised = su_init();
  if (initialised != 0) return nullptr;
  auto impl = std::make_unique<Impl>();
  impl->root = su_root_create(nullptr);
  impl->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Impl* const raw = impl.get();
  auto loop = std::unique_ptr<SofiaLoop>(new SofiaLoop(std::move(impl)));
  if (raw->root == nullptr || raw->wake_fd < 0) return nullptr;
  if (raw->watch(raw->wake_fd, kReadable, [raw](unsigned) { raw->run_posted(); }) == 0)
    return nullptr;
  return loop;
}

SofiaLoop::SofiaLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SofiaLoop::~SofiaLoop() {
  if (impl_->root != nullptr) {
    for (const auto& [handle, watch] : impl_->watches)
      su_root_deregister(impl_->root, watch->index);
    su_root_destroy(impl_->root);
  }
  if (impl_->wake_fd >= 0) close(impl_->wake_fd);
}

void SofiaLoop::run() {
  constexpr su_duration_t kLongestWaitMs = 10000;
  while (!impl_->stopping.exchange(false)) impl_->step(kLongestWaitMs);
}

void SofiaLoop::stop() {
  impl_->stopping = true;
  impl_->wake();
}

void SofiaLoop::step(uint32_t at_most_ms) {
  impl_->step(static_cast<su_duration_t>(at_most_ms));
}

uint64_t SofiaLoop::now_ms() const {
  return monotonic_ms();
}

Loop::Handle SofiaLoop::watch(int fd, unsigned events, std::function<void(unsigned)> ready) {
  return impl_->watch(fd, events, std::move(ready));
}

void SofiaLoop::rewatch(Handle handle, unsigned events) {
  const auto found = impl_->watches.find(handle);
  if (found != impl_->watches.end())
    su_root_eventmask(impl_->root, found->second->index, found->second->fd, to_su(events));
}

void SofiaLoop::unwatch(Handle handle) {
  impl_->unwatch(handle);
}

Loop::Handle SofiaLoop::after(uint32_t ms, std::function<void()> due) {
  const Handle handle = impl_->next_handle();
  const uint64_t at = monotonic_ms() + ms;
  impl_->timers.emplace(std::pair(at, handle), std::move(due));
  impl_->due_of.emplace(handle, at);
  return handle;
}

void SofiaLoop::cancel(Handle handle) {
  const auto found = impl_->due_of.find(handle);
  if (found == impl_->due_of.end()) return;
  impl_->timers.erase({found->second, handle});
  impl_->due_of.erase(found);
}

bool SofiaLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->posted.size() >= kMaxPosted) return false;
    impl_->posted.push_back(std::move(work));
  }
  impl_->wake();
  return true;
}

}  // namespace holdfast::sip
