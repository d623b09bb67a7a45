// SPDX-License-Identifier: Apache-2.0
// Capture files as libpcap reads them, and a disk that is full.
#include "control/cli/capture_file.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace holdfast::cli {
namespace {

using control::CaptureFrame;
using control::CaptureLeg;

constexpr uint64_t kTime = 1'700'000'000'123'456'789;

const std::vector<CaptureLeg> kLegs = {
    {7, "call a", "lan", *SocketAddress::parse("198.18.1.2:20000")},
    {8, "call a", "wan", *SocketAddress::parse("[2001:db8:2::2]:20002")}};

CaptureFrame frame(uint32_t leg, bool out, size_t size, size_t kept) {
  CaptureFrame f{kTime + size * 1000, leg, out, static_cast<uint32_t>(size), {}};
  for (size_t i = 0; i < kept; ++i) f.bytes += static_cast<char>(i + size);
  return f;
}

struct Read {
  uint64_t ns;
  uint32_t size;
  std::string bytes;
};

// All frames, or a failure: a file that ends within one is an error of libpcap's.
std::vector<Read> read_back(const std::string& path) {
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* file =
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
  EXPECT_NE(file, nullptr) << error;
  std::vector<Read> all;
  if (file == nullptr) return all;
  EXPECT_EQ(pcap_datalink(file), DLT_EN10MB);
  pcap_pkthdr* head = nullptr;
  const u_char* bytes = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(file, &head, &bytes)) == 1) {
    all.push_back({static_cast<uint64_t>(head->ts.tv_sec) * 1'000'000'000 +
                       static_cast<uint64_t>(head->ts.tv_usec),
                   head->len, std::string(reinterpret_cast<const char*>(bytes), head->caplen)});
  }
  EXPECT_EQ(status, PCAP_ERROR_BREAK) << pcap_geterr(file);
  pcap_close(file);
  return all;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CaptureFiles : public testing::TestWithParam<const char*> {
 protected:
  std::string path_ = testing::TempDir() + "hf-capture-" + std::to_string(::getpid()) + GetParam();
  void TearDown() override { ::unlink(path_.c_str()); }
};

TEST_P(CaptureFiles, AreReadBackAsTheyWereWritten) {
  std::vector<CaptureFrame> frames;
  for (const size_t size : {60u, 61u, 62u, 63u, 214u})
    frames.push_back(frame(7, false, size, size));
  frames.push_back(frame(8, true, 1514, 64));  // cut
  auto file = CaptureFile::create(path_, 2000);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ((*file)->begin(kLegs), "");
  uint64_t taken = 0;
  EXPECT_EQ((*file)->add({frames.data(), 2}, taken), "");
  EXPECT_EQ((*file)->add({frames.data() + 2, frames.size() - 2}, taken), "");
  EXPECT_EQ((*file)->add({}, taken), "");
  EXPECT_EQ(taken, frames.size());
  EXPECT_EQ((*file)->close(), "");

  const auto read = read_back(path_);
  ASSERT_EQ(read.size(), frames.size());
  const uint64_t unit_ns = path_.ends_with("ng") ? 1 : 1000;
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].bytes, frames[i].bytes) << i;
    EXPECT_EQ(read[i].size, frames[i].size);
    EXPECT_EQ(read[i].ns, frames[i].unix_ns / unit_ns * unit_ns);
  }
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

// The limit of a file's size stands for a disk that is full: the write takes a part, then fails.
TEST_P(CaptureFiles, AFullDiskLeavesAFileOfWholeFrames) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto file = CaptureFile::create(path_, 2000);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ((*file)->begin(kLegs), "");
  const std::vector<CaptureFrame> frames(20, frame(8, true, 500, 500));
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  uint64_t taken = 0;
  const std::string wrong = (*file)->add(frames, taken);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(wrong, path_ + ": File too large");
  EXPECT_TRUE(taken == 6 || taken == 7) << taken;
  EXPECT_EQ((*file)->close(), "");
  EXPECT_EQ(read_back(path_).size(), taken);
}

INSTANTIATE_TEST_SUITE_P(Formats, CaptureFiles, testing::Values(".pcap", ".pcapng"));

TEST(CaptureFile, PcapngNamesTheLegAndTheDirection) {
  const std::string path = testing::TempDir() + "hf-legs-" + std::to_string(::getpid()) + ".pcapng";
  auto file = CaptureFile::create(path, 2000);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ((*file)->begin(kLegs), "");
  const size_t head = contents(path).size();
  for (const bool out : {false, true}) {
    uint64_t taken = 0;
    const CaptureFrame one = frame(out ? 8 : 7, out, 60, 60);
    const CaptureFrame strange = frame(9, out, 60, 60);  // no leg of this capture
    EXPECT_EQ((*file)->add({&one, 1}, taken), "");
    EXPECT_EQ((*file)->add({&strange, 1}, taken), "");
    EXPECT_EQ(taken, 1u);
  }
  const std::string all = contents(path);
  ::unlink(path.c_str());
  EXPECT_NE(all.find("leg 7 of call call a, 198.18.1.2:20000"), std::string::npos);
  EXPECT_NE(all.find("leg 8 of call call a, [2001:db8:2::2]:20002"), std::string::npos);
  // Enhanced Packet Block: type, length, interface at 8; then 60 octets from 28, the flags' option.
  const size_t block = 32 + 60 + 12;
  ASSERT_EQ(all.size(), head + 2 * block);
  for (const size_t i : {0u, 1u}) {
    const size_t at = head + i * block;
    EXPECT_EQ(all[at], 6);
    EXPECT_EQ(all[at + 8], static_cast<char>(i)) << "the interface of the leg";
    EXPECT_EQ(all.substr(at + 88, 5), std::string({2, 0, 4, 0, static_cast<char>(i + 1)}));
  }
}

TEST(CaptureFile, CannotBeMadeWhereThereIsNoFolder) {
  const auto file = CaptureFile::create("/nonexistent/x.pcap", 2000);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), "/nonexistent/x.pcap: No such file or directory");
}

TEST(CaptureFile, ADeviceThatIsFullSaysSo) {
  auto file = CaptureFile::create("/dev/full", 2000);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->begin(kLegs), "/dev/full: No space left on device");
}

}  // namespace
}  // namespace holdfast::cli
