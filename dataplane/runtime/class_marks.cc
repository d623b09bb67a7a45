// SPDX-License-Identifier: Apache-2.0
// Reads the classes of an interface.
#include "dataplane/runtime/class_marks.hh"

#include <utility>

namespace holdfast::dataplane {
namespace {

Mark mark_of(const config::DscpRule& rule, uint8_t pcp) {
  return rule.copy ? Mark::copied(pcp) : Mark::of(rule.dscp, pcp);
}

}  // namespace

ClassMarks marks_of(const config::InterfaceConfig& interface) {
  ClassMarks marks;
  const std::pair<MediaClass, const config::ClassConfig&> rows[] = {
      {MediaClass::audio, interface.audio},
      {MediaClass::video, interface.video},
      {MediaClass::fax, interface.fax}};
  for (const auto& [media, each] : rows) {
    marks[static_cast<size_t>(media)] = {.media = mark_of(each.dscp, each.pcp),
                                         .rtcp = mark_of(interface.dscp_rtcp.value_or(each.dscp),
                                                         interface.pcp_rtcp.value_or(each.pcp))};
  }
  return marks;
}

}  // namespace holdfast::dataplane
