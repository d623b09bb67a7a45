// SPDX-License-Identifier: Apache-2.0
// Holds what arrives against the last known good one.
#include <algorithm>

#include "provision-proxy/proxy/shared_fetch.hh"

namespace holdfast::provision {

// Kinds that are judged when all of them is there, and are small.
bool SharedFetch::judged_whole(JudgeKind kind) {
  return kind == JudgeKind::config || kind == JudgeKind::document ||
         kind == JudgeKind::certificate || kind == JudgeKind::any;
}

// For the judge, who does without if it takes longer than what arrives.
void SharedFetch::read_known() {
  const auto good = known_good();
  if (context_.store.small(good)) return;
  const size_t size = judged_whole(first_->file->judge) ? kMaxJudgedBytes : kSampleBytes;
  context_.store.read(good, [self = weak_from_this(), size](StoreError error,
                                                            const std::unique_ptr<Reader>& reader) {
    const auto fetch = self.lock();
    if (!fetch || error != StoreError::kNone) return;
    fetch->known_.resize(static_cast<size_t>(std::min<uint64_t>(size, reader->size())));
    size_t got = 0;
    while (got < fetch->known_.size()) {
      const auto piece = reader->read(got, std::span(fetch->known_).subspan(got));
      if (piece.state != ReadState::kData) break;
      got += piece.bytes;
    }
    fetch->known_.resize(got);
  });
}

Plausible SharedFetch::judge_now(bool whole) const {
  if (origin_.by_rfc() || head_.status != 200 || first_->file->judge == JudgeKind::none)
    return Plausible::ok;
  JudgedBody fresh;
  const std::string encoding = head_.fields.combined("Content-Encoding");
  fresh.content_encoding = encoding;
  fresh.declared_size = size_;
  fresh.whole = whole;
  fresh.body = {sample_, whole ? size_.value_or(0)
                               : std::max<uint64_t>(size_.value_or(0), sample_.size() + 1)};
  JudgedBody known;
  std::shared_ptr<const std::string> known_bytes;
  std::string known_encoding;
  if (const auto good = known_good()) {
    known_bytes = context_.store.small(good);
    if (known_bytes) {
      known.body = {*known_bytes, known_bytes->size()};
    } else if (!known_.empty()) {
      known.body = {known_, good->body.size};
    }
    known_encoding = good->meta.fields.combined("Content-Encoding");
    known.content_encoding = known_encoding;
  }
  // A file that has only begun to arrive cannot be too short.
  if (!whole) fresh.whole = true;
  return judge(fresh, known_bytes || !known_.empty() ? &known : nullptr, *first_->file,
               first_->identity.id);
}

void SharedFetch::judged_bad(std::string_view name, std::string_view text) {
  context_.counters.add(FlowCount::implausible);
  context_.alarms.raise(AlarmKind::implausible, target_text(), text);
  mode_ = Mode::done;
  drop_transfer();
  base_ = known_good();
  fill_.reset();
  give_base(name);
  close();
}

}  // namespace holdfast::provision
