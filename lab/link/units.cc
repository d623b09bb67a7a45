// SPDX-License-Identifier: Apache-2.0
// Numbers with units: parsing and printing.
#include "lab/link/units.hh"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace holdfast::lab {
namespace {

struct Quantity {
  double value;
  std::string_view unit;
};

// Splits "12.5ms" into 12.5 and "ms". Plain decimals only: no sign, exponent, hex, inf or nan.
std::optional<Quantity> split(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            std::chars_format::fixed);
  if (number.empty() || error != std::errc{} || end != number.data() + number.size()) return {};
  return Quantity{value, digits == std::string_view::npos ? "" : text.substr(digits)};
}

template <size_t N>
std::optional<double> scaled(std::string_view text,
                             const std::array<std::pair<std::string_view, double>, N>& units,
                             double max) {
  const auto quantity = split(text);
  if (!quantity) return {};
  for (const auto& [unit, factor] : units) {
    if (unit != quantity->unit) continue;
    const double value = quantity->value * factor;
    if (value > max) return {};
    return value;
  }
  if (quantity->unit.empty() && quantity->value == 0) return 0.0;
  return {};
}

std::string number_text(double value, const char* unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.12g%s", value, unit);
  return text.data();
}

}  // namespace

std::optional<int64_t> parse_duration_ns(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
  const auto ns = scaled(text, kUnits, static_cast<double>(kMaxDuration_ns));
  if (!ns) return {};
  return std::llround(*ns);
}

std::optional<double> parse_probability(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 1> kUnits{{{"%", 0.01}}};
  return scaled(text, kUnits, 1.0);
}

std::optional<uint64_t> parse_rate_bps(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}};
  static constexpr double kMax_bps = 100e9;
  const auto bps = scaled(text, kUnits, kMax_bps);
  if (!bps || (*bps > 0 && *bps < 1)) return {};
  return static_cast<uint64_t>(std::llround(*bps));
}

std::optional<uint64_t> parse_count(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max) {
    return {};
  }
  return value;
}

std::string duration_text(int64_t ns) {
  if (ns == 0) return "0";
  const auto value = static_cast<double>(ns);
  if (ns >= 1'000'000'000) return number_text(value / 1e9, "s");
  if (ns >= 1'000'000) return number_text(value / 1e6, "ms");
  if (ns >= 1'000) return number_text(value / 1e3, "us");
  return number_text(value, "ns");
}

std::string probability_text(double probability) {
  return number_text(probability * 100, "%");
}

std::string rate_text(uint64_t bps) {
  if (bps == 0) return "0";
  const auto value = static_cast<double>(bps);
  if (bps >= 1'000'000) return number_text(value / 1e6, "mbit");
  if (bps >= 1'000) return number_text(value / 1e3, "kbit");
  return number_text(value, "bit");
}

}  // namespace holdfast::lab
