// SPDX-License-Identifier: Apache-2.0
// What is asked and answered on the control socket, as types; docs/control-socket.md is the
// contract.
//
// JSON appears only behind this header: decode_request() turns a frame into a checked Request,
// encode_*() turns answers into frames. Requests are read strictly (an unknown key is an error, so
// that a typo is not a silent default); answers are read leniently, so that a newer dataplane may
// add counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/control/capture_messages.hh"
#include "dataplane/control/srtp_messages.hh"
#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::control {

inline constexpr uint32_t kProtocol = 1;
inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr size_t kMaxFrameBytes = 1024 * 1024;  // body, without the 4 bytes of length
inline constexpr size_t kMaxJsonDepth = 16;            // the deepest message needs 8
inline constexpr size_t kMaxCallKeyBytes = 64;
inline constexpr size_t kMaxClockRates = 4;
inline constexpr size_t kMaxStreams = 64;      // of one leg in one report
inline constexpr size_t kMaxNamedCounts = 64;  // of one list; keeps every report below a frame
inline constexpr uint32_t kMaxPageCalls = 256;
inline constexpr uint32_t kDefaultPageCalls = 64;
inline constexpr uint32_t kMaxPageMinutes = 1024;
inline constexpr uint32_t kDefaultPageMinutes = 256;

// Why a request was refused: the name goes over the wire, the meaning is in docs/control-socket.md.
#define HOLDFAST_CONTROL_ERRORS(X)                                                          \
  X(kBadJson, "bad_json", "the frame is not one JSON object in UTF-8")                      \
  X(kTooLarge, "too_large", "the frame is longer than 1 MiB; the connection closes")        \
  X(kHelloFirst, "hello_first", "the first request must be hello")                          \
  X(kWrongProtocol, "wrong_protocol", "another protocol number; the connection closes")     \
  X(kTooManyClients, "too_many_clients", "32 clients are connected; the connection closes") \
  X(kUnknownOp, "unknown_op", "this dataplane has no such operation")                       \
  X(kBadRequest, "bad_request", "a key is missing, unknown or out of bounds")               \
  X(kCallExists, "call_exists", "a call with this key is there already")                    \
  X(kUnknownCall, "unknown_call", "no call has this key")                                   \
  X(kUnknownLeg, "unknown_leg", "no leg has this id")                                       \
  X(kUnknownInterface, "unknown_interface", "no interface has this name")                   \
  X(kNoSuchFamily, "no_such_family", "the interface has no media address of this family")   \
  X(kNoFreePort, "no_free_port", "every media port of the interface is taken")              \
  X(kPortsResting, "ports_resting", "the media ports that are free rest from a call")       \
  X(kPortTaken, "port_taken", "the local port asked for is taken, or rests")                \
  X(kBadLocalPort, "bad_local_port", "the local port asked for is not in media-ports")      \
  X(kNoFreeLeg, "no_free_leg", "max-legs are in use")                                       \
  X(kCaptureBusy, "capture_busy", "another capture is under way")                           \
  X(kUnknownCapture, "unknown_capture", "this connection has no capture of this number")    \
  X(kNoSrtp, "no_srtp", "no engine for SRTP, or no memory for the state of one more leg")   \
  X(kBusy, "busy", "too much is under way; ask again")                                      \
  X(kInternal, "internal", "a fault of the dataplane")

enum class ErrorCode : uint8_t {
#define X(id, name, help) id,
  HOLDFAST_CONTROL_ERRORS(X)
#undef X
};
std::string_view to_string(ErrorCode);
std::string_view meaning(ErrorCode);  // as docs/control-socket.md has it
std::optional<ErrorCode> error_code_from(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // one line for a person
};

// ---- requests -------------------------------------------------------------------------------

struct ClockRate {
  uint8_t payload_type = 0;  // 0 to 127
  uint32_t hz = 0;           // 1 to 1,000,000
};

enum class Learn : uint8_t {
  kLock,   // the first source that sends valid media is learned, then locked
  kStrict  // only `remote` may send
};

