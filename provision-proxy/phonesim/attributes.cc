// SPDX-License-Identifier: Apache-2.0
// Attributes, by the files' order.
#include "provision-proxy/phonesim/attributes.hh"

#include <algorithm>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/body_text.hh"

namespace holdfast::provision {
namespace {

bool is_secret(std::string_view name) {
  for (const std::string_view word : {"password", "passwd", "secret", "pwd", "auth_pass"})
    if (find_text(name, word) != std::string_view::npos) return true;
  return false;
}

std::string_view without_quotes(std::string_view value) {
  if (value.size() >= 2 && value.front() == value.back() &&
      (value.front() == '"' || value.front() == '\''))
    return value.substr(1, value.size() - 2);
  return value;
}

}  // namespace

void AttributeBook::add(const std::string& file, std::string_view body) {
  const BodyText read = read_body({body, body.size(), {}});
  if (read.shape != Shape::xml && read.shape != Shape::lines) return;
  for (const Setting& setting : read.settings) {
    if (!setting.is_text) {
      set(file, setting.key, setting.value);
      continue;
    }
    // What administrators write between elements counts too: reg.1.address="4711".
    const BodyText lines = read_body({setting.value, setting.value.size(), {}});
    if (lines.shape == Shape::lines) {
      for (const Setting& line : lines.settings) set(file, line.key, without_quotes(line.value));
    } else {
      set(file, setting.key, setting.value);
    }
  }
}

void AttributeBook::set(const std::string& file, std::string_view name, std::string_view value) {
  const auto known = index_.find(name);
  if (known == index_.end()) {
    if (attributes_.size() >= kMaxAttributes) return;
    index_.emplace(name, attributes_.size());
    attributes_.push_back({std::string(name), std::string(value), file, {}, is_secret(name)});
    return;
  }
  Attribute& attribute = attributes_[known->second];
  std::string other = file;
  if (wins_ == Wins::last) {
    attribute.value = value;
    std::swap(other, attribute.file);
  }
  if (other != attribute.file && std::ranges::find(attribute.also, other) == attribute.also.end())
    attribute.also.push_back(std::move(other));
}

}  // namespace holdfast::provision
