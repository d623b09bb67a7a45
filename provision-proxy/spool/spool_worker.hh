// SPDX-License-Identifier: Apache-2.0
// The spool behind a thread of its own, so that the network thread waits for no disk.
//
// For the network thread, but `wake`, which is called on the spool's. What is asked for is done in
// its order; callbacks come from poll(), and none after the end. What the view says - next(),
// newest(), waits() - is the spool as of the last poll().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "provision-proxy/spool/spool.hh"
#include "provision-proxy/store/entry.hh"

namespace holdfast::provision {

class SpoolWorker {
 public:
  using Added = std::function<void(SpoolResult)>;
  using Got = std::function<void(std::optional<Upload>)>;

  // Only a directory that cannot be used is an error. `wake`: have the network thread call poll().
  static Result<std::unique_ptr<SpoolWorker>, std::string> open(SpoolConfig config,
                                                                std::function<void()> wake,
                                                                Disk& disk = Disk::real());
  // After all that was asked for has been done.
  ~SpoolWorker();
  SpoolWorker(const SpoolWorker&) = delete;
  SpoolWorker& operator=(const SpoolWorker&) = delete;

  // As Spool's. What add() says is on disk, or it is refused.
  void add(Upload upload, Added done);
  void read(uint64_t number, Got done);
  void finish(uint64_t number, std::function<void()> done);

  // The oldest for this origin of a phone that is not held back; null: none.
  const Spool::Item* next(std::string_view origin, const std::set<std::string>& held_back) const;
  // The newest PUT of this file that waits: its writer gets it back. Null: none.
  const Spool::Item* newest(const Key& file) const;
  // Whether anything of this phone waits for this origin, or is just being written down: what it
  // sends now goes behind that.
  bool waits(const std::string& origin, const std::string& phone) const;
  const std::map<uint64_t, Spool::Item>& items() const { return items_; }  // in order
  SpoolStatus status() const { return status_; }
  uint64_t max_upload_bytes() const { return max_upload_bytes_; }

  // Called for each file that is found damaged, from poll(), and at once for those of the start.
  void on_damage(std::function<void(const Spool::Damage&)> hear);

  void poll();
  // Waits until all is done, polling: for the end of the process and for tests.
  void drain();

 private:
  struct Task {
    enum class Kind : uint8_t { add, read, finish } kind = Kind::add;
    Upload upload;
    uint64_t number = 0;
    Added added;
    Got got;
    std::function<void()> finished;
    // What came of it.
    SpoolResult result = SpoolResult::kept;
    std::optional<Spool::Item> item;
    std::optional<Upload> content;
    std::vector<uint64_t> gone;
    std::vector<Spool::Damage> damage;
    SpoolStatus status;
  };
  using Phone = std::pair<std::string, std::string>;  // origin, phone

  SpoolWorker(std::unique_ptr<Spool> spool, uint64_t max_upload_bytes, std::function<void()> wake);
  void put(Task task);
  void work();
  void carry_out(Task& task);
  void insert(const Spool::Item& item);
  void erase(uint64_t number);
  void count_down(const Phone& phone);

  std::unique_ptr<Spool> spool_;  // the thread's
  const uint64_t max_upload_bytes_;
  std::function<void()> wake_up_;

  // The view.
  std::map<uint64_t, Spool::Item> items_;
  std::unordered_map<Key, std::set<uint64_t>, KeyHash> puts_;
  std::map<Phone, size_t> waiting_;
  SpoolStatus status_;
  std::function<void(const Spool::Damage&)> hear_damage_;
  std::vector<Spool::Damage> unheard_;  // of the start

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::deque<Task> queue_, done_;
  bool busy_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace holdfast::provision
