#include "crypto/certificates.h"

#include <algorithm>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/openssl.h"

namespace hf::crypto {
namespace {

using openssl::view_of;

constexpr std::size_t kMaxNames = 100;
constexpr std::size_t kMaxCommonNameBytes = 64;  // RFC 5280, ub-common-name
constexpr std::size_t kMaxDnsNameBytes = 253;    // RFC 1035
constexpr std::size_t kMaxDnsLabelBytes = 63;    // RFC 1035
constexpr int kSerialBits = 159;                 // RFC 5280: positive, at most 20 octets
constexpr std::string_view kServerCommonName = "holdfast server";

enum class Role : unsigned char { kAuthority, kServer, kClient };

struct Draft {
    Role role = Role::kAuthority;
    ClientNames subject;
    ServerNames alternatives;
    Instant not_before;
    Instant not_after;
};

struct Issuer {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
};

std::time_t seconds_of(Instant instant) {
    return std::chrono::duration_cast<std::chrono::seconds>(instant.time_since_epoch()).count();
}

Instant instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return Instant(std::chrono::seconds(timegm(&parts)));
}

bool is_name(std::string_view text, std::size_t bytes_max) {
    const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    return !text.empty() && text.size() <= bytes_max && plain && is_utf8(text);
}

bool is_dns_label(std::string_view label) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !label.empty() && label.size() <= kMaxDnsLabelBytes && label.front() != '-' &&
           label.back() != '-' && std::all_of(label.begin(), label.end(), allowed);
}

// A star may stand for the whole first label only (RFC 6125).
bool is_dns_name(std::string_view name) {
    if (name.starts_with("*.")) name.remove_prefix(2);
    const std::vector<std::string_view> labels = split(name, '.');
    return name.size() <= kMaxDnsNameBytes &&
           std::all_of(labels.begin(), labels.end(), is_dns_label);
}

Status add_to_subject(X509* certificate, const char* field, const std::string& value) {
    if (!is_name(value, kMaxCommonNameBytes)) {
        return invalid_argument("'{}' cannot be a certificate's {}: want 1 to {} bytes of UTF-8",
                                value, field, kMaxCommonNameBytes);
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
    HF_CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                                        bytes, static_cast<int>(value.size()), -1, 0) == 1);
    return {};
}

Status set_subject(X509* certificate, const ClientNames& subject) {
    for (const std::string& organization : subject.organizations) {
        HF_TRY(add_to_subject(certificate, "O", organization));
    }
    return add_to_subject(certificate, "CN", subject.common_name);
}

Result<openssl::GeneralName> dns_entry(const std::string& name) {
    if (!is_dns_name(name)) return invalid_argument("'{}' is not a DNS name", name);
    openssl::GeneralName entry(GENERAL_NAME_new());
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    HF_CHECK(ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) == 1);
    GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text);
    return entry;
}

Result<openssl::GeneralName> ip_entry(const std::string& address) {
    ASN1_OCTET_STRING* octets = a2i_IPADDRESS(address.c_str());
    if (!octets) {
        ERR_clear_error();
        return invalid_argument("'{}' is not an IP address", address);
    }
    openssl::GeneralName entry(GENERAL_NAME_new());
    GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, octets);
    return entry;
}

