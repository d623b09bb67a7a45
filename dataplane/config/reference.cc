// SPDX-License-Identifier: Apache-2.0
// Writes the reference page and the sample file from the option tables.
#include "dataplane/config/reference.hh"

namespace holdfast::config {
namespace {

constexpr size_t kCommentWidth = 98;

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

}  // namespace

void add_option_table(std::string& page, std::span<const OptionDoc> options) {
  page += "| option | type | unit or values | default | meaning |\n|---|---|---|---|---|\n";
  for (const auto& doc : options) {
    const bool is_toml = (doc.standard.find_first_of("\"[0123456789") == 0 &&
                          doc.standard.find(" and ") == std::string_view::npos) ||
                         doc.standard == "true" || doc.standard == "false";
    const std::string_view mark = is_toml ? "`" : "";
    page += "| `";
    page.append(doc.name).append("` | ").append(doc.type).append(" | ").append(doc.unit);
    page.append(" | ").append(mark).append(doc.standard).append(mark);
    page.append(" | ").append(doc.help).append(" |\n");
  }
}

void add_option_sample(std::string& out, std::span<const OptionDoc> options) {
  for (const auto& doc : options) {
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

std::string dataplane_reference_sections() {
  std::string page = "## [dataplane]\n\nOnce; may be left out.\n\n";
  add_option_table(page, docs_of(dataplane_options()));
  page +=
      "\n## [[interface]]\n\n"
      "1 to 16 of them. An inline box has two (the branch's side and the WAN's), a one-armed box "
      "one.\n\n";
  add_option_table(page, docs_of(interface_options()));
  return page;
}

std::string dataplane_sample_sections() {
  std::string sample = "[dataplane]\n";
  add_option_sample(sample, docs_of(dataplane_options()));
  sample += "\n[[interface]]\n";
  add_option_sample(sample, docs_of(interface_options()));
  return sample;
}

std::string reference_markdown() {
  return "# What holdfast-dataplane reads of the configuration\n\n" +
         dataplane_reference_sections() +
         "\nSections of holdfastd are left to it; `holdfastd --print-reference` prints the whole "
         "page.\n";
}

std::string sample_toml() {
  return "# A configuration of holdfast-dataplane alone, with every option. What is commented out "
         "is the default.\n\n" +
         dataplane_sample_sections();
}

}  // namespace holdfast::config
