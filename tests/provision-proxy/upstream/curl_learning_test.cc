// SPDX-License-Identifier: Apache-2.0
// What we rely on in libcurl, pinned: if one of these fails after an upgrade, upstream/ must be
// looked at again.
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "tests/provision-proxy/upstream/scripted_origin.hh"

namespace holdfast::provision {
namespace {

struct Easy {
  Easy() : handle(curl_easy_init()) {
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Easy::write);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Easy::header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
  }
  ~Easy() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(pins);
  }
  Easy(const Easy&) = delete;
  Easy& operator=(const Easy&) = delete;

  static size_t write(char* bytes, size_t size, size_t count, void* self) {
    auto& me = *static_cast<Easy*>(self);
    ++me.writes;
    me.largest = std::max(me.largest, size * count);
    if (me.pause_at == me.writes) return CURL_WRITEFUNC_PAUSE;
    me.body.append(bytes, size * count);
    return size * count;
  }
  static size_t header(char* bytes, size_t size, size_t count, void* self) {
    static_cast<Easy*>(self)->lines.emplace_back(bytes, size * count);
    return size * count;
  }
  void url(uint16_t port, const std::string& path, const std::string& host = "127.0.0.1") const {
    const auto text = "http://" + host + ":" + std::to_string(port) + path;
    curl_easy_setopt(handle, CURLOPT_URL, text.c_str());
  }
  void pin(const std::string& entry) {
    pins = curl_slist_append(pins, entry.c_str());
    curl_easy_setopt(handle, CURLOPT_RESOLVE, pins);
  }

  CURL* handle;
  curl_slist* pins = nullptr;
  std::string body;
  std::vector<std::string> lines;
  int writes = 0, pause_at = -1;
  size_t largest = 0;
};

std::string answer_ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(CurlLearning, IsNewEnough) {
  const auto* version = curl_version_info(CURLVERSION_NOW);
  EXPECT_GE(version->version_num, 0x075500U);  // 7.85: CURLOPT_PROTOCOLS_STR; prereq is of 7.80
  EXPECT_NE(version->features & CURL_VERSION_SSL, 0);
}

TEST(CurlLearning, ARequestTargetGoesOutAsItIs) {
  ScriptedOrigin origin([&](OriginConnection& c) {
    origin.note(c.read_until("\r\n"));
    c.read_head();
    c.send(answer_ok("x"));
  });
  for (const char* target : {"/a/../../etc/passwd", "/%2e%2E/x", "/a//b/./c", "/q?a=[b]#c", "*"}) {
    Easy easy;
    easy.url(origin.port(), "/other");
    curl_easy_setopt(easy.handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy.handle, CURLOPT_REQUEST_TARGET, target);
    EXPECT_EQ(curl_easy_perform(easy.handle), CURLE_OK);
    EXPECT_EQ(origin.notes().back(), "GET " + std::string(target) + " HTTP/1.1\r\n");
  }
}

TEST(CurlLearning, HeaderLinesComeWholeAndTrailersAsLines) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.drip(
        "HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        "B: two\r\n  folded\r\n\r\n1\r\nx\r\n0\r\nT: trailer\r\n\r\n",
        3, std::chrono::milliseconds(0));
  });
  Easy easy;
  easy.url(origin.port(), "/");
  EXPECT_EQ(curl_easy_perform(easy.handle), CURLE_OK);
  const std::vector<std::string> expected = {"HTTP/1.1 103 Early Hints\r\n",
                                             "A: 1\r\n",
                                             "\r\n",
                                             "HTTP/1.1 200 OK\r\n",
                                             "Transfer-Encoding: chunked\r\n",
                                             "B: two\r\n",
                                             "  folded\r\n",
                                             "\r\n",
                                             "T: trailer\r\n"};
  EXPECT_EQ(easy.lines, expected);
  EXPECT_EQ(easy.body, "x");
}

