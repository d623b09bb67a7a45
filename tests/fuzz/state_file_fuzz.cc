// SPDX-License-Identifier: Apache-2.0
// The state file of another life and its SRTP, any bytes or good ones with patches: refused in one
// line, or calls whose legs and streams a new life can go on with, in place too.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/relay/stream_pool.hh"
#include "dataplane/state/state_file.hh"
#include "media/srtp/choose.hh"

using namespace holdfast;
using namespace holdfast::dataplane;

namespace {

constexpr uint64_t kNow = 1'000'000'000'000;
constexpr uint64_t kStepNs = 20'000'000;
constexpr uint32_t kLegs = 4;

void must(bool holds) {
  if (!holds) std::abort();
}

media::SrtpEngine& engine() {
  static const std::unique_ptr<media::SrtpEngine> made = media::make_srtp_engine().engine;
  return *made;
}

// A packet of SSRC 9, with room for a trailer.
media::SrtpTask task_of(std::array<uint8_t, 256>& bytes, uint16_t sequence, media::SrtpOp op) {
  bytes = {0x80, 8, static_cast<uint8_t>(sequence >> 8), static_cast<uint8_t>(sequence)};
  if (op == media::SrtpOp::protect_rtcp) bytes = {0x80, 201, 0, 1};
  bytes[op == media::SrtpOp::protect_rtcp ? 7 : 11] = 9;
  media::SrtpTask task;
  task.data = bytes.data();
  task.length = op == media::SrtpOp::protect_rtcp ? 8 : 172;
  task.capacity = static_cast<uint16_t>(bytes.size());
  task.op = op;
  return task;
}

void secure(StateFile& file, Leg& leg, LegIndex index) {
  leg.setup.payload = PayloadKind::srtp;
  must(file.reserve_srtp(index));
  SrtpLeg& srtp = file.core(0).srtp[index - 1];
  const std::array<uint8_t, 28> bytes{1, 2, 3};
  const media::SdesKey key{
      *media::SrtpMasterKey::from_bytes(media::SrtpSuite::aead_aes_128_gcm, bytes),
      media::kMaxSrtpLifetime,
      {}};
  must(engine().open(srtp.in, key) && engine().open(srtp.out, key));
  srtp.in_key = srtp.out_key = media::fingerprint_of(key);
  std::array<uint8_t, 256> packet;
  for (uint16_t seq = 65500; seq != 20; ++seq) {
    for (const auto op : {media::SrtpOp::protect_rtp, media::SrtpOp::protect_rtcp}) {
      media::SrtpTask task = task_of(packet, seq, op);
      task.out = &srtp.out;
      engine().process({&task, 1});
      must(task.verdict == media::SrtpVerdict::srtp_ok);
      task.op = op == media::SrtpOp::protect_rtp ? media::SrtpOp::unprotect_rtp
                                                 : media::SrtpOp::unprotect_rtcp;
      task.in = &srtp.in;
      engine().process({&task, 1});
      must(task.verdict == media::SrtpVerdict::srtp_ok);
    }
  }
}

// A call of two legs, one of them with two streams and one with SRTP, as a life leaves it.
void fill(StateFile& file) {
  const CoreMemory memory = file.core(0);
  StreamPool pool(memory.slots, kLegs);
  for (const LegIndex index : {1u, 2u}) {
    Leg& leg = memory.legs[index - 1];
    leg.in_use = true;
    leg.setup.port = static_cast<uint16_t>(index - 1);
    leg.setup.local = *IpAddress::parse("198.18.1.2");
    for (uint16_t seq = 1; seq <= 40; ++seq) {
      if (seq % 7 != 0)
        pool.find_or_add(leg, index + seq % index, 0)
            ->account.on_packet(seq, seq * 160u, kNow + seq * kStepNs);
    }
  }
  secure(file, memory.legs[1], 2);
  SavedCall& call = file.calls()[0];
  std::strncpy(call.key.data(), "call", call.key.size());
  call.valid = 1;
}

// A path of this process alone, in memory.
class Place {
 public:
  Place() {
    char name[] = "/dev/shm/hf-fuzz-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/state";
    auto created = StateFile::create(path_, shape(), nullptr);
    must(created.ok());
    StateFile file = std::move(created).value();
    file.beat(kNow);
    fill(file);
    file.port_marks()[0].lent = 1;
    file.port_marks()[1].end(kNow);
    must(file.publish().empty());
    read(path_);
    tables_ = good_.size();
    read(srtp_path(path_, 0));
  }
  ~Place() {
    remove_state(path_);
    ::rmdir(folder_.c_str());
  }
  static StateShape shape() {
    return {1, kLegs, {"lan", "wan"}, {{*IpAddress::parse("198.18.1.2"), 20000, 8}}};
  }
  const std::string& path() const { return path_; }
  // Of both files, one behind the other.
  const std::vector<uint8_t>& good() const { return good_; }
  void write_tables(std::span<const uint8_t> bytes) const { write(path_, bytes); }
  void write(std::span<const uint8_t> bytes) const {
    write(path_, bytes.first(tables_));
    write(srtp_path(path_, 0), bytes.subspan(tables_));
  }

