// SPDX-License-Identifier: Apache-2.0
// The judge of new bodies: rules from the plainest sign to the finest, the first that holds names
// the reason.
#include "provision-proxy/phone/plausible.hh"

#include <algorithm>
#include <array>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/cut_off.hh"
#include "provision-proxy/phone/phone_settings.hh"

namespace holdfast::provision {
namespace {

constexpr double kLostShare = 0.5;  // of the settings, when the registration is gone with them

struct Judged {
  const BodyView* view = nullptr;
  const BodyText* text = nullptr;
};

bool is_encoded(const JudgedBody& body) {
  return !body.content_encoding.empty() && !same_text(body.content_encoding, "identity");
}

bool is_text(Shape shape) {
  return shape == Shape::text || shape == Shape::lines || shape == Shape::xml ||
         shape == Shape::json;
}

bool wants_text(JudgeKind kind) {
  return kind == JudgeKind::config || kind == JudgeKind::document;
}

bool wants_bytes(JudgeKind kind) {
  return kind == JudgeKind::firmware || kind == JudgeKind::media;
}

// <Error>, <soap:Envelope> with a fault: what services answer in XML when they do not want to.
bool is_xml_error(const BodyText& body) {
  std::string_view root = body.root;
  const size_t colon = root.find(':');
  if (colon != std::string_view::npos) root.remove_prefix(colon + 1);
  for (const std::string_view name : {"error", "errors", "errorresponse", "fault", "exception",
                                      "problem", "serviceexceptionreport"})
    if (same_text(root, name)) return true;
  return same_text(root, "envelope") && find_text(body.text, "fault>") != std::string_view::npos;
}

bool is_denial(const BodyText& fresh, const BodyText* known) {
  switch (fresh.shape) {
    case Shape::xml:
      return is_xml_error(fresh) && (known == nullptr || known->root != fresh.root);
    case Shape::json:
    case Shape::text:
      return says_denied(fresh.text) &&
             (known == nullptr || known->shape != fresh.shape || !says_denied(known->text));
    default:
      return false;
  }
}

// Another phone's name where the phone's own should be, unless it has always been there.
bool is_another_phone(const BodyText& fresh, const BodyText* known, std::string_view identity) {
  const auto now = own_macs(fresh);
  if (now.empty()) return false;
  const auto before = known != nullptr ? own_macs(*known) : std::vector<std::string>{};
  const auto was_there = [&](const std::string& mac) {
    return std::ranges::binary_search(before, mac);
  };
  if (!identity.empty() && std::ranges::binary_search(now, std::string(identity))) return false;
  if (identity.empty() && before.empty()) return false;
  return std::ranges::none_of(now, was_there);
}

bool is_provisional(const BodyText& fresh, const BodyText& known) {
  const auto files_before = listed_files(known);
  const auto files_now = listed_files(fresh);
  const bool own_before = std::ranges::any_of(files_before, is_phone_file_name);
  const bool own_now = std::ranges::any_of(files_now, is_phone_file_name);
  const bool word = says_provisional(fresh, false) && !says_provisional(known, false);
  if (own_before && !own_now && !files_now.empty())
    return word || files_now.size() < files_before.size();
  if (!has_registration(known)) return false;
  if (says_provisional(fresh, true) && !says_provisional(known, true)) return true;
  if (has_registration(fresh) || own_now) return false;
  const bool same_kind = fresh.shape == known.shape && fresh.root == known.root;
  return word || (same_kind && kept_share(known, fresh) < kLostShare);
}

// PEM, DER (a SEQUENCE with a two-byte length), or the Base64 of such a DER inside a setting.
bool has_certificate(const Judged& body) {
  const std::string_view bytes = body.view->bytes;
  return bytes.find("BEGIN ") != std::string_view::npos || bytes.starts_with("\x30\x82") ||
         bytes.find("MII") != std::string_view::npos;
}

Plausible judge_shape(const BodyText& fresh, const BodyText* known, JudgeKind kind) {
  const bool had = known != nullptr;
  if (fresh.shape == Shape::html && (kind == JudgeKind::any ? had && known->shape != Shape::html
                                                            : !had || known->shape != Shape::html))
    return Plausible::html;
  if ((kind != JudgeKind::any || had) && is_denial(fresh, known)) return Plausible::denial;
  if (wants_text(kind) && fresh.shape == Shape::bytes && had && is_text(known->shape))
    return Plausible::bytes_for_text;
  if (wants_bytes(kind) && is_text(fresh.shape) && had && known->shape == Shape::bytes)
    return Plausible::text_for_bytes;
  const bool loose = fresh.shape == Shape::text || fresh.shape == Shape::json;
  const bool structured = had && (known->shape == Shape::xml || known->shape == Shape::lines);
  if (wants_text(kind) && loose && structured) return Plausible::no_structure;
  return Plausible::ok;
}

bool is_cut(const Judged& fresh, const Judged& known, JudgeKind kind) {
  switch (fresh.text->shape) {
    case Shape::xml:
      return (kind != JudgeKind::any || known.text != nullptr) && xml_cut(*fresh.text, known.text);
    case Shape::lines:
    case Shape::text:
      if (kind == JudgeKind::any && known.text == nullptr) return false;
      return lines_cut(*fresh.text, known.text);
    case Shape::bytes:
      if (bytes_cut(*fresh.view, known.view)) return true;
      return kind == JudgeKind::media && container_cut(*fresh.view) &&
             (known.view == nullptr || !container_cut(*known.view));
    default:
      return false;
  }
}

Plausible judge_content(const Judged& fresh, const Judged& known, JudgeKind kind,
                        std::string_view identity) {
  if (const auto shape = judge_shape(*fresh.text, known.text, kind); shape != Plausible::ok)
    return shape;
  if (is_cut(fresh, known, kind)) return Plausible::truncated;
  if (kind == JudgeKind::config && is_another_phone(*fresh.text, known.text, identity))
    return Plausible::another_phone;
  if (known.text == nullptr) return Plausible::ok;
  if (kind == JudgeKind::config && is_provisional(*fresh.text, *known.text))
    return Plausible::provisional;
  if (kind == JudgeKind::certificate && has_certificate(known) && !has_certificate(fresh))
    return Plausible::no_certificate;
  return Plausible::ok;
}

}  // namespace

std::string_view name_of(Plausible verdict) {
  constexpr std::array<std::string_view, static_cast<size_t>(Plausible::count)> kNames = {
#define HOLDFAST_X(name, text) #name,
      HOLDFAST_PLAUSIBLE(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kNames[static_cast<size_t>(verdict)];
}

std::string_view text_of(Plausible verdict) {
  constexpr std::array<std::string_view, static_cast<size_t>(Plausible::count)> kTexts = {
#define HOLDFAST_X(name, text) text,
      HOLDFAST_PLAUSIBLE(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(verdict)];
}

bool may_stand_alone(Plausible verdict) {
  return verdict == Plausible::ok || verdict == Plausible::truncated;
}

Plausible judge(const JudgedBody& fresh, const JudgedBody* known, const FileClass& file,
                std::string_view identity) {
  if (fresh.status != 200) return Plausible::not_ok;
  if (!fresh.whole || (fresh.declared_size && *fresh.declared_size != fresh.body.size))
    return Plausible::wrong_length;
  if (file.judge == JudgeKind::none) return Plausible::ok;
  const BodyText text = read_body(fresh.body);
  std::optional<BodyText> before;
  if (known != nullptr && !is_encoded(*known)) before = read_body(known->body);
  if (text.shape == Shape::blank) {
    const bool was_blank = known != nullptr && before && before->shape == Shape::blank;
    const bool phones_own =
        known == nullptr && (file.upload == UploadKind::replay || file.judge == JudgeKind::any);
    return was_blank || phones_own ? Plausible::ok : Plausible::empty;
  }
  if (is_encoded(fresh)) return Plausible::ok;
  // A blank or unread body before tells nothing about this one.
  const bool comparable = before && before->shape != Shape::blank && before->shape != Shape::opaque;
  const Judged now{&fresh.body, &text};
  const Judged then = comparable ? Judged{&known->body, &*before} : Judged{};
  return judge_content(now, then, file.judge, identity);
}

}  // namespace holdfast::provision
