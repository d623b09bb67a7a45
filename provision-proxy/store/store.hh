// SPDX-License-Identifier: Apache-2.0
// The store of the provision proxy: whole bodies by their hash, an index that says whose they are.
//
// Everything here belongs to the network thread and does not wait for the disk: what is to last is
// done by a writer thread, whose outcomes come back through poll(). Callbacks are called from
// poll(), but read()'s, which may be called at once. No callback is called after the store's end.
//
// What was acknowledged survives a power cut. A body is complete, and its SHA-256 is checked before
// its first use in a run; one that fails is moved aside and its entries go. When the disk is full
// or fails, what is stored is served on, nothing is stored, and tick() finds out when that is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hh"
#include "media/result.hh"
#include "provision-proxy/store/body_cache.hh"
#include "provision-proxy/store/body_files.hh"
#include "provision-proxy/store/disk.hh"
#include "provision-proxy/store/entry.hh"
#include "provision-proxy/store/fetch_log.hh"
#include "provision-proxy/store/fill.hh"
#include "provision-proxy/store/memory_index.hh"
#include "provision-proxy/store/reader.hh"
#include "provision-proxy/store/remark.hh"
#include "provision-proxy/store/store_status.hh"
#include "provision-proxy/store/store_writer.hh"

namespace holdfast::provision {

struct StoreConfig {
  std::string directory;
  uint64_t max_bytes = uint64_t{2} << 30;         // of bodies
  uint64_t max_body_bytes = uint64_t{512} << 20;  // of one
  size_t max_entries = 16384;                     // of all generations
  uint64_t max_meta_bytes = uint64_t{64} << 20;   // of all entries, in memory
  size_t max_entry_meta_bytes = 64 * 1024;        // of one
  unsigned generations = 3;                       // the current one and two older
  size_t max_variants = 32;                       // of one key, by Vary
  uint64_t memory_cache_bytes = uint64_t{32} << 20;
  size_t max_fills = 512;   // bodies that arrive at once
  size_t max_queue = 2048;  // commits and updates that wait to be written
  size_t max_fetches_of_key = 1024, max_fetches = 32768;
  size_t max_refused_of_file = 1024, max_refused = 4096;
  size_t max_remarks = 16384;       // of each kind
  int64_t flush_used_ms = 600'000;  // how often times of use are written down
  int64_t flush_fetches_ms = 10'000;
  int64_t retry_ms = 5'000;  // how often a failing disk is tried
};

struct StoreHooks {
  std::function<int64_t()> unix_ms;    // may jump
  std::function<int64_t()> steady_ms;  // never does
  std::function<void()> wake;          // any thread: have the network thread call poll()
  Logger logger;                       // any thread
  // The body of this file, or the index (`subject` empty), was found damaged or gone: what about
  // it. May be empty. Network thread; in open() too.
  std::function<void(const std::string& subject, const std::string& what)> damaged = {};
  Disk* disk = &Disk::real();
};

class Store {
 public:
  static constexpr size_t kSmallBodyBytes = 64 * 1024;       // kept in memory
  static constexpr uint64_t kInlineCheckBytes = 256 * 1024;  // checked on the network thread

  using Done = std::function<void(StoreError)>;
  using CommitDone = std::function<void(StoreError, EntryPtr)>;
  using ReadDone = std::function<void(StoreError, std::unique_ptr<Reader>)>;

  // Only a directory that cannot be used is an error; all else is a state, told by the logger.
  static Result<std::unique_ptr<Store>, std::string> open(StoreConfig config, StoreHooks hooks);
  // Writes down what is queued; bodies that are read or filled still may live on.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The current generation of each variant, newest first.
  std::vector<EntryPtr> find(const Key& key) const { return index_.find(key); }
  // All generations of all variants, newest first, those that were rolled back too.
  std::vector<EntryPtr> generations(const Key& key) const { return index_.all(key); }
  // The newest that was committed as kLastGood, of each variant; a negative answer may be newer.
  std::vector<EntryPtr> last_good(const Key& key) const;
  template <typename Visit>
  void for_each(const Visit& visit) const {
    index_.for_each(visit);
  }

  // Never null. `size`, if known: too large a body fails at once.
  std::unique_ptr<Fill> begin_fill(std::optional<uint64_t> size = std::nullopt);
  // The fill must be complete. The entry is current once `done` says so, not before.
  void commit(std::unique_ptr<Fill> fill, Key key, Meta meta, Keep keep, CommitDone done);
  // The origin confirmed it (304): its new metadata, with validated_ms. In memory at once.
  void update(const EntryPtr& entry, Meta meta, Done done);

