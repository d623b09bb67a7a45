// SPDX-License-Identifier: Apache-2.0
// Checks of a chain, and files that appear whole.
#include "control/certs/installation.hh"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_rights.hh"

namespace holdfast::certs {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::string system_error(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

// The name of a file is on disk when its folder is.
std::string sync_folder(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool good = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  return good ? "" : system_error(folder, "cannot be written");
}

std::string half_of(const std::string& path) {
  return path + ".half";
}

// All of it beside the file that it is to replace.
std::string write_half(const std::string& path, const std::string& text) {
  const std::string half = half_of(path);
  ::unlink(half.c_str());
  const int fd =
      ::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly);
  if (fd < 0) return system_error(half, "cannot be made");
  size_t at = 0;
  bool good = true;
  while (good && at < text.size()) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    good = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) at += static_cast<size_t>(n);
  }
  good = good && ::fsync(fd) == 0;
  std::string wrong = good ? "" : system_error(half, "cannot be written");
  ::close(fd);
  if (!wrong.empty()) ::unlink(half.c_str());
  return wrong;
}

std::string put_in_place(const std::string& path) {
  const std::string half = half_of(path);
  if (::rename(half.c_str(), path.c_str()) == 0) return sync_folder(path);
  std::string wrong = system_error(path, "cannot be replaced");
  ::unlink(half.c_str());
  return wrong;
}

std::string write_whole(const std::string& path, const std::string& text) {
  auto wrong = write_half(path, text);
  return wrong.empty() ? put_in_place(path) : wrong;
}

// The old key stays beside the new one until its certificate is in place too.
std::string replace_pair(const Place& place, const std::string& chain_pem) {
  if (auto wrong = write_half(place.certificate, chain_pem); !wrong.empty()) return wrong;
  const std::string old_key = place.key + ".old";
  ::unlink(old_key.c_str());
  const bool had_key = ::link(place.key.c_str(), old_key.c_str()) == 0;
  std::string wrong;
  if (!had_key && errno != ENOENT) {
    wrong = system_error(old_key, "cannot be made");
  } else if (::rename(next_key_of(place).c_str(), place.key.c_str()) != 0) {
    wrong = system_error(place.key, "cannot be replaced");
  }
  if (!wrong.empty()) {
    ::unlink(half_of(place.certificate).c_str());
  } else if (wrong = put_in_place(place.certificate); !wrong.empty()) {
    ::rename(place.key.c_str(), next_key_of(place).c_str());
    if (had_key) ::rename(old_key.c_str(), place.key.c_str());
  }
  ::unlink(old_key.c_str());
  return wrong;
}

// Each is signed by the next.
std::string order_fault(const std::vector<tls::Certificate>& chain) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    EVP_PKEY* above = X509_get0_pubkey(chain[i + 1].get());
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) != X509_V_OK || above == nullptr ||
        X509_verify(chain[i].get(), above) != 1)
      return "certificate " + std::to_string(i + 1) + " of the chain (" +
             tls::facts_of(chain[i].get()).subject + ") is not signed by the one that follows (" +
             tls::facts_of(chain[i + 1].get()).subject + ")";
  }
  return "";
}

std::string no_authorities(const std::string& file) {
  return file + ": holds no certificate of a CA" + tls::reason();
}

std::vector<tls::CertificateFacts> facts_of_all(const std::vector<tls::Certificate>& chain) {
  std::vector<tls::CertificateFacts> all;
  all.reserve(chain.size());
  for (const auto& one : chain) all.push_back(tls::facts_of(one.get()));
  return all;
}

std::string together(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : "; ") + word;
  return all;
}

void judge_dates(Look& look, int64_t now_s) {
  look.wrong = together(tls::validity_words(look.chain, now_s));
  if (look.wrong.empty()) look.soon = together(tls::validity_words(look.chain, now_s, kSoonS));
}

std::string ca_fault(const std::vector<tls::Certificate>& chain, const std::string& ca,
                     int64_t now_s) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  STACK_OF(X509)* between = sk_X509_new_null();
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between, chain[i].get());
  std::string wrong;
  if (X509_STORE_load_file(store, ca.c_str()) != 1) {
    wrong = no_authorities(ca);
  } else if (X509_STORE_CTX_init(context, store, chain.front().get(), between) == 1) {
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), now_s);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);  // as in a handshake
    if (X509_verify_cert(context) != 1) {
      wrong = "it does not come from " + ca + ": " +
              X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
      if (const X509* at = X509_STORE_CTX_get_current_cert(context))
        for (const std::string& word : tls::validity_words({tls::facts_of(at)}, now_s))
          wrong += ": " + word;
    }
  }
  sk_X509_free(between);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  ERR_clear_error();
  return wrong;
}

// Of a host name, an address or a SIP URI.
std::string_view host_of(std::string_view name) {
  for (const std::string_view scheme : {"sip:", "sips:"})
    if (name.starts_with(scheme)) return name.substr(scheme.size());
  return name;
}

