// SPDX-License-Identifier: Apache-2.0
// SRTP of legs on the control socket, as types; docs/control-socket.md is the contract.
//
// What holds keys cannot be copied, and wipes them when it ends. Answers never have keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "media/result.hh"
#include "media/srtp/sdes.hh"

namespace holdfast::control {

class Fields;

inline constexpr uint32_t kMaxPageCheckpoints = 2048;
inline constexpr uint32_t kDefaultPageCheckpoints = 512;

// RFC 3711, with keys by SDES (RFC 4568).
struct LegSrtp {
  // What the endpoint protects with; none yet: its packets are dropped as srtp_no_key.
  std::optional<media::SdesKey> in;
  std::optional<media::SdesKey> out;  // what is sent to it is protected with
};
// Shared, so that a plan can be copied without its keys.
using SharedSrtp = std::shared_ptr<const LegSrtp>;

// What is to be kept of the live legs with SRTP, in case that the process and its memory file are
// lost. Pages as of CallList.
struct CheckpointList {
  uint64_t after = 0;
  uint32_t limit = kDefaultPageCheckpoints;  // legs; 1 to kMaxPageCheckpoints
};

struct LegCheckpoint {
  std::string call;
  uint32_t leg = 0;
  std::string checkpoint;  // media::to_text(SrtpLegCheckpoint)
};

struct CheckpointPage {
  std::vector<LegCheckpoint> legs;
  std::optional<uint64_t> next;  // where the next page begins; none: the list has ended
};

// Names of suites; empty: no key yet.
struct SrtpReport {
  std::string in;
  std::string out;
};

// Which engine does SRTP.
struct SrtpEngineStatus {
  std::string name;   // empty: none, legs with SRTP are refused
  std::string why;    // one line
  uint32_t legs = 0;  // with SRTP
};

// `srtp` of a LegSpec, strictly, and to JSON. Errors have nothing of the keys in them. The JSON
// has: wipe_keys() of key_texts.hh before it ends.
SharedSrtp read_srtp(Fields& fields, std::string& error);
nlohmann::json to_json(const LegSrtp&);
std::string read_checkpoint(Fields& fields);  // `srtp_checkpoint`

nlohmann::json to_json(const CheckpointList&);
CheckpointList read_checkpoint_list(Fields& fields);
nlohmann::json to_json(const CheckpointPage&);
Result<CheckpointPage, std::string> checkpoint_page_from(const nlohmann::json&);
nlohmann::json to_json(const SrtpReport&);
SrtpReport read_srtp_report(const nlohmann::json& object, const std::string& path,
                            std::string& error);  // leniently
nlohmann::json to_json(const SrtpEngineStatus&);
SrtpEngineStatus read_srtp_status(const nlohmann::json& object, const std::string& path,
                                  std::string& error);

}  // namespace holdfast::control
