// SPDX-License-Identifier: Apache-2.0
// One direction of a leg in libsrtp.
#include "media/srtp/libsrtp_session.hh"

#include <algorithm>
#include <cstring>
#include <utility>

#include "media/endian.hh"
#include "media/srtp/libsrtp_policy.hh"
#include "media/srtp/numbering.hh"

namespace holdfast::media {
namespace {

constexpr uint32_t kLibraryWindow = 128;  // SRTCP indices that the library's window has

// The library copies the key out of the policy.
srtp_policy_t policy_of(const SrtpKeys& keys) {
  srtp_policy_t policy = libsrtp_policy_of(keys.suite);
  policy.key = const_cast<uint8_t*>(keys.rtp.bytes.data());  // the library does not write to it
  return policy;
}

// Where an MKI is, or comes, counted from the end of a packet without it: before the tag, or behind
// all with AEAD suites.
size_t behind_mki(const SrtpWork& work) {
  const SrtpSuiteTraits& traits = traits_of(work.keys->suite);
  if (traits.aead) return 0;
  return work.rtcp ? traits.rtcp_tag_bytes : traits.rtp_tag_bytes;
}

// The MKI is no part of what is authenticated, and was compared before. The library is better kept
// from it: libsrtp 2.5 looks in the wrong place of SRTCP of the _32 suites.
int take_mki_out(const SrtpWork& work) {
  const SrtpTask& task = *work.task;
  const size_t behind = behind_mki(work);
  uint8_t* const end = task.data + task.length;
  std::memmove(end - behind - work.keys->mki_bytes, end - behind, behind);
  return task.length - work.keys->mki_bytes;
}

void put_mki_in(const SrtpWork& work, int length) {
  const size_t behind = behind_mki(work);
  uint8_t* const at = work.task->data + length - behind;
  std::memmove(at + work.keys->mki_bytes, at, behind);
  std::copy_n(work.keys->mki.begin(), work.keys->mki_bytes, at);
}

SrtpVerdict verdict_of(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_ok:
      return SrtpVerdict::srtp_ok;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail:  // of GCM in NSS
      return SrtpVerdict::srtp_auth_failed;
    case srtp_err_status_replay_fail:
      return SrtpVerdict::srtp_replayed;
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
      return SrtpVerdict::srtp_too_old;
    case srtp_err_status_key_expired:
      return SrtpVerdict::srtp_key_expired;
    default:
      return SrtpVerdict::srtp_failed;
  }
}

}  // namespace

LibsrtpSession::LibsrtpSession(LibsrtpSession&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)),
      known_count_(other.known_count_),
      known_(other.known_) {}

LibsrtpSession& LibsrtpSession::operator=(LibsrtpSession&& other) noexcept {
  if (this == &other) return *this;
  close();
  context_ = std::exchange(other.context_, nullptr);
  known_count_ = other.known_count_;
  known_ = other.known_;
  return *this;
}

bool LibsrtpSession::open(const SrtpKeys& keys, bool outbound) {
  close();
  srtp_policy_t policy = policy_of(keys);
  policy.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
  if (srtp_create(&context_, &policy) != srtp_err_status_ok) context_ = nullptr;
  return is_open();
}

void LibsrtpSession::close() {
  if (context_ != nullptr) srtp_dealloc(context_);
  context_ = nullptr;
  known_count_ = 0;
}

SrtpVerdict LibsrtpSession::crypt(SrtpWork& work) {
  if (!tell_index(work)) return SrtpVerdict::srtp_failed;
  uint8_t* const data = work.task->data;
  int length = work.protect ? work.task->length : take_mki_out(work);
  srtp_err_status_t status{};
  if (work.protect)
    status = work.rtcp ? srtp_protect_rtcp(context_, data, &length)
                       : srtp_protect(context_, data, &length);
  else
    status = work.rtcp ? srtp_unprotect_rtcp(context_, data, &length)
                       : srtp_unprotect(context_, data, &length);
  const SrtpVerdict verdict = verdict_of(status);
  if (verdict != SrtpVerdict::srtp_ok) return verdict;
  if (work.protect) put_mki_in(work, length);
  remember(work);
  return verdict;
}

