// SPDX-License-Identifier: Apache-2.0
// Header fields to the text that the index keeps, and back.
#include "provision-proxy/store/entry.hh"

#include <algorithm>
#include <utility>

namespace holdfast::provision {
namespace {

std::string lower(std::string_view name) {
  std::string text(name);
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

std::string variant_of(const Fields& vary_request) {
  std::vector<std::pair<std::string, std::string_view>> sorted;
  for (const auto& field : vary_request) sorted.emplace_back(lower(field.name), field.value);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [name, value] : sorted) text.append(name).append(":").append(value).append("\n");
  return text;
}

bool encode_fields(const Fields& fields, std::string& text) {
  text.clear();
  constexpr std::string_view kNotInNames("\r\n:\0", 4), kNotInValues("\r\n\0", 3);
  for (const auto& field : fields) {
    if (field.name.empty() || field.name.find_first_of(kNotInNames) != field.name.npos ||
        field.value.find_first_of(kNotInValues) != field.value.npos) {
      return false;
    }
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return true;
}

Fields decode_fields(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    const size_t colon = line.find(": ");
    if (colon == line.npos) continue;  // not written by us
    fields.add(line.substr(0, colon), line.substr(colon + 2));
  }
  return fields;
}

size_t meta_bytes(const Entry& entry) {
  size_t sum = sizeof(Entry) + entry.key.origin.size() + entry.key.target.size() +
               entry.key.identity.size() + entry.variant.size() + entry.meta.reason.size() +
               entry.body.hash.size();
  constexpr size_t kPerField = 32;
  for (const auto* fields : {&entry.meta.fields, &entry.meta.vary_request})
    for (const auto& field : *fields) sum += field.name.size() + field.value.size() + kPerField;
  return sum;
}

}  // namespace holdfast::provision