 private:
  void read(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const size_t before = good_.size();
    good_.resize(before + static_cast<size_t>(::lseek(fd, 0, SEEK_END)));
    const size_t size = good_.size() - before;
    must(::pread(fd, &good_[before], size, 0) == static_cast<ssize_t>(size));
    ::close(fd);
  }
  static void write(const std::string& path, std::span<const uint8_t> bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }

  std::string folder_, path_;
  size_t tables_ = 0;
  std::vector<uint8_t> good_;
};

// Patches: where (3 octets), how many (1), and what.
std::vector<uint8_t> patched(std::vector<uint8_t> file, const uint8_t* data, size_t size) {
  while (size > 4) {
    const size_t at = (size_t{data[0]} << 16 | size_t{data[1]} << 8 | data[2]) % file.size();
    const size_t count = std::min({size_t{data[3]} % 64 + 1, size - 4, file.size() - at});
    std::memcpy(&file[at], data + 4, count);
    data += 4 + count;
    size -= 4 + count;
  }
  return file;
}

// What a new life does with a leg: sums of before, some packets, and its report.
void go_on(const LegSnapshot& left) {
  std::vector<StreamSlot> slots(2);  // fewer than a leg may have: the others are folded
  StreamPool pool(slots, 1);
  Leg leg{};
  must(left.stream_count <= kMaxStreamsPerLeg);
  pool.restore(leg, {left.streams.data(), left.stream_count});
  for (uint32_t i = leg.streams; i != kNoStream; i = slots[i].next) {
    media::StreamAccount& account = slots[i].account;
    const auto at_ns = account.last_arrival_ns() + kStepNs;
    for (const uint16_t seq : std::to_array<uint16_t>({41, 43, 42, 30000, 30001, 41}))
      account.on_packet(seq, seq, at_ns);
    const media::StreamReport report = account.report();
    must(report.runs_used <= report.runs.size());
  }
}

// Whatever stands there: it is refused, or goes on without giving out an index twice.
void go_on(const SrtpLeg& left) {
  SrtpLeg srtp;
  std::memcpy(&srtp, &left, sizeof srtp);
  const bool in = engine().adopt(srtp.in);
  const bool out = engine().adopt(srtp.out);
  if (!in) srtp.in = {};  // as the relay does with what is refused
  if (!out) srtp.out = {};
  static_cast<void>(checkpoint_of(srtp));
  std::array<uint8_t, 256> packet;
  std::array<uint16_t, 3> sent{};
  size_t count = 0;
  for (const uint16_t seq : std::to_array<uint16_t>({20, 21, 20})) {
    media::SrtpTask task = task_of(packet, seq, media::SrtpOp::protect_rtp);
    task.out = &srtp.out;
    if (out) engine().process({&task, 1});
    if (out && task.verdict == media::SrtpVerdict::srtp_ok) {
      sent[count] = static_cast<uint16_t>(packet[2] << 8 | packet[3]);
      must(std::find(sent.begin(), sent.begin() + static_cast<ptrdiff_t>(count), sent[count]) ==
           sent.begin() + static_cast<ptrdiff_t>(count));
      ++count;
    }
    task.op = media::SrtpOp::unprotect_rtp;
    task.in = &srtp.in;
    if (in) engine().process({&task, 1});
  }
}

bool is_zero(const SrtpLeg& leg) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&leg);
  return std::all_of(bytes, bytes + sizeof leg, [](uint8_t byte) { return byte == 0; });
}

// Whatever the tables say, a leg has what was left of its SRTP, or nothing.
void go_on_in_place(const std::string& path, const LeftState& left) {
  auto created = StateFile::create(path, Place::shape(), &left);
  must(created.ok());
  StateFile file = std::move(created).value();
  if (!file.is_in_place()) return;
  file.bring_srtp(left);
  const std::span srtp = file.core(0).srtp;
  for (LegIndex leg = 1; leg <= kLegs; ++leg) {
    if (file.brought_srtp(leg) != nullptr)
      go_on(srtp[leg - 1]);
    else
      must(is_zero(srtp[leg - 1]));
    must(file.reserve_srtp(leg));
  }
  file.wipe_brought_srtp([](LegIndex) { return false; });
  must(std::all_of(srtp.begin(), srtp.end(), is_zero));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Place place;
  if (size == 0) return 0;
  if (data[0] % 8 == 0) {
    place.write(place.good());
    place.write_tables({data + 1, size - 1});
  } else {
    place.write(patched(place.good(), data + 1, size - 1));
  }
  std::string why;
  const auto left = LeftState::open(place.path(), kNow + 1, why);
  if (!left) {
    must(!why.empty() && why.find('\n') == std::string::npos);
    return 0;
  }
  must(!why.empty() || !left->calls_are_over());
  for (const LeftPort& port : left->ports())
    must(port.rtp_port % 2 == 0 && port.ended_ns < kNow + 1 + PortMark::kTickNs);
  left->for_each([](const LeftCall& call) {
    must(!call.key.empty() && call.key.size() <= SavedCall::kMaxKey);
    for (const std::string& name : call.interfaces) must(name.size() <= 16);
    for (const LegSnapshot& leg : call.legs) go_on(leg);
    for (const SrtpLeg* srtp : call.srtp) {
      if (srtp != nullptr) go_on(*srtp);
    }
  });
  go_on_in_place(place.path(), *left);
  return 0;
}
