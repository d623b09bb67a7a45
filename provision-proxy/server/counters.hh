// SPDX-License-Identifier: Apache-2.0
// What a listener has seen, by name. Asio thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "provision-proxy/http/chunked.hh"
#include "provision-proxy/http/gate_refusal.hh"

namespace holdfast::provision {

// name, what it counts
#define HOLDFAST_LISTENER_COUNTERS(X)                                                        \
  X(connections, "connections taken")                                                        \
  X(refused_too_many, "connections turned away with 503: as many as may be were there")      \
  X(refused_per_address, "connections turned away with 503: too many of one address")        \
  X(accept_failed, "connections that the kernel could not hand over")                        \
  X(handshakes, "TLS handshakes done")                                                       \
  X(handshakes_resumed, "of these, by a session of before")                                  \
  X(handshakes_failed, "TLS handshakes that failed")                                         \
  X(certificates_good, "connections with a client certificate that is good")                 \
  X(certificates_bad, "connections with one that is not")                                    \
  X(certificates_expired, "connections with one that is good but for its expiry, ignored")   \
  X(certificates_nameless, "connections with a good one that names no MAC, or several")      \
  X(requests, "requests handed to the flow")                                                 \
  X(answers, "answers sent whole")                                                           \
  X(refused_heads, "requests refused by the gate")                                           \
  X(head_too_slow, "connections ended: no whole request head in time")                       \
  X(head_cut, "connections that ended within a request head")                                \
  X(body_too_slow, "uploads ended: they stood still")                                        \
  X(body_cut, "uploads that ended before their length")                                      \
  X(uploads_too_large, "uploads refused for the length that they state")                     \
  X(body_malformed, "uploads with broken chunks")                                            \
  X(write_too_slow, "connections aborted: the phone read nothing")                           \
  X(peer_gone, "connections that broke while an answer was sent")                            \
  X(idle_closed, "connections closed after keep-alive without a request")                    \
  X(answers_failed, "answers aborted in the middle: their body failed")                      \
  X(handler_faults, "answers whose body was not as long as said, or that could not be sent") \
  X(bytes_in, "bytes read, TLS taken off")                                                   \
  X(bytes_out, "bytes written, TLS taken off")

#define HOLDFAST_NAME(name, status, text) #name,
inline constexpr size_t kGateRefusals =
    std::initializer_list<const char*>{HOLDFAST_GATE_REFUSALS(HOLDFAST_NAME)}.size();
inline constexpr size_t kChunkRefusals =
    std::initializer_list<const char*>{HOLDFAST_CHUNK_REFUSALS(HOLDFAST_NAME)}.size();
#undef HOLDFAST_NAME

struct ListenerCounters {
#define HOLDFAST_COUNTER(name, text) uint64_t name = 0;
  HOLDFAST_LISTENER_COUNTERS(HOLDFAST_COUNTER)
#undef HOLDFAST_COUNTER
  uint64_t open = 0;                                      // connections now
  std::array<uint64_t, kGateRefusals> gate_refusals{};    // by GateRefusal; sum: refused_heads
  std::array<uint64_t, kChunkRefusals> chunk_refusals{};  // by ChunkRefusal; sum: body_malformed
};

// Calls see(name, text, value) for each counter, those of the gate included.
template <typename See>
void for_each_counter(const ListenerCounters& counters, See see) {
#define HOLDFAST_COUNTER(name, text) \
  see(std::string_view(#name), std::string_view(text), counters.name);
  HOLDFAST_LISTENER_COUNTERS(HOLDFAST_COUNTER)
#undef HOLDFAST_COUNTER
  for (size_t i = 0; i < kGateRefusals; ++i) {
    const auto refusal = static_cast<GateRefusal>(i);
    see(name_of(refusal), text_of(refusal), counters.gate_refusals[i]);
  }
  for (size_t i = 0; i < kChunkRefusals; ++i) {
    const auto refusal = static_cast<ChunkRefusal>(i);
    see(name_of(refusal), text_of(refusal), counters.chunk_refusals[i]);
  }
}

}  // namespace holdfast::provision
