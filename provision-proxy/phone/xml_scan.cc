// SPDX-License-Identifier: Apache-2.0
// One pass over XML that may be malformed.
#include "provision-proxy/phone/xml_scan.hh"

#include <algorithm>

#include "provision-proxy/phone/ascii.hh"

namespace holdfast::provision {
namespace {

constexpr auto kNowhere = std::string_view::npos;

bool name_char(char c) {
  return is_alnum(c) || c == '_' || c == ':' || c == '.' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  XmlScan run() {
    size_t text_from = 0;
    while (!unfinished_) {
      const size_t open = text_.find('<', at_);
      if (open == kNowhere) break;
      take_text(text_from, open);
      at_ = open;
      read_markup();
      text_from = at_;
    }
    if (scan_.odd && !unfinished_) {
      scan_.closed = ends_with_root(text_, scan_.root);
    } else {
      scan_.closed = !unfinished_ && !scan_.root.empty() && stack_.empty();
    }
    return std::move(scan_);
  }

 private:
  void read_markup() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) {
      const size_t begin = at_ + 4;
      skip_past("-->", begin);
      if (!unfinished_ && scan_.comments.size() < kMaxXmlDepth)
        scan_.comments.push_back(text_.substr(begin, at_ - 3 - begin));
    } else if (rest.starts_with("<![CDATA[")) {
      skip_past("]]>", at_ + 9);
    } else if (rest.starts_with("<?")) {
      skip_past("?>", at_ + 2);
    } else if (rest.starts_with("<!")) {
      const std::string_view type = rest.substr(0, rest.find('>'));
      skip_past(type.find('[') != kNowhere ? "]>" : ">", at_ + 2);
    } else if (rest.starts_with("</")) {
      end_tag();
    } else if (rest.size() > 1 && (name_char(rest[1]))) {
      start_tag();
    } else {
      scan_.odd = true;
      unfinished_ = rest.size() == 1;  // a '<' as the last byte
      ++at_;
    }
  }

  void skip_past(std::string_view end, size_t from) {
    const size_t found = text_.find(end, std::min(from, text_.size()));
    unfinished_ = found == kNowhere;
    at_ = unfinished_ ? text_.size() : found + end.size();
  }

  std::string_view take_name() {
    const size_t begin = at_;
    while (at_ < text_.size() && name_char(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  void end_tag() {
    at_ += 2;
    const std::string_view name = take_name();
    skip_past(">", at_);
    if (unfinished_) return;
    const auto same = std::find(stack_.rbegin(), stack_.rend(), name);
    if (same != stack_.rbegin() || stack_.empty()) scan_.odd = true;
    if (same != stack_.rend()) stack_.erase(same.base() - 1, stack_.end());
  }

  void start_tag() {
    ++at_;
    const std::string_view name = take_name();
    if (scan_.root.empty()) scan_.root = name;
    while (true) {
      skip_blanks();
      if (at_ >= text_.size()) {
        unfinished_ = true;
        return;
      }
      if (text_[at_] == '>') {
        ++at_;
        push(name);
        return;
      }
      if (text_[at_] == '/') {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '>') {
          ++at_;
          return;
        }
        if (at_ < text_.size()) scan_.odd = true;
        continue;
      }
      attribute(name);
    }
  }

  void attribute(std::string_view element) {
    const std::string_view key = take_name();
    if (key.empty()) {
      scan_.odd = true;
      ++at_;
      return;
    }
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != '=') {
      scan_.odd |= at_ < text_.size();
      return;
    }
    ++at_;
    skip_blanks();
    if (at_ >= text_.size()) return;
    const char quote = text_[at_];
    if (quote != '"' && quote != '\'') {
      scan_.odd = true;
      return;
    }
    const size_t begin = at_ + 1;
    const size_t end = text_.find(quote, begin);
    if (end == kNowhere) {
      at_ = text_.size();
      return;
    }
    const std::string_view value = text_.substr(begin, end - begin);
    if (value.find('<') != kNowhere) scan_.odd = true;  // a quote is missing
    add({element, key, value});
    at_ = end + 1;
  }

  void push(std::string_view name) {
    if (stack_.size() == kMaxXmlDepth) {
      scan_.odd = true;
      return;
    }
    stack_.push_back(name);
  }

  void take_text(size_t from, size_t to) {
    if (stack_.empty()) return;
    const std::string_view text = trimmed(text_.substr(from, to - from));
    if (text.empty()) return;
    const std::string_view scope =
        stack_.size() > 1 ? stack_[stack_.size() - 2] : std::string_view{};
    add({scope, stack_.back(), text, true});
  }

  void add(const Setting& setting) {
    if (scan_.settings.size() < kMaxSettings) scan_.settings.push_back(setting);
  }

  std::string_view text_;
  size_t at_ = 0;
  bool unfinished_ = false;
  std::vector<std::string_view> stack_;
  XmlScan scan_;
};

}  // namespace

XmlScan scan_xml(std::string_view text) {
  return Scanner(text).run();
}

bool ends_with_root(std::string_view text, std::string_view root) {
  const auto drop_blanks = [&] {
    while (!text.empty() && (is_space(text.back()) || text.back() == '\0')) text.remove_suffix(1);
  };
  drop_blanks();
  while (text.ends_with("-->")) {
    const size_t comment = text.rfind("<!--");
    if (comment == kNowhere) return false;
    text = text.substr(0, comment);
    drop_blanks();
  }
  if (!text.ends_with('>') || root.empty()) return false;
  text.remove_suffix(1);
  drop_blanks();
  const size_t open = text.rfind('<');
  if (open == kNowhere) return false;
  const std::string_view tag = text.substr(open + 1);
  if (tag.starts_with('/')) return tag.substr(1) == root;
  return tag.ends_with('/') && tag.starts_with(root);
}

}  // namespace holdfast::provision
