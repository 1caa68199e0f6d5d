#include "crypto/svid.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/issuing.h"

namespace hf::crypto {
namespace {

using openssl::view_of;

using Request = std::unique_ptr<X509_REQ, openssl::Freer<X509_REQ, X509_REQ_free>>;

constexpr std::size_t kMaxChain = 10;

Result<std::vector<openssl::Certificate>> parse_chain(std::string_view pem) {
    if (pem.size() > openssl::kMaxPemBytes) {
        return unauthenticated("a chain of {} bytes; the limit is {}", pem.size(),
                               openssl::kMaxPemBytes);
    }
    std::vector<openssl::Certificate> chain;
    const openssl::Bio bio = view_of(pem);
    while (chain.size() <= kMaxChain) {
        openssl::Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!next) break;
        chain.push_back(std::move(next));
    }
    ERR_clear_error();
    if (chain.empty() || chain.size() > kMaxChain) {
        return unauthenticated("a chain of {} PEM certificates; want 1 to {}", chain.size(),
                               kMaxChain);
    }
    return chain;
}

Bytes der_of(X509* certificate) {
    unsigned char* data = nullptr;
    const int size = i2d_X509(certificate, &data);
    HF_CHECK(size > 0, "OpenSSL cannot write a certificate that it read");
    Bytes der(data, data + size);
    OPENSSL_free(data);
    return der;
}

// The one URI among the alternative names, beside which there may be nothing.
Result<SpiffeId> id_of(X509* certificate) {
    int critical = 0;
    const openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
    ERR_clear_error();
    if (!names) return unauthenticated("the certificate has no alternative name, or several lists");
    if (sk_GENERAL_NAME_num(names.get()) != 1) {
        return unauthenticated("the certificate has {} alternative names, want one URI",
                               sk_GENERAL_NAME_num(names.get()));
    }
    int kind = 0;
    const auto* text = static_cast<const ASN1_IA5STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), 0), &kind));
    if (kind != GEN_URI) return unauthenticated("the certificate's alternative name is no URI");
    const std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text)));
    Result<SpiffeId> id = SpiffeId::parse(uri);
    if (!id.ok()) return unauthenticated("{}", id.status().message());
    return id;
}

Status check_leaf(X509* certificate) {
    // X509_check_ca() alone misses an authority whose key usage does not let it sign.
    const bool authority =
        X509_check_ca(certificate) != 0 || (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
    if (authority) return unauthenticated("the leaf is an authority");
    const std::uint32_t usage = X509_get_key_usage(certificate);
    if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
        return unauthenticated("the leaf may sign certificates");
    }
    return {};
}

}  // namespace

Result<Credential> make_root(std::string_view common_name, Instant now, Duration validity) {
    return make_authority(Role::kRoot, common_name, {now, validity});
}

Result<Credential> issue_intermediate(const Credential& root, std::string_view common_name,
                                      Instant now, Duration validity) {
    Draft draft;
    draft.role = Role::kAuthority;
    draft.subject.common_name = common_name;
    return issue_with_new_key(root, std::move(draft), {now, validity});
}

std::string make_signing_request(const PrivateKey& key) {
    const openssl::Key handle = handle_of(key);
    const Request request(X509_REQ_new());
    HF_CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
    HF_CHECK(X509_REQ_set_pubkey(request.get(), handle.get()) == 1);
    HF_CHECK(X509_REQ_sign(request.get(), handle.get(), EVP_sha256()) > 0,
             "OpenSSL cannot sign a request");
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_X509_REQ(out.get(), request.get()) == 1);
    return openssl::text_of(out);
}

Result<PublicKey> read_signing_request(std::string_view pem) {
    if (pem.size() > openssl::kMaxPemBytes) {
        return invalid_argument("a signing request of {} bytes; the limit is {}", pem.size(),
                                openssl::kMaxPemBytes);
    }
    const Request request(PEM_read_bio_X509_REQ(view_of(pem).get(), nullptr, nullptr, nullptr));
    EVP_PKEY* const key = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
    const bool own = key && X509_REQ_verify(request.get(), key) == 1;
    ERR_clear_error();
    if (!key) return invalid_argument("not a PEM signing request");
    if (!own) return invalid_argument("the request is not signed by the key that it names");
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    HF_CHECK(PEM_write_bio_PUBKEY(out.get(), key) == 1);
    return PublicKey::from_pem(openssl::text_of(out));
}

Result<std::string> issue_svid(const Credential& authority, const SvidSubject& subject, Instant now,
                               Duration validity) {
    Draft draft;
    draft.role = Role::kNode;
    draft.id = subject.id;
    return issue(authority, std::move(draft), handle_of(subject.key).get(), {now, validity});
}

Result<Svid> verify_svid(std::string_view chain_pem, const TrustBundles& bundles, Instant now) {
    const std::vector<openssl::Certificate> chain = HF_TRY(parse_chain(chain_pem));
    X509* const leaf = chain[0].get();
    SpiffeId id = HF_TRY(id_of(leaf));
    const auto bundle = bundles.find(id.trust_domain());
    if (bundle == bundles.end()) {
        return unauthenticated("the trust domain '{}' is not known here", id.trust_domain());
    }
    HF_TRY(check_leaf(leaf));
    std::vector<Bytes> der;
    for (const openssl::Certificate& certificate : chain) der.push_back(der_of(certificate.get()));
    PublicKey key = HF_TRY(PublicKey::from_chain(der, bundle->second, now));
    return Svid{std::move(id), std::move(key), serial_of(leaf),
                instant_of(X509_get0_notBefore(leaf)), instant_of(X509_get0_notAfter(leaf))};
}

}  // namespace hf::crypto
