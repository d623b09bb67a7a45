// SPDX-License-Identifier: Apache-2.0
// The built-in table of file classes. The first match wins, so a name with a phone's MAC in it is
// that phone's before its ending can make it shared.
#include "provision-proxy/phone/file_class.hh"

namespace holdfast::provision {

std::vector<FileClass> default_file_classes() {
  using enum FileKind;
  using J = JudgeKind;
  using U = UploadKind;
  constexpr bool kShared = true;
  constexpr bool kOwn = false;
  return {
      // What phones write.
      {"phone-log", {"{mac}*.log", "{mac}-*.log.*"}, kOwn, log, J::none, U::log_ring},
      {"phone-calls", {"{mac}-calls*.xml"}, kOwn, calls, J::document, U::replay},
      {"phone-directory", {"{mac}-directory*.xml"}, kOwn, directory, J::document, U::replay},
      {"phone-overrides",
       {"{mac}-phone*.cfg", "{mac}-web*.cfg"},
       kOwn,
       config,
       J::config,
       U::replay},
      {"phone-license", {"{mac}-license*.cfg"}, kOwn, license, J::config, U::refuse},
      // What every phone without files of its own gets: the same for all.
      {"common-directory",
       {"000000000000-directory*.xml"},
       kShared,
       directory,
       J::document,
       U::refuse},
      {"common-config", {"000000000000.cfg"}, kShared, config, J::config, U::refuse},
      {"common-license", {"000000000000-license*.cfg"}, kShared, license, J::config, U::refuse},
      // One phone's configuration: by its MAC, or by the name that the centre gave it.
      {"phone-config",
       {"{mac}.cfg", "{mac}.xml", "{mac}.ini", "{mac}.conf", "{mac}.txt", "{mac}.cnf.xml",
        "sep{mac}*", "spa{mac}*", "cfg{mac}*"},
       kOwn,
       config,
       J::config,
       U::refuse},
      {"phone-config-by-name", {"**/phone/*.cfg"}, kOwn, config, J::config, U::refuse},
      {"phone-file", {"*{mac}*", "**/{mac}/**"}, kOwn, other, J::any, U::replay},
      // Certificates of authorities. Keys and device certificates have other names, and are own.
      {"ca-certificate",
       {"ca.cfg", "ca.crt", "ca.cer", "ca.pem", "*-ca.crt", "*-ca.pem"},
       kShared,
       certificate,
       J::certificate,
       U::refuse},
      // Firmware, by the endings of the vendors, but for configuration that has one of them.
      {"config-binary", {"*config*.bin", "cfg*.bin", "*.cfg.bin"}, kOwn, config, J::any, U::refuse},
      {"bootrom",
       {"bootrom.ld", "*.bootrom.ld", "*.bootrom"},
       kShared,
       firmware,
       J::firmware,
       U::refuse},
      {"firmware", {"*.ld", "*.img", "*.rom", "*.bin"}, kShared, firmware, J::firmware, U::refuse},
      {"firmware-version", {"sip.ver"}, kShared, other, J::any, U::refuse},
      // What a phone shows and plays.
      {"language",
       {"*-dictionary.xml", "**localization*/**.xml", "**/languages/**", "*.lang", "*.lng"},
       kShared,
       language,
       J::document,
       U::refuse},
      {"ringtone",
       {"*.wav", "*.mp3", "*.ogg", "*.ring", "*.ulaw", "*.alaw"},
       kShared,
       ringtone,
       J::media,
       U::refuse},
      {"logo",
       {"*.bmp", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.dob"},
       kShared,
       logo,
       J::media,
       U::refuse},
      // Configuration of a group, a site, a model. A centre may fill in each phone's own values, so
      // it is not shared by default; the body is stored once anyhow when it is the same.
      {"group-config",
       {"**/proxy/*.cfg", "**/server/*.cfg", "**/site/*.cfg", "**/group/*.cfg", "sip.cfg",
        "phone1.cfg", "site.cfg"},
       kOwn,
       config,
       J::config,
       U::refuse},
      {"config", {"*.cfg", "*.ini", "*.conf"}, kOwn, config, J::config, U::refuse},
      {"directory",
       {"*-directory.xml", "*phonebook*.xml", "*directory*.xml"},
       kOwn,
       directory,
       J::document,
       U::refuse},
      {"log", {"*.log"}, kOwn, log, J::none, U::log_ring},
      {"other", {"**"}, kOwn, other, J::any, U::replay},
  };
}

}  // namespace holdfast::provision
