// SPDX-License-Identifier: Apache-2.0
// What the build needs of the CPU, and whether the lcores' CPUs are theirs.
#include <algorithm>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";

std::string joined(const std::vector<unsigned>& cpus) {
  std::string text;
  for (const unsigned cpu : cpus) text += (text.empty() ? "" : ", ") + std::to_string(cpu);
  return text;
}

std::vector<unsigned> without(const std::vector<unsigned>& all, const std::vector<unsigned>& some) {
  std::vector<unsigned> left;
  for (const unsigned cpu : all) {
    if (std::find(some.begin(), some.end(), cpu) == some.end()) left.push_back(cpu);
  }
  return left;
}

void check_instructions(const Machine& machine, Rows& rows) {
  const std::string info = machine.read("/proc/cpuinfo").value_or("");
  const std::string flags = value_of(info, "flags");
  if (flags.empty()) {
    return rows.warn("instructions", "/proc/cpuinfo does not tell", "this build is for x86-64");
  }
  if (!has_word(flags, "sse4_2"))
    return rows.refuse("instructions", "no SSE4.2, which this build needs", "use another CPU",
                       true);
  if (!has_word(flags, "aes"))
    return rows.warn("instructions", "SSE4.2, but no AES-NI: TLS takes more CPU time",
                     "let the hypervisor show the host's CPU");
  rows.ok("instructions", "SSE4.2 and AES-NI");
}

void check_counter(const Machine& machine, Rows& rows) {
  const std::string flags = value_of(machine.read("/proc/cpuinfo").value_or(""), "flags");
  const std::string source =
      machine.read("/sys/devices/system/clocksource/clocksource0/current_clocksource").value_or("");
  const bool invariant = has_word(flags, "constant_tsc") && has_word(flags, "nonstop_tsc");
  if (source == "tsc" || source == "kvm-clock" || source == "hyperv_clocksource_tsc_page") {
    if (invariant || source != "tsc")
      return rows.ok("clock source", source + ", read without a system call");
    return rows.warn("clock source", "tsc, but the CPU does not say that it is invariant",
                     "watch the jitter figures; let the hypervisor show an invariant TSC");
  }
  rows.warn(
      "clock source",
      (source.empty() ? "unknown" : source) + ": each reading of the time costs a system call",
      "see the kernel's log for why tsc was left");
}

void check_lcores(const Machine& machine, const config::SiteConfig& site, Rows& rows) {
  std::vector<unsigned> cpus(site.dataplane.cpus.begin(), site.dataplane.cpus.end());
  const auto online = read_cpu_list(machine.read(std::string(kCpus) + "/online").value_or(""));
  const auto missing = without(cpus, online);
  if (!online.empty() && !missing.empty()) {
    return rows.refuse("cpus", "there is no CPU " + joined(missing), "correct cpus", true);
  }
  const auto isolated = read_cpu_list(machine.read(std::string(kCpus) + "/isolated").value_or(""));
  const auto shared = without(cpus, isolated);
  const std::string line = machine.read("/proc/cmdline").value_or("");
  if (shared.empty()) {
    const bool quiet = line.find("nohz_full=") != std::string::npos;
    rows.ok("isolation", "CPUs " + joined(cpus) + " are isolated" + (quiet ? ", nohz_full" : ""));
  } else if (online.size() > cpus.size()) {
    rows.warn("isolation", "other work may run on CPU " + joined(shared),
              "for delays without outliers boot with isolcpus=" + joined(shared) +
                  " nohz_full=" + joined(shared));
  } else {
    rows.ok("isolation", "no CPU is left over for other work; nothing can be isolated");
  }
  for (const unsigned cpu : cpus) {
    const auto governor = machine.read(std::string(kCpus) + "/cpu" + std::to_string(cpu) +
                                       "/cpufreq/scaling_governor");
    if (!governor || *governor == "performance") continue;
    return rows.warn("frequency", "CPU " + std::to_string(cpu) + " is governed by " + *governor,
                     "run: cpupower frequency-set -g performance");
  }
  rows.ok("frequency", "no governor slows the cpus down");
}

}  // namespace

void check_cpus(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  Rows rows(all, "cpu");
  check_instructions(machine, rows);
  check_counter(machine, rows);
  if (site != nullptr) check_lcores(machine, *site, rows);
}

}  // namespace holdfast::doctor