bool has(const tls::CertificateNames& names, std::string_view wanted) {
  if (!wanted.starts_with(kAsHostName)) return tls::is_for(names, host_of(wanted));
  return std::find(names.dns.begin(), names.dns.end(), wanted.substr(kAsHostName.size())) !=
         names.dns.end();
}

bool key_fits(const std::string& path, const X509* certificate) {
  const auto key = exists(path) ? tls::read_key(path) : Result<tls::Key, std::string>("none");
  return key && tls::fits(certificate, key->get());
}

}  // namespace

std::string next_key_of(const Place& place) {
  return place.key + ".next";
}

std::string prepare(const Place& place, KeyKind kind, std::string& request_pem, bool& made) {
  const std::string path = next_key_of(place);
  made = !exists(path);
  auto key = made ? make_key(kind) : tls::read_key(path);
  if (!key) return key.error();
  // First the request: a name that cannot be asked for leaves no key behind.
  if (auto wrong = make_request(key->get(), place.names, request_pem); !wrong.empty()) return wrong;
  if (!made) return "";
  std::string pem = pem_of(key->get());
  auto wrong =
      pem.empty() ? "the key cannot be written as PEM" + tls::reason() : write_whole(path, pem);
  OPENSSL_cleanse(pem.data(), pem.size());
  return wrong;
}

std::string install(const Place& place, const std::string& chain_pem, const std::string& chain_name,
                    const std::string& ca, int64_t now_s, Installed& done) {
  const auto chain = tls::parse_certificates(chain_pem, chain_name);
  if (!chain) return chain.error();
  const X509* leaf = chain->front().get();
  done.facts = tls::facts_of(leaf);
  done.new_key = key_fits(next_key_of(place), leaf);
  if (!done.new_key && !key_fits(place.key, leaf))
    return "the certificate (" + done.facts.subject + ") belongs neither to " + next_key_of(place) +
           " nor to " + place.key +
           "; it is the answer to another request, or its own does not come first";
  if (auto wrong = order_fault(*chain); !wrong.empty()) return wrong;
  const auto facts = facts_of_all(*chain);
  if (auto wrong = together(tls::validity_words(facts, now_s)); !wrong.empty()) return wrong;
  if (const auto& first = tls::first_to_end(facts); &first != &facts.front())
    done.warnings.push_back("it is of use until " + tls::time_text(first.not_after_s) +
                            " alone, when " + first.subject + " above it ends");
  for (const std::string& word : tls::validity_words(facts, now_s, kSoonS))
    done.warnings.push_back(word + ": have it renewed");
  if (ca.empty())
    done.warnings.push_back("no CA to check it with; give one with --ca");
  else if (auto wrong = ca_fault(*chain, ca, now_s); !wrong.empty())
    return "the certificate (" + done.facts.subject + "): " + wrong;
  for (const std::string& name : place.names)
    if (!has(done.facts.names, name))
      done.warnings.push_back("it is not for " + name + ", only for " +
                              tls::text_of(done.facts.names));
  // The key goes first: whoever reads the pair between the two finds that they do not fit, and
  // keeps what he has. After a power failure there, the same installation again puts it right.
  if (done.new_key) return replace_pair(place, chain_pem);
  return write_whole(place.certificate, chain_pem);
}

Look look_at(const Place& place, int64_t now_s) {
  const RightsOfDaemon rights;
  Look look;
  look.key_waits = exists(next_key_of(place));
  const auto chain = tls::read_certificates(place.certificate);
  if (!chain) {
    look.wrong = chain.error();
    return look;
  }
  look.chain = facts_of_all(*chain);
  if (const auto key = tls::read_key(place.key); !key)
    look.wrong = key.error();
  else if (!tls::fits(chain->front().get(), key->get()))
    look.wrong = place.key + ": is not its key";
  else if (look.wrong = order_fault(*chain); look.wrong.empty())
    judge_dates(look, now_s);
  return look;
}

std::string authority_fault(const Place& place, const std::string& ca, int64_t now_s) {
  const RightsOfDaemon rights;
  const auto chain = tls::read_certificates(place.certificate);
  return chain ? ca_fault(*chain, ca, now_s) : chain.error();
}

Look look_at_authorities(const std::string& file, int64_t now_s) {
  const RightsOfDaemon rights;
  Look look;
  look.wrong = read_fault(file);
  if (!look.wrong.empty()) return look;
  X509_STORE* store = X509_STORE_new();
  if (X509_STORE_load_file(store, file.c_str()) != 1) look.wrong = no_authorities(file);
  const auto* objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i)
    if (const X509* one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)))
      look.chain.push_back(tls::facts_of(one));
  X509_STORE_free(store);
  ERR_clear_error();
  if (look.wrong.empty()) judge_dates(look, now_s);
  return look;
}

}  // namespace holdfast::certs
