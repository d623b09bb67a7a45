// SPDX-License-Identifier: Apache-2.0
// Offers as files: a few lines of text, a=crypto values among them, and the SDP behind.
#include "sip/anchor/offer_files.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <utility>

#include "media/srtp/sdes.hh"
#include "sip/anchor/stream_name.hh"

namespace holdfast::sip {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "holdfast offer 1";
constexpr std::string_view kEnd = "end\n";
constexpr std::chrono::minutes kLongest{10};  // Timer C is 185 s
constexpr size_t kMaxFileBytes = size_t{24} << 10;

std::string prefix_of(uint64_t call_key) {
  char text[32];
  std::snprintf(text, sizeof text, "offer-%016llx-", static_cast<unsigned long long>(call_key));
  return text;
}

std::string name_of(uint64_t call_key, std::string_view dialog) {
  char text[32];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(hash_of_branch(dialog)));
  return prefix_of(call_key) + text;
}

media::WipedString crypto_of(uint32_t tag, const media::SdesKey& key) {
  media::SdesCrypto crypto;
  crypto.tag = tag;
  crypto.suite = key.master.suite();
  crypto.keys.push_back({key.master.clone(), key.lifetime_packets, key.mki});
  return media::write_crypto(crypto);
}

// Grows within its room alone: nothing with keys is left behind. False: it is full.
bool add(media::WipedString& out, std::initializer_list<std::string_view> words) {
  size_t size = 0;
  for (const std::string_view word : words) size += word.size();
  if (out.size() + size > out.capacity()) return false;
  for (const std::string_view word : words) out.append(word);
  return true;
}

bool write(const KeptOffer& offer, media::WipedString& out) {
  out.reserve(kMaxFileBytes);
  bool fits = add(out, {kFirstLine, "\n", offer.sender == media::Side::caller ? "0 " : "1 ",
                        std::to_string(static_cast<int>(offer.method)), " ",
                        std::to_string(offer.status), offer.reliable ? " 1\n" : " 0\n"});
  for (const media::MediaDescription& line : offer.ours) {
    fits = fits && add(out, {"line ", line.secure_onward ? "1\n" : "0\n"});
    if (line.srtp.out) fits = fits && add(out, {"out ", crypto_of(1, *line.srtp.out), "\n"});
    for (const media::CryptoOffer& each : line.crypto_onward)
      fits = fits && add(out, {"onward ", crypto_of(each.tag, *each.key), "\n"});
  }
  return fits && add(out, {"sdp ", std::to_string(offer.sdp.size()), "\n", offer.sdp, kEnd});
}

// The text up to the next line's end, which is taken off too.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::optional<size_t> take_number(std::string_view& text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return value;
}

bool read_key(std::string_view word, std::string_view value, media::MediaDescription& line) {
  auto crypto = media::parse_crypto(value);
  if (!crypto) return false;
  auto key = std::make_shared<const media::SdesKey>(std::move(crypto->keys.front()));
  if (word == "out")
    line.srtp.out = std::move(key);
  else
    line.crypto_onward.push_back({crypto->tag, std::move(key)});
  return true;
}

std::optional<KeptOffer> read(std::string_view text) {
  if (take_line(text) != kFirstLine) return std::nullopt;
  KeptOffer offer;
  std::string_view head = take_line(text);
  const auto sender = take_number(head), method = take_number(head), status = take_number(head),
             reliable = take_number(head);
  if (!sender || !method || *method > static_cast<size_t>(Method::unknown) || !status || !reliable)
    return std::nullopt;
  offer.sender = *sender == 0 ? media::Side::caller : media::Side::callee;
  offer.method = static_cast<Method>(*method);
  offer.status = static_cast<int>(*status);
  offer.reliable = *reliable == 1;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    if (word == "sdp") {
      const auto size = take_number(line);
      if (!size || text.size() != *size + kEnd.size() || !text.ends_with(kEnd)) return std::nullopt;
      offer.sdp = std::string(text.substr(0, *size));
      return offer;
    }
    if (word == "line") {
      offer.ours.emplace_back().secure_onward = line == "1";
    } else if ((word != "out" && word != "onward") || offer.ours.empty() ||
               !read_key(word, line, offer.ours.back())) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

OfferFiles::OfferFiles(std::string directory) : directory_(std::move(directory)) {
  if (directory_.empty()) return;
  std::error_code failed;
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
    failed.assign(errno, std::generic_category());
  else
    take_over(failed);
  if (failed) problem_ = directory_ + ": " + failed.message();
}

void OfferFiles::take_over(std::error_code& failed) {
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator at(directory_, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename();
    if (!name.starts_with("offer-")) continue;
    std::error_code gone;
    const auto written = fs::last_write_time(at->path(), gone);
    if (gone || now - written > kLongest)
      ::unlink(at->path().c_str());
    else
      names_.insert(name);
  }
}

bool OfferFiles::keep(uint64_t call_key, std::string_view dialog, const KeptOffer& offer) {
  forget(call_key, dialog);
  media::WipedString text;
  if (directory_.empty() || names_.size() >= kMaxFiles || offer.sdp.size() > kMaxSdpBytes ||
      !write(offer, text))
    return false;
  const std::string name = name_of(call_key, dialog), path = directory_ + '/' + name;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return false;
  const ssize_t written = ::write(file, text.data(), text.size());
  ::close(file);
  names_.insert(name);
  if (written == static_cast<ssize_t>(text.size())) return true;
  forget(call_key, dialog);
  return false;
}

std::optional<KeptOffer> OfferFiles::find(uint64_t call_key, std::string_view dialog) const {
  const std::string name = name_of(call_key, dialog);
  if (!names_.contains(name)) return std::nullopt;
  const int file = ::open((directory_ + '/' + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return std::nullopt;
  media::WipedString text;
  text.resize(kMaxFileBytes);
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  if (size <= 0) return std::nullopt;
  return read(std::string_view(text).substr(0, static_cast<size_t>(size)));
}

bool OfferFiles::has(uint64_t call_key, std::string_view dialog) const {
  return names_.contains(name_of(call_key, dialog));
}

void OfferFiles::forget(uint64_t call_key, std::string_view dialog) {
  const std::string name = name_of(call_key, dialog);
  if (names_.erase(name) > 0) ::unlink((directory_ + '/' + name).c_str());
}

void OfferFiles::forget(uint64_t call_key) {
  const std::string prefix = prefix_of(call_key);
  for (auto each = names_.lower_bound(prefix); each != names_.end() && each->starts_with(prefix);
       each = names_.erase(each))
    ::unlink((directory_ + '/' + *each).c_str());
}

}  // namespace holdfast::sip
