// SPDX-License-Identifier: Apache-2.0
// Compares the fields that chose a response.
#include "provision-proxy/cache/vary.hh"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/http/list.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// Not lists: a comma in them is a character like others.
constexpr std::array<std::string_view, 6> kSingletons = {"User-Agent", "Authorization", "Cookie",
                                                         "Referer",    "Host",          "From"};
// Lists whose order says nothing that may be relied on, and whose words have no case (RFC 9110,
// 12.5).
constexpr std::array<std::string_view, 3> kUnordered = {"Accept-Language", "Accept-Encoding",
                                                        "Accept-Charset"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return same_word(one, name); });
}

// Without the blanks round ";" and "=", in small letters.
std::string normal_preference(std::string_view element) {
  std::string normal;
  for (const char c : element)
    if (!is_ows(c)) normal += lower(c);
  return normal;
}

std::string normal_form(const Fields& request, std::string_view name) {
  if (contains(kSingletons, name)) return request.combined(name);
  const bool unordered = contains(kUnordered, name);
  std::vector<std::string> elements;
  for_each_element(request, name, [&](std::string_view element) {
    elements.push_back(unordered ? normal_preference(element) : std::string(element));
  });
  if (unordered) std::sort(elements.begin(), elements.end());
  std::string normal;
  for (const std::string& element : elements) normal.append(element).append(",");
  return normal;
}

}  // namespace

bool varies_by_anything(const Fields& response) {
  return has_element(response, "Vary", "*");
}

Fields vary_request_fields(const Fields& response, const Fields& request) {
  Fields kept;
  for (const Field field : request)
    if (has_element(response, "Vary", field.name)) kept.add(field.name, field.value);
  return kept;
}

bool vary_matches(const StoredResponse& stored, const Fields& request) {
  static const Fields kNone;
  const Fields& before = stored.vary_request ? *stored.vary_request : kNone;
  bool same = true;
  for_each_element(*stored.fields, "Vary", [&](std::string_view name) {
    if (!same) return;
    same = name != "*" && before.has(name) == request.has(name) &&
           normal_form(before, name) == normal_form(request, name);
  });
  return same;
}

}  // namespace holdfast::provision
