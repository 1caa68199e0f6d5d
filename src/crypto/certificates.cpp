#include "crypto/certificates.h"

#include <openssl/err.h>

#include "crypto/issuing.h"

namespace hf::crypto {
namespace {

constexpr std::string_view kServerCommonName = "holdfast server";

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

std::vector<std::string> uris_of(X509* certificate) {
    std::vector<std::string> uris;
    const openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int kind = 0;
        const auto* text = static_cast<const ASN1_IA5STRING*>(
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind));
        if (kind != GEN_URI) continue;
        uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                          static_cast<std::size_t>(ASN1_STRING_length(text)));
    }
    return uris;
}

}  // namespace

Result<Credential> make_ca(std::string_view common_name, Instant now, Duration validity) {
    return make_authority(Role::kAuthority, common_name, {now, validity});
}

Result<Credential> issue_server_certificate(const Credential& ca, const ServerNames& names,
                                            Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kServer;
    draft.subject.common_name = kServerCommonName;
    draft.alternatives = names;
    return issue_with_new_key(ca, std::move(draft), {now, validity});
}

Result<Credential> issue_client_certificate(const Credential& ca, const ClientNames& names,
                                            Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kClient;
    draft.subject = names;
    return issue_with_new_key(ca, std::move(draft), {now, validity});
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
    const openssl::Certificate certificate = HF_TRY(parse_certificate(pem));
    CertificateFacts facts;
    const std::vector<std::string> names = subject_texts(certificate.get(), NID_commonName);
    if (!names.empty()) facts.common_name = names.front();
    facts.organizations = subject_texts(certificate.get(), NID_organizationName);
    facts.uris = uris_of(certificate.get());
    facts.serial_hex = serial_of(certificate.get());
    facts.not_before = instant_of(X509_get0_notBefore(certificate.get()));
    facts.not_after = instant_of(X509_get0_notAfter(certificate.get()));
    facts.is_ca = X509_check_ca(certificate.get()) == 1;
    return facts;
}

Result<Digest> certificate_digest(std::string_view pem) {
    const openssl::Certificate certificate = HF_TRY(parse_certificate(pem));
    std::array<std::uint8_t, Digest::kSize> bytes{};
    HF_CHECK(X509_digest(certificate.get(), EVP_sha256(), bytes.data(), nullptr) == 1);
    return Digest(bytes);
}

Status check_authority(const Credential& authority, std::string_view root_pem) {
    const openssl::Certificate own =
        HF_TRY(parse_certificate(authority.certificate_pem).context("the authority"));
    const openssl::Certificate root = HF_TRY(parse_certificate(root_pem).context("the root"));
    const openssl::Key key = handle_of(authority.key);
    const bool whole = X509_check_private_key(own.get(), key.get()) == 1;
    const bool signed_by_root = X509_check_issued(root.get(), own.get()) == X509_V_OK &&
                                X509_verify(own.get(), X509_get0_pubkey(root.get())) == 1;
    ERR_clear_error();
    if (X509_check_ca(own.get()) != 1) return failed_precondition("it is no authority");
    if (!whole) return failed_precondition("the key is not that of the authority's certificate");
    if (!signed_by_root) return failed_precondition("the root did not sign the authority");
    return {};
}

}  // namespace hf::crypto
