// SPDX-License-Identifier: Apache-2.0
// Layout, mapping and bounds of the memory file.
#include "dataplane/state/state_file.hh"

#include <fcntl.h>
#include <sys/mman.h>
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
constexpr uint32_t kLayout = 9;
constexpr std::array<char, 8> kMagic = {'h', 'f', 's', 't', 'a', 't', 'e', '\n'};
constexpr size_t kMaxCores = 16;
constexpr size_t kMaxInterfaces = 16;
constexpr size_t kMaxRanges = 8 * kMaxInterfaces;  // one of each media address
constexpr size_t kMaxName = 16;
constexpr size_t kBootId = 36;
constexpr uint32_t kMaxLegsPerCore = 1u << 20;
constexpr uint32_t kPortNumbers = 1u << 16;
constexpr size_t kPage = 4096;
// Legs whose SRTP is made ready in one go: meanwhile no other thread can map memory.
constexpr uint32_t kBroughtAtOnce = 1024;

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
  uint32_t srtp_name;
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

// Offsets of the tables: header, calls, marks of ports, then each core's legs and slots.
struct Layout {
  explicit Layout(const StateShape& shape)
      : legs_bytes(pages(size_t{shape.legs_per_core} * sizeof(Leg))),
        slots_bytes(pages(stream_slots(shape.legs_per_core) * sizeof(StreamSlot))),
        call_count(size_t{shape.cores} * shape.legs_per_core / 2),
        mark_count(pairs_of(shape)),
        marks_at(kPage + pages(call_count * sizeof(SavedCall))),
        first_core(marks_at + pages(mark_count * sizeof(PortMark))),
        size(first_core + shape.cores * (legs_bytes + slots_bytes)) {}
  size_t legs_at(uint32_t core) const { return first_core + core * (legs_bytes + slots_bytes); }
  size_t slots_at(uint32_t core) const { return legs_at(core) + legs_bytes; }

  size_t legs_bytes, slots_bytes, call_count, mark_count, marks_at, first_core, size;
};

