// SPDX-License-Identifier: Apache-2.0
// Turns option tables into the reference page and the sample file.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dataplane/config/options.hh"

namespace holdfast::config {

// The rows without their readers.
template <typename Section>
std::vector<OptionDoc> docs_of(std::span<const Option<Section>> options) {
  std::vector<OptionDoc> docs;
  for (const auto& option : options) docs.push_back(option.doc);
  return docs;
}

// One row of Markdown for each option.
void add_option_table(std::string& page, std::span<const OptionDoc> options);
// Each option with its help as a comment.
void add_option_sample(std::string& out, std::span<const OptionDoc> options);

// [dataplane] and [[interface]] alone, to be put together with the sections of holdfastd.
std::string dataplane_reference_sections();
std::string dataplane_sample_sections();

}  // namespace holdfast::config
