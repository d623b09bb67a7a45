// SPDX-License-Identifier: Apache-2.0
// Layout, mapping and bounds of the memory file.
#include "dataplane/state/state_file.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "media/srtp/master_key.hh"

namespace holdfast::dataplane {
namespace {

// Raised whenever a structure in the file changes its meaning without its size.
constexpr uint32_t kLayout = 8;
constexpr std::array<char, 8> kMagic = {'h', 'f', 's', 't', 'a', 't', 'e', '\n'};
constexpr size_t kMaxCores = 16;
constexpr size_t kMaxInterfaces = 16;
constexpr size_t kMaxRanges = 8 * kMaxInterfaces;  // one of each media address
constexpr size_t kMaxName = 16;
constexpr size_t kBootId = 36;
constexpr uint32_t kMaxLegsPerCore = 1u << 20;
constexpr uint32_t kPortNumbers = 1u << 16;
constexpr size_t kPage = 4096;
// Legs whose SRTP is reserved and copied in one go: what the kernel has cleared is in the cache
// yet.
constexpr uint32_t kBroughtAtOnce = 128;

struct Header {
  std::array<char, 8> magic;
  uint32_t layout;
  uint32_t leg_size;
  uint32_t slot_size;
  uint32_t call_size;
  uint32_t srtp_size;
  uint32_t cores;
  uint32_t legs_per_core;
  uint32_t interfaces;
  std::array<std::array<char, kMaxName>, kMaxInterfaces> names;
  std::array<char, kBootId> boot_id;
  uint32_t port_ranges;
  uint64_t alive_ns;
  std::array<MarkedPorts, kMaxRanges> ranges;
};
static_assert(sizeof(Header) <= kPage && std::is_trivially_copyable_v<Header>);
static_assert(std::is_trivially_copyable_v<SavedCall> && sizeof(SavedCall) == 72);

constexpr size_t pages(size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

size_t pairs_of(const StateShape& shape) {
  size_t pairs = 0;
  for (const MarkedPorts& range : shape.ports) pairs += range.pairs;
  return pairs;
}

// Offsets of the tables: header, calls, marks of ports, then each core's legs and slots; and behind
// all that each core's SRTP.
struct Layout {
  explicit Layout(const StateShape& shape)
      : legs_bytes(pages(size_t{shape.legs_per_core} * sizeof(Leg))),
        slots_bytes(pages(stream_slots(shape.legs_per_core) * sizeof(StreamSlot))),
        call_count(size_t{shape.cores} * shape.legs_per_core / 2),
        mark_count(pairs_of(shape)),
        marks_at(kPage + pages(call_count * sizeof(SavedCall))),
        first_core(marks_at + pages(mark_count * sizeof(PortMark))),
        srtp_bytes(pages(size_t{shape.legs_per_core} * sizeof(SrtpLeg))),
        dense_size(first_core + shape.cores * (legs_bytes + slots_bytes)),
        size(dense_size + shape.cores * srtp_bytes) {}
  size_t legs_at(uint32_t core) const { return first_core + core * (legs_bytes + slots_bytes); }
  size_t slots_at(uint32_t core) const { return legs_at(core) + legs_bytes; }
  size_t srtp_at(uint32_t core) const { return dense_size + core * srtp_bytes; }

  size_t legs_bytes, slots_bytes, call_count, mark_count, marks_at, first_core, srtp_bytes,
      dense_size, size;
};

// Where the SRTP of a leg lies in the file.
size_t srtp_offset(const StateShape& shape, LegIndex leg) {
  return Layout(shape).srtp_at((leg - 1) / shape.legs_per_core) +
         (leg - 1) % shape.legs_per_core * sizeof(SrtpLeg);
}

std::array<char, kBootId> boot_id() {
  std::array<char, kBootId> id{};
  std::ifstream("/proc/sys/kernel/random/boot_id").read(id.data(), id.size());
  return id;
}

template <typename T, typename Memory>
auto* at(Memory* memory, size_t offset) {
  using Byte = std::conditional_t<std::is_const_v<Memory>, const std::byte, std::byte>;
  using Item = std::conditional_t<std::is_const_v<Memory>, const T, T>;
  return std::launder(reinterpret_cast<Item*>(static_cast<Byte*>(memory) + offset));
}

template <size_t N>
std::string_view text_of(const std::array<char, N>& text) {
  return {text.data(),
          static_cast<size_t>(std::find(text.begin(), text.end(), '\0') - text.begin())};
}

std::string problem(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

Header header_of(const StateShape& shape) {
  Header header{};
  header.magic = kMagic;
  header.layout = kLayout;
  header.leg_size = sizeof(Leg);
  header.slot_size = sizeof(StreamSlot);
  header.call_size = sizeof(SavedCall);
  header.srtp_size = sizeof(SrtpLeg);
  header.cores = shape.cores;
  header.legs_per_core = shape.legs_per_core;
  header.interfaces = static_cast<uint32_t>(std::min(shape.interfaces.size(), kMaxInterfaces));
  for (size_t i = 0; i < header.interfaces; ++i) {
    const std::string& name = shape.interfaces[i];
    std::copy_n(name.begin(), std::min(name.size(), kMaxName), header.names[i].begin());
  }
  header.boot_id = boot_id();
  assert(shape.ports.size() <= kMaxRanges);
  header.port_ranges = static_cast<uint32_t>(shape.ports.size());
  std::copy(shape.ports.begin(), shape.ports.end(), header.ranges.begin());
  return header;
}

bool is_sane(const Header& header) {
  if (header.cores == 0 || header.cores > kMaxCores || header.legs_per_core == 0 ||
      header.legs_per_core > kMaxLegsPerCore || header.interfaces > kMaxInterfaces ||
      header.port_ranges > kMaxRanges)
    return false;
  return std::all_of(header.ranges.begin(), header.ranges.begin() + header.port_ranges,
                     [](const MarkedPorts& range) {
                       return range.first_port % 2 == 0 && range.pairs <= kPortNumbers / 2 &&
                              range.first_port + 2 * range.pairs <= kPortNumbers;
                     });
}

// Of a sane header.
StateShape shape_of(const Header& header) {
  StateShape shape{header.cores, header.legs_per_core, {}, {}};
  for (size_t i = 0; i < header.interfaces; ++i)
    shape.interfaces.emplace_back(text_of(header.names[i]));
  shape.ports.assign(header.ranges.begin(), header.ranges.begin() + header.port_ranges);
  return shape;
}

// A flag as another life left it; its byte may be anything.
bool left_set(const bool& flag) {
  return *reinterpret_cast<const uint8_t*>(&flag) == 1;
}

// After that the leg's flags can be read.
void mend_flags(Leg& leg) {
  LegSetup& setup = leg.setup;
  for (bool* flag : {&leg.in_use, &leg.captured, &setup.rtcp_mux, &setup.rtcp_explicit,
                     &setup.strict_source, &leg.paths[0].source_is_ours,
                     &leg.paths[1].source_is_ours, &leg.paths[0].untold, &leg.paths[1].untold})
    *flag = left_set(*flag);
}

// Empty when the header is one of ours and the file has room for what it says.
std::string why_not(const Header& header, size_t size) {
  if (header.magic != kMagic) return "it is no state file";
  if (header.layout != kLayout || header.leg_size != sizeof(Leg) ||
      header.slot_size != sizeof(StreamSlot) || header.call_size != sizeof(SavedCall) ||
      header.srtp_size != sizeof(SrtpLeg))
    return "it is of another version";
  if (header.boot_id != boot_id()) return "it is of another boot";
  if (!is_sane(header) || Layout(shape_of(header)).size != size) return "it is damaged";
  return {};
}

}  // namespace

std::string_view SavedCall::name() const {
  return text_of(key);
}

Result<StateFile, std::string> StateFile::create(const std::string& path, const StateShape& shape) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return problem(fresh, "cannot be made");
  const Layout layout(shape);
  const size_t size = layout.dense_size;
  const size_t srtp_size = layout.size - size;
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  // Reserved now: a store into a page that the file system has no room for would end the process.
  // The rest is reserved leg by leg.
  const int full = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  const bool room = full == 0 && ::ftruncate(fd, static_cast<off_t>(layout.size)) == 0;
  void* memory =
      !room ? MAP_FAILED : ::mmap(nullptr, size, kAccess, MAP_SHARED | MAP_POPULATE, fd, 0);
  void* srtp_memory = memory == MAP_FAILED ? MAP_FAILED
                                           : ::mmap(nullptr, srtp_size, kAccess, MAP_SHARED, fd,
                                                    static_cast<off_t>(size));
  if (srtp_memory == MAP_FAILED) {
    if (full != 0) errno = full;
    std::string error = problem(fresh, "has no room");
    if (memory != MAP_FAILED) ::munmap(memory, size);
    ::close(fd);
    ::unlink(fresh.c_str());
    return error;
  }
  static_cast<void>(::madvise(memory, size, MADV_HUGEPAGE));  // where the kernel has them for files
  static_cast<void>(::madvise(srtp_memory, srtp_size, MADV_DONTDUMP));
  return StateFile(path, fd, memory, size, srtp_memory, shape);
}

StateFile::StateFile(std::string path, int fd, void* memory, size_t size, void* srtp_memory,
                     const StateShape& shape)
    : path_(std::move(path)),
      fd_(fd),
      memory_(memory),
      size_(size),
      srtp_memory_(srtp_memory),
      shape_(shape),
      srtp_reserved_(size_t{shape.cores} * shape.legs_per_core + 1),
      srtp_brought_(srtp_reserved_.size()) {
  const Layout layout(shape_);
  new (memory_) Header(header_of(shape_));
  std::uninitialized_value_construct_n(at<SavedCall>(memory_, kPage), layout.call_count);
  std::uninitialized_value_construct_n(at<PortMark>(memory_, layout.marks_at), layout.mark_count);
  for (uint32_t core = 0; core < shape_.cores; ++core) {
    std::uninitialized_value_construct_n(at<Leg>(memory_, layout.legs_at(core)),
                                         shape_.legs_per_core);
    std::uninitialized_value_construct_n(at<StreamSlot>(memory_, layout.slots_at(core)),
                                         stream_slots(shape_.legs_per_core));
  }
}

StateFile::StateFile(StateFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      size_(other.size_),
      srtp_memory_(std::exchange(other.srtp_memory_, nullptr)),
      shape_(std::move(other.shape_)),
      srtp_reserved_(std::move(other.srtp_reserved_)),
      srtp_brought_(std::move(other.srtp_brought_)),
      published_(other.published_) {}

StateFile::~StateFile() {
  if (memory_ == nullptr) return;
  ::munmap(memory_, size_);
  ::munmap(srtp_memory_, Layout(shape_).size - size_);
  ::close(fd_);
  if (!published_) ::unlink((path_ + ".new").c_str());
}

CoreMemory StateFile::core(uint32_t core) {
  const Layout layout(shape_);
  return {{at<Leg>(memory_, layout.legs_at(core)), shape_.legs_per_core},
          {at<StreamSlot>(memory_, layout.slots_at(core)), stream_slots(shape_.legs_per_core)},
          {at<SrtpLeg>(srtp_memory_, layout.srtp_at(core) - size_), shape_.legs_per_core}};
}

bool StateFile::reserve_srtp(LegIndex leg) {
  return srtp_reserved_[leg] || reserve_srtp(leg, 1);
}

// Of legs of one lcore. Pages that a neighbour has already are reserved once more, which does
// nothing to them. (What posix_fallocate() does where the file system cannot would: it writes.)
bool StateFile::reserve_srtp(LegIndex first, uint32_t count) {
  const size_t start = srtp_offset(shape_, first);
  const size_t page = start / kPage * kPage;
  const size_t bytes = pages(start + count * sizeof(SrtpLeg)) - page;
  if (::fallocate(fd_, 0, static_cast<off_t>(page), static_cast<off_t>(bytes)) != 0) return false;
  // Where the kernel can, here and not at the lcore's first store.
  static_cast<void>(
      ::madvise(at<std::byte>(srtp_memory_, page - size_), bytes, MADV_POPULATE_WRITE));
  std::fill_n(srtp_reserved_.begin() + first, count, true);
  return true;
}

SrtpLeg* StateFile::srtp_of(LegIndex leg) {
  return at<SrtpLeg>(srtp_memory_, srtp_offset(shape_, leg) - size_);
}

void StateFile::bring_srtp(const LeftState& left) {
  if (left.shape().cores != shape_.cores || left.shape().legs_per_core != shape_.legs_per_core)
    return;
  left.for_each_srtp(kBroughtAtOnce, [this](LegIndex first, std::span<const SrtpLeg> legs) {
    if (!reserve_srtp(first, static_cast<uint32_t>(legs.size()))) return;
    std::memcpy(srtp_of(first), legs.data(), legs.size_bytes());
    std::fill_n(srtp_brought_.begin() + first, legs.size(), true);
  });
}

void StateFile::wipe_brought_srtp(const std::function<bool(LegIndex)>& is_kept) {
  for (LegIndex leg = 1; leg < srtp_brought_.size(); ++leg) {
    if (!srtp_brought_[leg]) continue;
    srtp_brought_[leg] = false;
    if (!is_kept(leg)) media::wipe({reinterpret_cast<uint8_t*>(srtp_of(leg)), sizeof(SrtpLeg)});
  }
}

std::span<SavedCall> StateFile::calls() {
  return {at<SavedCall>(memory_, kPage), Layout(shape_).call_count};
}

std::span<PortMark> StateFile::port_marks() {
  const Layout layout(shape_);
  return {at<PortMark>(memory_, layout.marks_at), layout.mark_count};
}

void StateFile::beat(uint64_t now_ns) {
  at<Header>(memory_, 0)->alive_ns = now_ns;
}

std::string StateFile::publish() {
  if (::rename((path_ + ".new").c_str(), path_.c_str()) != 0)
    return problem(path_, "cannot be put in place");
  published_ = true;
  return {};
}

std::optional<LeftState> LeftState::open(const std::string& path, uint64_t now_ns,
                                         std::string& why) {
  why.clear();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno != ENOENT) why = problem(path, "cannot be read");
    return std::nullopt;
  }
  struct stat about {};
  const bool known = ::fstat(fd, &about) == 0;
  const auto size = static_cast<size_t>(about.st_size);
  if (!known || about.st_uid != ::geteuid() || (about.st_mode & 0077) != 0 || size < kPage) {
    why = path + " is not used: it is damaged, or not ours alone";
    ::close(fd);
    return std::nullopt;
  }
  const void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) {
    why = problem(path, "cannot be mapped");
    return std::nullopt;
  }
  const Header header = *at<Header>(memory, 0);
  LeftState state(memory, size, header.alive_ns, now_ns - header.alive_ns);
  why = why_not(header, size);
  if (why.empty() && header.alive_ns > now_ns) why = "its clock is not ours";
  if (!why.empty()) {
    why = path + " is not used: " + why;
    return std::nullopt;
  }
  state.shape_ = shape_of(header);
  if (state.calls_are_over()) {
    why = "the calls of " + path + " are over: it is older than " +
          std::to_string(kMaxSilenceNs / 1'000'000'000) + " s";
  }
  return state;
}

LeftState::LeftState(const void* memory, size_t size, uint64_t alive_ns, uint64_t silent_ns)
    : memory_(memory), size_(size), alive_ns_(alive_ns), silent_ns_(silent_ns) {}

LeftState::LeftState(LeftState&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      size_(other.size_),
      shape_(std::move(other.shape_)),
      alive_ns_(other.alive_ns_),
      silent_ns_(other.silent_ns_) {}

LeftState::~LeftState() {
  if (memory_ != nullptr) ::munmap(const_cast<void*>(memory_), size_);
}

void LeftState::for_each(const std::function<void(const LeftCall&)>& on_call) const {
  if (calls_are_over()) return;
  const std::span calls(at<SavedCall>(memory_, kPage), Layout(shape_).call_count);
  const auto call = std::make_unique<LeftCall>();
  for (CallNumber number = 0; number < calls.size(); ++number) {
    const SavedCall& saved = calls[number];
    if (saved.valid == 1 && read(number, saved, *call)) on_call(*call);
  }
}

// What was lent when the process ended has had no media since. A time that has not come is damage.
std::vector<LeftPort> LeftState::ports() const {
  std::vector<LeftPort> found;
  const PortMark* mark = at<PortMark>(memory_, Layout(shape_).marks_at);
  for (const MarkedPorts& range : shape_.ports) {
    for (uint32_t pair = 0; pair < range.pairs; ++pair, ++mark) {
      const bool was_lent = mark->lent != 0;
      if (mark->ended_ticks > PortMark::tick_of(alive_ns_ + silent_ns_)) continue;
      if (!was_lent && mark->ended_ticks == 0) continue;
      found.push_back({range.ip, static_cast<uint16_t>(range.first_port + 2 * pair),
                       was_lent ? alive_ns_ : mark->ended_ns(), was_lent || mark->left != 0});
    }
  }
  return found;
}

bool LeftState::read(CallNumber number, const SavedCall& saved, LeftCall& call) const {
  call.key = saved.name();
  call.started_ms = saved.started_ms;
  if (call.key.empty()) return false;
  for (size_t i = 0; i < 2; ++i) {
    const LegIndex leg = legs_of(number)[i];
    if (!read_leg(leg, call.legs[i])) return false;
    const bool is_secure = call.legs[i].leg.setup.payload == PayloadKind::srtp;
    call.srtp[i] = is_secure ? srtp_of(leg) : nullptr;
    const size_t interface = call.legs[i].leg.setup.port;
    if (interface >= shape_.interfaces.size()) return false;
    call.interfaces[i] = shape_.interfaces[interface];
  }
  return true;
}

const SrtpLeg* LeftState::srtp_of(LegIndex leg) const {
  return at<SrtpLeg>(memory_, srtp_offset(shape_, leg));
}

bool LeftState::has_srtp(LegIndex index) const {
  const uint32_t core = (index - 1) / shape_.legs_per_core;
  const Leg& leg =
      at<Leg>(memory_, Layout(shape_).legs_at(core))[(index - 1) % shape_.legs_per_core];
  return left_set(leg.in_use) && leg.setup.payload == PayloadKind::srtp;
}

void LeftState::for_each_srtp(uint32_t most, const OnSrtp& on_srtp) const {
  if (calls_are_over()) return;
  const LegIndex last = shape_.cores * shape_.legs_per_core;
  for (LegIndex leg = 1; leg <= last;) {
    const LegIndex first = leg;
    const LegIndex end = (first - 1) / shape_.legs_per_core * shape_.legs_per_core +
                         shape_.legs_per_core + 1;  // of the lcore's share
    while (leg < end && leg - first < most && has_srtp(leg)) ++leg;
    if (leg > first) {
      on_srtp(first, {srtp_of(first), leg - first});
    } else {
      ++leg;
    }
  }
}

bool LeftState::read_leg(LegIndex index, LegSnapshot& out) const {
  if (index == kNoLeg || index > shape_.cores * shape_.legs_per_core) return false;
  const Layout layout(shape_);
  const uint32_t core = (index - 1) / shape_.legs_per_core;
  const Leg& leg = at<Leg>(memory_, layout.legs_at(core))[(index - 1) % shape_.legs_per_core];
  if (!left_set(leg.in_use)) return false;
  out.index = index;
  std::memcpy(&out.leg, &leg, sizeof leg);
  mend_flags(out.leg);
  out.stream_count = 0;
  const auto* slots = at<StreamSlot>(memory_, layout.slots_at(core));
  // The list may have been cut in the middle of a move: what is still linked is taken, once each.
  uint32_t slot = leg.streams;
  const uint32_t count = std::min<uint32_t>(leg.stream_count, kMaxStreamsPerLeg);
  while (slot < stream_slots(shape_.legs_per_core) && out.stream_count < count) {
    const StreamSlot& stream = slots[slot];
    const std::span taken(out.streams.data(), out.stream_count);
    const bool twice = std::any_of(taken.begin(), taken.end(), [&](const StreamSlot& each) {
      return each.account.ssrc() == stream.account.ssrc();
    });
    if (twice || !stream.account.is_sound()) break;
    StreamSlot& copy = out.streams[out.stream_count++];
    copy = stream;
    copy.clock_known = left_set(stream.clock_known);
    slot = stream.next;
  }
  return true;
}

}  // namespace holdfast::dataplane