Status add_alternatives(X509* certificate, const ServerNames& names) {
    const std::size_t count = names.dns_names.size() + names.ip_addresses.size();
    if (count == 0 || count > kMaxNames) {
        return invalid_argument("{} names for a server certificate; want 1 to {}", count,
                                kMaxNames);
    }
    const openssl::GeneralNames entries(GENERAL_NAMES_new());
    for (const std::string& name : names.dns_names) {
        sk_GENERAL_NAME_push(entries.get(), HF_TRY(dns_entry(name)).release());
    }
    for (const std::string& address : names.ip_addresses) {
        sk_GENERAL_NAME_push(entries.get(), HF_TRY(ip_entry(address)).release());
    }
    HF_CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, entries.get(), 0, 0) == 1);
    return {};
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const openssl::Extension extension(X509V3_EXT_nconf_nid(nullptr, &context, kind, value));
    HF_CHECK(extension != nullptr, "OpenSSL refuses the extension {}", value);
    HF_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void add_usage(X509* certificate, X509* issuer, Role role) {
    const bool authority = role == Role::kAuthority;
    add_extension(certificate, issuer, NID_basic_constraints,
                  authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage,
                  authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!authority) {
        add_extension(certificate, issuer, NID_ext_key_usage,
                      role == Role::kServer ? "serverAuth" : "clientAuth");
    }
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

void set_random_serial(X509* certificate) {
    const openssl::BigNumber serial(BN_new());
    HF_CHECK(BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
    HF_CHECK(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr);
}

openssl::Key handle_of(const PrivateKey& key) {
    const std::string pem = key.pem();
    openssl::Key handle(PEM_read_bio_PrivateKey(view_of(pem).get(), nullptr, nullptr, nullptr));
    HF_CHECK(handle != nullptr, "OpenSSL cannot read a key that it wrote");
    return handle;
}

// Self-signed when the issuer has no certificate.
Result<Credential> sign_draft(const Draft& draft, const Issuer& issuer) {
    const PrivateKey key = PrivateKey::generate();
    const openssl::Key handle = handle_of(key);
    const openssl::Certificate certificate(X509_new());
    X509* const raw = certificate.get();
    X509* const signer = issuer.certificate ? issuer.certificate : raw;
    X509_set_version(raw, X509_VERSION_3);
    set_random_serial(raw);
    HF_TRY(set_subject(raw, draft.subject));
    X509_set_issuer_name(raw, X509_get_subject_name(signer));
    ASN1_TIME_set(X509_getm_notBefore(raw), seconds_of(draft.not_before));
    ASN1_TIME_set(X509_getm_notAfter(raw), seconds_of(draft.not_after));
    X509_set_pubkey(raw, handle.get());
    add_usage(raw, signer, draft.role);
    if (draft.role == Role::kServer) HF_TRY(add_alternatives(raw, draft.alternatives));
    EVP_PKEY* const signing_key = issuer.key ? issuer.key : handle.get();
    HF_CHECK(X509_sign(raw, signing_key, EVP_sha256()) > 0, "OpenSSL cannot sign a certificate");
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_X509(out.get(), raw) == 1);
    return Credential{key, openssl::text_of(out)};
}

Result<openssl::Certificate> parse(std::string_view pem) {
    if (pem.size() > openssl::kMaxPemBytes) {
        return invalid_argument("a certificate of {} bytes; the limit is {}", pem.size(),
                                openssl::kMaxPemBytes);
    }
    openssl::Certificate certificate(
        PEM_read_bio_X509(view_of(pem).get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    if (!certificate) return invalid_argument("not a PEM certificate");
    return certificate;
}

Result<Credential> issue(const Credential& ca, Draft draft, Instant now, Duration validity) {
    const openssl::Certificate authority =
        HF_TRY(parse(ca.certificate_pem).context("the authority"));
    const openssl::Key key = handle_of(ca.key);
    const bool matches = X509_check_ca(authority.get()) == 1 &&
                         X509_check_private_key(authority.get(), key.get()) == 1;
    ERR_clear_error();
    if (!matches) return invalid_argument("the certificate and key are not those of an authority");
    const Instant from = instant_of(X509_get0_notBefore(authority.get()));
    const Instant until = instant_of(X509_get0_notAfter(authority.get()));
    if (now < from || now >= until) {
        return failed_precondition("the authority's certificate is valid from {} to {}, not at {}",
                                   format_rfc3339(from), format_rfc3339(until),
                                   format_rfc3339(now));
    }
    draft.not_before = std::max(now - kClockSkew, from);
    draft.not_after = std::min(now + validity, until);
    return sign_draft(draft, {authority.get(), key.get()});
}

std::vector<std::string> subject_texts(X509* certificate, int field) {
    std::vector<std::string> texts;
    const X509_NAME* subject = X509_get_subject_name(certificate);
    for (int at = X509_NAME_get_index_by_NID(subject, field, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(subject, field, at)) {
        unsigned char* utf8 = nullptr;
        const int size =
            ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        if (size < 0) continue;
        texts.emplace_back(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
        OPENSSL_free(utf8);
    }
    return texts;
}

}  // namespace

Result<Credential> make_ca(std::string_view common_name, Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kAuthority;
    draft.subject.common_name = common_name;
    draft.not_before = now - kClockSkew;
    draft.not_after = now + validity;
    return sign_draft(draft, {});
}

Result<Credential> issue_server_certificate(const Credential& ca, const ServerNames& names,
                                            Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kServer;
    draft.subject.common_name = kServerCommonName;
    draft.alternatives = names;
    return issue(ca, std::move(draft), now, validity);
}

Result<Credential> issue_client_certificate(const Credential& ca, const ClientNames& names,
                                            Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kClient;
    draft.subject = names;
    return issue(ca, std::move(draft), now, validity);
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
    const openssl::Certificate certificate = HF_TRY(parse(pem));
    CertificateFacts facts;
    const std::vector<std::string> names = subject_texts(certificate.get(), NID_commonName);
    if (!names.empty()) facts.common_name = names.front();
    facts.organizations = subject_texts(certificate.get(), NID_organizationName);
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
    facts.serial_hex = to_hex(
        {ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
    facts.not_before = instant_of(X509_get0_notBefore(certificate.get()));
    facts.not_after = instant_of(X509_get0_notAfter(certificate.get()));
    facts.is_ca = X509_check_ca(certificate.get()) == 1;
    return facts;
}

}  // namespace hf::crypto
