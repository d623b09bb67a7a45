// SPDX-License-Identifier: Apache-2.0
// Names of how calls end.
#include "sip/call_events.hh"

namespace holdfast::sip {

std::string_view name_of(CallEnd end) {
  switch (end) {
#define HOLDFAST_X(name, text) \
  case CallEnd::name:          \
    return #name;
    HOLDFAST_CALL_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
    case CallEnd::count:
      break;
  }
  return "none";
}

std::string_view text_of(CallEnd end) {
  switch (end) {
#define HOLDFAST_X(name, text) \
  case CallEnd::name:          \
    return text;
    HOLDFAST_CALL_ENDS(HOLDFAST_X)
#undef HOLDFAST_X
    case CallEnd::count:
      break;
  }
  return "none";
}

std::string_view name_of(CallRemark remark) {
  switch (remark) {
#define HOLDFAST_X(name, text) \
  case CallRemark::name:       \
    return #name;
    HOLDFAST_CALL_REMARKS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

std::string_view text_of(CallRemark remark) {
  switch (remark) {
#define HOLDFAST_X(name, text) \
  case CallRemark::name:       \
    return text;
    HOLDFAST_CALL_REMARKS(HOLDFAST_X)
#undef HOLDFAST_X
  }
  return {};
}

}  // namespace holdfast::sip
