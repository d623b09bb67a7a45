// SPDX-License-Identifier: Apache-2.0
// Puts the flow together.
#include "tests/provision-proxy/proxy/flow_fixture.hh"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <mutex>

#include "provision-proxy/upstream/curl_loop.hh"
#include "provision-proxy/upstream/throttle.hh"

namespace holdfast::provision {

// ---- what a phone got ---------------------------------------------------------------------------

void Got::take(Answer answer) {
  ++replies;
  answered = true;
  status = answer.status;
  fields = std::move(answer.fields);
  length = answer.length;
  if (answer.bytes) body = *answer.bytes;
  source_ = std::move(answer.body);
  if (source_ == nullptr) {
    ended = true;
  } else {
    read_on();
  }
}

void Got::read_on() {
  again_ = true;
  if (reading_) return;
  reading_ = true;
  while (again_ && source_) {
    again_ = false;
    source_->next([this](BodyPiece got) { piece(got); });
  }
  reading_ = false;
}

void Got::piece(BodyPiece got) {
  switch (got.state) {
    case BodyState::kBytes:
      body.append(got.bytes.data(), got.bytes.size());
      if (!hold) read_on();
      return;
    case BodyState::kEnd:
      ended = true;
      return;
    case BodyState::kFailed:
      failed = true;
      return;
  }
}

void Got::leave() {
  source_.reset();
}

std::string Got::brief() const {
  if (!answered) return "nothing";
  return std::to_string(status) + (body.empty() ? "" : " " + body) + (failed ? "[cut]" : "");
}

// ---- what a centre says -------------------------------------------------------------------------

std::string with_status(std::string_view status, std::string_view body,
                        std::string_view more_fields) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(more_fields) + "\r\n" + std::string(body);
}

std::string master(std::string_view mac, std::string_view word) {
  return "<?xml version=\"1.0\" standalone=\"yes\"?>\n<APPLICATION APP_FILE_PATH=\"sip.ld\" "
         "CONFIG_FILES=\"" +
         std::string(mac) + "-reg.cfg, phone1.cfg, sip.cfg\" MISC_FILES=\"" + std::string(word) +
         "\" LOG_FILE_DIRECTORY=\"\" OVERRIDES_DIRECTORY=\"\" CONTACTS_DIRECTORY=\"\"/>\n";
}

