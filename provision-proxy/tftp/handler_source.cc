// SPDX-License-Identifier: Apache-2.0
// Answers of the flow as files.
#include "provision-proxy/tftp/handler_source.hh"

#include <algorithm>

#include "provision-proxy/tftp/path.hh"

namespace holdfast::provision {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;  // of a body that is in memory as a whole

class AnswerFile : public TftpFile {
 public:
  explicit AnswerFile(Answer answer) : answer_(std::move(answer)) {
    if (!answer_.length && answer_.bytes) answer_.length = answer_.bytes->size();
    if (!answer_.length && !answer_.body) answer_.length = 0;
  }

  std::optional<uint64_t> size() const override { return answer_.length; }

  void next(std::function<void(TftpPiece)> then) override {
    if (answer_.body) return next_of_body(std::move(then));
    const size_t size = answer_.bytes ? answer_.bytes->size() : 0;
    if (place_ == size) return then({TftpPiece::State::end, {}});
    const size_t piece = std::min(kPieceBytes, size - place_);
    const std::span<const char> bytes(answer_.bytes->data() + place_, piece);
    place_ += piece;
    then({TftpPiece::State::bytes, bytes});
  }

 private:
  void next_of_body(std::function<void(TftpPiece)> then) {
    answer_.body->next([then = std::move(then)](const BodyPiece& piece) {
      switch (piece.state) {
        case BodyState::kBytes:
          return then({TftpPiece::State::bytes, piece.bytes});
        case BodyState::kEnd:
          return then({TftpPiece::State::end, {}});
        case BodyState::kFailed:
          return then({TftpPiece::State::failed, {}});
      }
    });
  }

  Answer answer_;
  size_t place_ = 0;
};

TftpError error_of(const Answer& answer) {
  switch (answer.status) {
    case 404:
    case 410:
      return {TftpErrorCode::file_not_found, "there is no such file"};
    case 401:
    case 403:
      return {TftpErrorCode::access_violation, "the file may not be read"};
    default:
      return {TftpErrorCode::undefined,
              "the file cannot be had now (" + std::to_string(answer.status) + ")"};
  }
}

TftpSource::Opened opened(Answer answer) {
  if (answer.status != 200) return error_of(answer);
  if (answer.fields.find("Content-Encoding"))
    return TftpError{TftpErrorCode::undefined, "the file is encoded"};
  return std::shared_ptr<TftpFile>(std::make_shared<AnswerFile>(std::move(answer)));
}

}  // namespace

void HandlerSource::open(std::string path, SocketAddress peer, std::function<void(Opened)> then) {
  Request request;
  request.method = "GET";
  request.target = target_of_path(root_ + path);
  request.minor_version = 0;  // nobody could be sent an interim answer
  request.peer = peer;
  request.listener = listener_;
  request.asked_by = AskedBy::tftp;
  handler_.handle(
      std::move(request), [](int, const Fields&) {},
      [then = std::move(then)](Answer answer) { then(opened(std::move(answer))); });
}

}  // namespace holdfast::provision
