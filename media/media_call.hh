// SPDX-License-Identifier: Apache-2.0
// The media of one call over all its forks: offer, answer, delete and query by tags and branch.
//
// A *branch* is one INVITE that we sent on; each has streams, and so legs, of its own. A proxy
// behind us may fork it further: then several to-tags answer the one offer, to the one address that
// it named. They share the branch's legs, and the dialog that leads says where media goes: the last
// that answered, until a 2xx wins. Pure and bounded (sdp_limits.hh); one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/offer_answer.hh"

namespace holdfast::media {

// What a message says about its dialog, in the words of the ng protocol: from_tag is of the side
// that offers, to_tag of the other (in an answer too). Empty: not known yet.
struct DialogKey {
  std::string_view from_tag;
  std::string_view to_tag;
  // Of the call's INVITE that made the dialog; may be empty once the tags name it.
  std::string_view branch;
};

class MediaCall {
 public:
  explicit MediaCall(std::string caller_tag) : caller_tag_(std::move(caller_tag)) {}

  // An INVITE, re-INVITE, UPDATE or PRACK with an offer, or a response that offers because the
  // INVITE did not. The first of a branch, or of a dialog that was made before we started, makes
  // it.
  OfferAnswerOutcome offer(const DialogKey& key, Carrier carrier, const MediaList& media);
  OfferAnswerOutcome answer(const DialogKey& key, Carrier carrier, const MediaList& media);
  // The offer under way in this dialog came to nothing; what stood before stands. Without a
  // callee's tag the branch's INVITE failed: the branch ends.
  OfferAnswerOutcome withdraw(const DialogKey& key);
  // A 2xx to INVITE without SDP: the dialog has won its branch by an answer that it gave before.
  OfferAnswerOutcome confirm(const DialogKey& key);
  // The dialog ended; without a callee's tag the whole branch; without a branch either, the call.
  // Ending what is not there is no error.
  void remove(const DialogKey& key);

  bool empty() const { return branches_.empty(); }
  // The branch that the dialog belongs to; empty: not known here.
  std::string_view branch_of(const DialogKey& key) const;
  // Whose offer waits in this dialog for an answer that counts.
  std::optional<Side> offer_pending(const DialogKey& key) const;
  // What was said in the dialog; before it has said anything, or without a callee's tag, in its
  // branch. Null: not known here. Valid until the next change.
  const OfferAnswer* state_of(const DialogKey& key) const;
  // Every stream that must exist now; changes() tells the steps from what was wanted before.
  StreamList wanted() const;

 private:
  struct Dialog {
    std::string callee_tag;
    OfferAnswer state;
    bool confirmed = false;  // by a 2xx
  };
  struct Branch {
    std::string id;
    OfferAnswer initial;  // what each fork starts from
    std::vector<Dialog> dialogs;
    size_t leading = 0;    // of dialogs, when there are any
    bool won = false;      // the leading dialog has
    bool settled = false;  // some dialog has: no fork is to come
    uint32_t learning = 0;
  };
  struct Place {
    Branch* branch = nullptr;
    OfferAnswer* state = nullptr;
    size_t dialog = 0;  // of branch->dialogs; their count: the initial offer's state
  };
  struct Found {
    const Branch* branch = nullptr;
    size_t dialog = 0;
  };

  using Located = Result<Place, OfferAnswerReject>;

  bool from_caller(const DialogKey& key) const { return key.from_tag == caller_tag_; }
  std::string_view callee_tag(const DialogKey& key) const {
    return from_caller(key) ? key.to_tag : key.from_tag;
  }
  // The dialog, or the branch's initial state without a callee's tag; no state: unknown.
  Place find(const DialogKey& key);
  Found look_up(const DialogKey& key) const;
  Branch* find_branch(std::string_view id);
  // The dialog made anew in its branch, which an offer may make too.
  Located add(const DialogKey& key, bool may_add_branch);
  static void lead(Place place, bool won);
  static void end_dialog(Branch& branch, size_t index);

  std::string caller_tag_;
  std::vector<Branch> branches_;
};

}  // namespace holdfast::media
