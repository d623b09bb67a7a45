// SPDX-License-Identifier: Apache-2.0
// The request flow of the provision proxy.
#include "provision-proxy/proxy/flow.hh"

#include <algorithm>

#include "provision-proxy/cache/freshness.hh"
#include "provision-proxy/cache/reuse.hh"
#include "provision-proxy/cache/validation.hh"
#include "provision-proxy/cache/vary.hh"
#include "provision-proxy/proxy/contract.hh"
#include "provision-proxy/proxy/passage.hh"

namespace holdfast::provision {
namespace {

std::string fetch_key(const Visit& visit) {
  std::string key = visit.key.origin + "\n" + visit.key.target + "\n" + visit.key.identity;
  if (visit.origin->by_rfc()) key += "\n" + visit.request.fields.combined("Authorization");
  return key;
}

// Whose credentials were refused. What is kept for the credentials of a phone is kept by a key of
// their own already.
Key refused_key(const Visit& visit) {
  Key key = visit.key;
  if (visit.origin->by_rfc()) key.identity = visit.credentials.mark;
  return key;
}

}  // namespace

Flow::Flow(FlowContext context, std::vector<OriginPort> origins, FileClasses classes,
           FlowConfig config)
    : context_(std::move(context)),
      origins_(std::move(origins)),
      classes_(std::move(classes)),
      config_(std::move(config)) {
  if (context_.spool == nullptr) return;
  for (const auto& origin : origins_) {
    if (origin.by_rfc()) continue;
    replays_.push_back(std::make_unique<SpoolReplay>(
        context_, origin, [this, &origin](const Upload& upload, const ResponseHead& head) {
          replayed(origin, upload, head);
        }));
  }
}

void Flow::handle(Request request, Interim interim, Reply reply) {
  context_.counters.add(FlowCount::requests);
  auto visit = std::make_shared<Visit>();
  visit->request = std::move(request);
  visit->interim = std::move(interim);
  visit->reply = std::move(reply);
  begin(visit);
}

void Flow::warm(Request request, Identity identity, Reply reply) {
  context_.counters.add(FlowCount::requests);
  auto visit = std::make_shared<Visit>();
  visit->request = std::move(request);
  visit->reply = std::move(reply);
  visit->identity = std::move(identity);
  visit->warming = true;
  begin(visit);
}

void Flow::begin(const VisitPtr& visit) {
  visit->origin = &origins_.at(config_.origin_of_listener.at(visit->request.listener));
  const auto agent = visit->request.fields.find("User-Agent").value_or("");
  const bool by_tftp = visit->request.asked_by == AskedBy::tftp;
  if (visit->origin->by_rfc()) {  // which knows neither phones nor their files
    visit->file = &classes_.rows().back();
  } else {
    visit->file = &classes_.classify(visit->request.target);
    visit->shared = visit->file->shared && !path_names_phone(visit->request.target);
    if (!visit->warming)
      visit->identity = identify(visit->request.target, agent, visit->request.certificate_mac);
    if (by_tftp && visit->identity.id.empty() && config_.neighbour_of)
      visit->identity =
          identify_neighbour(config_.neighbour_of(visit->request.peer.ip, visit->request.listener));
  }
  visit->credentials = credentials_of(visit->request.fields, config_.salt);
  visit->key = key_of(*visit);
  const bool may_be_refused =
      !visit->origin->by_rfc() || visit->credentials.kind != CredentialKind::none;
  visit->refused =
      may_be_refused && context_.store.remark(refused_key(*visit), RemarkKind::kRefused).times > 0;
  if (!may_have(visit)) return;
  if (visit->request.method != "GET" && visit->request.method != "HEAD") return change(visit);
  if (!visit->origin->by_rfc() && !visit->warming) {  // who fetched what, with which firmware
    auto inner = std::move(visit->reply);
    visit->reply = [this, inner = std::move(inner), key = visit->key, id = visit->identity.id,
                    agent = std::string(by_tftp ? "TFTP" : agent)](Answer answer) {
      context_.store.note_fetch(key, id, agent, answer.status);
      inner(std::move(answer));
    };
  }
  if (!give_back(visit)) look_up(visit);
}

// Files are kept apart by phone unless their class is shared, and by credentials always. A phone
// that does not say who it is, is told by its address.
Key Flow::key_of(const Visit& visit) const {
  Key key{visit.origin->config->name, visit.request.target, {}};
  if (visit.origin->by_rfc()) return key;
  if (!visit.shared)
    key.identity =
        visit.identity.id.empty() ? "at " + visit.request.peer.ip.to_string() : visit.identity.id;
  if (!visit.credentials.mark.empty()) key.identity += "+" + visit.credentials.mark;
  return key;
}

bool Flow::may_have(const VisitPtr& visit) {
  if (visit->warming || visit->origin->owner_check == nullptr || visit->shared) return true;
  const auto& request = visit->request;
  OwnerQuestion question;
  question.target = request.target;
  question.user_agent = request.fields.find("User-Agent").value_or("");
  question.certificate = request.certificate_mac;
  question.source = request.peer.ip;
  // The kernel is asked only where it matters: most files are no single phone's.
  if (config_.neighbour_of && !macs_in_target(request.target).empty())
    question.neighbour = config_.neighbour_of(request.peer.ip, request.listener);
  const auto decision = visit->origin->owner_check->decide(question, context_.unix_ms());
  if (decision.allowed()) return true;
  context_.counters.add(FlowCount::refused);
  const auto kind = decision.verdict == OwnerVerdict::enumeration ? AlarmKind::enumeration
                                                                  : AlarmKind::foreign_file;
  context_.alarms.raise(kind, request.peer.ip.to_string(),
                        std::string(text_of(decision.verdict)) + ": " + decision.owner);
  CacheStatus status;
  status.detail = name_of(decision.verdict);
  Answer answer = own_answer(403, "This file belongs to another phone.", status);
  if (visit->is_head()) answer.bytes.reset();
  visit->reply(std::move(answer));
  return false;
}

// ---- GET and HEAD -------------------------------------------------------------------------------

void Flow::look_up(const VisitPtr& visit) {
  const auto entries = context_.store.find(visit->key);
  const auto fits = std::find_if(entries.begin(), entries.end(), [&](const EntryPtr& entry) {
    return vary_matches(as_stored(*entry), visit->request.fields);
  });
  const EntryPtr entry = fits == entries.end() ? nullptr : *fits;
  const auto reason = entry             ? ForwardReason::stale
                      : entries.empty() ? ForwardReason::uri_miss
                                        : ForwardReason::vary_miss;
  if (visit->origin->by_rfc()) return look_up_rfc(visit, entry, reason);
  look_up_phone(visit, entry, reason);
}

int64_t Flow::interval_ms(const Visit& visit) const {
  return 1000 * visit.file->interval_s.value_or(visit.origin->config->revalidate_s);
}

void Flow::look_up_phone(const VisitPtr& visit, const EntryPtr& entry, ForwardReason reason) {
  if (!visit->origin->upstream->health().admits()) {
    if (!entry ||
        !may_give_stale(*visit->origin, *visit, *entry, Trouble::unreachable, context_.now_s()))
      return answer_unavailable(context_, visit, entry ? "not-allowed" : "unreachable");
    context_.counters.add(FlowCount::stale);
    CacheStatus status;
    status.hit = true;
    status.detail = "unreachable";
    return serve(visit, entry, status);
  }
  const bool compared =
      entry && !entry->must_validate && entry->meta.validated_ms > 0 &&
      !has_validator(entry->meta.fields) && visit->credentials.tell_again() &&
      (visit->origin->stores_always() ||
       may_give_stale(*visit->origin, *visit, *entry, Trouble::unreachable, context_.now_s())) &&
      context_.unix_ms() - entry->meta.validated_ms < interval_ms(*visit);
  if (compared) {
    context_.counters.add(FlowCount::hits);
    CacheStatus status;
    status.hit = true;
    return serve(visit, entry, status);
  }
  ask(visit, entry, reason);
}

void Flow::look_up_rfc(const VisitPtr& visit, const EntryPtr& entry, ForwardReason reason) {
  if (must_pass(visit->cache_request())) return pass(visit, ForwardReason::bypass);
  const auto directives = request_directives(visit->request.fields);
  if (!entry) {
    if (directives.only_if_cached) return answer_unavailable(context_, visit, "only-if-cached");
    if (directives.no_store) return pass(visit, ForwardReason::request);
    return ask(visit, nullptr, reason);
  }
  const auto policy = policy_of(as_stored(*entry));
  Reuse reuse = decide(directives, policy, context_.now_s());
  if (entry->must_validate && reuse.use != Use::gateway_timeout) reuse.use = Use::must_validate;
  CacheStatus status;
  status.hit = true;
  status.ttl_s = reuse.lifetime - reuse.age;
  switch (reuse.use) {
    case Use::gateway_timeout:
      return answer_unavailable(context_, visit, "only-if-cached");
    case Use::fresh:
    case Use::allowed_stale:
      context_.counters.add(reuse.use == Use::fresh ? FlowCount::hits : FlowCount::stale);
      return serve(visit, entry, status);
    case Use::stale_while_revalidate:
      context_.counters.add(FlowCount::stale);
      serve(visit, entry, status);
      return ask_behind(visit, entry);
    case Use::must_validate:
      break;
  }
  if (visit->origin->upstream->health().admits())
    return ask(visit, entry, reuse.age < reuse.lifetime ? ForwardReason::request : reason);
  if (!may_give_stale(*visit->origin, *visit, *entry, Trouble::unreachable, context_.now_s()))
    return answer_unavailable(context_, visit, "not-allowed");
  context_.counters.add(FlowCount::stale);
  status.detail = "unreachable";
  serve(visit, entry, status);
}

void Flow::ask(const VisitPtr& visit, const EntryPtr& base, ForwardReason reason) {
  if (visit->is_head() && (!base || visit->origin->by_rfc())) return pass(visit, reason, base);
  const auto key = fetch_key(*visit);
  if (const auto under_way = fetches_.find(key);
      under_way != fetches_.end() && visit->credentials.tell_again()) {
    if (under_way->second->join(visit)) return;
    if (visit->is_head()) return pass(visit, reason);
  }
  auto fetch = std::make_shared<SharedFetch>(context_, *this, visit, base, reason);
  if (fetch->joinable()) fetches_.insert_or_assign(key, fetch);
  fetch->start();
}

void Flow::ask_behind(const VisitPtr& visit, const EntryPtr& base) {
  const auto key = fetch_key(*visit);
  if (fetches_.contains(key) || !visit->origin->upstream->health().admits()) return;
  auto copy = std::make_shared<Visit>(*visit);
  copy->request.method = "GET";
  copy->reply = [](const Answer&) {};
  auto fetch = std::make_shared<SharedFetch>(context_, *this, copy, base, ForwardReason::stale);
  fetches_.insert_or_assign(key, fetch);
  fetch->start();
  fetch->forget_visits();
}

void Flow::serve(const VisitPtr& visit, const EntryPtr& entry, const CacheStatus& status) {
  answer_from_store(context_, visit, entry, status, [this, visit] { again(visit); });
}

void Flow::ask_alone(const VisitPtr& visit) {
  pass(visit, ForwardReason::miss);
}

void Flow::again(const VisitPtr& visit) {
  if (++visit->attempts >= kMaxAttempts) return pass(visit, ForwardReason::miss);
  look_up(visit);
}

// What the centre has refused is refused while it is away, too, and after a restart. Who has given
// no credentials is refused by 401 alone: 403 says nothing about them then.
void Flow::credentials_judged(const Visit& visit, int status) {
  const Key key = refused_key(visit);
  if (status == 200 || status == 304) context_.store.set_remark(key, RemarkKind::kRefused, {});
  const bool refuses =
      status == 401 || (status == 403 && visit.credentials.kind != CredentialKind::none);
  if (!refuses) return;
  const bool kept = !context_.store.generations(visit.key).empty();
  if (!kept || context_.store.set_remark(key, RemarkKind::kRefused, {1, context_.unix_ms()}))
    return;
  context_.store.remove(visit.key, [](StoreError) {});  // what cannot be marked is not kept
}

void Flow::fetch_closed(const SharedFetch& fetch) {
  std::erase_if(fetches_, [&](const auto& known) { return known.second.get() == &fetch; });
}

// ---- what goes through --------------------------------------------------------------------------

void Flow::pass(const VisitPtr& visit, ForwardReason reason, const EntryPtr& base) {
  Passage::Heard heard;
  if (visit->is_head() && visit->origin->by_rfc())
    heard = [this, visit](const ResponseHead& head) { heard_of_head(visit, head); };
  Passage::Untaken untaken;
  if (base)
    untaken = [this, visit, reason, base](std::string_view why, Trouble trouble) {
      if (!may_give_stale(*visit->origin, *visit, *base, trouble, context_.now_s()))
        return answer_unavailable(context_, visit, why);
      context_.counters.add(FlowCount::stale);
      CacheStatus status;
      status.forward = reason;
      status.detail = why;
      serve(visit, base, status);
    };
  std::make_shared<Passage>(context_, visit, reason, std::move(heard), std::move(untaken))->start();
}

// A HEAD that passed tells whether what is stored is still the same (RFC 9111 section 4.3.5).
void Flow::heard_of_head(const VisitPtr& visit, const ResponseHead& head) {
  for (const auto& entry : context_.store.find(visit->key)) {
    if (!vary_matches(as_stored(*entry), visit->request.fields)) continue;
    switch (head_effect(as_stored(*entry), entry->body.size, head)) {
      case HeadEffect::none:
        break;
      case HeadEffect::outdated:
        context_.store.invalidate(visit->key, [](StoreError) {});
        break;
      case HeadEffect::update: {
        Meta meta = entry->meta;
        meta.fields = updated_fields(meta.fields, head.fields, Update::all, context_.now_s());
        meta.request_ms = meta.response_ms = meta.validated_ms = context_.unix_ms();
        context_.store.update(entry, std::move(meta), [](StoreError) {});
        break;
      }
    }
    return;
  }
}

}  // namespace holdfast::provision
