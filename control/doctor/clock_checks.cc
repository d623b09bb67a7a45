// SPDX-License-Identifier: Apache-2.0
// The time of day: phones check certificates against it, records carry it.
#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr int64_t kFirstSaneS = 1'735'689'600;  // 2025-01-01: this program is younger
constexpr int64_t kLastSaneS = 4'102'444'800;   // 2100-01-01

}  // namespace

void check_clock(const Machine& machine, std::vector<Row>& all) {
  Rows rows(all, "clock");
  const std::string remedy = "run chrony or systemd-timesyncd; hand phones option 42 too";
  if (machine.now_s < kFirstSaneS || machine.now_s > kLastSaneS) {
    rows.warn("time of day", "the clock cannot be right: certificates will not be believed",
              "set the clock, then " + remedy);
  } else {
    rows.ok("time of day", "plausible");
  }
  if (!machine.time_synchronised) {
    rows.warn("synchronised", "the kernel does not tell", remedy);
  } else if (*machine.time_synchronised) {
    rows.ok("synchronised", "the kernel's clock is kept by a time server");
  } else {
    rows.warn("synchronised", "nobody keeps the kernel's clock; old records are then not deleted",
              remedy);
  }
}

}  // namespace holdfast::doctor
