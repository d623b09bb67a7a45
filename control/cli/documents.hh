// SPDX-License-Identifier: Apache-2.0
// Reads members of holdfastd's documents for tables, leniently: a newer daemon may lack or add
// some.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::cli {

std::string text(const nlohmann::json& object, const char* member);  // empty: none
int64_t whole(const nlohmann::json& object, const char* member);     // 0: none
double number(const nlohmann::json& object, const char* member);
const nlohmann::json& list(const nlohmann::json& object, const char* member);  // empty: none
// "2026-11-21 10:05:00" of an ISO time.
std::string time_text(const nlohmann::json& object, const char* member);
// "12 s", "3 min", of a member in seconds; empty: none.
std::string seconds_text(const nlohmann::json& object, const char* member);
std::string duration_text(uint64_t seconds);

// Unix milliseconds of "90m", "2h", "7d" (ago), "2026-11-21" or "2026-11-21T10:05" (UTC).
inline constexpr const char* kTimes = "write 30m, 2h, 7d, 2026-11-21 or 2026-11-21T10:05 (UTC)";
std::optional<int64_t> unix_ms_of(std::string_view given, int64_t now_ms);
int64_t unix_ms_now();

// A field of CSV (RFC 4180): quotes around one that needs them, doubled inside. One that a
// spreadsheet would take for a formula is given as text.
// The table of the links and what calls hold of them, from a document that has "links".
std::string links_table(const nlohmann::json& document);

std::string csv_field(const std::string& text);

// A line about records that cannot be written now, so that their calls are missing in this
// document of calls; empty: there are none.
std::string waiting_text(const nlohmann::json& document);

}  // namespace holdfast::cli
