// SPDX-License-Identifier: Apache-2.0
// Gathers an upload, and finds its place.
#include "provision-proxy/proxy/phone_upload.hh"

#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/spool/spool_worker.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kRetryAfter_s = "60";

// A body that was gathered; behind it, what was not.
class GatheredBody final : public RequestBody {
 public:
  GatheredBody(std::shared_ptr<const std::string> bytes, std::shared_ptr<RequestBody> rest)
      : bytes_(std::move(bytes)), rest_(std::move(rest)) {}

  std::optional<uint64_t> length() const override {
    return rest_ ? rest_->length() : std::optional<uint64_t>(bytes_->size());
  }
  void next(std::function<void(BodyPiece)> then) override {
    if (!std::exchange(given_, true) && !bytes_->empty()) return then({BodyState::kBytes, *bytes_});
    if (rest_) return rest_->next(std::move(then));
    then({BodyState::kEnd, {}});
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<RequestBody> rest_;
  bool given_ = false;
};

}  // namespace

PhoneUpload::PhoneUpload(const FlowContext& context, UploadRoom& room, const UploadDenials& denials,
                         VisitPtr visit, Heard heard)
    : context_(context),
      room_(room),
      denials_(denials),
      visit_(std::move(visit)),
      heard_(std::move(heard)),
      rest_(std::move(visit_->request.body)) {}

PhoneUpload::~PhoneUpload() {
  room_.used -= held_;
}

void PhoneUpload::start() {
  if (const auto length = rest_->length(); length && !make_room(*length)) return too_much();
  gather();
}

bool PhoneUpload::make_room(uint64_t bytes) {
  if (bytes > context_.spool->max_upload_bytes()) return false;
  if (bytes <= held_) return true;
  if (room_.used + (bytes - held_) > UploadRoom::kMost) return false;
  room_.used += bytes - held_;
  held_ = bytes;
  return true;
}

void PhoneUpload::gather() {
  again_ = true;
  if (reading_) return;
  reading_ = true;
  const auto rest = rest_;  // take() may be done with it
  while (std::exchange(again_, false)) {
    rest->next([self = shared_from_this()](BodyPiece piece) {
      if (self->take(piece)) self->gather();
    });
  }
  reading_ = false;
}

// True: there is more to come.
bool PhoneUpload::take(BodyPiece piece) {
  switch (piece.state) {
    case BodyState::kBytes: {
      const bool fits = make_room(body_->size() + piece.bytes.size());
      body_->append(piece.bytes.data(), piece.bytes.size());
      if (!fits) too_much();
      return fits;
    }
    case BodyState::kEnd:
      rest_.reset();
      gathered();
      return false;
    case BodyState::kFailed:  // the phone has gone, or hears from its connection what was wrong
      rest_.reset();
      refuse(400, "The upload did not arrive whole.", "cut");
      return false;
  }
  return false;
}

void PhoneUpload::gathered() {
  const bool can_wait = visit_->credentials.tell_again();
  const bool queue = context_.spool->waits(visit_->key.origin, visit_->key.identity);
  if (!visit_->origin->upstream->health().admits()) return keep("unreachable");
  if (queue && can_wait) return keep("queued");
  pass(std::make_shared<GatheredBody>(body_, nullptr));
}

void PhoneUpload::pass(std::shared_ptr<RequestBody> body) {
  const bool whole = rest_ == nullptr;
  visit_->request.body = std::move(body);
  const auto heard = [self = shared_from_this(), whole](const ResponseHead& head) {
    self->heard_(head, whole ? self->body_.get() : nullptr);
  };
  Passage::Untaken untaken;
  if (whole)
    untaken = [self = shared_from_this()](std::string_view why, Trouble) { self->keep(why); };
  std::make_shared<Passage>(context_, visit_, ForwardReason::method, heard, std::move(untaken))
      ->start();
}

// More than the spool takes, or than there is room for: it passes or fails.
void PhoneUpload::too_much() {
  if (visit_->origin->upstream->health().admits())
    return pass(std::make_shared<GatheredBody>(body_, rest_));
  context_.alarms.raise(AlarmKind::spool_full, visit_->key.target,
                        "too large: " + visit_->key.identity);
  refuse(413, "The centre does not answer, and this is too large to wait for it.", "too_large");
}

void PhoneUpload::keep(std::string_view why) {
  // Digest is an answer to a question of the centre's, which it would not ask again.
  if (!visit_->credentials.tell_again())
    return refuse(503, "The centre does not answer, and only it can check this password.",
                  "digest");
  if (denials_.contains(visit_->key))
    return refuse(503, "The centre does not answer, and it has refused uploads of this phone.",
                  "denied");
  Upload upload;
  upload.kind = visit_->file->upload == UploadKind::log_ring ? SpoolKind::log : SpoolKind::replay;
  upload.at_ms = context_.unix_ms();
  upload.origin = visit_->key.origin;
  upload.phone = visit_->key.identity;
  upload.method = visit_->request.method;
  upload.target = visit_->request.target;
  upload.fields = forwarded_request(visit_->request.fields);
  for (const auto* name : {"Host", "Expect", "Content-Length"}) upload.fields.remove(name);
  upload.body = *body_;
  context_.spool->add(std::move(upload), [self = shared_from_this(), why = std::string(why)](
                                             SpoolResult result) { self->kept(result, why); });
}

// To its phone it is done: it gets the file back when it asks for it (RFC 9110 section 9.3.4), and
// a POST is accepted (section 15.3.3).
void PhoneUpload::kept(SpoolResult result, std::string_view why) {
  if (result == SpoolResult::kept) {
    context_.counters.add(FlowCount::spooled);
    CacheStatus status;
    status.forward = ForwardReason::method;
    status.stored = true;
    status.detail = why;
    Answer answer;
    answer.status = visit_->request.method == "PUT" ? 204 : 202;
    if (answer.status == 202) answer.length = 0;
    answer.fields.add("Cache-Status", status.text());
    return visit_->reply(std::move(answer));
  }
  context_.alarms.raise(AlarmKind::spool_full, visit_->key.target,
                        std::string(text_of(result)) + ": " + visit_->key.identity);
  const bool too_large = result == SpoolResult::too_large;
  refuse(too_large ? 413 : 503, "The centre does not answer, and this cannot be kept for it.",
         name_of(result));
}

void PhoneUpload::refuse(int status, std::string_view text, std::string_view detail) {
  context_.counters.add(FlowCount::unavailable);
  CacheStatus how;
  how.forward = ForwardReason::method;
  how.detail = detail;
  Answer answer = own_answer(status, text, how);
  if (status == 503) answer.fields.add("Retry-After", kRetryAfter_s);
  visit_->reply(std::move(answer));
}

}  // namespace holdfast::provision