// The library counts on its own. Where our count begins elsewhere than a new stream's, after a
// restart, it is told before the first packet.
bool LibsrtpSession::tell_index(const SrtpWork& work) {
  const Known* const known = find(work.ssrc);
  if (work.rtcp) {
    const auto last = static_cast<uint32_t>(work.index - 1);
    if (!work.protect || (known != nullptr && known->rtcp) || last == 0) return true;
    return begin_rtcp_behind(work, last);
  }
  const auto roc = static_cast<uint32_t>(work.index >> 16);
  if (known != nullptr && known->rtp) return true;
  if (roc == 0) {  // takes back what a packet told that was not authentic
    static_cast<void>(srtp_set_stream_roc(context_, work.ssrc, 0));
    return true;
  }
  if (srtp_set_stream_roc(context_, work.ssrc, roc) == srtp_err_status_ok) return true;
  srtp_policy_t policy = policy_of(*work.keys);
  policy.ssrc = {ssrc_specific, work.ssrc};
  return srtp_add_stream(context_, &policy) == srtp_err_status_ok &&
         srtp_set_stream_roc(context_, work.ssrc, roc) == srtp_err_status_ok;
}

// There is no call to set an SRTCP index. But the library has one for both ways of an SSRC, which
// stays when the stream gets other keys: received without cipher and tag, a packet moves its window
// so that this is the last index, and the next to be sent is what follows the window's first.
bool LibsrtpSession::begin_rtcp_behind(const SrtpWork& work, uint32_t last) {
  srtp_policy_t policy = policy_of(*work.keys);
  policy.ssrc = {ssrc_specific, work.ssrc};
  srtp_policy_t bare = policy;
  srtp_crypto_policy_set_null_cipher_hmac_null(&bare.rtp);
  srtp_crypto_policy_set_null_cipher_hmac_null(&bare.rtcp);
  uint32_t ignored = 0;
  const bool there = srtp_get_stream_roc(context_, work.ssrc, &ignored) == srtp_err_status_ok;
  if ((there ? srtp_update_stream(context_, &bare) : srtp_add_stream(context_, &bare)) !=
      srtp_err_status_ok)
    return false;
  // Where its last would be no index any more, the rest is counted: fewer than the window has.
  const uint32_t moved = std::min(last, kMaxSrtcpIndex - (kLibraryWindow - 1));
  if (!pass_bare_rtcp(work.ssrc, moved + (kLibraryWindow - 1), false)) return false;
  for (uint32_t index = moved; index < last; ++index)
    if (!pass_bare_rtcp(work.ssrc, 0, true)) return false;
  return srtp_update_stream(context_, &policy) == srtp_err_status_ok;
}

// A packet of 8 bytes through a stream without cipher and tag; received, it has `index`.
bool LibsrtpSession::pass_bare_rtcp(uint32_t ssrc, uint32_t index, bool send) {
  std::array<uint8_t, 64> packet{0x80, 201, 0, 1};
  const be32 words[] = {be32(ssrc), be32(index)};
  std::memcpy(packet.data() + 4, words, sizeof words);
  int length = send ? 8 : 12;
  return (send ? srtp_protect_rtcp(context_, packet.data(), &length)
               : srtp_unprotect_rtcp(context_, packet.data(), &length)) == srtp_err_status_ok;
}

LibsrtpSession::Known* LibsrtpSession::find(uint32_t ssrc) {
  auto* const end = known_.data() + known_count_;
  auto* const found =
      std::find_if(known_.data(), end, [ssrc](const Known& k) { return k.ssrc == ssrc; });
  return found == end ? nullptr : found;
}

void LibsrtpSession::remember(const SrtpWork& work) {
  Known* known = find(work.ssrc);
  if (known == nullptr) {
    if (known_count_ == known_.size()) return;
    known = &known_[known_count_++];
    *known = {work.ssrc, false, false};
  }
  (work.rtcp ? known->rtcp : known->rtp) = true;
}

}  // namespace holdfast::media
