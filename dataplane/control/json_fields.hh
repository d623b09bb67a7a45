// SPDX-License-Identifier: Apache-2.0
// Reads the members of a JSON object with bounds, and keeps the first thing that is wrong.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/address.hh"

namespace holdfast::control {

// One JSON value in UTF-8, nested no deeper than kMaxJsonDepth; nothing on anything else.
std::optional<nlohmann::json> parse_json(std::string_view text);

// JSON text of a value; bytes that are no UTF-8 become U+FFFD.
std::string dump_json(const nlohmann::json& value);

// Every read leaves `out` as it was when the member is absent or wrong. Errors name the member by
// its path, "legs[0].remote"; the first one is kept in the text that the constructor was given.
class Fields {
 public:
  enum Need { kMay, kMust };

  // `path` is empty for the outermost object.
  Fields(const nlohmann::json& object, std::string path, std::string& error);

  template <typename Number>
  void number(std::string_view key, Number& out, Need need, uint64_t low = 0,
              uint64_t high = std::numeric_limits<Number>::max()) {
    if (const auto value = read_number(key, need, low, high)) out = static_cast<Number>(*value);
  }
  template <typename Number>
  void number(std::string_view key, std::optional<Number>& out, Need need, uint64_t low = 0,
              uint64_t high = std::numeric_limits<Number>::max()) {
    if (const auto value = read_number(key, need, low, high)) out = static_cast<Number>(*value);
  }
  void flag(std::string_view key, bool& out, Need need);
  void flag(std::string_view key, std::optional<bool>& out, Need need);
  void ratio(std::string_view key, double& out, Need need);                  // 0 to 1
  void amount(std::string_view key, std::optional<double>& out, Need need);  // 0 or more
  void signed_number(std::string_view key, int32_t& out, Need need);
  void text(std::string_view key, std::string& out, Need need, size_t max_bytes);
  void address(std::string_view key, std::optional<SocketAddress>& out, Need need);
  void address(std::string_view key, SocketAddress& out, Need need);
  void address(std::string_view key, std::optional<IpAddress>& out, Need need);  // without a port
  // An array of at most `max` elements, or nullptr.
  const nlohmann::json* list(std::string_view key, Need need, size_t max);
  const nlohmann::json* object(std::string_view key, Need need);

  bool has(std::string_view key);      // whether the member is there, whatever it is
  bool is_null(std::string_view key);  // ... and null, where null means something

  void fail(std::string_view key, std::string_view what);
  bool ok() const { return error_.empty(); }
  std::string path(std::string_view key) const;
  // Strict reading: a member that no read asked for is an error.
  void refuse_others();

 private:
  const nlohmann::json* find(std::string_view key, Need need);
  std::optional<uint64_t> read_number(std::string_view key, Need need, uint64_t low, uint64_t high);

  const nlohmann::json& object_;
  std::string path_;
  std::string& error_;
  std::vector<std::string_view> asked_;
};

}  // namespace holdfast::control