  // In memory at once, and lasting when `done` is called; an error then means that a restart might
  // bring it back, and that the store goes on trying.
  void remove(const Key& key, Done done);
  void invalidate(const Key& key, Done done);  // must_validate
  // Entries of which `which` says so; gives their number.
  size_t purge(const std::function<bool(const Entry&)>& which, Done done);
  // Of the copies that a rollback met: so many are back at an older generation, have the bad body
  // and nothing older (it is not found any more), have another body already.
  struct Rolled {
    size_t back = 0, withheld = 0, untouched = 0;
  };
  // The file of the key, in all identities' hands: back to the last good generation before the
  // current one, whose body is refused from now on, to all. kNotFound: no copy has an older one.
  Rolled rollback(const Key& key, Done done);
  // Takes that back: refused bodies of the file may come again, those still there are current.
  // Gives the number of bodies.
  size_t trust(const Key& key, Done done);
  // The identity of the key does not matter.
  bool is_refused(const Key& key, const std::string& hash) const;
  bool refuses_some(const Key& key) const;

  Remark remark(const Key& key, RemarkKind kind) const { return remarks_.of(key, kind); }
  // Takes the place of the one before; of `times` 0 takes it away. In memory at once, and written
  // down soon. False: there is no room for more.
  bool set_remark(const Key& key, RemarkKind kind, const Remark& remark);

  // `done` gets a reader, or kNotFound (the body has gone: find() again), kDamaged (likewise), or
  // kDiskError (it is there, but cannot be read now). Called at once unless a big body is checked.
  void read(const EntryPtr& entry, ReadDone done);
  // A body of up to 64 KiB, from memory or checked and read in; null: read() says why not.
  std::shared_ptr<const std::string> small(const EntryPtr& entry);

  void note_fetch(const Key& key, std::string_view identity, std::string_view user_agent,
                  int status);
  const FetchLog& fetch_log() const { return fetch_log_; }

  // Takes what the writer has done, and calls back.
  void poll();
  // About every second: writes down what may wait, tries a failing disk.
  void tick();
  // Waits until all is written, polling: for the end of the process and for tests.
  void drain();

  StoreStatus status() const;

 private:
  struct Pending {
    EntryPtr entry;  // of a commit
    std::shared_ptr<const std::string> bytes;
    std::vector<int64_t> leaving;
    std::vector<std::string> collect;  // bodies without an entry once it is written
    std::optional<Change> redo;        // to be tried again until it is written
    Body checked;
    bool removed = false, invalidated = false;
    CommitDone commit_done;
    Done done;
  };

  Store(StoreConfig config, StoreHooks hooks);
  std::string start();
  void load(LoadedIndex loaded);

  uint64_t put(Job job, Pending pending);
  void refuse(CommitDone& done, StoreError error);
  void later(std::function<void()> call);
  StoreError may_commit(const Fill& fill, const Key& key, const Entry& entry) const;
  void forget(Change change, const std::vector<int64_t>& ids, Done done);
  void set_must_validate(const EntryPtr& entry);
  struct Copy;
  std::vector<Copy> copies_of(const Key& key) const;
  EntryPtr older_of(const Copy& copy, const std::vector<std::string>& bad) const;
  std::vector<std::string> bad_bodies(const std::vector<Copy>& copies) const;
  void go_back(const Copy& copy, const EntryPtr& older, Change& change);
  void distrust(const EntryPtr& entry, Change& change);
  RefusedBody mark_refused(const Key& key, const std::string& hash, int64_t at_ms);

  void settle(Outcome outcome);
  void settle_change(Outcome& outcome, Pending pending);
  void committed(Pending& pending, StoreError& error);
  void settle_probe(Outcome& outcome);
  void settle_sweep(const Outcome& outcome);
  void settle_check(const Outcome& outcome, const Body& body);
  void retry_later(Change change, const std::vector<std::string>& collect);
  void restore();
  void collect(const std::vector<std::string>& hashes);
  void trouble(StoreError error, const std::string& text);
  void set_full(bool full);
  void flush_used();
  void flush_fetches();

  StoreError open_body(const EntryPtr& entry, std::unique_ptr<Reader>& reader);
  void damaged(const Body& body, BodyFiles::Check found);
  void tell_damage(const std::string& subject, const std::string& what);

  StoreConfig config_;
  StoreHooks hooks_;
  BodyFiles files_;
  MemoryIndex index_;
  BodyCache cache_;
  FetchLog fetch_log_;
  std::unordered_map<Key, std::vector<RefusedBody>, KeyHash> refused_;  // without identity
  size_t refused_count_ = 0;
  Remarks remarks_;
  std::shared_ptr<FillWatch> watch_ = std::make_shared<FillWatch>();
  std::unordered_map<uint64_t, Pending> pending_;  // by ticket
  struct Checking {
    std::vector<std::pair<EntryPtr, ReadDone>> waiting;
  };
  std::unordered_map<std::string, Checking> checking_;  // by hash
  std::vector<std::function<void()>> later_;
  Change unsettled_;
  std::vector<std::string> unsettled_collect_;
  uint64_t next_ticket_ = 1, next_file_ = 1;
  int64_t next_id_ = 1;
  uint64_t pending_bytes_ = 0;
  size_t pending_commits_ = 0;
  int64_t next_probe_ms_ = 0, next_used_ms_ = 0, next_fetches_ms_ = 0;
  bool probing_ = false, index_loaded_ = false;
  unsigned next_part_ = 0;  // of the sweep; kParts: done
  StoreStatus status_;
  std::unique_ptr<StoreWriter> writer_;  // ends first
};

}  // namespace holdfast::provision
