// SPDX-License-Identifier: Apache-2.0
// Reading of stored bodies: nothing is served that is not what its hash says.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "provision-proxy/store/store.hh"

namespace holdfast::provision {

std::shared_ptr<const std::string> Store::small(const EntryPtr& entry) {
  if (entry->body.size > kSmallBodyBytes) return nullptr;
  if (auto bytes = cache_.find(entry->body.hash)) {
    index_.touch(entry->id, hooks_.unix_ms());
    return bytes;
  }
  if (!index_.has_body(entry->body.hash)) return nullptr;
  auto bytes = std::make_shared<std::string>();
  const auto found = files_.check(entry->body, bytes.get());
  if (found != BodyFiles::Check::kGood) {
    if (found != BodyFiles::Check::kUnreadable) damaged(entry->body, found);
    return nullptr;
  }
  index_.set_verified(entry->body.hash);
  index_.touch(entry->id, hooks_.unix_ms());
  cache_.put(entry->body.hash, bytes);
  return bytes;
}

void Store::read(const EntryPtr& entry, ReadDone done) {
  if (auto bytes = small(entry)) return done(StoreError::kNone, std::make_unique<Reader>(bytes));
  const Body& body = entry->body;
  if (!index_.has_body(body.hash)) return done(StoreError::kNotFound, nullptr);
  if (!index_.is_verified(body.hash)) {
    if (body.size > kInlineCheckBytes) {
      Checking& checking = checking_[body.hash];
      checking.waiting.emplace_back(entry, std::move(done));
      if (checking.waiting.size() > 1) return;
      Pending pending;
      pending.checked = body;
      put({.kind = Job::Kind::kCheck, .body = body}, std::move(pending));
      return;
    }
    const auto found = files_.check(body);
    if (found == BodyFiles::Check::kUnreadable) return done(StoreError::kDiskError, nullptr);
    if (found != BodyFiles::Check::kGood) {
      damaged(body, found);
      return done(StoreError::kDamaged, nullptr);
    }
    index_.set_verified(body.hash);
  }
  std::unique_ptr<Reader> reader;
  const StoreError error = open_body(entry, reader);
  done(error, std::move(reader));
}

StoreError Store::open_body(const EntryPtr& entry, std::unique_ptr<Reader>& reader) {
  const Body& body = entry->body;
  auto file = std::make_shared<FileDescriptor>(
      ::open(files_.path_of(body.hash).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (file->get() < 0 && errno == ENOENT) {
    damaged(body, BodyFiles::Check::kMissing);
    return StoreError::kDamaged;
  }
  if (file->get() < 0 || ::fstat(file->get(), &info) != 0) return StoreError::kDiskError;
  if (static_cast<uint64_t>(info.st_size) != body.size) {
    damaged(body, BodyFiles::Check::kDamaged);
    return StoreError::kDamaged;
  }
  index_.touch(entry->id, hooks_.unix_ms());
  auto arrival = std::make_shared<Arrival>(Arrival{body.size, Arrival::End::kComplete});
  reader = std::make_unique<Reader>(std::move(file), std::move(arrival));
  return StoreError::kNone;
}

void Store::settle_check(const Outcome& outcome, const Body& body) {
  const auto at = checking_.find(body.hash);
  auto waiting = std::move(at->second.waiting);
  checking_.erase(at);
  StoreError error = StoreError::kNone;
  if (!index_.has_body(body.hash)) {
    error = StoreError::kNotFound;  // evicted meanwhile
  } else if (outcome.check == BodyFiles::Check::kGood) {
    index_.set_verified(body.hash);
  } else if (outcome.check == BodyFiles::Check::kUnreadable) {
    error = StoreError::kDiskError;
  } else {
    damaged(body, outcome.check);
    error = StoreError::kDamaged;
  }
  for (auto& [entry, done] : waiting) {
    std::unique_ptr<Reader> reader;
    const StoreError own = error == StoreError::kNone ? open_body(entry, reader) : error;
    done(own, std::move(reader));
  }
}

void Store::tell_damage(const std::string& subject, const std::string& what) {
  if (hooks_.damaged) hooks_.damaged(subject, what);
}

// Its entries go at once; the file goes aside, and the rows, on the writer thread.
void Store::damaged(const Body& body, BodyFiles::Check found) {
  const bool missing = found == BodyFiles::Check::kMissing;
  Job job{.kind = Job::Kind::kSetAside, .body = body};
  std::string target;
  for (const auto& entry : index_.with_body(body.hash)) {
    job.change.erase.push_back(entry->id);
    index_.erase(entry->id);
    target = entry->key.target;
  }
  cache_.erase(body.hash);
  hooks_.logger(LogLevel::error, "store: the body of " + target + " is " +
                                     (missing ? "gone" : "damaged and moved aside") +
                                     "; it has to be fetched anew");
  tell_damage(target, missing ? "gone" : "moved aside to damaged/" + body.hash);
  Pending pending;
  pending.redo = job.change;
  put(std::move(job), std::move(pending));
}

}  // namespace holdfast::provision
