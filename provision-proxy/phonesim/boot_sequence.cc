// SPDX-License-Identifier: Apache-2.0
// What the sequences of all models share.
#include "provision-proxy/phonesim/boot_sequence.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/phonesim/sequences.hh"

namespace holdfast::provision {
namespace {

constexpr std::array<std::string_view, 3> kModels = {"polycom", "sip-station", "audiocodes"};

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

}  // namespace

std::optional<PhoneModel> phone_model_of(std::string_view name) {
  const auto* found = std::ranges::find(kModels, name);
  if (found == kModels.end()) return std::nullopt;
  return static_cast<PhoneModel>(found - kModels.begin());
}

std::string_view name_of(PhoneModel model) {
  return kModels[static_cast<size_t>(model)];
}

std::unique_ptr<BootSequence> BootSequence::make(const BootOptions& options) {
  if (options.model == PhoneModel::polycom) return make_polycom(options);
  return make_image_phone(options);
}

void BootSequence::problem(std::string line) {
  if (problems_.size() < kMaxProblems) problems_.push_back(std::move(line));
}

std::string default_user_agent(PhoneModel model) {
  switch (model) {
    case PhoneModel::polycom:
      return "FileTransport PolycomSoundPointIP-SPIP_550-UA/4.0.15.1047 (SN:{mac}) "
             "Type/Application";
    case PhoneModel::sip_station:
      return "SIP-Station/1.0 (SIP100; {MAC})";
    case PhoneModel::audiocodes:
      break;
  }
  return "AUDC-IPPhone/2.0.0_build_15 (420HD; {MAC})";
}

std::string with_mac(std::string text, const std::string& mac) {
  std::string upper = mac;
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  replace_all(text, "{mac}", mac);
  replace_all(text, "{MAC}", upper);
  return text;
}

std::optional<std::string> target_of(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  if (name.empty() || name.find("://") != std::string_view::npos) return std::nullopt;
  std::string target = "/";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (c == ' ' || c == '#' || c == '?' || byte >= 0x80) {
      target += '%';
      target += kHex[byte >> 4];
      target += kHex[byte & 15];
    } else {
      target += c;
    }
  }
  return target;
}

}  // namespace holdfast::provision
