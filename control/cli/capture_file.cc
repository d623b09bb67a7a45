// SPDX-License-Identifier: Apache-2.0
// Records of pcap, blocks of pcapng, and a disk that may be full.
#include "control/cli/capture_file.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace holdfast::cli {
namespace {

constexpr uint32_t kPcapMagic = 0xa1b2c3d4;
constexpr uint16_t kEthernet = 1;  // LINKTYPE_ETHERNET
constexpr uint32_t kSectionHeader = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint16_t kIfName = 2, kIfDescription = 3, kIfTsresol = 9, kEpbFlags = 2, kShbUserAppl = 4;
constexpr char kNanoseconds = 9;
constexpr uint32_t kInbound = 1, kOutbound = 2;
constexpr uint64_t kNsPerS = 1'000'000'000;

// In the machine's own order: both formats say which.
template <typename T>
void append(std::string& to, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof value);
}

void pad(std::string& to) {
  to.append((4 - to.size() % 4) % 4, '\0');
}

void append_option(std::string& to, uint16_t code, std::string_view value) {
  append(to, code);
  append(to, static_cast<uint16_t>(value.size()));
  to += value;
  pad(to);
}

// `body` is a multiple of four octets.
void append_block(std::string& to, uint32_t type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 12);
  append(to, type);
  append(to, size);
  to += body;
  append(to, size);
}

void append_section(std::string& to) {
  std::string body;
  append(body, kByteOrder);
  append(body, uint16_t{1});
  append(body, uint16_t{0});
  append(body, int64_t{-1});  // length: not known
  append_option(body, kShbUserAppl, "holdfast");
  append(body, uint32_t{0});  // end of options
  append_block(to, kSectionHeader, body);
}

void append_interface(std::string& to, const control::CaptureLeg& leg, uint16_t snap) {
  std::string body;
  append(body, kEthernet);
  append(body, uint16_t{0});
  append(body, uint32_t{snap});
  append_option(body, kIfName, leg.interface);
  append_option(
      body, kIfDescription,
      "leg " + std::to_string(leg.leg) + " of call " + leg.call + ", " + leg.local.to_string());
  append_option(body, kIfTsresol, std::string_view(&kNanoseconds, 1));
  append(body, uint32_t{0});
  append_block(to, kInterface, body);
}

}  // namespace

CaptureFile::Format CaptureFile::format_of(const std::string& path) {
  return path.ends_with(".pcapng") ? Format::kPcapng : Format::kPcap;
}

Result<std::unique_ptr<CaptureFile>, std::string> CaptureFile::create(const std::string& path,
                                                                      uint16_t snap) {
  const bool standard_output = path == "-";
  const int fd = standard_output
                     ? ::dup(STDOUT_FILENO)
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return path + ": " + std::strerror(errno);
  struct stat about {};
  const bool regular = !standard_output && ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  return std::unique_ptr<CaptureFile>(new CaptureFile(path, fd, regular, format_of(path), snap));
}

CaptureFile::CaptureFile(std::string path, int fd, bool regular, Format format, uint16_t snap)
    : path_(std::move(path)), fd_(fd), regular_(regular), format_(format), snap_(snap) {}

CaptureFile::~CaptureFile() {
  close();
}

std::string CaptureFile::failure(int error) const {
  return (path_ == "-" ? "standard output" : path_) + ": " + std::strerror(error);
}

std::string CaptureFile::put(const std::string& bytes, size_t& written) {
  written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure(errno);
    written += static_cast<size_t>(n);
  }
  return "";
}

std::string CaptureFile::begin(const std::vector<control::CaptureLeg>& legs) {
  std::string head;
  if (format_ == Format::kPcap) {
    append(head, kPcapMagic);
    append(head, uint16_t{2});
    append(head, uint16_t{4});
    append(head, uint64_t{0});  // two reserved fields
    append(head, uint32_t{snap_});
    append(head, uint32_t{kEthernet});
  } else {
    append_section(head);
    for (const control::CaptureLeg& leg : legs) {
      legs_.push_back(leg.leg);
      append_interface(head, leg, snap_);
    }
  }
  size_t written = 0;
  std::string wrong = put(head, written);
  size_ = written;
  return wrong;
}

void CaptureFile::encode(const control::CaptureFrame& frame, std::string& to) const {
  const auto kept = static_cast<uint32_t>(frame.bytes.size());
  if (format_ == Format::kPcap) {
    append(to, static_cast<uint32_t>(frame.unix_ns / kNsPerS));
    append(to, static_cast<uint32_t>(frame.unix_ns % kNsPerS / 1000));
    append(to, kept);
    append(to, frame.size);
    to += frame.bytes;
    return;
  }
  const auto leg = std::find(legs_.begin(), legs_.end(), frame.leg);
  std::string body;
  append(body, static_cast<uint32_t>(leg - legs_.begin()));
  append(body, static_cast<uint32_t>(frame.unix_ns >> 32));
  append(body, static_cast<uint32_t>(frame.unix_ns));
  append(body, kept);
  append(body, frame.size);
  body += frame.bytes;
  pad(body);
  std::string flags;
  append(flags, frame.out ? kOutbound : kInbound);
  append_option(body, kEpbFlags, flags);
  append(body, uint32_t{0});
  append_block(to, kEnhancedPacket, body);
}

std::string CaptureFile::add(std::span<const control::CaptureFrame> frames, uint64_t& taken) {
  std::string records;
  std::vector<size_t> ends;
  for (const control::CaptureFrame& frame : frames) {
    if (format_ == Format::kPcapng && std::count(legs_.begin(), legs_.end(), frame.leg) == 0)
      continue;  // not of a leg that the capture began with
    encode(frame, records);
    ends.push_back(records.size());
  }
  size_t written = 0;
  std::string wrong = put(records, written);
  const auto whole = std::upper_bound(ends.begin(), ends.end(), written);
  taken += static_cast<uint64_t>(whole - ends.begin());
  size_ += whole == ends.begin() ? 0 : *(whole - 1);
  if (!wrong.empty() && regular_ && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
    wrong += "; the last frame in it is cut short";
  return wrong;
}

std::string CaptureFile::close() {
  if (fd_ < 0) return "";
  const int closed = ::close(fd_);
  const int error = errno;
  fd_ = -1;
  return closed == 0 ? "" : failure(error);
}

}  // namespace holdfast::cli
