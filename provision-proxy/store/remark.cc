// SPDX-License-Identifier: Apache-2.0
// Remarks by key.
#include "provision-proxy/store/remark.hh"

namespace holdfast::provision {

Remark Remarks::of(const Key& key, RemarkKind kind) const {
  const auto& rows = rows_[static_cast<size_t>(kind)];
  const auto at = rows.find(key);
  return at == rows.end() ? Remark{} : at->second;
}

bool Remarks::put(const Key& key, RemarkKind kind, const Remark& remark) {
  auto& rows = rows_[static_cast<size_t>(kind)];
  if (remark.times == 0) {
    rows.erase(key);
    return true;
  }
  if (rows.size() >= most_ && !rows.contains(key)) return false;
  rows.insert_or_assign(key, remark);
  return true;
}

std::vector<RemarkRow> Remarks::all() const {
  std::vector<RemarkRow> rows;
  for (size_t kind = 0; kind < kRemarkKinds; ++kind)
    for (const auto& [key, remark] : rows_[kind])
      rows.push_back({key, static_cast<RemarkKind>(kind), remark});
  return rows;
}

}  // namespace holdfast::provision