// What a leg carries, as its m= line says: which class marks its packets.
enum class Media : uint8_t { kAudio, kVideo, kFax };
std::string_view to_string(Media);
std::optional<Media> media_from(std::string_view word);

// What its datagrams are: RTP and RTCP, or T.38's UDPTL.
enum class Payload : uint8_t { kRtp, kUdptl };

struct LegSpec {
  std::string interface;
  uint8_t family = 0;  // 4 or 6; 0: that of remote, else of the interface's first media address
  std::optional<SocketAddress> remote;       // from SDP; none: learned from the first packet
  std::optional<SocketAddress> remote_rtcp;  // a=rtcp (RFC 3605); none: the RTP port + 1
  bool rtcp_mux = false;                     // RFC 5761
  std::optional<uint8_t> dscp;               // none: the interface's for `media`
  std::vector<ClockRate> clock_rates;        // at most kMaxClockRates
  Learn learn = Learn::kLock;                // kStrict comes with a remote
  uint16_t local_port = 0;                   // even; 0: the dataplane chooses
  std::optional<IpAddress> local_address;    // a media address; none: the dataplane chooses
  Media media = Media::kAudio;
  Payload payload = Payload::kRtp;  // the same for both legs of a call
  SharedSrtp srtp = nullptr;        // null: plain RTP, or sealed
  // SRTP under keys that its endpoints agreed between them: of RTCP the first header is looked at.
  bool sealed = false;
  // Of a leg that another process had under the same keys: its numbers go on from here, and nothing
  // up to it passes again (media::advance_checkpoint). Empty: the leg is new.
  std::string srtp_checkpoint = {};
};

struct Hello {
  uint32_t protocol = kProtocol;
  std::string client;  // name and version of the client, for the log
};

struct CallAdd {
  std::string call;  // the control plane's key, 1 to 64 printable ASCII characters
  std::array<LegSpec, 2> legs;
  // When a call of this key is there, from a process before: bring its legs to these specs and
  // answer its report, instead of call_exists.
  bool resume = false;
  // A call for help: where every port that is free rests, it gets the one that has rested longest,
  // instead of ports_resting.
  bool emergency = false;
};

// Only what is set changes. A remote that is new or cleared, another `learn`, and relearn open the
// source lock again.
struct LegUpdate {
  uint32_t leg = 0;
  std::optional<SocketAddress> remote;
  std::optional<SocketAddress> remote_rtcp;
  std::optional<Media> media;
  std::optional<uint8_t> dscp;
  bool relearn = false;
  bool clear_remote = false;       // null on the wire: nowhere to send until a source is learned
  bool clear_remote_rtcp = false;  // null on the wire: back to the RTP port + 1
  std::optional<bool> rtcp_mux;
  std::optional<Learn> learn;  // kStrict comes with a remote, or the leg has one
  std::optional<std::vector<ClockRate>> clock_rates;  // in place of those that the leg had
  std::optional<bool> sealed;                         // as in LegSpec
  // In place of what the leg had; a key that it had already goes on with its numbers.
  SharedSrtp srtp;
  bool clear_srtp = false;  // null on the wire: plain RTP from now on
};

struct CallDelete {
  std::string call;
};

// One page. `after` is the `next` of the page before, 0 at first: an opaque number for the client,
// rising from call to call for the dataplane (the smaller leg id of a call does well).
struct CallList {
  uint64_t after = 0;
  uint32_t limit = kDefaultPageCalls;  // 1 to kMaxPageCalls
  bool finished = false;               // the kept reports of ended calls instead of the live ones
};

struct StatusGet {};

// Minute records with numbers above `after`, oldest first.
struct MinuteList {
  uint64_t after = 0;
  std::optional<uint64_t> epoch;  // of the answer that `after` came from; another: from the start
  uint32_t limit = kDefaultPageMinutes;  // 1 to kMaxPageMinutes
};

using Operation = std::variant<Hello, CallAdd, LegUpdate, CallDelete, CallList, StatusGet,
                               MinuteList, CaptureStart, CaptureRead, CaptureStop, CheckpointList>;

struct Request {
  uint64_t id = 0;
  Operation operation;
};

// ---- answers --------------------------------------------------------------------------------

