// SPDX-License-Identifier: Apache-2.0
// Builds one of the possible directories after a power cut.
#include "tests/provision-proxy/store/unsynced_replay.hh"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

namespace holdfast::provision {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, ino_t>;
constexpr size_t kBlock = 4096;

ino_t inode_of(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

Names live_names(const fs::path& folder) {
  Names names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder))
    names[entry.path().filename()] = inode_of(entry.path());
  return names;
}

class Replay {
 public:
  Replay(fs::path directory, fs::path shadow, uint32_t seed)
      : directory_(std::move(directory)), shadow_(std::move(shadow)), random_(seed) {
    for (const auto& entry : fs::recursive_directory_iterator(directory_))
      live_[inode_of(entry.path())] = entry.path();
    for (const auto& entry : fs::directory_iterator(shadow_ / "graves"))
      live_.emplace(inode_of(entry.path()), entry.path());
  }

  void folder(ino_t inode, const fs::path& live, const fs::path& into) {
    fs::create_directories(into);
    fs::permissions(into, fs::perms::owner_all);
    const Names now = live_names(live), synced = synced_names(inode);
    std::set<std::string> all;
    for (const auto* names : {&now, &synced})
      for (const auto& [name, number] : *names) all.insert(name);
    for (const auto& name : all) {
      const auto of = [&](const Names& names) {
        const auto at = names.find(name);
        return at == names.end() ? ino_t{0} : at->second;
      };
      const ino_t chosen = random_() % 2 == 0 ? of(now) : of(synced);
      const auto at = live_.find(chosen);
      if (at == live_.end()) continue;
      if (fs::is_directory(at->second)) {
        folder(chosen, at->second, into / name);
      } else {
        write(into / name, content(chosen, at->second));
      }
    }
  }

 private:
  Names synced_names(ino_t inode) const {
    Names names;
    std::istringstream lines(content_of(shadow_ / "folders" / std::to_string(inode)));
    for (ino_t number = 0; lines >> number;) {
      std::string name;
      std::getline(lines >> std::ws, name);
      names[name] = number;
    }
    return names;
  }

  std::string content(ino_t inode, const fs::path& path) {
    std::string now = content_of(path);
    std::string synced = content_of(shadow_ / "files" / std::to_string(inode));
    if (now == synced) return now;
    const auto way = random_() % 3;
    if (way == 0) return synced;
    if (way == 1) return now;
    const size_t low = std::min(now.size(), synced.size());
    const size_t high = std::max(now.size(), synced.size());
    std::string mixed(random_() % 2 == 0 ? high : low + random_() % (high - low + 1), '\0');
    for (size_t at = 0; at < mixed.size(); at += kBlock) {
      const std::string& from = random_() % 2 == 0 ? now : synced;
      for (size_t i = at; i < std::min({at + kBlock, mixed.size(), from.size()}); ++i)
        mixed[i] = from[i];
    }
    return mixed;
  }

  fs::path directory_, shadow_;
  std::mt19937 random_;
  std::map<ino_t, fs::path> live_;
};

void note_folder(const fs::path& folder, const fs::path& shadow) {
  std::string lines;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const ino_t inode = inode_of(entry.path());
    lines += std::to_string(inode) + " " + entry.path().filename().string() + "\n";
    if (entry.is_directory()) {
      note_folder(entry.path(), shadow);
    } else {
      write(shadow / "files" / std::to_string(inode), content_of(entry.path()));
    }
  }
  write(shadow / "folders" / std::to_string(inode_of(folder)), lines);
}

}  // namespace

void take_as_synced(const std::string& directory, const std::string& shadow) {
  fs::remove_all(shadow);
  for (const char* below : {"files", "folders", "graves"})
    fs::create_directories(fs::path(shadow) / below);
  fs::create_directories(directory);
  note_folder(directory, shadow);
}

void forget_unsynced(const std::string& directory, const std::string& shadow, uint32_t seed) {
  const std::string left = directory + ".left";
  fs::remove_all(left);
  Replay(directory, shadow, seed).folder(inode_of(directory), directory, left);
  fs::remove_all(directory);
  fs::rename(left, directory);
  take_as_synced(directory, shadow);
}

}  // namespace holdfast::provision
