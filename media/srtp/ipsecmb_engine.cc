// SPDX-License-Identifier: Apache-2.0
// SRTP by libipsec-mb.
#include "media/srtp/ipsecmb_engine.hh"

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "media/endian.hh"
#include "media/srtp/ipsecmb_keys.hh"

namespace holdfast::media {
namespace {

constexpr size_t kSha1Bytes = 20;  // the library makes no shorter tag of HMAC-SHA1
constexpr size_t kGcmTagBytes = 16;
constexpr size_t kRtcpAadBytes = 12;  // RFC 7714 section 9.2: header, E and index
constexpr uint32_t kForm = 0x4000'0000;
constexpr uint32_t kEncryptedBit = 0x8000'0000;

struct FreeManager {
  void operator()(IMB_MGR* mgr) const { free_mb_mgr(mgr); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

void store_be32(uint8_t* to, uint32_t value) {
  const be32 wire(value);
  std::memcpy(to, &wire, sizeof wire);
}

// Salt, SSRC and index laid over each other (RFC 3711 section 4.1.1, RFC 7714 section 8.1); what
// AES-CM has behind them counts blocks.
void make_iv(const SrtpWork& work, size_t ssrc_at, std::array<uint8_t, 16>& iv) {
  iv = work.slot().salt;
  for (size_t i = 0; i < 4; ++i) iv[ssrc_at + i] ^= static_cast<uint8_t>(work.ssrc >> (24 - 8 * i));
  for (size_t i = 0; i < 6; ++i)
    iv[ssrc_at + 4 + i] ^= static_cast<uint8_t>(work.index >> (40 - 8 * i));
}

class IpsecMbEngine final : public SrtpEngine {
 public:
  IpsecMbEngine(Manager mgr, std::string name) : mgr_(std::move(mgr)), name_(std::move(name)) {}

  std::string_view name() const override { return name_; }

 private:
  // The tag, the counter block and what is beside them of one packet.
  struct Lane {
    alignas(16) std::array<uint8_t, 16> iv;
    std::array<uint8_t, kSha1Bytes> tag;
    std::array<uint8_t, kGcmTagBytes> received;
  };

  bool set_keys(SrtpKeys& keys, const SrtpMasterKey& master, bool outbound) override;
  bool adopt_keys(SrtpKeys& keys, bool outbound) override;
  void forget_keys(const SrtpKeys&) override {}  // nothing is kept outside the state
  uint32_t form() const override {
    return kForm | mgr_->used_arch << 24 | imb_get_version();  // 24 bits
  }

  bool can_adopt_form(uint32_t form) const override { return (form & kForm) != 0; }

  void crypt(std::span<SrtpWork> works) override;
  void cipher(std::span<SrtpWork> works, bool protect);
  void cipher(std::span<SrtpWork> works, bool protect, uint8_t key_bytes);
  void authenticate(std::span<SrtpWork> works);
  static void place_or_check_tag(SrtpWork& work, const Lane& lane);
  void gcm(SrtpWork& work) const;

  Manager mgr_;
  std::string name_;
  std::array<Lane, kRun> lanes_{};
  std::array<IMB_JOB, kRun> jobs_{};
  std::array<SrtpWork*, kRun> of_job_{};
};

bool IpsecMbEngine::set_keys(SrtpKeys& keys, const SrtpMasterKey& master, bool /*outbound*/) {
  SrtpSessionKey rtp;
  SrtpSessionKey rtcp;
  if (!derive_session_key(master, SrtpKind::rtp, rtp) ||
      !derive_session_key(master, SrtpKind::rtcp, rtcp))
    return false;
  fill_slot(*mgr_, master.suite(), rtp, keys.rtp);
  fill_slot(*mgr_, master.suite(), rtcp, keys.rtcp);
  return true;
}

bool IpsecMbEngine::adopt_keys(SrtpKeys& keys, bool /*outbound*/) {
  if (keys.form == form()) return true;
  // A process may die at any store: until both are whole they are of no CPU, and filled once more.
  keys.form = kForm;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  refill_slot(*mgr_, keys.suite, keys.rtp);
  refill_slot(*mgr_, keys.suite, keys.rtcp);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  keys.form = form();
  return true;
}

// On the way out a tag covers what was encrypted before; on the way in nothing is decrypted that
// has no good tag.
void IpsecMbEngine::crypt(std::span<SrtpWork> works) {
  bool any_cm = false;
  for (SrtpWork& work : works) {
    work.verdict = SrtpVerdict::srtp_ok;
    if (traits_of(work.keys->suite).aead)
      gcm(work);
    else
      any_cm = true;
  }
  if (!any_cm) return;
  cipher(works, true);
  authenticate(works);
  cipher(works, false);
}

void IpsecMbEngine::cipher(std::span<SrtpWork> works, bool protect) {
  cipher(works, protect, 16);
  cipher(works, protect, 32);
}

void IpsecMbEngine::cipher(std::span<SrtpWork> works, bool protect, uint8_t key_bytes) {
  uint32_t count = 0;
  for (SrtpWork& work : works) {
    const SrtpSuiteTraits& traits = traits_of(work.keys->suite);
    if (work.protect != protect || work.payload_bytes == 0 || traits.aead ||
        traits.key_bytes != key_bytes || work.verdict != SrtpVerdict::srtp_ok)
      continue;
    Lane& lane = lanes_[count];
    make_iv(work, 4, lane.iv);
    IMB_JOB& job = jobs_[count];
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.enc_keys = work.slot().bytes.data();
    job.key_len_in_bytes = key_bytes;
    job.src = work.payload();
    job.dst = work.payload();
    job.cipher_start_src_offset_in_bytes = 0;
    job.msg_len_to_cipher_in_bytes = work.payload_bytes;
    job.iv = lane.iv.data();
    job.iv_len_in_bytes = lane.iv.size();
    of_job_[count] = &work;
    ++count;
  }
  if (count == 0) return;
  const auto size = key_bytes == 16 ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
  if (IMB_SUBMIT_CIPHER_BURST(mgr_.get(), jobs_.data(), count, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                              size) == count)
    return;
  for (uint32_t i = 0; i < count; ++i) of_job_[i]->verdict = SrtpVerdict::srtp_failed;
}

// Tags of both directions in one call: the more there are, the more lanes are used.
void IpsecMbEngine::authenticate(std::span<SrtpWork> works) {
  uint32_t count = 0;
  for (SrtpWork& work : works) {
    const SrtpSuiteTraits& traits = traits_of(work.keys->suite);
    if (traits.aead || work.verdict != SrtpVerdict::srtp_ok) continue;
    Lane& lane = lanes_[count];
    uint8_t* const behind = work.behind_payload();
    if (!work.protect) {
      const size_t tag_at = work.keys->mki_bytes + (work.rtcp ? 4U : 0U);
      std::copy_n(behind + tag_at, work.rtcp ? traits.rtcp_tag_bytes : traits.rtp_tag_bytes,
                  lane.received.begin());
    }
    // SRTP: the ROC stands where MKI and tag come or were (RFC 3711 section 4.2). SRTCP: E and the
    // index are part of the packet.
    if (!work.rtcp)
      store_be32(behind, static_cast<uint32_t>(work.index >> 16));
    else if (work.protect)
      store_be32(behind, kEncryptedBit | static_cast<uint32_t>(work.index));
    IMB_JOB& job = jobs_[count];
    job.hash_alg = IMB_AUTH_HMAC_SHA_1;
    job.src = work.task->data;
    job.hash_start_src_offset_in_bytes = 0;
    job.msg_len_to_hash_in_bytes = size_t{work.clear_bytes} + work.payload_bytes + 4;
    job.u.HMAC._hashed_auth_key_xor_ipad = work.slot().bytes.data() + SrtpKeySlot::kInnerOffset;
    job.u.HMAC._hashed_auth_key_xor_opad = work.slot().bytes.data() + SrtpKeySlot::kOuterOffset;
    job.auth_tag_output = lane.tag.data();
    job.auth_tag_output_len_in_bytes = lane.tag.size();
    of_job_[count] = &work;
    ++count;
  }
  if (count == 0) return;
  const bool done =
      IMB_SUBMIT_HASH_BURST(mgr_.get(), jobs_.data(), count, IMB_AUTH_HMAC_SHA_1) == count;
  for (uint32_t i = 0; i < count; ++i) {
    if (done)
      place_or_check_tag(*of_job_[i], lanes_[i]);
    else
      of_job_[i]->verdict = SrtpVerdict::srtp_failed;
  }
}

void IpsecMbEngine::place_or_check_tag(SrtpWork& work, const Lane& lane) {
  const SrtpSuiteTraits& traits = traits_of(work.keys->suite);
  const size_t tag_bytes = work.rtcp ? traits.rtcp_tag_bytes : traits.rtp_tag_bytes;
  if (!work.protect) {
    if (CRYPTO_memcmp(lane.received.data(), lane.tag.data(), tag_bytes) != 0)
      work.verdict = SrtpVerdict::srtp_auth_failed;
    return;
  }
  uint8_t* to = work.behind_payload() + (work.rtcp ? 4 : 0);
  to = std::copy_n(work.keys->mki.begin(), work.keys->mki_bytes, to);
  std::copy_n(lane.tag.begin(), tag_bytes, to);
}

void IpsecMbEngine::gcm(SrtpWork& work) const {
  std::array<uint8_t, 16> iv{};
  make_iv(work, 2, iv);
  uint8_t* const payload = work.payload();
  uint8_t* const tag = work.behind_payload();
  uint8_t* end = tag + kGcmTagBytes;
  const uint8_t* aad = work.task->data;
  size_t aad_bytes = work.clear_bytes;
  std::array<uint8_t, kRtcpAadBytes> rtcp_aad{};
  if (work.rtcp) {
    std::copy_n(work.task->data, work.clear_bytes, rtcp_aad.begin());
    store_be32(rtcp_aad.data() + work.clear_bytes,
               kEncryptedBit | static_cast<uint32_t>(work.index));
    aad = rtcp_aad.data();
    aad_bytes = rtcp_aad.size();
    if (work.protect) std::copy_n(rtcp_aad.begin() + work.clear_bytes, 4, end);
    end += 4;
  }
  gcm_context_data context;
  const gcm_key_data* const key = gcm_key(work.slot());
  const bool aes_128 = traits_of(work.keys->suite).key_bytes == 16;
  const auto run = work.protect ? (aes_128 ? mgr_->gcm128_enc : mgr_->gcm256_enc)
                                : (aes_128 ? mgr_->gcm128_dec : mgr_->gcm256_dec);
  std::array<uint8_t, kGcmTagBytes> made{};
  run(key, &context, payload, payload, work.payload_bytes, iv.data(), aad, aad_bytes,
      work.protect ? tag : made.data(), kGcmTagBytes);
  if (work.protect)
    std::copy_n(work.keys->mki.begin(), work.keys->mki_bytes, end);
  else if (CRYPTO_memcmp(made.data(), tag, kGcmTagBytes) != 0)
    work.verdict = SrtpVerdict::srtp_auth_failed;
}

struct Arch {
  IpsecMbArch arch;
  const char* name;
  uint64_t needs;
  void (*init)(IMB_MGR*);
};
constexpr Arch kArchs[] = {
    // the best first
    {IpsecMbArch::avx512, "AVX512", IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512},
    {IpsecMbArch::avx2, "AVX2", IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2},
    {IpsecMbArch::avx, "AVX", IMB_CPUFLAGS_AVX, init_mb_mgr_avx},
    {IpsecMbArch::sse, "SSE", IMB_CPUFLAGS_SSE, init_mb_mgr_sse},
};

}  // namespace

SrtpCpu srtp_cpu() {
  const uint64_t has = imb_get_feature_flags();
  return {(has & IMB_FEATURE_SSE4_2) != 0, (has & IMB_FEATURE_AESNI) != 0,
          (has & IMB_FEATURE_PCLMULQDQ) != 0};
}

IpsecMbMade make_ipsecmb_engine(IpsecMbArch arch) {
  const uint64_t has = imb_get_feature_flags();
  const auto* const which = std::find_if(std::begin(kArchs), std::end(kArchs), [&](const Arch& a) {
    return (arch == IpsecMbArch::best || arch == a.arch) && (has & a.needs) == a.needs;
  });
  if (which == std::end(kArchs)) return {nullptr, "the CPU lacks instructions that it needs"};
  Manager mgr(alloc_mb_mgr(0));
  if (!mgr) return {nullptr, "no memory for it"};
  which->init(mgr.get());
  if (imb_get_errno(mgr.get()) != 0) return {nullptr, imb_get_strerror(imb_get_errno(mgr.get()))};
  if ((mgr->features & IMB_FEATURE_SELF_TEST) != 0 &&
      (mgr->features & IMB_FEATURE_SELF_TEST_PASS) == 0)
    return {nullptr, "its self test failed"};
  std::string name = std::string("ipsec-mb ") + imb_get_version_str() + " (" + which->name + ")";
  return {std::make_unique<IpsecMbEngine>(std::move(mgr), std::move(name)), {}};
}

}  // namespace holdfast::media
