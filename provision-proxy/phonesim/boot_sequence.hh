// SPDX-License-Identifier: Apache-2.0
// What a phone asks for from power-up to its registration, one request after the other, each led by
// the answers before it.
//
// Pure: who sends the requests is another's. The sequences are those of Polycom phones, of SIP
// stations and of AudioCodes phones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::provision {

enum class PhoneModel : uint8_t { polycom, sip_station, audiocodes };
std::optional<PhoneModel> phone_model_of(std::string_view name);
std::string_view name_of(PhoneModel model);

struct BootStep {
  std::string_view phase;  // "boot", "provision", "reboot"
  std::string_view kind;   // "bootrom", "firmware", "firmware-part", "master", "config",
                           // "overrides", "license", "directory", "upload"
  std::string target;
  std::optional<std::pair<uint64_t, uint64_t>> range = {};  // first and last byte
  bool mandatory = false;  // a phone that does not get it does not come up as it should
  bool settings = false;   // its attributes become the phone's
  std::optional<std::string> upload = {};  // PUT of these bytes
};

// An answer as far as the phone looks at it.
struct BootAnswer {
  int status = 0;         // 0: none, or one that ended early
  std::string_view body;  // its first bytes, of what is no firmware all
};

struct BootOptions {
  PhoneModel model = PhoneModel::polycom;
  std::string mac;                      // twelve lower-case hex digits
  std::string part = "2345-12500-001";  // Polycom's number of the model, in front of firmware names
  std::string boot_file;                // the others' firmware; empty: the model's usual one
  bool upload = false;                  // Polycom: logs and overrides, once all is fetched
};

class BootSequence {
 public:
  static std::unique_ptr<BootSequence> make(const BootOptions& options);
  virtual ~BootSequence() = default;

  // The next request; none when the phone would register now, or has given up.
  virtual std::optional<BootStep> next() = 0;
  // To the step that next() gave last.
  virtual void answered(const BootStep& step, const BootAnswer& answer) = 0;
  // What went wrong beside missing files, one line each.
  const std::vector<std::string>& problems() const { return problems_; }

 protected:
  static constexpr size_t kMaxProblems = 64;
  void problem(std::string line);

 private:
  std::vector<std::string> problems_;
};

inline constexpr size_t kFirmwarePartBytes = 4096;  // what is looked at before all is fetched
inline constexpr size_t kMaxConfigFiles = 256;
inline constexpr int kMaxBoots = 3;  // a phone whose file changes each time gives up

// The default User-Agent of a model; "{mac}" and "{MAC}" stand for the phone's.
std::string default_user_agent(PhoneModel model);
std::string with_mac(std::string text, const std::string& mac);

}  // namespace holdfast::provision