struct NamedCount {
  std::string name;
  uint64_t count = 0;
};

struct PacketCount {
  uint64_t packets = 0;
  uint64_t octets = 0;  // of RTP payload, without header and padding; UDPTL: of datagrams
};

// One SSRC in one direction; belongs to the leg at which it arrives.
struct StreamReport {
  uint32_t ssrc = 0;
  uint8_t payload_type = 0;  // of the newest packet
  uint32_t clock_hz = 0;     // 0 unknown
  uint16_t first_seq = 0;
  uint32_t last_ext_seq = 0;
  uint64_t expected = 0;
  uint64_t received = 0;
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t restarts = 0;
  uint64_t strays = 0;       // lone packets far from the stream's place, in neither sum
  uint32_t jitter_last = 0;  // the three in timestamp units (RFC 3550 A.8)
  uint32_t jitter_mean = 0;
  uint32_t jitter_max = 0;
  std::vector<NamedCount> loss_runs;  // {"1": 12, "60": 1}: length of the run, how many
  // Marks as received (RFC 2474), of all packets of the stream, copies and strays among them.
  uint8_t dscp_in = 0;        // newest packet
  uint8_t dscp_in_first = 0;  // first packet
  uint64_t unmarked = 0;      // packets with DSCP 0
  uint64_t remarked = 0;      // with neither 0 nor what the leg's class is marked with (or, where
                              // marks are copied, the stream's first packet was)
  bool active = false;        // a packet came within the last seconds
  uint64_t lost_by_us = 0;  // of expected: missed while no dataplane ran; neither lost nor received
};

// What a leg's endpoint says in an XR VoIP metrics block (RFC 3611 section 4.7), the newest one.
struct VoipMetrics {
  double loss_rate = 0;  // 0 to 1, as the three below
  double discard_rate = 0;
  double burst_density = 0;
  double gap_density = 0;
  uint16_t burst_duration_ms = 0;
  uint16_t gap_duration_ms = 0;
  uint16_t jitter_buffer_ms = 0;          // nominal
  std::optional<uint16_t> round_trip_ms;  // from end to end, as the endpoint measured it
  std::optional<uint8_t> r_factor;        // 0 to 100
  std::optional<double> mos_lq;           // 1.0 to 5.0
  std::optional<double> mos_cq;
};

// The sums of its XR statistics summaries (section 4.6); they stay at 65,535.
struct StatisticsSums {
  uint32_t lost = 0;
  uint32_t duplicates = 0;
};

// What a leg's endpoint says in its RTCP of one stream that is relayed to it: its newest report
// block, and its extended reports. With `reports` 0 there were extended reports only.
struct FarEndReport {
  uint32_t ssrc = 0;             // of the stream, which arrives at the call's other leg
  uint64_t reports = 0;          // how many blocks came
  uint64_t reported_ms = 0;      // Unix time of the newest
  double fraction_lost = 0;      // 0 to 1, between its last two reports
  int32_t cumulative_lost = 0;   // since it began to listen; negative when copies outnumber losses
  uint64_t lost_before = 0;      // of that stream, `lost` and `lost_by_us` when the block came
  uint32_t highest_ext_seq = 0;  // as the far end counts wraps
  uint32_t jitter = 0;           // timestamp units
  std::optional<double> jitter_ms;      // when the stream's clock is known
  std::optional<double> round_trip_ms;  // from us to the endpoint and back, measured by us
  bool round_trip_by_xr = false;        // ... with XR reference times instead of sender reports
  std::optional<VoipMetrics> voip = {};
  std::optional<StatisticsSums> statistics = {};

  // What was lost between us and the endpoint, as far as the two counts can tell.
  uint64_t lost_beyond() const {
    const int64_t beyond = cumulative_lost - static_cast<int64_t>(lost_before);
    return beyond > 0 ? static_cast<uint64_t>(beyond) : 0;
  }
};

// Sums of streams of a leg that gave their place to newer ones.
struct FoldedStreams {
  uint64_t streams = 0;
  uint64_t expected = 0;
  uint64_t received = 0;
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t lost_by_us = 0;
  uint64_t unmarked = 0;
  uint64_t remarked = 0;
};