// libcurl calls this a success: whoever wants a whole head must look for its empty line.
TEST(CurlLearning, AHeadThatIsCutIsNoError) {
  ScriptedOrigin origin([](OriginConnection& c) {
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\nA: b\r\n");
  });
  Easy easy;
  easy.url(origin.port(), "/");
  const auto code = curl_easy_perform(easy.handle);
  EXPECT_TRUE(code == CURLE_OK || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING) << code;
  EXPECT_EQ(std::count(easy.lines.begin(), easy.lines.end(), "\r\n"), 0);
}

TEST(CurlLearning, ABodyThatIsCutIsAnErrorUnlessTheCloseEndsIt) {
  const std::pair<const char*, CURLcode> rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CURLE_PARTIAL_FILE},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", CURLE_PARTIAL_FILE},
      {"HTTP/1.1 200 OK\r\n\r\nhalf", CURLE_OK}};
  for (const auto& [answer, expected] : rows) {
    ScriptedOrigin origin([answer = answer](OriginConnection& c) {
      c.read_head();
      c.send(answer);
    });
    Easy easy;
    easy.url(origin.port(), "/");
    EXPECT_EQ(curl_easy_perform(easy.handle), expected) << answer;
    EXPECT_EQ(easy.body, "half");
  }
}

TEST(CurlLearning, APausedPieceComesAgainWhole) {
  const std::string body(60'000, 'x');
  ScriptedOrigin origin([&](OriginConnection& c) {
    c.read_head();
    c.send(answer_ok(body));
    c.wait_for_close();
  });
  Easy easy;
  easy.url(origin.port(), "/");
  easy.pause_at = 2;
  CURLM* multi = curl_multi_init();
  curl_multi_add_handle(multi, easy.handle);
  int running = 1;
  for (int i = 0; i < 2000 && running > 0; ++i) {
    curl_multi_perform(multi, &running);
    if (easy.writes == 2 && i > 100) {
      EXPECT_EQ(curl_easy_pause(easy.handle, CURLPAUSE_CONT), CURLE_OK);
    }
    curl_multi_poll(multi, nullptr, 0, 1, nullptr);
  }
  EXPECT_EQ(running, 0);
  EXPECT_EQ(easy.body, body);
  EXPECT_LE(easy.largest, static_cast<size_t>(CURL_MAX_WRITE_SIZE));
  curl_multi_remove_handle(multi, easy.handle);
  curl_multi_cleanup(multi);
}

TEST(CurlLearning, APinReplacesTheOneBefore) {
  ScriptedOrigin origin(
      [](OriginConnection& c) {
        c.read_head();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      },
      nullptr, "127.0.0.3");
  const auto name = "pinned.example:" + std::to_string(origin.port()) + ":";
  Easy easy;
  easy.url(origin.port(), "/", "pinned.example");
  easy.pin(name + "127.0.0.2");
  EXPECT_EQ(curl_easy_perform(easy.handle), CURLE_COULDNT_CONNECT);
  long error = 0;
  curl_easy_getinfo(easy.handle, CURLINFO_OS_ERRNO, &error);
  EXPECT_EQ(error, ECONNREFUSED);
  easy.pin(name + "127.0.0.3");
  EXPECT_EQ(curl_easy_perform(easy.handle), CURLE_OK);
  char* address = nullptr;
  curl_easy_getinfo(easy.handle, CURLINFO_PRIMARY_IP, &address);
  EXPECT_STREQ(address, "127.0.0.3");
}

TEST(CurlLearning, SeveralPinsAreTriedInTheOrderGiven) {
  const auto serve = [](OriginConnection& c) {
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  };
  ScriptedOrigin a(serve, nullptr, "127.0.0.3");
  ScriptedOrigin b(serve, nullptr, "127.0.0.4", a.port());
  for (const char* list : {"127.0.0.4,127.0.0.3", "127.0.0.3,127.0.0.4"}) {
    Easy easy;
    easy.url(a.port(), "/", "pinned.example");
    easy.pin("pinned.example:" + std::to_string(a.port()) + ":" + list);
    EXPECT_EQ(curl_easy_perform(easy.handle), CURLE_OK);
    char* address = nullptr;
    curl_easy_getinfo(easy.handle, CURLINFO_PRIMARY_IP, &address);
    EXPECT_EQ(std::string(list).substr(0, 9), address);
  }
}

}  // namespace
}  // namespace holdfast::provision
