// SPDX-License-Identifier: Apache-2.0
// Bodies on their way to a phone.
#include "provision-proxy/proxy/bodies.hh"

#include <gtest/gtest.h>

#include <cstdlib>

#include "provision-proxy/store/fill.hh"

namespace holdfast::provision {
namespace {

struct Taken {
  std::string bytes;
  bool ended = false, failed = false, waits = false;

  void one(AnswerBody& body) {
    waits = true;
    body.next([this](BodyPiece piece) {
      waits = false;
      bytes.append(piece.bytes.data(), piece.bytes.size());
      ended = piece.state == BodyState::kEnd;
      failed = piece.state == BodyState::kFailed;
    });
  }
  void all(AnswerBody& body) {
    do one(body);
    while (!waits && !ended && !failed);
  }
};

std::unique_ptr<Reader> memory(std::string_view bytes) {
  return std::make_unique<Reader>(std::make_shared<const std::string>(bytes));
}

// A body that arrives in a file of its own.
struct Arriving {
  Arriving() { limits = {UINT64_MAX, 1 << 20}; }
  std::unique_ptr<Fill> fill() {
    std::string path = testing::TempDir() + "hf-bodies-XXXXXX";
    const int fd = ::mkstemp(path.data());
    return std::make_unique<Fill>(std::make_shared<TemporaryFile>(fd, path), StoreError::kNone,
                                  limits, Disk::real(), watch);
  }
  Fill::Limits limits{};
  std::shared_ptr<FillWatch> watch = std::make_shared<FillWatch>();
};

TEST(Bodies, StoredWholeAndPart) {
  struct Row {
    uint64_t first, end;
    std::string_view want;
  };
  const Row rows[] = {
      {0, UINT64_MAX, "0123456789"},
      {2, 5, "234"},
      {9, 10, "9"},
      {5, 99, "56789"},
      {10, 10, ""},
      {20, 30, ""},
  };
  for (const auto& row : rows) {
    const auto body = stored_body(memory("0123456789"), {row.first, row.end});
    Taken got;
    got.all(*body);
    EXPECT_EQ(got.bytes, row.want) << row.first;
    EXPECT_TRUE(got.ended);
  }
}

// The last byte is held back until the store has the whole.
TEST(Bodies, FollowingHoldsTheLastByteBack) {
  Arriving arriving;
  const auto fill = arriving.fill();
  const auto progress = std::make_shared<Progress>();
  const auto body = following_body(fill->follow(), progress, {});
  Taken got;
  got.all(*body);
  EXPECT_TRUE(got.waits);
  fill->write(std::string_view("0"));
  progress->tell();
  EXPECT_TRUE(got.waits) << "it might be the last";
  fill->write(std::string_view("123456789"));
  progress->tell();
  EXPECT_EQ(got.bytes, "012345678");
  got.all(*body);
  fill->complete();
  progress->tell();
  EXPECT_TRUE(got.waits);
  progress->settle();
  EXPECT_EQ(got.bytes, "0123456789");
  got.all(*body);
  EXPECT_TRUE(got.ended);
}

TEST(Bodies, FollowingAPartEndsWhenItHasIt) {
  Arriving arriving;
  const auto fill = arriving.fill();
  const auto progress = std::make_shared<Progress>();
  const auto body = following_body(fill->follow(), progress, {2, 5});
  Taken got;
  got.all(*body);
  fill->write(std::string_view("0123"));
  progress->tell();
  EXPECT_EQ(got.bytes, "2");
  got.all(*body);
  fill->write(std::string_view("456789"));
  progress->tell();
  got.all(*body);
  EXPECT_EQ(got.bytes, "234");
  EXPECT_TRUE(got.ended) << "the rest is not waited for";
}

TEST(Bodies, FollowingAnEmptyOne) {
  Arriving arriving;
  const auto fill = arriving.fill();
  const auto progress = std::make_shared<Progress>();
  const auto body = following_body(fill->follow(), progress, {});
  Taken got;
  got.all(*body);
  fill->complete();
  progress->settle();
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.bytes, "");
}

TEST(Bodies, FollowingOneThatFailsFails) {
  Arriving arriving;
  const auto fill = arriving.fill();
  const auto progress = std::make_shared<Progress>();
  const auto body = following_body(fill->follow(), progress, {});
  Taken got;
  fill->write(std::string_view("0123"));
  got.all(*body);
  EXPECT_EQ(got.bytes, "012");
  fill->fail();
  progress->tell();
  EXPECT_TRUE(got.failed);
}

TEST(Bodies, WhoHasLeftHearsNothing) {
  Arriving arriving;
  const auto fill = arriving.fill();
  const auto progress = std::make_shared<Progress>();
  auto body = following_body(fill->follow(), progress, {});
  auto other = following_body(fill->follow(), progress, {});
  int heard = 0;
  body->next([&](BodyPiece) {
    ++heard;
    other.reset();  // its turn would come now
  });
  other->next([&](BodyPiece) { ++heard; });
  fill->write(std::string_view("0123"));
  progress->tell();
  EXPECT_EQ(heard, 1);
  body.reset();
  progress->tell();
  EXPECT_EQ(heard, 1);
}

TEST(Bodies, PipePassesOnAndAsksForMore) {
  int more = 0, gone = 0;
  const auto pipe = std::make_shared<PassPipe>([&] { ++more; }, [&] { ++gone; });
  auto body = PassPipe::body(pipe);
  Taken got;
  got.all(*body);
  pipe->push(std::string_view("abc"));
  EXPECT_EQ(got.bytes, "abc");
  const std::string large(PassPipe::kHighWater / 2, 'x');
  pipe->push(large);
  EXPECT_FALSE(pipe->full());
  pipe->push(large);
  EXPECT_TRUE(pipe->full());
  got.one(*body);
  EXPECT_EQ(more, 0) << "above the low water";
  got.one(*body);
  EXPECT_EQ(more, 1);
  pipe->end(true);
  got.all(*body);
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.bytes.size(), 3 + PassPipe::kHighWater);
  body.reset();
  EXPECT_EQ(gone, 0) << "it had all";
}

TEST(Bodies, PipeThatBreaksFailsBehindWhatCame) {
  const auto pipe = std::make_shared<PassPipe>([] {}, [] {});
  const auto body = PassPipe::body(pipe);
  pipe->push(std::string_view("abc"));
  pipe->end(false);
  Taken got;
  got.all(*body);
  EXPECT_EQ(got.bytes, "abc");
  EXPECT_TRUE(got.failed);
}

TEST(Bodies, PipeHearsOfWhoLeavesEarly) {
  int gone = 0;
  const auto pipe = std::make_shared<PassPipe>([] {}, [&] { ++gone; });
  auto body = PassPipe::body(pipe);
  Taken got;
  got.one(*body);
  body.reset();
  EXPECT_EQ(gone, 1);
  pipe->push(std::string_view("late"));
  pipe->end(true);
  EXPECT_EQ(got.bytes, "");
}

}  // namespace
}  // namespace holdfast::provision
