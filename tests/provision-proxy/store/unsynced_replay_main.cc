// SPDX-License-Identifier: Apache-2.0
// What a power cut leaves, as a command, for programs that unsynced_shim.cc was loaded into.
//
//   unsynced_replay synced DIRECTORY SHADOW         all that is there is lasting
//   unsynced_replay forget DIRECTORY SHADOW SEED    what was not synced may be gone
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "tests/provision-proxy/store/unsynced_replay.hh"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 3 && words[0] == "synced") {
      holdfast::provision::take_as_synced(words[1], words[2]);
      return 0;
    }
    if (words.size() == 4 && words[0] == "forget") {
      holdfast::provision::forget_unsynced(words[1], words[2],
                                           static_cast<uint32_t>(std::stoul(words[3])));
      return 0;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unsynced_replay: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: unsynced_replay synced|forget DIRECTORY SHADOW [SEED]\n");
  return 2;
}
