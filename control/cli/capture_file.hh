// SPDX-License-Identifier: Apache-2.0
// Writes captured frames for tcpdump, tshark and Wireshark: pcap, or pcapng with each leg as an
// interface and the direction of each frame.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/control/capture_messages.hh"
#include "media/result.hh"

namespace holdfast::cli {

// Frames are written whole or not at all: when the disk is full, what is there stays readable.
class CaptureFile {
 public:
  enum class Format : uint8_t {
    kPcap,   // draft-ietf-opsawg-pcap, microseconds
    kPcapng  // draft-ietf-opsawg-pcapng, nanoseconds
  };
  static Format format_of(const std::string& path);  // pcapng for a path that ends in .pcapng

  // Replaces a file that is there; only its owner may read it, since it holds what was said. "-" is
  // standard output. The error is one line.
  static Result<std::unique_ptr<CaptureFile>, std::string> create(const std::string& path,
                                                                  uint16_t snap);
  ~CaptureFile();
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  // Once, before the first frame. Empty, or the error, as below.
  std::string begin(const std::vector<control::CaptureLeg>& legs);
  // All of them in one write; `taken` counts those that are in the file.
  std::string add(std::span<const control::CaptureFrame> frames, uint64_t& taken);
  std::string close();  // what the disk refused late

 private:
  CaptureFile(std::string path, int fd, bool regular, Format format, uint16_t snap);
  std::string put(const std::string& bytes, size_t& written);
  std::string failure(int error) const;
  void encode(const control::CaptureFrame& frame, std::string& to) const;

  std::string path_;
  int fd_;
  bool regular_;  // a file that can be cut to its last whole frame
  Format format_;
  uint16_t snap_;
  uint64_t size_ = 0;
  std::vector<uint32_t> legs_;  // by interface id
};

}  // namespace holdfast::cli
