// SPDX-License-Identifier: Apache-2.0
// Keeps uploads that wait for the centre.
#include "provision-proxy/spool/spool.hh"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/state_file.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kEnding = ".upload", kTemporary = ".new", kAside = ".damaged";
constexpr size_t kDigits = 16;           // of a number in a file's name
constexpr size_t kMaxHead = 256 * 1024;  // of a file beside its body, far above any request's
constexpr size_t kResults = static_cast<size_t>(SpoolResult::count);

constexpr std::array<std::string_view, kResults> kNames = {
#define HOLDFAST_X(name, text) #name,
    HOLDFAST_SPOOL_RESULTS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr std::array<std::string_view, kResults> kTexts = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_SPOOL_RESULTS(HOLDFAST_X)
#undef HOLDFAST_X
};

// "000000000000001f.upload"
std::optional<uint64_t> number_in(std::string_view name) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  if (error != std::errc{} || end != name.data() + kDigits) return std::nullopt;
  return number;
}

}  // namespace

std::string_view name_of(SpoolResult result) {
  return kNames[static_cast<size_t>(result)];
}
std::string_view text_of(SpoolResult result) {
  return kTexts[static_cast<size_t>(result)];
}

Result<std::unique_ptr<Spool>, std::string> Spool::open(SpoolConfig config, Disk& disk) {
  std::unique_ptr<Spool> spool(new Spool(std::move(config), disk));
  if (std::string problem = spool->load(); !problem.empty()) return problem;
  return spool;
}

std::string Spool::load() {
  if (std::string problem = make_state_directory(config_.directory); !problem.empty())
    return problem;
  std::error_code error;
  std::filesystem::directory_iterator files(config_.directory, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error))
    load_file(files->path().filename().string());
  return error ? config_.directory + ": " + error.message() : "";
}

void Spool::load_file(const std::string& name) {
  const auto number = name.size() > kDigits ? number_in(name) : std::nullopt;
  if (!number) return;  // not ours
  next_number_ = std::max(next_number_, *number + 1);
  const std::string_view ending = std::string_view(name).substr(kDigits);
  if (ending == kTemporary) {
    ::unlink(path_of(*number, kTemporary).c_str());
  } else if (ending == kEnding) {
    const auto file =
        read_state_file(path_of(*number, kEnding), config_.max_upload_bytes + kMaxHead);
    const auto upload = file ? decode_upload(*file) : std::nullopt;
    if (!upload || upload->number != *number) return put_aside(*number);
    insert(*upload, file->size());
  }
}

std::string Spool::path_of(uint64_t number, std::string_view ending) const {
  std::array<char, kDigits> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + kDigits, number, 16).ptr;
  std::string text(digits.data(), end);
  text.insert(0, kDigits - text.size(), '0');
  return config_.directory + "/" + text + std::string(ending);
}

void Spool::put_aside(uint64_t number) {
  disk_.rename(path_of(number, kEnding), path_of(number, kAside));
  ++status_.damaged;
  Damage damage{path_of(number, kAside), {}, {}};
  if (const auto known = items_.find(number); known != items_.end()) {
    damage.phone = known->second.phone;
    damage.target = known->second.target;
  }
  damage_.push_back(std::move(damage));
}

void Spool::insert(const Upload& upload, uint64_t bytes) {
  items_[upload.number] = {upload.number, upload.kind,  upload.at_ms,
                           upload.origin, upload.phone, upload.method,
                           upload.target, bytes,        upload.body.size()};
  bytes_ += bytes;
}

void Spool::erase(uint64_t number) {
  const auto found = items_.find(number);
  if (found == items_.end()) return;
  bytes_ -= found->second.bytes;
  items_.erase(found);
  gone_.push_back(number);
}

// ---- room ---------------------------------------------------------------------------------------

Spool::Share Spool::share_of(const std::string* phone, SpoolKind kind) const {
  Share share;
  for (const auto& [number, item] : items_) {
    if (item.kind != kind || (phone != nullptr && item.phone != *phone)) continue;
    share.bytes += item.bytes;
    ++share.number;
  }
  return share;
}

