// SPDX-License-Identifier: Apache-2.0
// Random RTP and RTCP packets, keys, and a packet with its task, for tests of SRTP engines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "media/srtp/engine.hh"

namespace holdfast::media {

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937_64;

inline uint32_t below(Random& random, uint32_t bound) {
  return static_cast<uint32_t>(random() % bound);
}

inline void put_be32(uint8_t* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

inline Bytes rtp_packet(uint32_t ssrc, uint16_t sequence, size_t payload_bytes, unsigned csrcs = 0,
                        int extension_words = -1) {
  Bytes bytes(12 + csrcs * 4 +
              (extension_words < 0 ? 0 : 4 + static_cast<size_t>(extension_words) * 4) +
              payload_bytes);
  for (size_t i = 12; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + sequence);
  bytes[0] = static_cast<uint8_t>(0x80 | csrcs | (extension_words < 0 ? 0 : 0x10));
  bytes[1] = 8;
  bytes[2] = static_cast<uint8_t>(sequence >> 8);
  bytes[3] = static_cast<uint8_t>(sequence);
  put_be32(&bytes[4], uint32_t{sequence} * 160);
  put_be32(&bytes[8], ssrc);
  if (extension_words >= 0) {
    const size_t at = 12 + csrcs * 4;
    bytes[at] = 0xbe;  // RFC 8285: no ids that libsrtp was asked to encrypt
    bytes[at + 1] = 0xde;
    bytes[at + 2] = 0;
    bytes[at + 3] = static_cast<uint8_t>(extension_words);
  }
  return bytes;
}

// 0 to 1,400 bytes of payload, CSRCs and extensions.
inline Bytes random_rtp(Random& random, uint32_t ssrc, uint16_t sequence) {
  const uint32_t shape = below(random, 8);
  const size_t payload = shape < 5 ? 160 : below(random, 1401);
  return rtp_packet(ssrc, sequence, payload, below(random, 4) == 0 ? below(random, 16) : 0,
                    below(random, 4) == 0 ? static_cast<int>(below(random, 9)) : -1);
}

inline Bytes random_rtcp(Random& random, uint32_t ssrc) {
  const size_t words = 1 + below(random, 60);
  Bytes bytes(4 + words * 4);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  bytes[0] = 0x80;
  bytes[1] = 204;
  bytes[2] = 0;
  bytes[3] = static_cast<uint8_t>(words);
  put_be32(&bytes[4], ssrc);
  return bytes;
}

inline SdesKey random_key(Random& random, SrtpSuite suite, SrtpMki mki = {}) {
  Bytes bytes(traits_of(suite).master_bytes());
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return {*SrtpMasterKey::from_bytes(suite, bytes), kMaxSrtpLifetime, mki};
}

inline SdesKey clone(const SdesKey& key) {
  return {key.master.clone(), key.lifetime_packets, key.mki};
}

// A buffer with room for a trailer, and the task for it.
struct Packet {
  Bytes bytes;
  SrtpTask task;

  Packet(const Bytes& content, SrtpOp op, SrtpInbound* in, SrtpOutbound* out) : bytes(content) {
    bytes.resize(content.size() + kMaxSrtpTrailerBytes);
    task = {nullptr,
            static_cast<uint16_t>(content.size()),
            static_cast<uint16_t>(bytes.size()),
            op,
            SrtpVerdict::srtp_failed,
            in,
            out};
  }
  Bytes result() const {
    if (task.verdict != SrtpVerdict::srtp_ok) return {};
    return {bytes.begin(), bytes.begin() + task.length};
  }
};

// As one burst.
inline void process(SrtpEngine& engine, std::vector<Packet>& packets) {
  std::vector<SrtpTask> tasks;
  for (Packet& packet : packets) {
    packet.task.data = packet.bytes.data();
    tasks.push_back(packet.task);
  }
  engine.process(tasks);
  for (size_t i = 0; i < packets.size(); ++i) packets[i].task = tasks[i];
}

inline SrtpVerdict process_one(SrtpEngine& engine, Packet& packet) {
  packet.task.data = packet.bytes.data();
  engine.process({&packet.task, 1});
  return packet.task.verdict;
}

}  // namespace holdfast::media
