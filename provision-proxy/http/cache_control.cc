// SPDX-License-Identifier: Apache-2.0
// Reads Cache-Control.
#include "provision-proxy/http/cache_control.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/http/list.hh"
#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// delta-seconds, as a token or in quotes.
std::optional<int64_t> seconds_of(const Directive& directive) {
  if (directive.spaced || !directive.has_argument) return std::nullopt;
  const auto plain = unquote(directive.argument);
  return plain ? parse_digits(*plain, kMaxDelta_s) : std::nullopt;
}

// A time that must not be exceeded: in doubt none at all.
void read_limit(const Directive& directive, std::optional<int64_t>& limit) {
  const int64_t value = seconds_of(directive).value_or(0);
  limit = limit && *limit != value ? 0 : value;
}

// Leave to use what is stale: in doubt none, of two the smaller.
void read_leave(const Directive& directive, std::optional<int64_t>& leave) {
  const int64_t value = seconds_of(directive).value_or(0);
  leave = leave ? std::min(*leave, value) : value;
}

// Without these a stored response would be reused otherwise than its origin meant.
constexpr std::array<std::string_view, 9> kIndispensable = {"Age",
                                                            "Cache-Control",
                                                            "Content-Encoding",
                                                            "Content-Length",
                                                            "Content-Range",
                                                            "Content-Type",
                                                            "Date",
                                                            "Expires",
                                                            "Vary"};

bool can_be_left_out(std::string_view name) {
  return is_token(name) && std::none_of(kIndispensable.begin(), kIndispensable.end(),
                                        [&](std::string_view one) { return same_word(one, name); });
}

// no-cache and private: the whole response, or the fields that the argument names. The whole is
// meant, too, if there is no name in it, or one that cannot be left out.
void read_qualified(const Directive& directive, bool& whole, std::vector<std::string>& fields) {
  const auto names = directive.has_argument ? unquote(directive.argument) : std::nullopt;
  bool named = false;
  if (names) {
    ListReader list(*names);
    while (const auto name = list.next()) {
      if (!can_be_left_out(*name)) {
        whole = true;
        continue;
      }
      fields.emplace_back(*name);
      named = true;
    }
  }
  if (!named) whole = true;
}

}  // namespace

RequestDirectives request_directives(const Fields& request) {
  RequestDirectives d;
  if (!request.has("Cache-Control")) {
    d.no_cache = has_element(request, "Pragma", "no-cache");
    return d;
  }
  for_each_element(request, "Cache-Control", [&](std::string_view element) {
    const Directive directive = split_directive(element);
    const auto is = [&](std::string_view name) { return same_word(directive.name, name); };
    if (is("no-cache")) {
      d.no_cache = true;
    } else if (is("no-store")) {
      d.no_store = true;
    } else if (is("only-if-cached")) {
      d.only_if_cached = true;
    } else if (is("max-age")) {
      read_limit(directive, d.max_age);
    } else if (is("min-fresh")) {
      const int64_t value = seconds_of(directive).value_or(kMaxDelta_s);
      d.min_fresh = std::max(d.min_fresh.value_or(0), value);
    } else if (is("max-stale") && !directive.has_argument) {
      d.max_stale = std::min(d.max_stale.value_or(kMaxDelta_s), kMaxDelta_s);
    } else if (is("max-stale")) {
      read_leave(directive, d.max_stale);
    } else if (is("stale-if-error")) {
      read_leave(directive, d.stale_if_error);
    }
  });
  return d;
}

ResponseDirectives response_directives(const Fields& response) {
  ResponseDirectives d;
  for_each_element(response, "Cache-Control", [&](std::string_view element) {
    const Directive directive = split_directive(element);
    const auto is = [&](std::string_view name) { return same_word(directive.name, name); };
    if (is("max-age")) {
      read_limit(directive, d.max_age);
    } else if (is("s-maxage")) {
      read_limit(directive, d.s_maxage);
    } else if (is("no-cache")) {
      read_qualified(directive, d.no_cache, d.no_cache_fields);
    } else if (is("private")) {
      read_qualified(directive, d.is_private, d.private_fields);
    } else if (is("no-store")) {
      d.no_store = true;
    } else if (is("public")) {
      d.is_public = true;
    } else if (is("must-revalidate")) {
      d.must_revalidate = true;
    } else if (is("proxy-revalidate")) {
      d.proxy_revalidate = true;
    } else if (is("must-understand")) {
      d.must_understand = true;
    } else if (is("stale-while-revalidate")) {
      read_leave(directive, d.stale_while_revalidate);
    } else if (is("stale-if-error")) {
      read_leave(directive, d.stale_if_error);
    }
  });
  return d;
}

}  // namespace holdfast::provision
