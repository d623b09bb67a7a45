// SPDX-License-Identifier: Apache-2.0
// The phones of bench/run provision, on one thread: many small files as fast as they come, or at a
// rate; or one file over many connections at once. Prints one JSON object.
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "bench/provision/phone_connection.hh"

namespace {

using namespace holdfast::bench;
using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

struct Options {
  std::string address = "127.0.0.1";
  uint16_t port = 8088;
  std::string folder;  // of the files that are asked for, as the origin has them
  std::string prefix;  // of the files' names
  size_t connections = 1;
  double seconds = 0;  // 0: each connection asks once
  double rate = 0;     // 0: as fast as answers come
  double patience = 60;
  bool tls = false;
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Wanted> wanted_files(const Options& options) {
  std::vector<Wanted> files;
  for (const auto& entry : std::filesystem::directory_iterator(options.folder)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(options.prefix)) continue;
    files.push_back(
        {"GET /" + name +
             " HTTP/1.1\r\nHost: provision.example\r\nUser-Agent: FileTransport "
             "PolycomVVX-VVX_500-UA/5.9.7.47435 Type/Application\r\nAccept: */*\r\n\r\n",
         slurp(entry.path())});
  }
  return files;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  Load(const Options& options, std::vector<Wanted> files)
      : options_(options), files_(std::move(files)), phones_(options.connections) {
    if (options.tls) {
      tls_ = SSL_CTX_new(TLS_client_method());
      SSL_CTX_set_session_cache_mode(tls_, SSL_SESS_CACHE_OFF);
    }
  }
  ~Load() {
    for (auto& phone : phones_) phone.connection.close();
    SSL_CTX_free(tls_);
    ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  nlohmann::json run() {
    begin_ = Clock::now();
    for (auto& phone : phones_) connect(phone);
    if (options_.seconds > 0) begin_ = Clock::now();  // connecting is no part of it
    const double cpu = cpu_seconds();
    const auto last = begin_ + std::chrono::duration_cast<nanoseconds>(
                                   std::chrono::duration<double>(options_.seconds));
    deadline_ = last + std::chrono::duration_cast<nanoseconds>(
                           std::chrono::duration<double>(options_.patience));
    for (auto& phone : phones_) idle_.push_back(&phone);
    if (options_.seconds == 0) begin_all();
    std::array<epoll_event, 256> events{};
    while (Clock::now() < deadline_) {
      const bool asks = options_.seconds > 0 && Clock::now() < last;
      if (asks) ask();
      if (!asks && under_way_ == 0) break;
      const int wait = options_.rate > 0 && asks ? 0 : 100;
      const int n = epoll_wait(epoll_, events.data(), int(events.size()), wait);
      for (int i = 0; i < n; ++i) hear(*static_cast<Phone*>(events[size_t(i)].data.ptr));
    }
    return report(cpu_seconds() - cpu);
  }

 private:
  struct Phone {
    PhoneConnection connection;
    Clock::time_point due;
    bool asks = false;
  };

  bool connect(Phone& phone) {
    if (!phone.connection.open(options_.address, options_.port, tls_)) {
      broken("cannot connect");
      phone.connection.close();
      return false;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &phone;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, phone.connection.fd(), &event);
    return true;
  }

  void begin_all() {
    while (!idle_.empty()) begin(Clock::now());
  }

  // As many as are due; without a rate each idle phone is.
  void ask() {
    const auto now = Clock::now();
    while (!idle_.empty()) {
      auto due = now;
      if (options_.rate > 0) {
        due = begin_ + nanoseconds(int64_t(double(offered_) * 1e9 / options_.rate));
        if (due > now) return;
      }
      begin(due);
    }
  }

  void begin(Clock::time_point due) {
    Phone& phone = *idle_.front();
    idle_.pop_front();
    phone.due = due;
    const Wanted& file = files_[offered_++ % files_.size()];
    if (!phone.connection.is_open() && !connect(phone)) return;
    if (!phone.connection.ask(file)) return broken("a request could not be sent");
    phone.asks = true;
    ++under_way_;
  }

  void hear(Phone& phone) {
    const auto progress = phone.connection.read();
    if (progress == Progress::waits) return;
    const bool asked = std::exchange(phone.asks, false);
    if (asked) --under_way_;
    if (progress == Progress::answered) {
      end_ = Clock::now();
      delays_ns_.push_back(uint64_t((end_ - phone.due).count()));
    } else if (asked || progress == Progress::wrong) {
      broken(phone.connection.why());
    }
    if (phone.connection.is_last()) phone.connection.close();
    if (!phone.connection.is_open()) ++closed_;
    // Who closed while idle is already among them.
    if (asked) idle_.push_back(&phone);
  }

  void broken(std::string_view why) {
    ++wrong_;
    if (why_.empty()) why_ = why;
  }

  nlohmann::json report(double cpu) {
    const double seconds = std::chrono::duration<double>(end_ - begin_).count();
    nlohmann::json result{{"answers", delays_ns_.size()}, {"seconds", seconds}, {"wrong", wrong_},
                          {"unanswered", under_way_},     {"closed", closed_},  {"cpu_s", cpu}};
    if (!why_.empty()) result["why"] = why_;
    std::sort(delays_ns_.begin(), delays_ns_.end());
    for (const auto& [name, part] : {std::pair{"p50_us", 0.5}, {"p99_us", 0.99}, {"max_us", 1.0}})
      if (!delays_ns_.empty())
        result[name] = double(delays_ns_[size_t(part * double(delays_ns_.size() - 1))]) / 1000;
    return result;
  }

  const Options& options_;
  const std::vector<Wanted> files_;
  std::vector<Phone> phones_;
  std::deque<Phone*> idle_;
  SSL_CTX* tls_ = nullptr;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  Clock::time_point begin_, end_, deadline_;
  size_t offered_ = 0, under_way_ = 0, wrong_ = 0, closed_ = 0;
  std::string why_;
  std::vector<uint64_t> delays_ns_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Phones that fetch files and compare each byte with what it ought to be.");
  Options options;
  app.add_option("--address", options.address, "IPv4 address")->capture_default_str();
  app.add_option("--port", options.port)->capture_default_str();
  app.add_option("--files", options.folder, "folder of the files, as the origin has them")
      ->required();
  app.add_option("--prefix", options.prefix, "ask for those whose names begin so");
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 4096));
  app.add_option("--seconds", options.seconds, "ask for so long; 0: each connection asks once");
  app.add_option("--rate", options.rate, "requests a second; 0: as fast as answers come");
  app.add_option("--patience", options.patience, "seconds to wait for the last answers");
  app.add_flag("--tls", options.tls);
  CLI11_PARSE(app, argc, argv);
  auto files = wanted_files(options);
  if (files.empty()) {
    std::cerr << "no file of " << options.folder << " begins with '" << options.prefix << "'\n";
    return 2;
  }
  std::cout << Load(options, std::move(files)).run() << std::endl;
  return 0;
}
