// SPDX-License-Identifier: Apache-2.0
// The options of [dataplane].
#include <algorithm>

#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;

constexpr size_t kMaxPath = 255;
constexpr size_t kMaxSocketPath = 107;  // sun_path of Linux, less the closing zero
constexpr int64_t kMaxCpu = 1023;       // CPU_SETSIZE
constexpr std::string_view kHugePages[] = {"auto", "yes", "no"};

Wrong read_cpus(const TomlValue& value, DataplaneConfig& config) {
  const auto* list = value.list();
  if (list == nullptr) return "needs a list of CPU numbers, for example [1, 2]";
  if (list->empty() || list->size() > kMaxCpus) {
    return "names " + std::to_string(list->size()) + " CPUs; give 1 to " + std::to_string(kMaxCpus);
  }
  std::vector<uint16_t> cpus;
  for (const auto& item : *list) {
    uint16_t cpu = 0;
    if (auto wrong = read_number(item, cpu, 0, kMaxCpu)) return wrong;
    if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) {
      return "names CPU " + std::to_string(cpu) + " twice; give each lcore a CPU of its own";
    }
    cpus.push_back(cpu);
  }
  config.cpus = std::move(cpus);
  return std::nullopt;
}

const Option<DataplaneConfig> kOptions[] = {
    {{"control-socket", "text", "absolute path, at most 107 bytes",
      "\"/run/holdfast/dataplane.sock\"",
      "UNIX socket on which holdfast and holdfastd create legs and read counters.", ""},
     [](const TomlValue& v, DataplaneConfig& c) {
       return read_path(v, c.control_socket, kMaxSocketPath);
     }},
    {{"huge-pages", "text", "auto, yes, no", "\"auto\"",
      "Whether memory is taken from huge pages. `auto` uses them when enough are free and ordinary "
      "pages otherwise; `yes` refuses to start without them.",
      ""},
     [](const TomlValue& v, DataplaneConfig& c) { return read_word(v, c.huge_pages, kHugePages); }},
    {{"memory-mib", "whole number", "MiB, 64 to 65536", "512",
      "Memory for packet buffers and tables, taken at start.", ""},
     [](const TomlValue& v, DataplaneConfig& c) {
       return read_number(v, c.memory_mib, 64, 65536);
     }},
    {{"cpus", "list of whole numbers", "CPU numbers, 1 to 16 of them", "[0]",
      "CPUs that relay media, one lcore each. One is enough for a branch. Each needs ports and "
      "legs "
      "for a call: 2 pairs of media-ports on every interface, and 2 of max-legs.",
      ""},
     read_cpus},
    {{"max-legs", "whole number", "legs, 2 to 65536", "4096",
      "Legs that can exist at a time; a stream of a call has two, and a call with audio alone has "
      "one stream. Further ones are refused with 503, but for the first 16 streams of calls for "
      "help. A value that is set here must fit the ports of all interfaces.",
      ""},
     [](const TomlValue& v, DataplaneConfig& c) { return read_number(v, c.max_legs, 2, 65536); }},
    {{"port-rest-s", "whole number", "s, 0 to 600", "60",
      "How long a media port rests after its call before another call gets it, so that late "
      "packets "
      "reach nobody. The default is the RTP timeout of common servers, after which the far end of "
      "a dead call has stopped. A call for which only resting ports are left is refused "
      "(ports_resting); a call for help gets the one that has rested longest.",
      ""},
     [](const TomlValue& v, DataplaneConfig& c) { return read_number(v, c.port_rest_s, 0, 600); }},
    {{"idle-sleep-us", "whole number", "microseconds, 0 to 10000", "1000",
      "Longest sleep in which an lcore lets packets gather: the most that this adds to a packet's "
      "delay. It is shorter where packets come fast, and from a third of its capacity on it does "
      "not sleep. 0 never sleeps and keeps the CPU busy.",
      ""},
     [](const TomlValue& v, DataplaneConfig& c) {
       return read_number(v, c.idle_sleep_us, 0, 10000);
     }},
    {{"xdp-program", "text", "absolute path, or empty", "\"\"",
      "Object file of the XDP program for af_xdp interfaces. Empty: the one beside the binary, or "
      "the installed one.",
      ""},
     [](const TomlValue& v, DataplaneConfig& c) -> Wrong {
       if (v.text() != nullptr && v.text()->empty()) return std::nullopt;
       return read_path(v, c.xdp_program, kMaxPath);
     }},
};

}  // namespace

std::span<const Option<DataplaneConfig>> dataplane_options() {
  return kOptions;
}

std::string_view to_string(HugePages value) {
  return kHugePages[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
