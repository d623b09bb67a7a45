// SPDX-License-Identifier: Apache-2.0
// Reads and writes the dates of HTTP.
#include "provision-proxy/http/date.hh"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr int64_t kDay_s = 86400;
constexpr int64_t kFirst_s = -62167219200;  // 0000-01-01
constexpr int64_t kLast_s = 253402300799;   // 9999-12-31 23:59:59

// Takes what a date is made of off the front of a text; one that does not fit ends it all.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool literal(std::string_view word) {
    if (!same_word(rest_.substr(0, word.size()), word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool number(size_t digits, int& out) {
    const auto value = parse_digits(rest_.substr(0, digits), 9999);
    if (rest_.size() < digits || !value) return false;
    rest_.remove_prefix(digits);
    out = static_cast<int>(*value);
    return true;
  }
  // Short day names; the long ones of RFC 850 as well if `whole`.
  bool weekday(bool whole) {
    return std::any_of(kDays.begin(), kDays.end(), [&](std::string_view day) {
      return literal(whole ? day : day.substr(0, 3));
    });
  }
  bool month(int& out) {
    for (size_t i = 0; i < kMonths.size(); ++i) {
      if (!literal(kMonths[i])) continue;
      out = static_cast<int>(i) + 1;
      return true;
    }
    return false;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

bool read_clock(Reader& in, Parts& p) {
  return in.number(2, p.hour) && in.literal(":") && in.number(2, p.minute) && in.literal(":") &&
         in.number(2, p.second);
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
bool read_fixdate(Reader in, Parts& p) {
  return in.weekday(false) && in.literal(", ") && in.number(2, p.day) && in.literal(" ") &&
         in.month(p.month) && in.literal(" ") && in.number(4, p.year) && in.literal(" ") &&
         read_clock(in, p) && in.literal(" GMT") && in.at_end();
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
bool read_rfc850(Reader in, Parts& p) {
  return in.weekday(true) && in.literal(", ") && in.number(2, p.day) && in.literal("-") &&
         in.month(p.month) && in.literal("-") && in.number(2, p.year) && in.literal(" ") &&
         read_clock(in, p) && in.literal(" GMT") && in.at_end();
}

// "Sun Nov  6 08:49:37 1994"
bool read_asctime(Reader in, Parts& p) {
  if (!in.weekday(false) || !in.literal(" ") || !in.month(p.month) || !in.literal(" "))
    return false;
  const bool one_digit = in.literal(" ");
  return in.number(one_digit ? 1 : 2, p.day) && in.literal(" ") && read_clock(in, p) &&
         in.literal(" ") && in.number(4, p.year) && in.at_end();
}

std::chrono::year_month_day civil(int year, int month, int day) {
  return std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
         std::chrono::day(static_cast<unsigned>(day));
}

std::optional<int64_t> seconds_of(const Parts& p) {
  const auto date = civil(p.year, p.month, p.day);
  if (!date.ok() || p.hour > 23 || p.minute > 59 || p.second > 60) return std::nullopt;
  // A leap second counts as the one before it.
  return sys_days(date).time_since_epoch().count() * kDay_s + p.hour * 3600 + p.minute * 60 +
         std::min(p.second, 59);
}

std::chrono::year_month_day date_of(int64_t unix_s) {
  const int64_t clamped = std::clamp(unix_s, kFirst_s, kLast_s);
  const int64_t whole_days = (clamped - (((clamped % kDay_s) + kDay_s) % kDay_s)) / kDay_s;
  return sys_days(days(whole_days));
}

}  // namespace

std::optional<int64_t> parse_http_date(std::string_view text, int64_t now) {
  Parts parts;
  if (read_fixdate(Reader(text), parts)) return seconds_of(parts);
  if (read_asctime(Reader(text), parts)) return seconds_of(parts);
  if (!read_rfc850(Reader(text), parts)) return std::nullopt;
  const int this_year = static_cast<int>(date_of(now).year());
  parts.year += this_year / 100 * 100;
  if (parts.year > this_year + 50) parts.year -= 100;
  if (parts.year <= this_year - 50) parts.year += 100;
  return seconds_of(parts);
}

std::string format_http_date(int64_t unix_s) {
  const int64_t clamped = std::clamp(unix_s, kFirst_s, kLast_s);
  const auto date = date_of(clamped);
  const std::chrono::weekday weekday{sys_days(date)};
  const auto second = static_cast<int>(((clamped % kDay_s) + kDay_s) % kDay_s);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%.3s, %02u %.3s %04d %02d:%02d:%02d GMT",
                    kDays[weekday.c_encoding()].data(), static_cast<unsigned>(date.day()),
                    kMonths[static_cast<unsigned>(date.month()) - 1].data(),
                    static_cast<int>(date.year()), second / 3600, second / 60 % 60, second % 60);
  return {text.data(), static_cast<size_t>(size)};
}

}  // namespace holdfast::provision