std::string bytes_like_firmware(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

bool has_line(const std::string& head, std::string_view line) {
  return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

// ---- the fixture --------------------------------------------------------------------------------

// The body of an upload.
class Sent final : public RequestBody {
 public:
  Sent(std::string body, size_t pieces) : body_(std::move(body)), pieces_(pieces) {}
  std::optional<uint64_t> length() const override {
    return pieces_ > 0 ? std::nullopt : std::optional<uint64_t>(body_.size());
  }
  void next(std::function<void(BodyPiece)> then) override {
    if (at_ == body_.size()) return then({BodyState::kEnd, {}});
    const size_t size =
        std::min(body_.size() - at_, body_.size() / std::max<size_t>(pieces_, 1) + 1);
    const std::span<const char> piece(body_.data() + at_, size);
    at_ += size;
    then({BodyState::kBytes, piece});
  }

 private:
  std::string body_;
  size_t pieces_, at_ = 0;
};

struct FlowTest::Parts {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::string directory;
  std::unique_ptr<Store> store;
  std::unique_ptr<SpoolWorker> spool;
  std::unique_ptr<Alarms> alarms;
  std::unique_ptr<OwnerCheck> owner;
  CurlLoop loop{io};
  Throttle throttle{io, 0};
  std::unique_ptr<Upstream> upstream;
  std::unique_ptr<Flow> flow;

  std::mutex mutex;  // guards `act`
  std::shared_ptr<const Act> act;
  uint16_t port = 0;
  std::vector<std::string> heads_before;  // of origins that were killed
  std::unique_ptr<ScriptedOrigin> origin;
};

FlowTest::FlowTest() : parts_(std::make_unique<Parts>()) {
  config_.name = "centre";
  config_.store = config::StoreContract::kAlways;
  config_.serve_stale = config::StaleContract::kOnUnreachable;
  config_.answer_ms = config_.connect_ms = 5000;  // a busy machine is no dead centre
  config_.stall_ms = 5000;
}
FlowTest::~FlowTest() = default;

Flow& FlowTest::flow() {
  return *parts_->flow;
}
Store& FlowTest::store() {
  return *parts_->store;
}
SpoolWorker& FlowTest::spool() {
  return *parts_->spool;
}
Upstream& FlowTest::upstream() {
  return *parts_->upstream;
}

void FlowTest::SetUp() {
  parts_->directory = testing::TempDir() + "hf-flow-" + std::to_string(::getpid()) + "-" +
                      testing::UnitTest::GetInstance()->current_test_info()->name();
  std::filesystem::remove_all(parts_->directory);
  parts_->alarms =
      std::make_unique<Alarms>([this] { return unix_ms_; }, [](LogLevel, const std::string&) {});
  open_store();
}

void FlowTest::open_store() {
  store_config_.directory = parts_->directory;
  StoreHooks hooks;
  hooks.unix_ms = [this] { return unix_ms_; };
  hooks.steady_ms = [this] { return unix_ms_; };
  hooks.wake = [] {};
  hooks.logger = [](LogLevel, const std::string&) {};
  hooks.disk = &disk_;
  auto opened = Store::open(store_config_, std::move(hooks));
  ASSERT_TRUE(opened);
  parts_->store = std::move(opened).value();
}

void FlowTest::TearDown() {
  if (parts_->upstream) {
    parts_->upstream->cancel_all();
    EXPECT_TRUE(settle());
  }
  if (parts_->spool) parts_->spool->drain();
  parts_->flow.reset();
  parts_->upstream.reset();
  parts_->origin.reset();
  parts_->spool.reset();
  parts_->store.reset();
  std::filesystem::remove_all(parts_->directory);
}

void FlowTest::start() {
  revive_centre();
  OriginConfig there;
  there.host = "127.0.0.1";
  there.port = parts_->port;
  there.health.probe_interval_ms = 20;
  parts_->upstream = std::make_unique<Upstream>(parts_->loop, parts_->throttle, nullptr, there,
                                                [](LogLevel, const std::string&) {});
  restart_flow();
}

void FlowTest::start_refused() {
  start();
  kill_centre();
}

void FlowTest::restart_flow() {
  if (parts_->spool) parts_->spool->drain();
  parts_->spool.reset();
  spool_config_.directory = parts_->directory + "/uploads";
  auto spool = SpoolWorker::open(spool_config_, [] {});
  ASSERT_TRUE(spool);
  parts_->spool = std::move(spool).value();
  if (owner_) parts_->owner = std::make_unique<OwnerCheck>(*owner_);
  FlowConfig config;
  config.origin_of_listener = {0};
  config.salt = "salt";
  config.neighbour_of = [this](const IpAddress& address, size_t) -> std::optional<MacAddress> {
    const auto known = neighbours_.find(address.to_string());
    if (known == neighbours_.end()) return std::nullopt;
    return known->second;
  };
  parts_->flow = std::make_unique<Flow>(
      FlowContext{parts_->io, *parts_->store, *parts_->alarms, counters_,
                  [this] { return unix_ms_; }, parts_->spool.get()},
      std::vector<OriginPort>{{&config_, parts_->upstream.get(), parts_->owner.get()}}, classes_,
      std::move(config));
}

void FlowTest::restart() {
  EXPECT_TRUE(settle());
  parts_->flow.reset();
  parts_->store.reset();
  open_store();
  restart_flow();
}

void FlowTest::centre(Act act) {
  auto shared = std::make_shared<const Act>(std::move(act));
  const std::lock_guard lock(parts_->mutex);
  parts_->act = std::move(shared);
}

void FlowTest::centre_says(std::string answer) {
  std::string etag;
  if (const auto at = answer.find("ETag: "); at != std::string::npos)
    etag = answer.substr(at + 6, answer.find("\r\n", at) - at - 6);
  centre([answer = std::move(answer), etag](OriginConnection& c, const std::string& head) {
    if (!etag.empty() && has_line(head, "If-None-Match: " + etag))
      return c.send("HTTP/1.1 304 Not Modified\r\nETag: " + etag + "\r\n\r\n");
    return c.send(answer);
  });
}

void FlowTest::kill_centre() {
  if (!parts_->origin) return;
  const auto notes = parts_->origin->notes();
  parts_->heads_before.insert(parts_->heads_before.end(), notes.begin(), notes.end());
  parts_->origin.reset();
}

void FlowTest::revive_centre() {
  kill_centre();
  parts_->origin = std::make_unique<ScriptedOrigin>(
      [this](OriginConnection& c) {
        for (;;) {
          const auto head = c.read_head();
          if (head.empty()) return;
          if (head.starts_with("HEAD / ")) {  // a probe
            c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            continue;
          }
          std::shared_ptr<const Act> act;
          {
            const std::lock_guard lock(parts_->mutex);
            act = parts_->act;
          }
          parts_->origin->note(head);
          if (!act || !(*act)(c, head)) return;
        }
      },
      nullptr, "127.0.0.1", parts_->port);
  parts_->port = parts_->origin->port();
}

size_t FlowTest::asked() const {
  return parts_->heads_before.size() + (parts_->origin ? parts_->origin->notes().size() : 0);
}

std::string FlowTest::last_head() const {
  const auto notes = parts_->origin->notes();
  return notes.empty() ? "" : notes.back();
}

Request FlowTest::request(std::string_view target, Lines fields, std::string_view method) {
  Request request;
  request.method = method;
  request.target = target;
  for (const auto& [name, value] : fields) request.fields.add(name, value);
  return request;
}

GotPtr FlowTest::send(Request request) {
  if (request.peer.is_none()) request.peer.ip = peer_;
  auto got = std::make_shared<Got>();
  flow().handle(
      std::move(request), [got](int status, const Fields&) { got->interims.push_back(status); },
      [got](Answer answer) { got->take(std::move(answer)); });
  return got;
}

GotPtr FlowTest::begin(std::string_view target, Lines fields, std::string_view method) {
  return send(request(target, fields, method));
}

GotPtr FlowTest::upload(std::string_view target, std::string body, Lines fields,
                        std::string_view method, size_t pieces) {
  auto made = request(target, fields, method);
  made.body = std::make_shared<Sent>(std::move(body), pieces);
  return send(std::move(made));
}

Got FlowTest::put(std::string_view target, std::string body, Lines fields, std::string_view method,
                  size_t pieces) {
  const auto got = upload(target, std::move(body), fields, method, pieces);
  EXPECT_TRUE(run_until([&] { return got->done(); })) << target;
  EXPECT_EQ(got->replies, 1);
  return std::move(*got);
}

Got FlowTest::ask(std::string_view target, Lines fields, std::string_view method) {
  const auto got = begin(target, fields, method);
  EXPECT_TRUE(run_until([&] { return got->done(); })) << target;
  EXPECT_EQ(got->replies, 1);
  return std::move(*got);
}

bool FlowTest::run_until(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    parts_->io.run_one_for(std::chrono::milliseconds(2));
    parts_->store->poll();
    if (parts_->spool) parts_->spool->poll();
  }
  return true;
}

bool FlowTest::settle() {
  const bool quiet = run_until(
      [&] { return flow().fetches_under_way() == 0 && upstream().status().running == 0; });
  parts_->store->drain();
  return quiet;
}

void FlowTest::open_breaker() {
  kill_centre();
  ask("/nothing-of-this-name.cfg");
  ASSERT_TRUE(run_until([&] { return !upstream().health().admits(); }));
}

uint64_t FlowTest::alarms(AlarmKind kind) const {
  return parts_->alarms->raised(kind);
}

}  // namespace holdfast::provision
