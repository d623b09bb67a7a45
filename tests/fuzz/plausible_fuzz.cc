// SPDX-License-Identifier: Apache-2.0
// Any bytes as a path, a User-Agent, an old and a new body: an identity that is a MAC or none, a
// class, a verdict; a body that stays as it is passes.
#include <cstdlib>
#include <string_view>

#include "provision-proxy/phone/identity.hh"
#include "provision-proxy/phone/owner.hh"
#include "provision-proxy/phone/phone_settings.hh"
#include "provision-proxy/phone/plausible.hh"

using namespace holdfast::provision;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// Up to the next zero byte.
std::string_view take(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

void check_identity(const Identity& identity) {
  must(identity.id.empty() == (identity.source == Identity::Source::none));
  const auto mac = mac_of(identity.id);
  must(identity.id.empty() || (mac && is_phone_mac(*mac) && id_of(*mac) == identity.id));
}

void check_judge(std::string_view old_bytes, std::string_view new_bytes, const FileClass& file,
                 std::string_view identity) {
  JudgedBody known;
  known.body = {old_bytes, old_bytes.size(), {}};
  JudgedBody fresh;
  fresh.body = {new_bytes, new_bytes.size(), {}};
  const Plausible alone = judge(fresh, nullptr, file, identity);
  const Plausible verdict = judge(fresh, &known, file, identity);
  must(!name_of(alone).empty() && !text_of(verdict).empty());
  must(alone == judge(fresh, nullptr, file, identity));
  must(judge(known, &known, file, {}) == Plausible::ok);
  const size_t half = new_bytes.size() / 2;
  fresh.body = {new_bytes.substr(0, half), new_bytes.size(), new_bytes.substr(half)};
  judge(fresh, &known, file, identity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view target = take(rest);
  const std::string_view user_agent = take(rest);
  const std::string_view old_body = take(rest);
  const Identity identity = identify(target, user_agent, std::nullopt);
  check_identity(identity);
  for (const auto& mac : macs_in_target(target)) must(mac_of(mac).has_value());

  static const FileClasses classes;
  check_judge(old_body, rest, classes.classify(target), identity.id);
  for (const FileClass& file : classes.rows()) {
    if (file.name == "phone-config" || file.name == "firmware" || file.name == "logo" ||
        file.name == "ca-certificate" || file.name == "language")
      check_judge(old_body, rest, file, identity.id);
  }

  OwnerCheck owner({});
  const auto decision = owner.decide({target, user_agent, {}, {}, {}}, 0);
  must(decision.allowed() || !decision.owner.empty());
  return 0;
}
