// SPDX-License-Identifier: Apache-2.0
// Wraps c-ares.
#include "base/dns_client.hh"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>

namespace holdfast {
namespace {

constexpr int kMaxAddresses = 16;  // of one answer; the rest is left
constexpr size_t kMaxServers = 16;
constexpr time_t kLongestPollS = 1;

struct Pending {
  const Question* question = nullptr;
  Answer* answer = nullptr;
  size_t* outstanding = nullptr;
};

void read_v4(const uint8_t* bytes, int size, int& status, Answer& answer) {
  ares_addrttl records[kMaxAddresses];
  int count = kMaxAddresses;
  status = ares_parse_a_reply(bytes, size, nullptr, records, &count);
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
    answer.addresses.push_back(IpAddress::v4(reinterpret_cast<const uint8_t*>(&records[i].ipaddr)));
}

void read_v6(const uint8_t* bytes, int size, int& status, Answer& answer) {
  ares_addr6ttl records[kMaxAddresses];
  int count = kMaxAddresses;
  status = ares_parse_aaaa_reply(bytes, size, nullptr, records, &count);
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
    answer.addresses.push_back(
        IpAddress::v6(reinterpret_cast<const uint8_t*>(&records[i].ip6addr)));
}

void read_srv(const uint8_t* bytes, int size, int& status, Answer& answer) {
  ares_srv_reply* list = nullptr;
  status = ares_parse_srv_reply(bytes, size, &list);
  for (auto* srv = list; srv != nullptr && answer.servers.size() < kMaxServers; srv = srv->next)
    answer.servers.push_back({srv->priority, srv->weight, srv->port, srv->host});
  if (list != nullptr) ares_free_data(list);
}

void read_answer(const Question& question, std::span<const uint8_t> message, int status,
                 Answer& answer) {
  const auto* bytes = message.data();
  const int size = static_cast<int>(message.size());
  if (status == ARES_SUCCESS) {
    switch (question.type) {
      case RecordType::kA:
        read_v4(bytes, size, status, answer);
        break;
      case RecordType::kAaaa:
        read_v6(bytes, size, status, answer);
        break;
      case RecordType::kSrv:
        read_srv(bytes, size, status, answer);
    }
  }
  const bool empty = answer.addresses.empty() && answer.servers.empty();
  if (status == ARES_SUCCESS && !empty) {
    answer.kind = Answer::Kind::kGood;
    answer.ttl_s = smallest_ttl(message);
    return;
  }
  if (status == ARES_SUCCESS) status = ARES_ENODATA;
  answer.kind = status == ARES_ENODATA || status == ARES_ENOTFOUND ? Answer::Kind::kNothing
                                                                   : Answer::Kind::kFailed;
  answer.error = ares_strerror(status);
}

void on_answer(void* argument, int status, int /*timeouts*/, unsigned char* bytes, int size) {
  auto& pending = *static_cast<Pending*>(argument);
  const auto length = bytes == nullptr || size < 0 ? 0 : static_cast<size_t>(size);
  read_answer(*pending.question, {bytes, length}, status, *pending.answer);
  --*pending.outstanding;
}

int wire_type(RecordType type) {
  return type == RecordType::kA ? ns_t_a : type == RecordType::kAaaa ? ns_t_aaaa : ns_t_srv;
}

// A channel for one round of questions.
class Channel {
 public:
  explicit Channel(const DnsConfig& config) {
    static std::once_flag once;
    std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    options.timeout = static_cast<int>(config.timeout_ms);
    options.tries = config.tries;
    ready_ =
        ares_init_options(&channel_, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) == ARES_SUCCESS;
    if (!ready_ || config.servers.empty()) return;
    std::string list;
    for (const auto& server : config.servers) {
      if (!list.empty()) list += ',';
      const auto ip = IpAddress::parse(server);
      list += ip && ip->is_v6() ? "[" + server + "]" : server;
    }
    ready_ = ares_set_servers_ports_csv(channel_, list.c_str()) == ARES_SUCCESS;
  }
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  explicit operator bool() const { return ready_; }
  ares_channel get() const { return channel_; }

