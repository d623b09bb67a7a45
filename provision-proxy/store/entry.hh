// SPDX-License-Identifier: Apache-2.0
// What the store keeps: a response's metadata, the body that it belongs to, and whose it is.
//
// Entries are immutable and shared: a change makes a new one. Times are Unix milliseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

struct Key {
  std::string origin, target;
  std::string identity;  // of the phone whose file it is; empty: shared by all

  friend bool operator==(const Key&, const Key&) = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    const std::hash<std::string_view> hash;
    size_t sum = hash(key.target);
    sum = sum * 1099511628211U + hash(key.identity);
    return sum * 1099511628211U + hash(key.origin);
  }
};

struct Meta {
  int status = 0;
  std::string reason;
  Fields fields;
  Fields vary_request;  // the request's fields that Vary named
  int64_t request_ms = 0, response_ms = 0;
  // When the origin last confirmed it, in this run of the process; 0: not in this run.
  int64_t validated_ms = 0;
};

struct Body {
  std::string hash;  // SHA-256, 64 lower-case hex digits
  uint64_t size = 0;
};

enum class Keep : uint8_t {
  kNormal,
  kLastGood  // the newest such copy of a key and variant is neither evicted nor displaced
};

struct Entry {
  int64_t id = 0;  // rises with every commit
  Key key;
  std::string variant;  // canonical text of meta.vary_request
  Meta meta;
  Body body;
  int64_t generation = 0;  // of this key and variant, from 1; one more with each other body
  Keep keep = Keep::kNormal;
  int64_t stored_ms = 0;
  bool distrusted = false;  // rolled back: listed, never found
  // Not to be believed fresh before the origin has confirmed it, whatever its times say:
  // invalidated, superseded once, or the clock was set back.
  bool must_validate = false;
};
using EntryPtr = std::shared_ptr<const Entry>;

// Names in lower case, sorted; the same for requests that Vary cannot tell apart.
std::string variant_of(const Fields& vary_request);

// "Name: value\r\n" lines and back. False: a name or value that would not come back as it was.
bool encode_fields(const Fields& fields, std::string& text);
Fields decode_fields(std::string_view text);

// About what an entry takes in memory, its body aside.
size_t meta_bytes(const Entry& entry);

}  // namespace holdfast::provision
