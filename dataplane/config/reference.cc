// SPDX-License-Identifier: Apache-2.0
// Writes the reference page and the sample file from the option tables.
#include "dataplane/config/config.hh"
#include "dataplane/config/options.hh"

namespace holdfast::config {
namespace {

constexpr size_t kCommentWidth = 98;

template <typename Section>
void add_table(std::string& page, std::span<const Option<Section>> options) {
  page += "| option | type | unit or values | default | meaning |\n|---|---|---|---|---|\n";
  for (const auto& [doc, read] : options) {
    const bool is_toml = doc.standard.find_first_of("\"[0123456789") == 0 &&
                         doc.standard.find(" and ") == std::string_view::npos;
    const std::string_view mark = is_toml ? "`" : "";
    page += "| `";
    page.append(doc.name).append("` | ").append(doc.type).append(" | ").append(doc.unit);
    page.append(" | ").append(mark).append(doc.standard).append(mark);
    page.append(" | ").append(doc.help).append(" |\n");
  }
}

// Help text as comment lines that fit the page.
void add_comment(std::string& out, std::string_view text) {
  std::string line = "#";
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    if (line.size() + 1 + word.size() > kCommentWidth) {
      out += line + "\n";
      line = "#";
    }
    line += " " + std::string(word);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  out += line + "\n";
}

template <typename Section>
void add_sample(std::string& out, std::span<const Option<Section>> options) {
  for (const auto& [doc, read] : options) {
    out += "\n";
    add_comment(out, doc.help);
    const bool required = doc.standard.starts_with("required");
    add_comment(out, "(" + std::string(doc.unit) + (required ? "; " : "; default: ") +
                         std::string(doc.standard) + ")");
    const bool shown = !doc.sample.empty() && doc.sample[0] != '#';
    const auto value = doc.sample.empty() ? doc.standard : doc.sample.substr(shown ? 0 : 1);
    out += (shown ? "" : "#") + std::string(doc.name) + " = " + std::string(value) + "\n";
  }
}

}  // namespace

std::string reference_markdown() {
  std::string page =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "<!-- Written by holdfast-dataplane --print-reference; a test compares the two. -->\n"
      "# Configuration of holdfast-dataplane\n\n"
      "One TOML file, read at start. Every option stands below; an option or section that is not "
      "here is an\nerror, and so is a value out of its bounds. `holdfast check-config FILE` tells "
      "without starting\nanything. A [sample](holdfast-dataplane.sample.toml) lies beside this "
      "page.\n\n"
      "## [dataplane]\n\nOnce; may be left out.\n\n";
  add_table(page, dataplane_options());
  page +=
      "\n## [[interface]]\n\n"
      "1 to 16 of them. An inline box has two (the branch's side and the WAN's), a one-armed box "
      "one.\n\n";
  add_table(page, interface_options());
  return page;
}

std::string sample_toml() {
  std::string sample =
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# A configuration of holdfast-dataplane with every option. What is commented out is the "
      "default.\n\n"
      "[dataplane]\n";
  add_sample(sample, dataplane_options());
  sample += "\n[[interface]]\n";
  add_sample(sample, interface_options());
  return sample;
}

}  // namespace holdfast::config
