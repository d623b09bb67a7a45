// SPDX-License-Identifier: Apache-2.0
// Bounded JSON reading on top of nlohmann::json.
#include "dataplane/control/json_fields.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dataplane/control/messages.hh"

namespace holdfast::control {
namespace {

// Whether brackets outside strings nest no deeper than allowed. Runs before the parser, so that
// nothing deep is ever built, walked or destroyed.
bool shallow(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return false;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace

std::optional<nlohmann::json> parse_json(std::string_view text) {
  if (!shallow(text)) return std::nullopt;
  auto value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

std::string dump_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Fields::Fields(const nlohmann::json& object, std::string path, std::string& error)
    : object_(object), path_(std::move(path)), error_(error) {
  if (!object_.is_object()) fail("", "needs an object");
}

std::string Fields::path(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Fields::fail(std::string_view key, std::string_view what) {
  if (!error_.empty()) return;
  const auto where = path(key);
  error_ = (where.empty() ? "the message" : where) + " " + std::string(what);
}

const nlohmann::json* Fields::find(std::string_view key, Need need) {
  asked_.push_back(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  if (found != object_.end()) return &*found;
  if (need == kMust) fail(key, "is missing");
  return nullptr;
}

std::optional<uint64_t> Fields::read_number(std::string_view key, Need need, uint64_t low,
                                            uint64_t high) {
  const auto* value = find(key, need);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) {
    const auto number = value->get<uint64_t>();
    if (number >= low && number <= high) return number;
  }
  fail(key, "needs a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

bool Fields::has(std::string_view key) {
  return find(key, kMay) != nullptr;
}

bool Fields::is_null(std::string_view key) {
  const auto* value = find(key, kMay);
  return value != nullptr && value->is_null();
}

void Fields::flag(std::string_view key, bool& out, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  if (!value->is_boolean()) return fail(key, "needs true or false");
  out = value->get<bool>();
}

void Fields::flag(std::string_view key, std::optional<bool>& out, Need need) {
  bool read = false;
  const auto* value = find(key, need);
  if (value == nullptr) return;
  flag(key, read, need);
  if (value->is_boolean()) out = read;
}

void Fields::ratio(std::string_view key, double& out, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  const double number = value->is_number() ? value->get<double>() : -1;
  if (!(number >= 0 && number <= 1)) return fail(key, "needs a number from 0 to 1");
  out = number;
}

void Fields::amount(std::string_view key, std::optional<double>& out, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  const double number = value->is_number() ? value->get<double>() : -1;
  if (!(number >= 0)) return fail(key, "needs a number that is not negative");
  out = number;
}

void Fields::signed_number(std::string_view key, int32_t& out, Need need) {
  using Limits = std::numeric_limits<int32_t>;
  const auto* value = find(key, need);
  if (value == nullptr) return;
  bool whole = false;
  if (value->is_number_unsigned()) {
    whole = value->get<uint64_t>() <= uint64_t{Limits::max()};
  } else if (value->is_number_integer()) {
    whole = value->get<int64_t>() >= Limits::min() && value->get<int64_t>() <= Limits::max();
  }
  if (!whole) return fail(key, "needs a whole number of 32 bits");
  out = value->get<int32_t>();
}

void Fields::text(std::string_view key, std::string& out, Need need, size_t max_bytes) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const std::string*>();
  if (text == nullptr || text->size() > max_bytes) {
    return fail(key, "needs text of at most " + std::to_string(max_bytes) + " bytes");
  }
  out = *text;
}

void Fields::address(std::string_view key, std::optional<SocketAddress>& out, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const std::string*>();
  const auto address = text != nullptr ? SocketAddress::parse(*text) : std::nullopt;
  if (!address)
    return fail(key, "needs an address and a port, 198.18.1.10:4000 or [2001:db8::1]:4000");
  out = address;
}

void Fields::address(std::string_view key, SocketAddress& out, Need need) {
  std::optional<SocketAddress> read;
  address(key, read, need);
  if (read) out = *read;
}

void Fields::address(std::string_view key, std::optional<IpAddress>& out, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const std::string*>();
  out = text != nullptr ? IpAddress::parse(*text) : std::nullopt;
  if (!out) fail(key, "needs an address, 198.18.1.2 or 2001:db8::2");
}

const nlohmann::json* Fields::list(std::string_view key, Need need, size_t max) {
  const auto* value = find(key, need);
  if (value == nullptr) return nullptr;
  if (value->is_array() && value->size() <= max) return value;
  fail(key, "needs a list of at most " + std::to_string(max));
  return nullptr;
}

const nlohmann::json* Fields::object(std::string_view key, Need need) {
  const auto* value = find(key, need);
  if (value == nullptr || value->is_object()) return value;
  fail(key, "needs an object");
  return nullptr;
}

void Fields::refuse_others() {
  if (!object_.is_object()) return;
  for (const auto& [key, value] : object_.items()) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) {
      return fail(key.substr(0, 40), "is not a member of this operation");
    }
  }
}

}  // namespace holdfast::control
