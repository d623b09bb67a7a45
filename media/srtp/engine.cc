// SPDX-License-Identifier: Apache-2.0
// What all SRTP engines share: where the parts of a packet lie, indices, verdicts, counts.
#include "media/srtp/engine.hh"

#include <algorithm>
#include <cstring>

#include "media/endian.hh"
#include "media/rtp_packet.hh"
#include "media/srtp/numbering.hh"

namespace holdfast::media {
namespace {

constexpr size_t kRtcpClearBytes = 8;  // of the first packet of a compound (RFC 3711 section 3.4)
constexpr size_t kIndexWordBytes = 4;
constexpr uint32_t kEncryptedBit = 0x8000'0000;

template <typename Wire>
void store(uint8_t* to, Wire wire) {
  std::memcpy(to, &wire, sizeof wire);
}

template <typename State>
void wipe_state(State& state) {
  wipe(std::span(reinterpret_cast<uint8_t*>(&state), sizeof state));
}

// Whether a byte that another life left is a flag.
bool is_flag(const bool& flag) {
  uint8_t byte = 0;
  std::memcpy(&byte, &flag, sizeof byte);
  return byte <= 1;
}

bool usable(const SrtpInbound::Stream& s) {
  return s.rtcp_index <= kMaxSrtcpIndex;  // the rest is as wide as it may be
}

bool usable(const SrtpOutbound::Stream& s) {
  return s.index <= kMaxSrtpIndex && s.rtcp_index <= kMaxSrtcpIndex && is_flag(s.rtp_sent) &&
         is_flag(s.restored);
}

// Whether its numbers are such that nothing can go wrong with them, whoever wrote them.
template <typename State>
bool usable(const State& state) {
  if (state.stream_count > kMaxSrtpSsrcs || state.keys.mki_bytes > kMaxMkiBytes ||
      static_cast<size_t>(state.keys.suite) >= kSrtpSuites)
    return false;
  const std::span streams = std::span(state.streams).first(state.stream_count);
  return std::all_of(streams.begin(), streams.end(), [](const auto& s) { return usable(s); });
}

void set_mki(SrtpKeys& keys, SrtpMki mki) {
  keys.mki_bytes = mki.bytes;
  for (size_t i = 0; i < mki.bytes; ++i)
    keys.mki[i] = static_cast<uint8_t>(mki.value >> (8 * (mki.bytes - 1U - i)));
}

bool has_rtcp_header(std::span<const uint8_t> bytes) {
  return bytes.size() >= kRtcpClearBytes && bytes[0] >> 6 == 2;
}

}  // namespace

std::string_view name_of(SrtpVerdict verdict) {
  switch (verdict) {
#define HOLDFAST_X(name, text) \
  case SrtpVerdict::name:      \
    return #name;
    HOLDFAST_SRTP_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(SrtpVerdict verdict) {
  switch (verdict) {
#define HOLDFAST_X(name, text) \
  case SrtpVerdict::name:      \
    return text;
    HOLDFAST_SRTP_VERDICTS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

size_t srtp_trailer_bytes(const SrtpKeys& keys, bool rtcp) {
  const SrtpSuiteTraits& traits = traits_of(keys.suite);
  return size_t{keys.mki_bytes} +
         (rtcp ? traits.rtcp_tag_bytes + kIndexWordBytes : traits.rtp_tag_bytes);
}

bool SrtpEngine::open_keys(SrtpKeys& keys, const SdesKey& key, bool outbound) {
  keys.suite = key.master.suite();
  set_mki(keys, key.mki);
  if (!set_keys(keys, key.master, outbound)) return false;
  keys.form = form();
  return true;
}

bool SrtpEngine::open(SrtpInbound& state, const SdesKey& key) {
  release(state);
  state.lifetime_packets = key.lifetime_packets;
  return open_keys(state.keys, key, false);
}

bool SrtpEngine::open(SrtpOutbound& state, const SdesKey& key) {
  release(state);
  state.lifetime_packets = key.lifetime_packets;
  return open_keys(state.keys, key, true);
}

bool SrtpEngine::adopt(SrtpInbound& state) {
  return can_adopt(state) && adopt_keys(state.keys, false);
}

bool SrtpEngine::adopt(SrtpOutbound& state) {
  return can_adopt(state) && adopt_keys(state.keys, true);
}

bool SrtpEngine::can_adopt(const SrtpInbound& state) const {
  return usable(state) && can_adopt_form(state.keys.form);
}

bool SrtpEngine::can_adopt(const SrtpOutbound& state) const {
  return usable(state) && can_adopt_form(state.keys.form);
}

void SrtpEngine::release(SrtpInbound& state) {
  if (state.keys.form == form()) forget_keys(state.keys);
  wipe_state(state);
}

void SrtpEngine::release(SrtpOutbound& state) {
  if (state.keys.form == form()) forget_keys(state.keys);
  wipe_state(state);
}

void SrtpEngine::process(std::span<SrtpTask> tasks) {
  while (!tasks.empty()) {
    size_t taken = 0;
    size_t count = 0;
    bool any_far = false;
    kept_ = nullptr;
    for (; taken < tasks.size() && count < kRun; ++taken) {
      SrtpTask& task = tasks[taken];
      SrtpWork& work = works_[count];
      task.verdict = prepare(task, work);
      if ((work.far || any_far) && waits(work, count)) break;
      if (task.verdict != SrtpVerdict::srtp_ok) {
        ++counts_[task.verdict];
        continue;
      }
      any_far = any_far || work.far;
      if (work.other != 0) keep(work);
      ++count;
    }
    const std::span<SrtpWork> works = std::span(works_).first(count);
    if (count > 0) crypt(works);
    if (kept_ != nullptr) try_other_index();
    for (SrtpWork& work : works) {
      work.task->verdict = finish(work);
      ++counts_[work.task->verdict];
    }
    tasks = tasks.subspan(taken);
  }
}

void SrtpEngine::keep(SrtpWork& work) {
  if (work.task->length > kept_bytes_.size()) return;
  kept_ = &work;
  std::copy_n(work.task->data, work.task->length, kept_bytes_.begin());
}

void SrtpEngine::try_other_index() {
  if (kept_->verdict != SrtpVerdict::srtp_auth_failed) return;
  std::copy_n(kept_bytes_.begin(), kept_->task->length, kept_->task->data);
  kept_->index = kept_->other;
  crypt({kept_, 1});
}

// Whether the ROC of a packet depends on what becomes of another one of the run, or two indices are
// to be tried as with another one.
bool SrtpEngine::waits(const SrtpWork& work, size_t count) const {
  if (work.protect || work.rtcp) return false;
  if (work.other != 0 && kept_ != nullptr) return true;
  return std::any_of(
      works_.begin(), works_.begin() + static_cast<std::ptrdiff_t>(count), [&](const SrtpWork& o) {
        return !o.protect && !o.rtcp && (o.far || work.far) && o.task->in == work.task->in;
      });
}

SrtpVerdict SrtpEngine::prepare(SrtpTask& task, SrtpWork& work) {
  work.task = &task;
  work.protect = task.op == SrtpOp::protect_rtp || task.op == SrtpOp::protect_rtcp;
  work.rtcp = task.op == SrtpOp::protect_rtcp || task.op == SrtpOp::unprotect_rtcp;
  work.far = false;
  work.other = 0;
  work.keys = work.protect ? (task.out != nullptr ? &task.out->keys : nullptr)
                           : (task.in != nullptr ? &task.in->keys : nullptr);
  if (work.keys == nullptr || work.keys->form != form()) return SrtpVerdict::srtp_no_key;
  return work.protect ? prepare_out(task, work) : prepare_in(task, work);
}

// AES-CM:  header, payload, [E and SRTCP index], MKI, tag
// AEAD:    header, payload, tag, [E and SRTCP index], MKI   (RFC 7714 section 8 and 9)
SrtpVerdict SrtpEngine::prepare_in(const SrtpTask& task, SrtpWork& work) {
  const SrtpSuiteTraits& traits = traits_of(work.keys->suite);
  const std::span<const uint8_t> bytes(task.data, task.length);
  const size_t tag_bytes = work.rtcp ? traits.rtcp_tag_bytes : traits.rtp_tag_bytes;
  const size_t trailer = srtp_trailer_bytes(*work.keys, work.rtcp);
  size_t clear = kRtcpClearBytes;
  uint16_t sequence = 0;
  if (work.rtcp) {
    if (!has_rtcp_header(bytes)) return SrtpVerdict::srtp_bad_packet;
    work.ssrc = load_be32(task.data + 4);
  } else {
    const auto rtp = parse_rtp_header(bytes);
    if (!rtp) return SrtpVerdict::srtp_bad_packet;
    clear = rtp->payload_offset;
    work.ssrc = rtp->ssrc;
    sequence = rtp->sequence;
  }
  if (bytes.size() < clear + trailer) return SrtpVerdict::srtp_bad_packet;
  work.clear_bytes = static_cast<uint16_t>(clear);
  work.payload_bytes = static_cast<uint16_t>(bytes.size() - clear - trailer);
  const size_t mki_at = bytes.size() - work.keys->mki_bytes - (traits.aead ? 0 : tag_bytes);
  if (!std::equal(work.keys->mki.begin(), work.keys->mki.begin() + work.keys->mki_bytes,
                  bytes.begin() + static_cast<std::ptrdiff_t>(mki_at)))
    return SrtpVerdict::srtp_bad_mki;

  SrtpIndex index;
  SrtpVerdict verdict{};
  if (work.rtcp) {
    const uint32_t word = load_be32(task.data + mki_at - kIndexWordBytes);
    if ((word & kEncryptedBit) == 0) return SrtpVerdict::srtp_not_encrypted;
    verdict = judge_rtcp(*task.in, work.ssrc, word & ~kEncryptedBit, index);
  } else {
    verdict = judge_rtp(*task.in, work.ssrc, sequence, index);
  }
  work.index = index.index;
  work.far = index.far;
  work.other = index.other;
  return verdict;
}

// Nothing is numbered before all that can be wrong was looked at.
SrtpVerdict SrtpEngine::prepare_out(SrtpTask& task, SrtpWork& work) {
  const std::span<const uint8_t> bytes(task.data, task.length);
  const size_t trailer = srtp_trailer_bytes(*work.keys, work.rtcp);
  if (work.rtcp) {
    if (!has_rtcp_header(bytes)) return SrtpVerdict::srtp_bad_packet;
    if (bytes.size() + trailer > task.capacity) return SrtpVerdict::srtp_no_room;
    work.ssrc = load_be32(task.data + 4);
    work.clear_bytes = kRtcpClearBytes;
    uint32_t index = 0;
    const SrtpVerdict verdict = number_rtcp(*task.out, work.ssrc, index);
    if (verdict != SrtpVerdict::srtp_ok) return verdict;
    work.index = index;
  } else {
    const auto rtp = parse_rtp_header(bytes);
    if (!rtp) return SrtpVerdict::srtp_bad_packet;
    if (bytes.size() + trailer > task.capacity) return SrtpVerdict::srtp_no_room;
    work.ssrc = rtp->ssrc;
    work.clear_bytes = rtp->payload_offset;
    const SrtpVerdict verdict = number_rtp(*task.out, work.ssrc, rtp->sequence, work.index);
    if (verdict != SrtpVerdict::srtp_ok) return verdict;
    store(task.data + 2, be16(static_cast<uint16_t>(work.index)));
  }
  work.payload_bytes = static_cast<uint16_t>(bytes.size() - work.clear_bytes);
  return SrtpVerdict::srtp_ok;
}

SrtpVerdict SrtpEngine::finish(SrtpWork& work) {
  if (work.verdict != SrtpVerdict::srtp_ok) return work.verdict;
  size_t length = size_t{work.clear_bytes} + work.payload_bytes;
  if (work.protect) {
    length += srtp_trailer_bytes(*work.keys, work.rtcp);
    work.task->length = static_cast<uint16_t>(length);
    return SrtpVerdict::srtp_ok;
  }
  const SrtpVerdict verdict =
      work.rtcp ? accept_rtcp(*work.task->in, work.ssrc, static_cast<uint32_t>(work.index))
                : accept_rtp(*work.task->in, work.ssrc, work.index);
  if (verdict == SrtpVerdict::srtp_ok) work.task->length = static_cast<uint16_t>(length);
  return verdict;
}

}  // namespace holdfast::media
