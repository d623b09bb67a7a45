// SPDX-License-Identifier: Apache-2.0
// --lan-srtp and --wan-srtp of the programs of the benches.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "bench/relay/srtp_plan.hh"

namespace holdfast::bench {

// `suites` must live until the words are parsed.
inline void add_srtp_options(CLI::App& app, SrtpSuites& suites) {
  for (size_t side = 0; side < kSides; ++side) {
    const auto take = [&suites, side](const std::string& name) {
      suites[side] = media::srtp_suite_from(name);
      if (!suites[side]) throw CLI::ValidationError("no suite is called " + name);
    };
    app.add_option_function<std::string>(std::string("--") + kSideNames[side] + "-srtp", take,
                                         "suite of this side's legs, as SDES names it; else RTP");
  }
}

}  // namespace holdfast::bench
