// SPDX-License-Identifier: Apache-2.0
// An upload of a phone: to the centre if it is there, else into the spool, which gives it to the
// centre later.
//
// Asio thread. It is gathered whole first, so that a centre that dies in the middle costs nothing.
// It also goes into the spool while others of its phone wait there: they keep their order. Lives
// until it is answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "provision-proxy/proxy/passage.hh"
#include "provision-proxy/proxy/upload_denials.hh"
#include "provision-proxy/proxy/visit.hh"
#include "provision-proxy/spool/spool.hh"

namespace holdfast::provision {

// Memory for uploads that are being gathered, of all phones.
struct UploadRoom {
  static constexpr uint64_t kMost = uint64_t{64} << 20;
  uint64_t used = 0;
};

class PhoneUpload final : public std::enable_shared_from_this<PhoneUpload> {
 public:
  // Hears of the centre's answer, with the whole body that it was given for.
  using Heard = std::function<void(const ResponseHead& head, const std::string* body)>;

  // All but the visit outlive it.
  PhoneUpload(const FlowContext& context, UploadRoom& room, const UploadDenials& denials,
              VisitPtr visit, Heard heard);
  ~PhoneUpload();
  PhoneUpload(const PhoneUpload&) = delete;
  PhoneUpload& operator=(const PhoneUpload&) = delete;

  void start();

 private:
  void gather();
  bool take(BodyPiece piece);
  bool make_room(uint64_t bytes);
  void gathered();
  void pass(std::shared_ptr<RequestBody> body);
  void too_much();
  void keep(std::string_view why);
  void kept(SpoolResult result, std::string_view why);
  void refuse(int status, std::string_view text, std::string_view detail);

  const FlowContext& context_;
  UploadRoom& room_;
  const UploadDenials& denials_;
  VisitPtr visit_;
  Heard heard_;
  std::shared_ptr<RequestBody> rest_;  // what is not gathered yet
  std::shared_ptr<std::string> body_ = std::make_shared<std::string>();
  uint64_t held_ = 0;  // of the room
  bool reading_ = false, again_ = false;
};

}  // namespace holdfast::provision
