// SPDX-License-Identifier: Apache-2.0
// Takes a leg argument apart at its commas.
#include "control/cli/leg_argument.hh"

#include <charconv>

#include "control/cli/srtp_file.hh"

namespace holdfast::cli {
namespace {

using control::ClockRate;
using control::LegSpec;

template <typename Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_clock(std::string_view text, LegSpec& leg) {
  const auto slash = text.find('/');
  ClockRate rate;
  if (slash == std::string_view::npos || leg.clock_rates.size() == control::kMaxClockRates ||
      !read_number(text.substr(0, slash), rate.payload_type) || rate.payload_type > 127 ||
      !read_number(text.substr(slash + 1), rate.hz) || rate.hz == 0 || rate.hz > 1'000'000) {
    return false;
  }
  leg.clock_rates.push_back(rate);
  return true;
}

bool read_part(std::string_view key, std::string_view value, LegSpec& leg) {
  if (key == "rtcp") return (leg.remote_rtcp = SocketAddress::parse(value)).has_value();
  if (key == "port") {
    return read_number(value, leg.local_port) && leg.local_port > 0 && leg.local_port % 2 == 0;
  }
  return key == "clock" && read_clock(value, leg);
}

}  // namespace

Result<LegSpec, std::string> parse_leg(std::string_view argument) {
  LegSpec leg;
  std::string_view rest = argument;
  for (bool first = true; first || !rest.empty(); first = false) {
    const auto comma = rest.find(',');
    const auto part = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    const auto equals = part.find('=');
    const bool has_value = equals != std::string_view::npos;
    const auto key = part.substr(0, equals);
    const auto value = has_value ? part.substr(equals + 1) : std::string_view{};
    bool good = false;
    if (!first && has_value && key == "srtp") {
      auto srtp = read_srtp_file(std::string(value));
      if (!srtp) return srtp.error();
      leg.srtp = std::move(srtp).value();
      continue;
    }
    if (first) {
      leg.interface = key;
      good = !key.empty() && (!has_value || (leg.remote = SocketAddress::parse(value)).has_value());
    } else {
      good = has_value && read_part(key, value, leg);
    }
    if (!good) {
      return "--leg " + std::string(argument) + ": cannot read \"" + std::string(part) +
             "\"; write " + std::string(kLegSyntax);
    }
  }
  return leg;
}

}  // namespace holdfast::cli