  // One wait for its sockets, timers, or `stop`. False: stop is readable.
  bool turn(int stop) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int bits = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
    pollfd polls[ARES_GETSOCK_MAXNUM + 1];
    nfds_t count = 0;
    polls[count++] = {stop, POLLIN, 0};
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const auto wanted = static_cast<unsigned>(bits);
      const bool reads = (wanted >> static_cast<unsigned>(i) & 1U) != 0;
      const bool writes = (wanted >> static_cast<unsigned>(i + ARES_GETSOCK_MAXNUM) & 1U) != 0;
      if (!reads && !writes) continue;
      polls[count++] = {sockets[i],
                        static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0};
    }
    timeval longest{kLongestPollS, 0}, next{};
    const timeval* wait = ares_timeout(channel_, &longest, &next);
    const int ms = static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1);
    const int ready = ::poll(polls, count, ms);
    if (polls[0].revents != 0) return false;
    for (nfds_t i = 1; ready > 0 && i < count; ++i) {
      const auto got = polls[i].revents;
      if (got == 0) continue;
      ares_process_fd(channel_, (got & POLLOUT) == 0 ? polls[i].fd : ARES_SOCKET_BAD,
                      (got & POLLOUT) != 0 ? polls[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // its timers
    return true;
  }

 private:
  ares_channel channel_ = nullptr;
  bool ready_ = false;
};

// Behind the name at `at`, or none if the message ends before.
std::optional<size_t> skip_name(std::span<const uint8_t> message, size_t at) {
  while (at < message.size()) {
    const uint8_t length = message[at];
    if (length == 0) return at + 1;
    if ((length & 0xC0U) == 0xC0U) return at + 2;
    at += 1U + length;
  }
  return std::nullopt;
}

uint32_t be(std::span<const uint8_t> bytes) {
  uint32_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8U | byte;
  return value;
}

}  // namespace

std::string_view name_of(RecordType type) {
  return type == RecordType::kA ? "A" : type == RecordType::kAaaa ? "AAAA" : "SRV";
}

uint32_t smallest_ttl(std::span<const uint8_t> message) {
  if (message.size() < NS_HFIXEDSZ) return 0;
  const uint32_t questions = be(message.subspan(4, 2)), answers = be(message.subspan(6, 2));
  std::optional<size_t> at = NS_HFIXEDSZ;
  for (uint32_t i = 0; i < questions && at; ++i) {
    at = skip_name(message, *at);
    if (at) *at += NS_QFIXEDSZ;
  }
  uint32_t smallest = UINT32_MAX;
  for (uint32_t i = 0; i < answers && at; ++i) {
    at = skip_name(message, *at);
    if (!at || *at + NS_RRFIXEDSZ > message.size()) break;
    smallest = std::min(smallest, be(message.subspan(*at + 4, 4)));
    *at += NS_RRFIXEDSZ + be(message.subspan(*at + 8, 2));
  }
  // A TTL with its first bit set counts as 0 (RFC 2181 section 8); so does none at all.
  return smallest > INT32_MAX ? 0 : smallest;
}

DnsClient::DnsClient(const DnsConfig& config)
    : config_(config), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

DnsClient::~DnsClient() {
  if (stop_ >= 0) ::close(stop_);
}

void DnsClient::stop() {
  ::eventfd_write(stop_, 1);
}

std::vector<Answer> DnsClient::ask(const std::vector<Question>& questions) {
  std::vector<Answer> answers(questions.size());
  for (auto& answer : answers) answer.error = "not asked";
  Channel channel(config_);
  if (!channel) {
    for (auto& answer : answers) answer.error = "no DNS server can be used";
    return answers;
  }
  size_t outstanding = questions.size();
  std::vector<Pending> pending(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    pending[i] = {&questions[i], &answers[i], &outstanding};
    ares_query(channel.get(), questions[i].name.c_str(), ns_c_in, wire_type(questions[i].type),
               on_answer, &pending[i]);
  }
  while (outstanding > 0 && channel.turn(stop_)) {
  }
  ares_cancel(channel.get());  // what still is outstanding ends here, while `pending` is there
  return answers;
}

}  // namespace holdfast
