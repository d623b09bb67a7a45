// SPDX-License-Identifier: Apache-2.0
// The texts of decisions, from their lists.
#include "sip/decision.hh"

#include <cstddef>

namespace holdfast::sip {
namespace {

struct ReplyRow {
  std::string_view name;
  uint16_t code;
  std::string_view phrase, why;
};
constexpr ReplyRow kReplies[] = {
#define HOLDFAST_X(name, code, phrase, why) {#name, code, phrase, why},
    HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
};

struct NameRow {
  std::string_view name, text;
};
#define HOLDFAST_X(name, text) {#name, text},
constexpr NameRow kDrops[] = {HOLDFAST_SIP_DROPS(HOLDFAST_X)};
constexpr NameRow kForwards[] = {HOLDFAST_SIP_FORWARDS(HOLDFAST_X)};
#undef HOLDFAST_X

}  // namespace

std::string_view name_of(ReplyName name) {
  return kReplies[static_cast<size_t>(name)].name;
}
std::string_view text_of(ReplyName name) {
  return kReplies[static_cast<size_t>(name)].why;
}
std::string_view phrase_of(ReplyName name) {
  return kReplies[static_cast<size_t>(name)].phrase;
}
uint16_t code_of(ReplyName name) {
  return kReplies[static_cast<size_t>(name)].code;
}

std::string_view name_of(DropName name) {
  return kDrops[static_cast<size_t>(name)].name;
}
std::string_view text_of(DropName name) {
  return kDrops[static_cast<size_t>(name)].text;
}

std::string_view name_of(ForwardName name) {
  return kForwards[static_cast<size_t>(name)].name;
}
std::string_view text_of(ForwardName name) {
  return kForwards[static_cast<size_t>(name)].text;
}

std::string counter_of(const Decision& decision) {
  if (const auto* forward = std::get_if<Forward>(&decision))
    return std::string(name_of(forward->name));
  if (const auto* reply = std::get_if<Reply>(&decision))
    return "reply_" + std::string(name_of(reply->name));
  const auto* drop = std::get_if<Drop>(&decision);
  return "drop_" + std::string(drop != nullptr ? name_of(drop->name) : "?");
}

}  // namespace holdfast::sip
