// SPDX-License-Identifier: Apache-2.0
// The steps from one list of streams to another.
#include "media/media_stream.hh"

#include <algorithm>

namespace holdfast::media {
namespace {

const MediaStream* find_key(const StreamList& list, const MediaStream& wanted) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const MediaStream& each) { return each.same_key(wanted); });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::vector<StreamChange> changes(const StreamList& before, const StreamList& after) {
  std::vector<StreamChange> steps;
  for (const MediaStream& old : before)
    if (!find_key(after, old)) steps.push_back({StreamChange::Kind::remove, old});
  for (const MediaStream& stream : after) {
    const MediaStream* old = find_key(before, stream);
    if (!old)
      steps.push_back({StreamChange::Kind::add, stream});
    else if (old->ends != stream.ends || old->learning != stream.learning ||
             old->renewals != stream.renewals || old->contested != stream.contested)
      steps.push_back({StreamChange::Kind::update, stream});
  }
  return steps;
}

}  // namespace holdfast::media
