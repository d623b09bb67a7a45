// SPDX-License-Identifier: Apache-2.0
// The texts of decisions, from their lists.
#include "sip/decision.hh"

namespace holdfast::sip {

std::string_view name_of(ReplyName name) {
  switch (name) {
#define HOLDFAST_X(name, code, phrase, why) \
  case ReplyName::name:                     \
    return #name;
    HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view text_of(ReplyName name) {
  switch (name) {
#define HOLDFAST_X(name, code, phrase, why) \
  case ReplyName::name:                     \
    return why;
    HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view phrase_of(ReplyName name) {
  switch (name) {
#define HOLDFAST_X(name, code, phrase, why) \
  case ReplyName::name:                     \
    return phrase;
    HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

uint16_t code_of(ReplyName name) {
  switch (name) {
#define HOLDFAST_X(name, code, phrase, why) \
  case ReplyName::name:                     \
    return code;
    HOLDFAST_SIP_REPLIES(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return 500;
}

std::string_view name_of(DropName name) {
  switch (name) {
#define HOLDFAST_X(name, why) \
  case DropName::name:        \
    return #name;
    HOLDFAST_SIP_DROPS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view text_of(DropName name) {
  switch (name) {
#define HOLDFAST_X(name, why) \
  case DropName::name:        \
    return why;
    HOLDFAST_SIP_DROPS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view name_of(ForwardName name) {
  switch (name) {
#define HOLDFAST_X(name, which) \
  case ForwardName::name:       \
    return #name;
    HOLDFAST_SIP_FORWARDS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
}

std::string_view text_of(ForwardName name) {
  switch (name) {
#define HOLDFAST_X(name, which) \
  case ForwardName::name:       \
    return which;
    HOLDFAST_SIP_FORWARDS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return "?";
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
