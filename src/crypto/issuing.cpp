#include "crypto/issuing.h"

#include <algorithm>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/text.h"

namespace hf::crypto {
namespace {

using openssl::view_of;

constexpr std::size_t kMaxNames = 100;
constexpr std::size_t kMaxCommonNameBytes = 64;  // RFC 5280, ub-common-name
constexpr std::size_t kMaxDnsNameBytes = 253;    // RFC 1035
constexpr std::size_t kMaxDnsLabelBytes = 63;    // RFC 1035
constexpr int kSerialBits = 159;                 // RFC 5280: positive, at most 20 octets

std::time_t seconds_of(Instant instant) {
    return std::chrono::duration_cast<std::chrono::seconds>(instant.time_since_epoch()).count();
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

Status add_hosts(X509* certificate, const ServerNames& names) {
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

// Critical, as RFC 5280 wants it where there is no subject.
void add_id(X509* certificate, const SpiffeId& id) {
    const openssl::GeneralNames entries(GENERAL_NAMES_new());
    GENERAL_NAME* entry = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    HF_CHECK(ASN1_STRING_set(text, id.text().data(), static_cast<int>(id.text().size())) == 1);
    GENERAL_NAME_set0_value(entry, GEN_URI, text);
    sk_GENERAL_NAME_push(entries.get(), entry);
    HF_CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, entries.get(), 1, 0) == 1);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const openssl::Extension extension(X509V3_EXT_nconf_nid(nullptr, &context, kind, value));
    HF_CHECK(extension != nullptr, "OpenSSL refuses the extension {}", value);
    HF_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

const char* constraints_of(Role role) {
    if (role == Role::kRoot) return "critical,CA:TRUE,pathlen:1";
    return role == Role::kAuthority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE";
}

const char* purposes_of(Role role) {
    if (role == Role::kNode) return "serverAuth,clientAuth";
    return role == Role::kServer ? "serverAuth" : "clientAuth";
}

void add_usage(X509* certificate, X509* issuer, Role role) {
    const bool authority = role == Role::kRoot || role == Role::kAuthority;
    add_extension(certificate, issuer, NID_basic_constraints, constraints_of(role));
    add_extension(certificate, issuer, NID_key_usage,
                  authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!authority) add_extension(certificate, issuer, NID_ext_key_usage, purposes_of(role));
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

void set_random_serial(X509* certificate) {
    const openssl::BigNumber serial(BN_new());
    HF_CHECK(BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
    HF_CHECK(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr);
}

}  // namespace

Instant instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return Instant(std::chrono::seconds(timegm(&parts)));
}

openssl::Key handle_of(const PrivateKey& key) {
    const std::string pem = key.pem();
    openssl::Key handle(PEM_read_bio_PrivateKey(view_of(pem).get(), nullptr, nullptr, nullptr));
    HF_CHECK(handle != nullptr, "OpenSSL cannot read a key that it wrote");
    return handle;
}

openssl::Key handle_of(const PublicKey& key) {
    const std::string pem = key.pem();
    openssl::Key handle(PEM_read_bio_PUBKEY(view_of(pem).get(), nullptr, nullptr, nullptr));
    HF_CHECK(handle != nullptr, "OpenSSL cannot read a key that it wrote");
    return handle;
}

std::string serial_of(X509* certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    return to_hex(
        {ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

std::string pem_of(X509* certificate) {
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_X509(out.get(), certificate) == 1);
    return openssl::text_of(out);
}

Result<std::string> sign_draft(const Draft& draft, EVP_PKEY* key, const Issuer& issuer) {
    const openssl::Certificate certificate(X509_new());
    X509* const raw = certificate.get();
    X509* const signer = issuer.certificate ? issuer.certificate : raw;
    X509_set_version(raw, X509_VERSION_3);
    set_random_serial(raw);
    if (!draft.id) HF_TRY(set_subject(raw, draft.subject));
    X509_set_issuer_name(raw, X509_get_subject_name(signer));
    ASN1_TIME_set(X509_getm_notBefore(raw), seconds_of(draft.not_before));
    ASN1_TIME_set(X509_getm_notAfter(raw), seconds_of(draft.not_after));
    X509_set_pubkey(raw, key);
    add_usage(raw, signer, draft.role);
    if (draft.role == Role::kServer) HF_TRY(add_hosts(raw, draft.alternatives));
    if (draft.id) add_id(raw, *draft.id);
    EVP_PKEY* const signing_key = issuer.key ? issuer.key : key;
    HF_CHECK(X509_sign(raw, signing_key, EVP_sha256()) > 0, "OpenSSL cannot sign a certificate");
    return pem_of(raw);
}

Result<openssl::Certificate> parse_certificate(std::string_view pem) {
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

Result<std::string> issue(const Credential& ca, Draft draft, EVP_PKEY* key, Term term) {
    const openssl::Certificate authority =
        HF_TRY(parse_certificate(ca.certificate_pem).context("the authority"));
    const openssl::Key signing_key = handle_of(ca.key);
    const bool matches = X509_check_ca(authority.get()) == 1 &&
                         X509_check_private_key(authority.get(), signing_key.get()) == 1;
    ERR_clear_error();
    if (!matches) return invalid_argument("the certificate and key are not those of an authority");
    const Instant from = instant_of(X509_get0_notBefore(authority.get()));
    const Instant until = instant_of(X509_get0_notAfter(authority.get()));
    if (term.now < from || term.now >= until) {
        return failed_precondition("the authority's certificate is valid from {} to {}, not at {}",
                                   format_rfc3339(from), format_rfc3339(until),
                                   format_rfc3339(term.now));
    }
    draft.not_before = std::max(term.now - kClockSkew, from);
    draft.not_after = std::min(term.now + term.validity, until);
    return sign_draft(draft, key, {authority.get(), signing_key.get()});
}

Result<Credential> issue_with_new_key(const Credential& authority, Draft draft, Term term) {
    const PrivateKey key = PrivateKey::generate();
    std::string pem = HF_TRY(issue(authority, std::move(draft), handle_of(key).get(), term));
    return Credential{key, std::move(pem)};
}

Result<Credential> make_authority(Role role, std::string_view common_name, Term term) {
    Draft draft;
    draft.role = role;
    draft.subject.common_name = common_name;
    draft.not_before = term.now - kClockSkew;
    draft.not_after = term.now + term.validity;
    const PrivateKey key = PrivateKey::generate();
    std::string pem = HF_TRY(sign_draft(draft, handle_of(key).get(), {}));
    return Credential{key, std::move(pem)};
}

}  // namespace hf::crypto
