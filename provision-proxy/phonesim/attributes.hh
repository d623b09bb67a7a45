// SPDX-License-Identifier: Apache-2.0
// Which file each attribute of a phone came from.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::provision {

struct Attribute {
  std::string name, value;
  std::string file;               // the one that counts
  std::vector<std::string> also;  // others that set it, in the order of fetching
  bool secret = false;            // a password by its name
};

// Pure. Polycom phones keep the first value that they see; the others the last.
class AttributeBook {
 public:
  enum class Wins { first, last };
  static constexpr size_t kMaxAttributes = 65536;

  explicit AttributeBook(Wins wins) : wins_(wins) {}

  // A file as it was fetched: XML attributes, `name="value"` lines among them, or lines of
  // settings.
  void add(const std::string& file, std::string_view body);

  // In the order in which they were first seen.
  const std::vector<Attribute>& all() const { return attributes_; }

 private:
  void set(const std::string& file, std::string_view name, std::string_view value);

  Wins wins_;
  std::vector<Attribute> attributes_;
  std::map<std::string, size_t, std::less<>> index_;
};

}  // namespace holdfast::provision