// How packets leave.
struct MarkReport {
  std::optional<uint8_t> dscp;  // none: as it came
  uint8_t pcp = 0;              // in the VLAN tag, where the interface has one
};

struct NextHop {
  std::string state;  // "resolved", "resolving", "unreachable", "no route", "local", "unknown"
  std::optional<MacAddress> mac;     // when resolved
  std::optional<IpAddress> gateway;  // when not on the link
};

struct LegReport {
  uint32_t leg = 0;
  std::string interface;
  SocketAddress local;
  SocketAddress local_rtcp;  // equals local with rtcp-mux
  std::optional<SocketAddress> remote;
  std::optional<SocketAddress> remote_rtcp;
  std::optional<SocketAddress> learned_source;  // RTP, once locked
  bool strict_source = false;                   // only `remote` may send
  NextHop next_hop;
  Media media = Media::kAudio;
  Payload payload = Payload::kRtp;
  MarkReport mark;             // of media
  MarkReport rtcp_mark;        // of RTCP, on whichever port
  PacketCount rx;              // valid media in from the endpoint
  PacketCount tx;              // media that left for the endpoint; octets: as given to the port
  uint64_t rtcp_received = 0;  // packets
  uint64_t rtcp_sent = 0;      // packets that left
  // Of the four above, packets from and to other legs of this dataplane, which no wire saw.
  uint64_t joined_received = 0;
  uint64_t joined_sent = 0;
  std::vector<NamedCount> drops;      // by drop reason, zero counts left out
  std::vector<StreamReport> streams;  // the wire carries the first kMaxStreams of them
  uint64_t streams_left_out = 0;      // how many more there were; the wire adds those it leaves out
  FoldedStreams folded;               // what is known of streams left out because of newer ones
  uint64_t unaccounted_packets = 0;   // of rx: relayed, but no stream had room for them
  std::vector<FarEndReport> far_end;  // what the endpoint reports; the wire carries kMaxStreams
  std::vector<NamedCount> far_end_ignored;  // its report blocks that could not be used, by reason
  std::optional<SrtpReport> srtp;           // none: plain RTP, or sealed
  bool sealed = false;                      // as in LegSpec
};

// Answer of call.add (fresh counters) and call.delete (final ones), and the row of call.list.
struct CallReport {
  std::string call;
  uint64_t started_ms = 0;           // Unix time
  std::optional<uint64_t> ended_ms;  // once deleted
  std::vector<LegReport> legs;       // in the order of call.add
};

// What one stream did in one minute of the wall clock, or what was left of it when it ended.
struct MinuteRecord {
  uint64_t number = 0;  // rises by one from record to record
  std::string call;
  uint32_t leg = 0;
  std::string interface;
  std::optional<uint32_t> ssrc;  // none: of several streams of the leg that gave up their places
  uint64_t minute_s = 0;         // Unix time at which the minute began
  uint64_t expected = 0;
  uint64_t received = 0;
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint32_t jitter_max = 0;        // timestamp units
  uint32_t clock_hz = 0;          // 0 unknown
  uint32_t longest_loss_run = 0;  // packets
  uint64_t lost_by_us = 0;        // of expected: missed while no dataplane ran
};

struct MinutePage {
  uint64_t epoch = 0;   // of the dataplane process
  uint64_t next = 0;    // the next request's `after`
  bool more = false;    // records are left behind `next`
  uint64_t missed = 0;  // records behind `after` that were dropped before they were asked for
  std::vector<MinuteRecord> records;
};

// Pairs of media ports (RTP and RTCP), those of all media addresses of an interface together.
struct MediaPorts {
  uint32_t pairs = 0;
  uint32_t lent = 0;     // to legs
  uint32_t resting = 0;  // from their last leg, so that they are lent to nobody
};

