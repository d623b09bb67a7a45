// SPDX-License-Identifier: Apache-2.0
// Traps that shape this: libcurl closes its sockets itself (Asio must release them first), a number
// of a closed socket comes again at once (a watch is an object, not a number), a wait that was
// cancelled may already stand in Asio's queue (it finds its watch gone), a timer of 0 must not be
// served from within the callback that sets it.
#include "provision-proxy/upstream/curl_loop.hh"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace holdfast::provision {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

struct Watch {
  explicit Watch(boost::asio::io_context& io) : descriptor(io) {}
  Descriptor descriptor;
  int wanted = CURL_POLL_NONE;
  bool reading = false, writing = false;  // a wait is under way
  bool gone = false;
};

bool wants(const Watch& watch, int direction) {
  return (watch.wanted & direction) != 0;
}

}  // namespace

class CurlLoop::Impl : public std::enable_shared_from_this<CurlLoop::Impl> {
 public:
  Impl(boost::asio::io_context& io, const CurlLoopConfig& config)
      : io_(io), timer_(io), config_(config) {}

  void open() {
    static std::once_flag once;
    std::call_once(once, [] {
      curl_global_init(CURL_GLOBAL_DEFAULT);
      // With CURLOPT_NOSIGNAL libcurl leaves it alone, and OpenSSL writes without MSG_NOSIGNAL.
      std::signal(SIGPIPE, SIG_IGN);
    });
    multi_ = curl_multi_init();
    if (multi_ == nullptr) return;
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, config_.max_connections);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, config_.max_connections);
  }

  void close() {
    closed_ = true;
    for (const auto& [easy, done] : transfers_) curl_multi_remove_handle(multi_, easy);
    transfers_.clear();
    if (multi_ != nullptr) curl_multi_cleanup(std::exchange(multi_, nullptr));
    while (!watches_.empty()) forget(watches_.begin()->first);
    timer_.cancel();
  }

  boost::asio::io_context& io() { return io_; }
  bool inside() const { return depth_ > 0; }

  void soon(std::function<void()> work) {
    boost::asio::post(io_, [weak = weak_from_this(), work = std::move(work)] {
      const auto self = weak.lock();
      if (self && !self->closed_) work();
    });
  }

  bool add(CURL* easy, Done done) {
    if (multi_ == nullptr || inside()) return false;
    transfers_.emplace(easy, std::move(done));
    ++depth_;
    const bool added = curl_multi_add_handle(multi_, easy) == CURLM_OK;
    --depth_;
    if (!added) transfers_.erase(easy);
    return added;
  }

  void remove(CURL* easy) {
    if (transfers_.erase(easy) == 0) return;
    ++depth_;
    curl_multi_remove_handle(multi_, easy);
    --depth_;
  }

  void pause(CURL* easy, int bits) {
    if (transfers_.count(easy) == 0) return;
    ++depth_;
    const CURLcode code = curl_easy_pause(easy, bits);
    --depth_;
    // A callback that fails while what was held back is handed on is reported here alone.
    if (code != CURLE_OK) finish(easy, code);
    drain();
  }

  size_t transfers() const { return transfers_.size(); }
  size_t watched() const { return watches_.size(); }

 private:
  static int on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* /*socket*/) {
    static_cast<Impl*>(self)->watch(fd, what);
    return 0;
  }
  static int on_timer(CURLM* /*multi*/, long timeout_ms, void* self) {
    static_cast<Impl*>(self)->set_timer(timeout_ms);
    return 0;
  }

  void watch(curl_socket_t fd, int what) {
    if (what == CURL_POLL_REMOVE) {
      forget(fd);
      return;
    }
    auto& watch = watches_[fd];
    if (!watch) {
      watch = std::make_shared<Watch>(io_);
      boost::system::error_code error;
      watch->descriptor.assign(fd, error);
      if (error) {  // cannot be waited for: libcurl's own timers end the transfer
        watches_.erase(fd);
        return;
      }
    }
    watch->wanted = what;
    arm(fd, watch);
  }

  void forget(curl_socket_t fd) {
    const auto found = watches_.find(fd);
    if (found == watches_.end()) return;
    found->second->gone = true;
    if (found->second->descriptor.is_open()) found->second->descriptor.release();
    watches_.erase(found);
  }

  void arm(curl_socket_t fd, const std::shared_ptr<Watch>& watch) {
    if (wants(*watch, CURL_POLL_IN) && !watch->reading) {
      watch->reading = true;
      wait(fd, watch, Descriptor::wait_read, CURL_POLL_IN, &Watch::reading);
    }
    if (wants(*watch, CURL_POLL_OUT) && !watch->writing) {
      watch->writing = true;
      wait(fd, watch, Descriptor::wait_write, CURL_POLL_OUT, &Watch::writing);
    }
  }

  void wait(curl_socket_t fd, const std::shared_ptr<Watch>& watch, Descriptor::wait_type type,
            int direction, bool Watch::*waiting) {
    watch->descriptor.async_wait(type, [weak = weak_from_this(), watch, fd, direction,
                                        waiting](const boost::system::error_code& error) {
      (*watch).*waiting = false;
      const auto self = weak.lock();
      if (!self || self->closed_ || watch->gone) return;
      if (!wants(*watch, direction)) return;  // told otherwise since
      const int ready = direction == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT;
      self->act(fd, error ? CURL_CSELECT_ERR : ready);
      if (!self->closed_ && !watch->gone) self->arm(fd, watch);
    });
  }

  void set_timer(long timeout_ms) {
    ++timer_generation_;
    timer_.cancel();
    if (timeout_ms < 0 || closed_) return;
    timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    timer_.async_wait([weak = weak_from_this(),
                       generation = timer_generation_](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->closed_ || generation != self->timer_generation_) return;
      self->act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void act(curl_socket_t fd, int events) {
    int running = 0;
    ++depth_;
    curl_multi_socket_action(multi_, fd, events, &running);
    --depth_;
    drain();
  }

  // One message at a time: what `done` does may make the others void.
  void drain() {
    if (draining_) return;
    draining_ = true;
    const auto alive = shared_from_this();
    int left = 0;
    while (!closed_) {
      const CURLMsg* message = curl_multi_info_read(multi_, &left);
      if (message == nullptr) break;
      if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
    }
    draining_ = false;
  }

  void finish(CURL* easy, CURLcode code) {
    const auto found = transfers_.find(easy);
    if (found == transfers_.end()) return;
    const Done done = std::move(found->second);
    remove(easy);
    done(code);
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  const CurlLoopConfig config_;
  CURLM* multi_ = nullptr;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  std::unordered_map<CURL*, Done> transfers_;
  uint64_t timer_generation_ = 0;
  int depth_ = 0;
  bool draining_ = false, closed_ = false;
};

CurlLoop::CurlLoop(boost::asio::io_context& io, const CurlLoopConfig& config)
    : impl_(std::make_shared<Impl>(io, config)) {
  impl_->open();
}
CurlLoop::~CurlLoop() {
  impl_->close();
}
boost::asio::io_context& CurlLoop::io() const {
  return impl_->io();
}
bool CurlLoop::inside() const {
  return impl_->inside();
}
void CurlLoop::soon(std::function<void()> work) {
  impl_->soon(std::move(work));
}
bool CurlLoop::add(CURL* easy, Done done) {
  return impl_->add(easy, std::move(done));
}
void CurlLoop::remove(CURL* easy) {
  impl_->remove(easy);
}
void CurlLoop::pause(CURL* easy, int bits) {
  impl_->pause(easy, bits);
}
size_t CurlLoop::transfers() const {
  return impl_->transfers();
}
size_t CurlLoop::watched_sockets() const {
  return impl_->watched();
}
std::string CurlLoop::version() {
  return curl_version();
}

}  // namespace holdfast::provision
