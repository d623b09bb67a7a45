// SPDX-License-Identifier: Apache-2.0
// Polycom: boot ROM, master file, application, the three once more after DHCP, then the files that
// the master names, then those that may be absent. Then, if asked to, what it uploads.
#include <algorithm>
#include <deque>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/phone_settings.hh"
#include "provision-proxy/phonesim/sequences.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kBoot = "boot";
constexpr std::string_view kProvision = "provision";
constexpr const char* kCommonMaster = "/000000000000.cfg";
constexpr const char* kApplication = "sip.ld";

class Polycom final : public BootSequence {
 public:
  explicit Polycom(BootOptions options) : options_(std::move(options)) { begin(kBoot); }

  std::optional<BootStep> next() override {
    if (steps_.empty()) return std::nullopt;
    BootStep step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }

  void answered(const BootStep& step, const BootAnswer& answer) override {
    if (step.kind == "master") {
      on_master(step, answer);
    } else if (step.kind == "firmware") {
      // A master may name a file for all models.
      const std::string plain = "/" + application_;
      if (answer.status == 404 && step.target != plain) return ask("firmware", plain, false);
      if (step.phase == kBoot) return begin(kProvision);
      ask_for_files();
    }
  }

 private:
  void begin(std::string_view phase) {
    phase_ = phase;
    ask("bootrom", "/" + options_.part + ".bootrom.ld", false);
    ask("master", "/" + options_.mac + ".cfg", false);
  }

  void ask(std::string_view kind, std::string target, bool mandatory, bool settings = false) {
    steps_.push_back({phase_, kind, std::move(target), std::nullopt, mandatory, settings, {}});
  }

  void on_master(const BootStep& step, const BootAnswer& answer) {
    if (answer.status != 200) {
      const bool own = step.target != kCommonMaster;
      if (own && answer.status == 404) return ask("master", kCommonMaster, true);
      if (own) problem("no master file: the phone gives up");
      return;
    }
    read_master(answer.body);
    ask("firmware", "/" + options_.part + "." + application_, false);
  }

  void read_master(std::string_view text) {
    const BodyText body = read_body({text, text.size(), {}});
    files_.clear();
    application_ = kApplication;
    overrides_ = contacts_ = license_ = logs_ = "";
    if (body.shape != Shape::xml || !body.closed) problem("the master file is not XML that closes");
    for (const auto file : listed_files(body)) {
      if (files_.size() < kMaxConfigFiles) files_.emplace_back(file);
    }
    for (const Setting& setting : body.settings) {
      if (setting.key == "APP_FILE_PATH" && target_of(setting.value))
        application_ = target_of(setting.value)->substr(1);
      if (setting.key == "OVERRIDES_DIRECTORY") overrides_ = folder(setting.value);
      if (setting.key == "CONTACTS_DIRECTORY") contacts_ = folder(setting.value);
      if (setting.key == "LICENSE_DIRECTORY") license_ = folder(setting.value);
      if (setting.key == "LOG_FILE_DIRECTORY") logs_ = folder(setting.value);
    }
    if (files_.empty()) problem("the master file names no configuration files");
  }

  static std::string folder(std::string_view name) {
    auto target = target_of(name).value_or("/");
    while (target.ends_with('/')) target.pop_back();
    return target;
  }

  void ask_for_files() {
    const std::string own = overrides_ + "/" + options_.mac + "-phone.cfg";
    bool own_listed = false;
    for (const std::string& file : files_) {
      const auto target = target_of(file);
      if (!target) {
        problem("not asked for, no file of this server: " + file);
        continue;
      }
      const bool overrides = find_text(*target, "-phone.cfg") != std::string_view::npos;
      own_listed |= *target == own;
      ask(overrides ? "overrides" : "config", *target, !overrides, true);
    }
    if (!own_listed) ask("overrides", own, false, true);
    ask("license", license_ + "/" + options_.mac + "-license.cfg", false);
    ask("directory", contacts_ + "/" + options_.mac + "-directory.xml", false);
    if (!options_.upload) return;
    put(logs_ + "/" + options_.mac + "-boot.log", "boot of " + options_.mac + "\n");
    put(logs_ + "/" + options_.mac + "-app.log", "application of " + options_.mac + "\n");
    put(own,
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<PHONE_CONFIG>\n"
        "   <OVERRIDES up.simulated=\"" +
            options_.mac + "\"/>\n</PHONE_CONFIG>\n");
  }

  void put(std::string target, std::string bytes) {
    ask("upload", std::move(target), false);
    steps_.back().upload = std::move(bytes);
  }

  BootOptions options_;
  std::string_view phase_ = kBoot;
  std::deque<BootStep> steps_;
  std::vector<std::string> files_;
  std::string application_ = kApplication;
  std::string overrides_, contacts_, license_, logs_;
};

}  // namespace

std::unique_ptr<BootSequence> make_polycom(const BootOptions& options) {
  return std::make_unique<Polycom>(options);
}

}  // namespace holdfast::provision
