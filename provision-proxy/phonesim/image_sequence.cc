// SPDX-License-Identifier: Apache-2.0
// SIP stations and AudioCodes phones: a part of the firmware image, all of it only when it differs,
// the configuration, and a reboot when that has changed.
#include <algorithm>
#include <deque>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/phone_settings.hh"
#include "provision-proxy/phonesim/sequences.hh"

namespace holdfast::provision {
namespace {

class ImagePhone final : public BootSequence {
 public:
  explicit ImagePhone(BootOptions options) : options_(std::move(options)) {
    if (options_.boot_file.empty())
      options_.boot_file = options_.model == PhoneModel::audiocodes ? "420hd.img" : "sip100.img";
    image_ = target_of(options_.boot_file).value_or("/");
    begin();
  }

  std::optional<BootStep> next() override {
    if (steps_.empty()) return std::nullopt;
    BootStep step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }

  void answered(const BootStep& step, const BootAnswer& answer) override {
    if (step.kind == "firmware-part") return on_part(answer);
    if (step.kind == "firmware") return on_image(answer);
    if (step.target == own_target()) on_config(answer);
  }

 private:
  void begin() {
    ++boots_;
    BootStep part = step("firmware-part", image_, false);
    part.range = {0, kFirmwarePartBytes - 1};
    steps_.push_back(std::move(part));
  }

  BootStep step(std::string_view kind, std::string target, bool mandatory) const {
    return {boots_ == 1 ? "boot" : "reboot",
            kind,
            std::move(target),
            std::nullopt,
            mandatory,
            kind == "config"};
  }

  std::string own_target() const { return "/" + options_.mac + ".cfg"; }

  void on_part(const BootAnswer& answer) {
    const bool came = answer.status == 206 || answer.status == 200;
    const std::string_view part = answer.body.substr(0, kFirmwarePartBytes);
    if (!came || part == firmware_) return ask_for_config();
    part_ = part;
    // A server without ranges has sent it all.
    if (answer.status == 206) return steps_.push_back(step("firmware", image_, false));
    firmware_ = part_;
    ask_for_config();
  }

  void on_image(const BootAnswer& answer) {
    if (answer.status == 200) {
      firmware_ = answer.body.substr(0, kFirmwarePartBytes);
      if (firmware_ != part_) problem("the firmware does not begin with the part that came before");
    } else if (answer.status != 0) {
      problem("the firmware is there in part, but not as a whole");
    }
    ask_for_config();
  }

  void ask_for_config() {
    for (const std::string& file : files_) {
      if (const auto target = target_of(file)) {
        steps_.push_back(step("config", *target, true));
      } else {
        problem("not asked for, no file of this server: " + file);
      }
    }
    steps_.push_back(step("config", own_target(), true));
  }

  void on_config(const BootAnswer& answer) {
    if (answer.status != 200 || answer.body == config_) return;
    config_ = answer.body;
    const BodyText body = read_body({config_, config_.size(), {}});
    if (body.shape != Shape::lines && body.shape != Shape::xml)
      problem("the configuration has no settings");
    files_.clear();
    if (options_.model == PhoneModel::audiocodes) {
      for (const auto file : listed_files(body))
        if (files_.size() < kMaxConfigFiles) files_.emplace_back(file);
    }
    if (boots_ < kMaxBoots) return begin();
    problem("the configuration changed at each boot");
  }

  BootOptions options_;
  std::string image_;
  std::deque<BootStep> steps_;
  int boots_ = 0;
  std::string part_, firmware_;  // first bytes of what is offered, and of what the phone has
  std::string config_;
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<BootSequence> make_image_phone(const BootOptions& options) {
  return std::make_unique<ImagePhone>(options);
}

}  // namespace holdfast::provision
