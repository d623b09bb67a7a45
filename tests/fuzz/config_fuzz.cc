// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: a checked configuration or errors of one line each.
#include <cstdlib>

#include "dataplane/config/config.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config =
      holdfast::config::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (config) {
    if (config->interfaces.empty() || config->cpus.empty()) std::abort();
    return 0;
  }
  if (config.error().errors.empty()) std::abort();
  for (const auto& error : config.error().errors) {
    if (error.to_string().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