size_t leg_count(const StateShape& shape) {
  return size_t{shape.cores} * shape.legs_per_core;
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

Header header_of(const StateShape& shape, uint32_t srtp_name) {
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
  header.srtp_name = srtp_name;
  assert(shape.ports.size() <= kMaxRanges);
  header.port_ranges = static_cast<uint32_t>(shape.ports.size());
  std::copy(shape.ports.begin(), shape.ports.end(), header.ranges.begin());
  return header;
}

bool is_sane(const Header& header) {
  if (header.cores == 0 || header.cores > kMaxCores || header.legs_per_core == 0 ||
      header.legs_per_core > kMaxLegsPerCore || header.interfaces > kMaxInterfaces ||
      header.port_ranges > kMaxRanges || header.srtp_name >= kSrtpNames)
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

uint32_t other_name(uint32_t name) {
  return kSrtpNames - 1 - name;
}

// Where a process has the SRTP of its legs.
struct SrtpPlace {
  std::optional<SrtpFile> file;  // none: errno
  uint32_t name = 0;
  bool is_left = false;  // by the process before
};

SrtpPlace place_srtp(const std::string& path, const StateShape& shape, const LeftState* left) {
  SrtpPlace place;
  // Without one that can be read here, a name that is free: what is there may be another version's,
  // and this start may fail.
  place.name =
      left != nullptr ? left->srtp_name() : ::access(srtp_path(path, 0).c_str(), F_OK) != 0;
  if (left != nullptr && !left->calls_are_over() && left->shape().cores == shape.cores &&
      left->shape().legs_per_core == shape.legs_per_core)
    place.file = SrtpFile::go_on(srtp_path(path, place.name), leg_count(shape));
  place.is_left = place.file.has_value();
  if (place.is_left) return place;
  place.name = other_name(place.name);
  place.file = SrtpFile::make(srtp_path(path, place.name), leg_count(shape));
  return place;
}

}  // namespace

std::string_view SavedCall::name() const {
  return text_of(key);
}

Result<StateFile, std::string> StateFile::create(const std::string& path, const StateShape& shape,
                                                 const LeftState* left) {
  const std::string fresh = path + ".new";
  const Layout layout(shape);
  const OwnFile file = OwnFile::make(fresh);
  if (!file) return file_problem(fresh, "cannot be made");
  // Reserved now: a store into a page that the file system has no room for would end the process.
  if (const int full = ::posix_fallocate(file.fd(), 0, static_cast<off_t>(layout.size)); full != 0)
    errno = full;
  else if (Mapping memory(file, layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE);
           memory) {
    // Where the kernel has them for files.
    static_cast<void>(::madvise(memory.memory(), memory.bytes(), MADV_HUGEPAGE));
    if (SrtpPlace place = place_srtp(path, shape, left); place.file)
      return StateFile(path, std::move(memory), std::move(*place.file), place.name, place.is_left,
                       shape);
  }
  std::string error = file_problem(fresh, "has no room");
  ::unlink(fresh.c_str());
  return error;
}

StateFile::StateFile(std::string path, Mapping memory, SrtpFile srtp, uint32_t srtp_name,
                     bool in_place, const StateShape& shape)
    : path_(std::move(path)),
      memory_(std::move(memory)),
      srtp_(std::move(srtp)),
      srtp_name_(srtp_name),
      in_place_(in_place),
      shape_(shape),
      srtp_reserved_(leg_count(shape) + 1),
      srtp_brought_(srtp_reserved_.size()) {
  const Layout layout(shape_);
  void* const at_0 = memory_.memory();
  new (at_0) Header(header_of(shape_, srtp_name_));
  std::uninitialized_value_construct_n(at<SavedCall>(at_0, kPage), layout.call_count);
  std::uninitialized_value_construct_n(at<PortMark>(at_0, layout.marks_at), layout.mark_count);
  for (uint32_t core = 0; core < shape_.cores; ++core) {
    std::uninitialized_value_construct_n(at<Leg>(at_0, layout.legs_at(core)), shape_.legs_per_core);
    std::uninitialized_value_construct_n(at<StreamSlot>(at_0, layout.slots_at(core)),
                                         stream_slots(shape_.legs_per_core));
  }
}

StateFile::StateFile(StateFile&& other) noexcept = default;

StateFile::~StateFile() {
  if (!memory_ || published_) return;
  ::unlink((path_ + ".new").c_str());
  if (!in_place_) ::unlink(srtp_path(path_, srtp_name_).c_str());
}

CoreMemory StateFile::core(uint32_t core) {
  const Layout layout(shape_);
  void* const at_0 = memory_.memory();
  const uint32_t legs = shape_.legs_per_core;
  return {{at<Leg>(at_0, layout.legs_at(core)), legs},
          {at<StreamSlot>(at_0, layout.slots_at(core)), stream_slots(legs)},
          srtp_.legs().subspan(size_t{core} * legs, legs)};
}

bool StateFile::reserve_srtp(LegIndex leg) {
  if (!srtp_reserved_[leg]) srtp_reserved_[leg] = srtp_.reserve(leg, 1);
  return srtp_reserved_[leg];
}

bool StateFile::bring_srtp(LegIndex first, uint32_t count) {
  if (!srtp_.reserve(first, count)) return false;
  std::fill_n(srtp_reserved_.begin() + first, count, true);
  std::fill_n(srtp_brought_.begin() + first, count, true);
  return true;
}

void StateFile::bring_srtp(const LeftState& left) {
  if (!in_place_) return;
  left.for_each_srtp(kBroughtAtOnce, [this](LegIndex first, uint32_t count) {
    if (bring_srtp(first, count)) return;
    for (uint32_t i = 0; i < count; ++i) bring_srtp(first + i, 1);
  });
  const auto end = static_cast<LegIndex>(srtp_brought_.size());
  for (LegIndex leg = 1; leg < end; ++leg) {
    const LegIndex first = leg;
    while (leg < end && !srtp_brought_[leg]) ++leg;
    if (leg > first) srtp_.give_back(first, leg - first);
  }
}

const SrtpLeg* StateFile::brought_srtp(LegIndex leg) const {
  return srtp_brought_[leg] ? &srtp_.legs()[leg - 1] : nullptr;
}

void StateFile::wipe_brought_srtp(const std::function<bool(LegIndex)>& is_kept) {
  for (LegIndex leg = 1; leg < srtp_brought_.size(); ++leg) {
    if (srtp_brought_[leg] && !is_kept(leg)) wipe(srtp_.legs()[leg - 1]);
    srtp_brought_[leg] = false;
  }
}

std::span<SavedCall> StateFile::calls() {
  return {at<SavedCall>(memory_.memory(), kPage), Layout(shape_).call_count};
}

std::span<PortMark> StateFile::port_marks() {
  const Layout layout(shape_);
  return {at<PortMark>(memory_.memory(), layout.marks_at), layout.mark_count};
}

void StateFile::beat(uint64_t now_ns) {
  at<Header>(memory_.memory(), 0)->alive_ns = now_ns;
}

// Where it fails, the file before must not be gone on from any more: its legs' SRTP is used here,
// or copied, and an index would be given out twice.
std::string StateFile::publish() {
  published_ = ::rename((path_ + ".new").c_str(), path_.c_str()) == 0;
  if (published_) {
    ::unlink(srtp_path(path_, other_name(srtp_name_)).c_str());
    return {};
  }
  std::string error = file_problem(path_, "cannot be put in place");
  remove_state(path_);
  return error;
}

void remove_state(const std::string& path) {
  for (const std::string& each : {path, path + ".new"}) ::unlink(each.c_str());
  for (uint32_t name = 0; name < kSrtpNames; ++name) ::unlink(srtp_path(path, name).c_str());
}

std::optional<LeftState> LeftState::open(const std::string& path, uint64_t now_ns,
                                         std::string& why) {
  const OwnFile file = OwnFile::open(path, O_RDONLY, why);
  if (!file) return std::nullopt;
  if (file.size() < kPage) {
    why = path + " is not used: it is damaged";
    return std::nullopt;
  }
  Mapping memory(file, file.size(), PROT_READ, MAP_PRIVATE);
  if (!memory) {
    why = file_problem(path, "cannot be mapped");
    return std::nullopt;
  }
  const Header header = *at<Header>(memory.memory(), 0);
  why = why_not(header, file.size());
  if (why.empty() && header.alive_ns > now_ns) why = "its clock is not ours";
  if (!why.empty()) {
    why = path + " is not used: " + why;
    return std::nullopt;
  }
  LeftState state(std::move(memory), header.alive_ns, now_ns - header.alive_ns);
  state.shape_ = shape_of(header);
  state.srtp_name_ = header.srtp_name;
  if (state.calls_are_over()) {
    why = "the calls of " + path + " are over: it is older than " +
          std::to_string(kMaxSilenceNs / 1'000'000'000) + " s";
    return state;
  }
  state.srtp_ = LeftSrtp::open(srtp_path(path, header.srtp_name), leg_count(state.shape_), why);
  if (!state.srtp_) why += "; calls with SRTP do not go on by themselves";
  return state;
}

LeftState::LeftState(Mapping memory, uint64_t alive_ns, uint64_t silent_ns)
    : memory_(std::move(memory)), alive_ns_(alive_ns), silent_ns_(silent_ns) {}

void LeftState::for_each(const std::function<void(const LeftCall&)>& on_call) const {
  if (calls_are_over()) return;
  const std::span calls(at<SavedCall>(memory(), kPage), Layout(shape_).call_count);
  const auto call = std::make_unique<LeftCall>();
  for (CallNumber number = 0; number < calls.size(); ++number) {
    const SavedCall& saved = calls[number];
    if (saved.valid == 1 && read(number, saved, *call)) on_call(*call);
  }
}

// What was lent when the process ended has had no media since. A time that has not come is damage.
std::vector<LeftPort> LeftState::ports() const {
  std::vector<LeftPort> found;
  const PortMark* mark = at<PortMark>(memory(), Layout(shape_).marks_at);
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
    call.srtp[i] = is_secure && srtp_ ? &srtp_->of(leg) : nullptr;
    const size_t interface = call.legs[i].leg.setup.port;
    if (interface >= shape_.interfaces.size()) return false;
    call.interfaces[i] = shape_.interfaces[interface];
  }
  return true;
}

bool LeftState::has_srtp(LegIndex index) const {
  const uint32_t core = (index - 1) / shape_.legs_per_core;
  const Leg& leg =
      at<Leg>(memory(), Layout(shape_).legs_at(core))[(index - 1) % shape_.legs_per_core];
  return left_set(leg.in_use) && leg.setup.payload == PayloadKind::srtp;
}

void LeftState::for_each_srtp(uint32_t most, const OnSrtp& on_srtp) const {
  if (calls_are_over()) return;
  const auto end = static_cast<LegIndex>(leg_count(shape_)) + 1;
  for (LegIndex leg = 1; leg < end;) {
    const LegIndex first = leg;
    while (leg < end && leg - first < most && has_srtp(leg)) ++leg;
    if (leg > first) {
      on_srtp(first, leg - first);
    } else {
      ++leg;
    }
  }
}

bool LeftState::read_leg(LegIndex index, LegSnapshot& out) const {
  if (index == kNoLeg || index > shape_.cores * shape_.legs_per_core) return false;
  const Layout layout(shape_);
  const uint32_t core = (index - 1) / shape_.legs_per_core;
  const Leg& leg = at<Leg>(memory(), layout.legs_at(core))[(index - 1) % shape_.legs_per_core];
  if (!left_set(leg.in_use)) return false;
  out.index = index;
  std::memcpy(&out.leg, &leg, sizeof leg);
  mend_flags(out.leg);
  out.stream_count = 0;
  const auto* slots = at<StreamSlot>(memory(), layout.slots_at(core));
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
