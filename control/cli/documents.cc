// SPDX-License-Identifier: Apache-2.0
// Lenient readers, times, CSV.
#include "control/cli/documents.hh"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using nlohmann::json;

const json kNull;
const json kEmptyList = json::array();

const json& member_of(const json& object, const char* member) {
  if (!object.is_object()) return kNull;
  const auto found = object.find(member);
  return found == object.end() ? kNull : *found;
}

}  // namespace

std::string text(const json& object, const char* member) {
  const auto& value = member_of(object, member);
  return value.is_string() ? value.get<std::string>() : "";
}

int64_t whole(const json& object, const char* member) {
  const auto& value = member_of(object, member);
  return value.is_number() ? value.get<int64_t>() : 0;
}

double number(const json& object, const char* member) {
  const auto& value = member_of(object, member);
  return value.is_number() ? value.get<double>() : 0;
}

const json& list(const json& object, const char* member) {
  const auto& value = member_of(object, member);
  return value.is_array() ? value : kEmptyList;
}

std::string time_text(const json& object, const char* member) {
  std::string time = text(object, member).substr(0, 19);
  if (time.size() > 10) time[10] = ' ';
  return time;
}

std::string seconds_text(const json& object, const char* member) {
  const auto& value = member_of(object, member);
  return value.is_number_unsigned() || value.is_number_integer()
             ? duration_text(static_cast<uint64_t>(std::max<int64_t>(0, value.get<int64_t>())))
             : "";
}

std::string duration_text(uint64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86400)
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
  return std::to_string(seconds / 86400) + " d " + std::to_string(seconds / 3600 % 24) + " h";
}

int64_t unix_ms_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::optional<int64_t> unix_ms_of(std::string_view given, int64_t now_ms) {
  constexpr int64_t kMost = 100'000;  // of any unit: far beyond what is kept
  if (given.find('-') == std::string_view::npos) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), count);
    if (error != std::errc{} || end + 1 != given.data() + given.size() || count < 0 ||
        count > kMost)
      return std::nullopt;
    const int64_t unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
    if (unit == 0) return std::nullopt;
    return now_ms - count * unit * 1000;
  }
  std::tm parts{};
  const std::string whole_text(given);
  for (const char* form : {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"}) {
    parts = {};
    const char* end = ::strptime(whole_text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return int64_t{::timegm(&parts)} * 1000;
  }
  return std::nullopt;
}

std::string links_table(const nlohmann::json& document) {
  Table table({"LINK", ">CALLS", ">OF", ">PEAK", ">KBIT/S", ">OF", ">PEAK", "WHEN FULL", ">REFUSED",
               ">OVERFLOWED", ">EXEMPT", ">OVER"});
  const auto limit = [](const json& link, const char* member) {
    const int64_t value = whole(link, member);
    return value == 0 ? std::string("any") : std::to_string(value);
  };
  const auto count = [](const json& link, const char* member) {
    return std::to_string(whole(link, member));
  };
  for (const auto& link : list(document, "links"))
    table.add({text(link, "name"), count(link, "calls"), limit(link, "max_calls"),
               count(link, "peak_calls"), count(link, "kbit"), limit(link, "max_kbit"),
               count(link, "peak_kbit"), text(link, "when_full"), count(link, "refused"),
               count(link, "overflowed"), count(link, "exempt"), count(link, "over")});
  return table.empty() ? std::string() : table.to_string();
}

std::string waiting_text(const nlohmann::json& document) {
  const json& waiting = member_of(document, "waiting");
  if (whole(waiting, "items") == 0 || text(waiting, "state") == "good") return {};
  return "\n" + std::to_string(whole(waiting, "items")) +
         " items of records wait and are missing here, since they cannot be written (" +
         text(waiting, "state") + "): " + text(waiting, "text") + "\n";
}

std::string csv_field(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@").find(text[0]) != std::string_view::npos;
  if (!formula && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = formula ? "\"'" : "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace holdfast::cli
