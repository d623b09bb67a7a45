// SPDX-License-Identifier: Apache-2.0
// Begins, hands over and ends the capture.
#include "dataplane/calls/capture_desk.hh"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/calls/clock.hh"

namespace holdfast::dataplane {
namespace {

using control::Error;
using control::ErrorCode;

std::string names(const control::CaptureStart& request) {
  if (request.calls.size() == 1) return "call " + request.calls[0];
  if (!request.calls.empty()) return std::to_string(request.calls.size()) + " calls";
  return "leg " + std::to_string(request.legs.at(0));
}

}  // namespace

CaptureDesk::CaptureDesk(const Switchboard& board, std::vector<CoreLine*> lines,
                         const CallBook& book, size_t ring_bytes)
    : board_(board), lines_(std::move(lines)), book_(book), ring_bytes_(ring_bytes) {}

std::optional<Error> CaptureDesk::choose(const control::CaptureStart& request,
                                         std::vector<CallBook::Placed>& legs) const {
  std::vector<LegIndex> wanted = request.legs;
  for (const std::string& call : request.calls) {
    const auto both = book_.legs_of_call(call);
    if (!both) return Error{ErrorCode::kUnknownCall, "no call " + call};
    wanted.insert(wanted.end(), both->begin(), both->end());
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted.size() > control::kMaxCaptureLegs) {
    return Error{ErrorCode::kBadRequest,
                 "a capture has at most " + std::to_string(control::kMaxCaptureLegs) + " legs"};
  }
  for (const LegIndex leg : wanted) {
    auto placed = book_.placed(leg);
    if (!placed) return Error{ErrorCode::kUnknownLeg, "no leg " + std::to_string(leg)};
    legs.push_back(std::move(*placed));
  }
  return std::nullopt;
}

Answer<control::CaptureBegun> CaptureDesk::start(const control::CaptureStart& request,
                                                 uint64_t client, uint64_t now_ns) {
  settle();
  if (!doubtful_.empty()) return core_busy();
  if (current_ && now_ns - current_->read_ns < kSilenceNs) {
    return Error{ErrorCode::kCaptureBusy,
                 "another capture is under way, of " + current_->what + "; one at a time"};
  }
  std::vector<CallBook::Placed> legs;
  if (auto refused = choose(request, legs)) return *refused;
  if (current_) end();
  if (!doubtful_.empty()) return core_busy();

  const TickReading now = read_ticks();
  const TickClock clock(now, unix_ns(), static_cast<double>(rte_get_tsc_hz()));
  current_.emplace(
      Capture{next_number_++, client, names(request), std::move(legs), {}, clock, now_ns});
  control::CaptureBegun begun{current_->number, {}};
  std::vector<Tap>& taps = current_->taps;
  for (const CallBook::Placed& leg : current_->legs) {
    begun.legs.push_back({leg.leg, leg.call, leg.interface, leg.local});
    const uint32_t core = board_.owner_of_leg(leg.leg);
    auto tap = std::find_if(taps.begin(), taps.end(), [&](const Tap& t) { return t.core == core; });
    if (tap == taps.end()) {
      tap = taps.insert(tap, {core, {}, std::make_unique<CaptureRing>(ring_bytes_, request.snap)});
    }
    tap->legs.push_back(leg.leg);
  }
  for (Tap& tap : taps) {
    tap.copying = true;
    if (lines_[tap.core]->capture(tap.legs, tap.ring.get())) continue;
    end();
    return core_busy();
  }
  return begun;
}

std::optional<Error> CaptureDesk::wrong(uint64_t number, uint64_t client) const {
  if (current_ && current_->number == number && current_->client == client) return std::nullopt;
  return Error{ErrorCode::kUnknownCapture,
               "no capture " + std::to_string(number) + " of this connection is under way"};
}

Answer<control::CapturePage> CaptureDesk::read(const control::CaptureRead& request, uint64_t client,
                                               uint64_t now_ns) {
  if (auto refused = wrong(request.capture, client)) return *refused;
  return page(now_ns);
}

Answer<control::CapturePage> CaptureDesk::stop(const control::CaptureStop& request, uint64_t client,
                                               uint64_t now_ns) {
  if (auto refused = wrong(request.capture, client)) return *refused;
  for (Tap& tap : current_->taps) {
    if (!take_off(tap)) return core_busy();
  }
  current_->stopped = true;
  return page(now_ns);
}

void CaptureDesk::on_client_gone(uint64_t client) {
  if (current_ && current_->client == client) end();
}

bool CaptureDesk::take_off(Tap& tap) {
  if (tap.copying && lines_[tap.core]->capture(tap.legs, nullptr)) tap.copying = false;
  return !tap.copying;
}

void CaptureDesk::settle() {
  std::erase_if(doubtful_, [this](Tap& tap) { return take_off(tap); });
}

void CaptureDesk::end() {
  for (Tap& tap : current_->taps) {
    if (!take_off(tap)) doubtful_.push_back(std::move(tap));
  }
  current_.reset();
}

bool CaptureDesk::has_ended() const {
  return current_->stopped ||
         std::none_of(current_->legs.begin(), current_->legs.end(), [this](const auto& leg) {
           const auto now = book_.placed(leg.leg);
           return now && now->serial == leg.serial;
         });
}

CaptureDesk::Tap* CaptureDesk::earliest(std::vector<Tap>& taps, CaptureMark& mark) {
  Tap* first = nullptr;
  for (Tap& tap : taps) {
    CaptureMark head;
    if (!tap.ring->peek(head) || (first != nullptr && head.ticks >= mark.ticks)) continue;
    first = &tap;
    mark = head;
  }
  return first;
}

control::CapturePage CaptureDesk::page(uint64_t now_ns) {
  current_->read_ns = now_ns;
  const bool last = has_ended();  // asked first: what is copied until then is in the rings
  current_->clock.anchor(read_ticks());
  control::CapturePage page;
  std::vector<uint8_t> bytes;
  size_t octets = 0;
  CaptureMark mark;
  Tap* tap = nullptr;
  while ((tap = earliest(current_->taps, mark)) != nullptr) {
    octets += mark.kept;
    page.more = page.frames.size() == control::kMaxPageFrames ||
                (octets > control::kMaxPageFrameBytes && !page.frames.empty());
    if (page.more) break;
    tap->ring->pop(mark, bytes);
    page.frames.push_back({current_->clock.unix_ns_of(mark.ticks), mark.leg, mark.out, mark.size,
                           std::string(bytes.begin(), bytes.end())});
  }
  for (const Tap& each : current_->taps) {
    page.missed += each.ring->missed();
    page.refused += each.ring->refused();
  }
  if (last && !page.more) {
    page.ended = current_->stopped ? "stopped" : "call_ended";
    end();
  }
  return page;
}

}  // namespace holdfast::dataplane