SpoolResult Spool::judge(const Upload& upload, uint64_t bytes) {
  if (upload.body.size() > config_.max_upload_bytes || bytes - upload.body.size() > kMaxHead)
    return SpoolResult::too_large;
  if (bytes > config_.max_bytes) return SpoolResult::full;
  const bool is_log = upload.kind == SpoolKind::log;
  const uint64_t phone_bytes = is_log ? config_.max_phone_log_bytes : config_.max_phone_bytes;
  const size_t phone_number = is_log ? config_.max_phone_logs : config_.max_phone_uploads;
  if (bytes > phone_bytes || phone_number == 0) return SpoolResult::phone_full;
  const Share fixed = share_of(nullptr, SpoolKind::replay);  // no upload makes it less
  if (fixed.bytes + bytes > config_.max_bytes || fixed.number >= config_.max_uploads)
    return SpoolResult::full;
  for (;;) {
    const Share share = share_of(&upload.phone, upload.kind);
    if (share.bytes + bytes <= phone_bytes && share.number < phone_number) break;
    if (!is_log) return SpoolResult::phone_full;
    drop_log(&upload.phone);
  }
  while (bytes_ + bytes > config_.max_bytes || items_.size() >= config_.max_uploads)
    drop_log(is_log && share_of(&upload.phone, SpoolKind::log).number > 0 ? &upload.phone
                                                                          : nullptr);
  return SpoolResult::kept;
}

// The oldest, of this phone or of any; there is one.
void Spool::drop_log(const std::string* phone) {
  const auto oldest = std::ranges::find_if(items_, [&](const auto& known) {
    return known.second.kind == SpoolKind::log &&
           (phone == nullptr || known.second.phone == *phone);
  });
  if (oldest == items_.end()) return;
  ++status_.logs_dropped;
  remove(oldest->first);
}

// ---- in and out ---------------------------------------------------------------------------------

SpoolResult Spool::add(Upload upload) {
  upload.number = next_number_;
  const auto bytes = encode_upload(upload);
  SpoolResult result = SpoolResult::unwritable;
  if (bytes) result = judge(upload, bytes->size());
  if (result == SpoolResult::kept) {
    ++next_number_;
    if (write(upload.number, *bytes)) {
      insert(upload, bytes->size());
    } else {
      result = SpoolResult::disk_error;
    }
  }
  ++status_.results[static_cast<size_t>(result)];
  return result;
}

bool Spool::write(uint64_t number, std::string_view bytes) {
  const std::string temporary = path_of(number, kTemporary), path = path_of(number, kEnding);
  const FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return false;
  if (disk_.write(file.get(), bytes) != 0 || disk_.sync(file.get()) != 0 ||
      disk_.rename(temporary, path) != 0) {
    ::unlink(temporary.c_str());
    return false;
  }
  if (sync_directory()) return true;
  ::unlink(path.c_str());  // the phone is told that it was not kept
  return false;
}

bool Spool::sync_directory() {
  const FileDescriptor folder(
      ::open(config_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() >= 0 && disk_.sync(folder.get()) == 0;
}

const Spool::Item* Spool::next(std::string_view origin) const {
  for (const auto& [number, item] : items_)
    if (item.origin == origin) return &item;
  return nullptr;
}

const Spool::Item* Spool::newest(std::string_view origin, std::string_view phone,
                                 std::string_view target) const {
  for (auto item = items_.rbegin(); item != items_.rend(); ++item)
    if (item->second.origin == origin && item->second.phone == phone &&
        item->second.target == target)
      return &item->second;
  return nullptr;
}

std::optional<Upload> Spool::read(uint64_t number) {
  if (!items_.contains(number)) return std::nullopt;
  const auto file = read_state_file(path_of(number, kEnding), config_.max_upload_bytes + kMaxHead);
  if (!file) return std::nullopt;
  auto upload = decode_upload(*file);
  if (upload && upload->number == number) return upload;
  put_aside(number);
  erase(number);
  return std::nullopt;
}

bool Spool::finish(uint64_t number) {
  if (!items_.contains(number)) return true;
  ++status_.finished;
  return remove(number);
}

bool Spool::remove(uint64_t number) {
  const bool gone = ::unlink(path_of(number, kEnding).c_str()) == 0;
  erase(number);
  return gone && sync_directory();
}

SpoolStatus Spool::status() const {
  SpoolStatus status = status_;
  for (const auto& [number, item] : items_)
    ++(item.kind == SpoolKind::log ? status.logs : status.uploads);
  status.bytes = bytes_;
  return status;
}

}  // namespace holdfast::provision
