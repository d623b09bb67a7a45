// SPDX-License-Identifier: Apache-2.0
// Why a request to the dataplane has no answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/control/messages.hh"

namespace holdfast::control {

struct ClientError {
  enum class Kind : uint8_t {
    kUnreachable,  // not running, no permission, connection lost
    kTimeout,
    kBadAnswer,  // another protocol, or an answer that makes no sense
    kRefused     // the dataplane said no; `code` says why
  };
  Kind kind = Kind::kUnreachable;
  std::string message;            // one line for a person
  std::optional<ErrorCode> code;  // of a refusal, when this version knows it
};

}  // namespace holdfast::control