struct PortStatus {
  std::string name;
  std::string take;
  std::string driver;
  std::string device;
  std::string link;                  // "up", "down"
  uint64_t rx = 0;                   // frames that arrived
  uint64_t relayed = 0;              // of these, gone out at some port
  uint64_t to_kernel = 0;            // of these, given to the kernel
  uint64_t from_kernel = 0;          // frames of the kernel to send here
  uint64_t tx = 0;                   // frames sent here, whatever their origin
  std::vector<NamedCount> drops;     // of rx: why the others went no further
  std::vector<NamedCount> tx_drops;  // of from_kernel: why they did not go out
  uint64_t joined = 0;  // of rx: went from leg to leg inside, whatever then became of them
  MediaPorts media_ports;

  uint64_t dropped() const;
  // rx = relayed + to_kernel + dropped.
  bool balanced() const { return rx == relayed + to_kernel + dropped(); }
};

struct LcoreStatus {
  uint32_t cpu = 0;
  uint64_t polls = 0;
  double idle_ratio = 0;              // 0 to 1: part of the time without a packet
  uint64_t heap_allocated_bytes = 0;  // since the packet loop began; stays 0
};

// Calls that this process went on with when it took the place of one that died.
struct ResumedCalls {
  uint64_t calls = 0;
  uint64_t refused = 0;  // calls that could not go on: `warnings` says why
  uint64_t down_ms = 0;  // from that one's last sign of life to the first call here
};

struct StatusReport {
  std::string version;
  uint32_t pid = 0;
  uint64_t uptime_s = 0;
  bool huge_pages = false;
  uint32_t legs_in_use = 0;
  uint32_t legs_max = 0;
  std::vector<NamedCount> refused;  // call.add that were refused, by error code
  std::vector<PortStatus> ports;
  std::vector<LcoreStatus> lcores;
  // Of the process before, whose calls this one went on with; none: it began without calls.
  std::optional<ResumedCalls> resumed;
  uint64_t minutes_kept = 0;     // minute records
  uint64_t minutes_dropped = 0;  // for newer ones
  SrtpEngineStatus srtp;
  std::vector<NamedCount> control;    // ControlServer::counters()
  std::vector<std::string> warnings;  // one line each, for a person
};

// A page of call.list under construction. It takes calls until the page is full, by count or by
// bytes, so that an answer always fits a frame.
class CallPage {
 public:
  explicit CallPage(const CallList& request);

  // False: full, the call was not taken, ask again with the next page. `cursor` rises from call to
  // call and is > request.after.
  bool add(const CallReport& report, uint64_t cursor);
  // Says that calls are left behind the last one taken; add() returning false says so by itself.
  void set_more() { more_ = true; }

  std::string to_json() const;  // the answer as one JSON object; never larger than a frame

 private:
  uint32_t limit_;
  uint32_t count_ = 0;
  uint64_t last_cursor_;
  bool more_ = false;
  std::string calls_;  // serialised, comma between
};

// ---- wire -----------------------------------------------------------------------------------

// A frame's body to a Request. On an error the id is the one of the request where it could be read.
struct RequestError {
  std::optional<uint64_t> id;
  Error error;
};
Result<Request, RequestError> decode_request(std::string_view body);

// The name and the members of a request without id: what a client sends.
std::string_view operation_name(const Operation&);
nlohmann::json to_json(const Operation&);

nlohmann::json to_json(const StreamReport&);
nlohmann::json to_json(const FarEndReport&);
nlohmann::json to_json(const VoipMetrics&);
nlohmann::json to_json(const StatisticsSums&);
nlohmann::json to_json(const FoldedStreams&);
nlohmann::json to_json(const CallReport&);
nlohmann::json to_json(const LegReport&);
nlohmann::json to_json(const StatusReport&);
nlohmann::json to_json(const MinuteRecord&);
nlohmann::json to_json(const MinutePage&);

// Lenient readers for clients; the text says which key is wrong.
Result<CallReport, std::string> call_report_from(const nlohmann::json&);
Result<LegReport, std::string> leg_report_from(const nlohmann::json&);
Result<StatusReport, std::string> status_report_from(const nlohmann::json&);
Result<MinutePage, std::string> minute_page_from(const nlohmann::json&);

// Whether a call key is 1 to kMaxCallKeyBytes printable ASCII characters.
bool valid_call_key(std::string_view key);

}  // namespace holdfast::control
