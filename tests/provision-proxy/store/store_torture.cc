// SPDX-License-Identifier: Apache-2.0
// Kills a process that uses a store, again and again, and looks each time at what is left.
//
//   store_torture soak DIRECTORY --kills N [--seed N] [--shim LIBRARY [--lie WHAT] [--find]]
//   store_torture work DIRECTORY SEED        until it is killed
//   store_torture check DIRECTORY            0: what is left is what must be
//
// With --shim, writes that were not synced are forgotten at each kill. --find: succeed if a
// violation is found, which is to show that there is none to be found otherwise.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "provision-proxy/store/store.hh"
#include "tests/provision-proxy/store/torture_model.hh"
#include "tests/provision-proxy/store/unsynced_replay.hh"

namespace holdfast::provision::torture {
namespace {

namespace fs = std::filesystem;

struct Paths {
  explicit Paths(const std::string& directory)
      : store(directory + "/store"), shadow(directory + "/shadow"), log(directory + "/log") {}
  std::string store, shadow, log;
};

int64_t now_ms(bool steady) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return steady ? duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
                      .count()
                : duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
                      .count();
}

// Wakes the thread that owns the store.
class Bell {
 public:
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    heard_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    heard_.wait_for(lock, std::chrono::milliseconds(20), [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;  // guards rung_
  std::condition_variable heard_;
  bool rung_ = false;
};

std::unique_ptr<Store> open_store(const Paths& paths, Bell& bell) {
  StoreConfig config;
  config.directory = paths.store;
  config.max_bytes = 3'000'000;  // so that there is always somebody to be evicted
  config.max_body_bytes = 1'000'000;
  config.retry_ms = 50;
  config.flush_used_ms = 30;
  config.flush_fetches_ms = 20;
  StoreHooks hooks;
  hooks.unix_ms = [] { return now_ms(false); };
  hooks.steady_ms = [] { return now_ms(true); };
  hooks.wake = [&bell] { bell.ring(); };
  hooks.logger = [](LogLevel level, const std::string& text) {
    if (level == LogLevel::error) std::fprintf(stderr, "%s\n", text.c_str());
  };
  auto opened = Store::open(config, std::move(hooks));
  if (opened) return std::move(opened).value();
  std::fprintf(stderr, "%s\n", opened.error().c_str());
  return nullptr;
}

std::string all_of(const Reader& reader) {
  std::string all, piece(30'011, '\0');
  for (;;) {
    const Piece got = reader.read(all.size(), piece);
    if (got.state != ReadState::kData) return got.state == ReadState::kEnd ? all : all + "[cut]";
    all.append(piece, 0, got.bytes);
  }
}

// ---- work --------------------------------------------------------------------------------------

class Worker {
 public:
  Worker(const Paths& paths, uint32_t seed)
      : random_(seed),
        number_(Model(paths.log).next_number()),
        log_(::open(paths.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
        store_(open_store(paths, bell_)) {}

  int run() {
    if (!store_) return 1;
    for (;;) {
      while (busy_.size() < 6) begin();
      if (wrong_) return 3;
      bell_.wait();
      store_->tick();
    }
  }

 private:
  void say(const std::string& line) {
    const std::string text = line + "\n";
    if (::write(log_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) wrong_ = true;
  }

  void begin() {
    const int key = static_cast<int>(random_() % kKeys);
    if (busy_.contains(key)) return;
    look(key);
    store_->note_fetch(store_key(key), std::to_string(random_() % 50), "UA", 200);
    const auto found = store_->find(store_key(key));
    const auto now = found.empty() ? std::nullopt : generation_of(*found.front());
    const auto dice = random_() % 20;
    if (!now || dice < 9) {
      commit(key, Op::kCommit, number_, 0);
    } else if (dice < 11) {
      commit(key, Op::kRenew, now->version, number_);
    } else if (dice < 15) {
      const auto done = started(key, Op::kUpdate);
      store_->update(found.front(), meta_of(key, now->version, number_ - 1), done);
    } else if (dice < 17) {
      store_->invalidate(store_key(key), started(key, Op::kInvalidate));
    } else if (dice < 19) {
      store_->rollback(store_key(key), started(key, Op::kRollback));
    } else {
      store_->remove(store_key(key), started(key, Op::kRemove));
    }
  }

  Store::Done started(int key, Op op) {
    const uint64_t number = number_++;
    const std::string words =
        std::to_string(key) + " " + static_cast<char>(op) + " " + std::to_string(number) + " ";
    const auto found = store_->find(store_key(key));
    const auto now = found.empty() ? std::nullopt : generation_of(*found.front());
    say("S " + words + std::to_string(now ? now->version : 0));
    busy_.insert(key);
    return [this, key, op, words](StoreError error) {
      uint64_t result = error == StoreError::kNone ? 1 : 0;
      if (result != 0 && op == Op::kRollback) {
        const auto left = store_->find(store_key(key));
        const auto current = left.empty() ? std::nullopt : generation_of(*left.front());
        if (current) result = current->version;
      }
      say("A " + words + std::to_string(result));
      busy_.erase(key);
    };
  }

  void commit(int key, Op op, uint64_t version, uint64_t checked) {
    const std::string body = body_of(key, version);
    const auto done = started(key, op);
    auto fill = store_->begin_fill();
    const auto follower = fill->follow();
    for (size_t at = 0; at < body.size();) {
      const size_t size = std::min<size_t>(body.size() - at, 1 + random_() % 20'000);
      fill->write({body.data() + at, size});
      at += size;
      if (random_() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    fill->complete();
    if (follower && all_of(*follower) != body) wrong_ = true;
    store_->commit(std::move(fill), store_key(key), meta_of(key, version, checked), keep_of(key),
                   [done](StoreError error, const EntryPtr&) { done(error); });
  }

  // What is served while others are written.
  void look(int key) {
    const auto found = store_->find(store_key(key));
    if (found.empty()) return;
    store_->read(found.front(), [this, key, entry = found.front()](StoreError error, auto reader) {
      if (error != StoreError::kNone) return;
      const auto generation = generation_of(*entry);
      if (!generation || all_of(*reader) != body_of(key, generation->version)) {
        std::fprintf(stderr, "key %d: a wrong body was served\n", key);
        wrong_ = true;
      }
    });
  }

  Bell bell_;
  std::mt19937 random_;
  uint64_t number_;
  int log_;
  std::set<int> busy_;
  bool wrong_ = false;
  std::unique_ptr<Store> store_;
};

// ---- check -------------------------------------------------------------------------------------

int check(const Paths& paths) {
  Bell bell;
  const Model model(paths.log);
  const auto store = open_store(paths, bell);
  if (!store) return 1;
  int wrong = 0;
  const auto complain = [&](int key, const std::string& what) {
    std::printf("key %d: %s\n", key, what.c_str());
    ++wrong;
  };
  std::map<int, std::vector<EntryPtr>> all;
  for (int key = 0; key < kKeys; ++key) {
    // As the flow would: what turns out to be damaged is gone, then it is asked again.
    for (const auto& entry : store->generations(store_key(key))) {
      store->read(entry, [&](StoreError error, std::unique_ptr<Reader> reader) {
        if (error != StoreError::kNone) return;
        const auto generation = generation_of(*entry);
        if (!generation || all_of(*reader) != body_of(key, generation->version))
          complain(key, "a wrong body is served");
      });
      store->drain();
    }
    all[key] = store->generations(store_key(key));
    if (auto error = model.compare(key, all[key]); !error.empty()) complain(key, error);
  }
  const auto status = store->status();
  if (status.indexes_replaced > 0) complain(-1, "the index was damaged");
  if (wrong > 0) return 1;  // the log tells what happened
  // From here on, what was found is what there is.
  std::ofstream log(paths.log + ".new");
  log << "N " << model.next_number() << "\n";
  for (const auto& [key, entries] : all) {
    for (const auto& entry : entries) {
      const auto g = generation_of(*entry);
      if (g && !entry->distrusted) {
        log << "B " << key << " " << g->version << " " << g->checked << " " << g->must_validate
            << "\n";
      }
    }
    std::set<uint64_t> distrusted(model.state(key).distrusted.begin(),
                                  model.state(key).distrusted.end());
    for (const auto& entry : entries)
      if (const auto g = generation_of(*entry); g && entry->distrusted)
        distrusted.insert(g->version);
    for (const uint64_t version : distrusted) log << "X " << key << " " << version << "\n";
  }
  log.close();
  fs::rename(paths.log + ".new", paths.log);
  return 0;
}

// ---- soak --------------------------------------------------------------------------------------

struct Options {
  std::string directory, shim, lie;
  int kills = 30;
  uint32_t seed = 1;
  bool find = false;
};

pid_t start(const std::vector<std::string>& arguments, const Options& options) {
  const Paths paths(options.directory);
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (!options.shim.empty() && arguments[1] == "work") {
    ::setenv("UNSYNCED_DIR", paths.store.c_str(), 1);
    ::setenv("UNSYNCED_SHADOW", paths.shadow.c_str(), 1);
    ::setenv("UNSYNCED_LIE", options.lie.c_str(), 1);
    ::setenv("LD_PRELOAD", options.shim.c_str(), 1);
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  std::_Exit(127);
}

uint64_t count_acknowledged(const std::string& path) {
  uint64_t count = 0;
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);) count += line[0] == 'A' ? 1 : 0;
  return count;
}

int soak(const Options& options) {
  const Paths paths(options.directory);
  fs::remove_all(options.directory);
  fs::create_directories(paths.store);
  if (!options.shim.empty()) take_as_synced(paths.store, paths.shadow);
  std::mt19937 random(options.seed);
  int violations = 0, kills = 0;
  uint64_t acknowledged = 0;
  while (kills < options.kills && violations == 0) {
    const auto seed = static_cast<uint32_t>(random());
    const pid_t worker =
        start({"store_torture", "work", options.directory, std::to_string(seed)}, options);
    // After so many acknowledgements, or a while, whichever comes first: also in the middle of a
    // start, and much the same on a slow machine.
    const auto enough = random() % 4 == 0 ? 0 : random() % 40;
    const auto most = now_ms(true) + 2000;
    while (count_acknowledged(paths.log) < enough && now_ms(true) < most)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    ::kill(worker, SIGKILL);
    int status = 0;
    ::waitpid(worker, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      std::printf("the worker ended by itself\n");
      ++violations;
    }
    ++kills;
    acknowledged += count_acknowledged(paths.log);
    if (!options.shim.empty()) forget_unsynced(paths.store, paths.shadow, seed);
    const pid_t checker = start({"store_torture", "check", options.directory}, options);
    ::waitpid(checker, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++violations;
    if (!options.shim.empty()) take_as_synced(paths.store, paths.shadow);
  }
  std::printf("%d kills, %llu acknowledged, %d violations (seed %u)\n", kills,
              static_cast<unsigned long long>(acknowledged), violations, options.seed);
  if (violations == 0 || options.find) fs::remove_all(options.directory);
  // A soak in which nothing happened shows nothing.
  if (acknowledged == 0) return 1;
  return (violations > 0) == options.find ? 0 : 1;
}

int usage() {
  std::fprintf(stderr,
               "usage: store_torture soak DIRECTORY [--kills N] [--seed N] [--shim LIBRARY"
               " [--lie bodies|folders|index] [--find]]\n");
  return 2;
}

int run(const std::vector<std::string>& words) {
  if (words.size() < 2) return usage();
  if (words[0] == "work" && words.size() == 3)
    return Worker(Paths(words[1]), static_cast<uint32_t>(std::stoul(words[2]))).run();
  if (words[0] == "check") return check(Paths(words[1]));
  if (words[0] != "soak") return usage();
  Options options;
  options.directory = fs::absolute(words[1]) / ("torture-" + std::to_string(::getpid()));
  for (size_t i = 2; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (words[i] == "--find") {
      options.find = true;
    } else if (words[i] == "--kills" && more) {
      options.kills = std::stoi(words[++i]);
    } else if (words[i] == "--seed" && more) {
      options.seed = static_cast<uint32_t>(std::stoul(words[++i]));
    } else if (words[i] == "--shim" && more) {
      options.shim = fs::absolute(words[++i]);
    } else if (words[i] == "--lie" && more) {
      options.lie = words[++i];
    } else {
      return usage();
    }
  }
  return soak(options);
}

}  // namespace
}  // namespace holdfast::provision::torture

int main(int argc, char** argv) {
  return holdfast::provision::torture::run({argv + 1, argv + argc});
}
