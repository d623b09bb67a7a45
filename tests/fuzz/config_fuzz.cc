// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: a checked configuration or errors of one line each.
#include <cstdlib>

#include "control/config/site_config.hh"

namespace {

void check_errors(const holdfast::config::ConfigErrors& errors) {
  if (errors.errors.empty()) std::abort();
  for (const auto& error : errors.errors) {
    if (error.to_string().find('\n') != std::string::npos) std::abort();
  }
}

}  // namespace

// As either daemon reads it: what is good for holdfastd is good for the dataplane.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = holdfast::config::parse_config(text, "fuzz");
  const auto site = holdfast::config::parse_site(text, "fuzz");
  if (!config) {
    check_errors(config.error());
    if (site) std::abort();
  } else if (config->interfaces.empty() || config->cpus.empty()) {
    std::abort();
  }
  if (!site) check_errors(site.error());
  if (site && site->daemon && !site->daemon->dial_plan) std::abort();
  return 0;
}
