// SPDX-License-Identifier: Apache-2.0
// SRTP by libsrtp, packet by packet.
#include "media/srtp/libsrtp_engine.hh"

#include <algorithm>
#include <string>
#include <vector>

#include "media/srtp/libsrtp_session.hh"

namespace holdfast::media {
namespace {

constexpr uint32_t kForm = 0x2000'0001;

class LibsrtpEngine final : public SrtpEngine {
 public:
  LibsrtpEngine() : name_(srtp_get_version_string()) {}
  std::string_view name() const override { return name_; }

 private:
  bool set_keys(SrtpKeys& keys, const SrtpMasterKey& master, bool outbound) override {
    std::copy(master.bytes().begin(), master.bytes().end(), keys.rtp.bytes.begin());
    return open_session(keys, outbound);
  }
  bool adopt_keys(SrtpKeys& keys, bool outbound) override { return open_session(keys, outbound); }
  void forget_keys(const SrtpKeys& keys) override {
    if (keys.session >= sessions_.size() || !sessions_[keys.session].is_open()) return;
    sessions_[keys.session].close();
    free_.push_back(keys.session);
  }
  uint32_t form() const override { return kForm; }
  bool can_adopt_form(uint32_t form) const override { return form == kForm; }
  void crypt(std::span<SrtpWork> works) override {
    for (SrtpWork& work : works) {
      const uint32_t at = work.keys->session;
      work.verdict = at < sessions_.size() && sessions_[at].is_open() ? sessions_[at].crypt(work)
                                                                      : SrtpVerdict::srtp_no_key;
    }
  }

  bool open_session(SrtpKeys& keys, bool outbound);

  std::string name_;
  std::vector<LibsrtpSession> sessions_;
  std::vector<uint32_t> free_;
};

bool LibsrtpEngine::open_session(SrtpKeys& keys, bool outbound) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(sessions_.size()));
    sessions_.emplace_back();
  }
  const uint32_t at = free_.back();
  if (!sessions_[at].open(keys, outbound)) return false;
  free_.pop_back();
  keys.session = at;
  return true;
}

}  // namespace

bool init_libsrtp() {
  static const bool done = srtp_init() == srtp_err_status_ok;
  return done;
}

std::unique_ptr<SrtpEngine> make_libsrtp_engine() {
  if (!init_libsrtp()) return nullptr;
  return std::make_unique<LibsrtpEngine>();
}

}  // namespace holdfast::media
