// SPDX-License-Identifier: Apache-2.0
// Maps, reserves and gives back.
#include "dataplane/state/srtp_file.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace holdfast::dataplane {
namespace {

constexpr size_t kPage = 4096;

size_t offset_of(LegIndex leg) {
  return (leg - 1) * sizeof(SrtpLeg);
}

size_t size_of(size_t legs) {
  return (legs * sizeof(SrtpLeg) + kPage - 1) / kPage * kPage;
}

// One that is there, of the right size.
OwnFile open_left(const std::string& path, size_t legs, int flags, std::string& why) {
  OwnFile file = OwnFile::open(path, flags, why);
  if (file && file.size() == size_of(legs)) return file;
  if (why.empty()) why = path + (file ? " is not used: it is damaged" : " is not there");
  return {};
}

bool punch(const OwnFile& file, size_t at, size_t bytes) {
  constexpr int kHole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return ::fallocate(file.fd(), kHole, static_cast<off_t>(at), static_cast<off_t>(bytes)) == 0;
}

}  // namespace

std::string srtp_path(const std::string& memory_file, uint32_t name) {
  return memory_file + ".srtp" + std::to_string(name);
}

std::optional<SrtpFile> SrtpFile::make(const std::string& path, size_t legs) {
  OwnFile file = OwnFile::make(path);
  if (!file) return std::nullopt;
  Mapping memory;
  if (::ftruncate(file.fd(), static_cast<off_t>(size_of(legs))) == 0)
    memory = Mapping(file, size_of(legs), PROT_READ | PROT_WRITE, MAP_SHARED);
  if (memory) return SrtpFile(std::move(file), std::move(memory), legs);
  ::unlink(path.c_str());
  return std::nullopt;
}

std::optional<SrtpFile> SrtpFile::go_on(const std::string& path, size_t legs) {
  std::string unsaid;
  OwnFile file = open_left(path, legs, O_RDWR, unsaid);
  // Behind the end there is nothing to give back.
  if (!file || !punch(file, file.size(), kPage)) return std::nullopt;
  Mapping memory(file, size_of(legs), PROT_READ | PROT_WRITE, MAP_SHARED);
  if (!memory) return std::nullopt;
  return SrtpFile(std::move(file), std::move(memory), legs);
}

SrtpFile::SrtpFile(OwnFile file, Mapping memory, size_t legs)
    : file_(std::move(file)),
      memory_(std::move(memory)),
      legs_(std::launder(static_cast<SrtpLeg*>(memory_.memory())), legs) {
  static_cast<void>(::madvise(memory_.memory(), memory_.bytes(), MADV_DONTDUMP));
}

// Pages that are there already stay as they are. (What posix_fallocate() does where the file system
// cannot would: it writes.)
bool SrtpFile::reserve(LegIndex first, size_t count) {
  const size_t start = offset_of(first) / kPage * kPage;
  const size_t bytes = size_of(first - 1 + count) - start;
  if (::fallocate(file_.fd(), 0, static_cast<off_t>(start), static_cast<off_t>(bytes)) != 0)
    return false;
  // Where the kernel can, here and not at the lcore's first store.
  static_cast<void>(
      ::madvise(static_cast<std::byte*>(memory_.memory()) + start, bytes, MADV_POPULATE_WRITE));
  return true;
}

void SrtpFile::give_back(LegIndex first, size_t count) {
  static_cast<void>(punch(file_, offset_of(first), count * sizeof(SrtpLeg)));
}

std::optional<LeftSrtp> LeftSrtp::open(const std::string& path, size_t legs, std::string& why) {
  const OwnFile file = open_left(path, legs, O_RDONLY, why);
  if (!file) return std::nullopt;
  Mapping memory(file, size_of(legs), PROT_READ, MAP_PRIVATE);
  if (memory) return LeftSrtp(std::move(memory));
  why = file_problem(path, "cannot be mapped");
  return std::nullopt;
}

const SrtpLeg& LeftSrtp::of(LegIndex leg) const {
  return *std::launder(reinterpret_cast<const SrtpLeg*>(
      static_cast<const std::byte*>(memory_.memory()) + offset_of(leg)));
}

}  // namespace holdfast::dataplane
