#include "http/certificates_test.h"

#include <memory>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace hf::http {
namespace {

template <typename T, void (*Free)(T*)>
struct Freer {
    void operator()(T* p) const { Free(p); }
};
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION, X509_EXTENSION_free>>;

std::string text_of(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

Bio view_of(const std::string& text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void extend(X509* certificate, int kind, const std::string& value) {
    const Extension extension(X509V3_EXT_nconf_nid(nullptr, nullptr, kind, value.c_str()));
    HF_CHECK(extension != nullptr, "{}", value);
    X509_add_ext(certificate, extension.get(), -1);
}

}  // namespace

TestCertificate make_certificate(const TestSubject& subject, const TestCertificate* issuer) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), subject.starts_in_s);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), subject.ends_in_s);
    X509_set_pubkey(made.get(), key.get());
    const auto* name = reinterpret_cast<const unsigned char*>(subject.common_name.data());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, name,
                               static_cast<int>(subject.common_name.size()), -1, 0);
    Certificate issuer_certificate;
    Key issuer_key;
    if (issuer) {
        issuer_certificate.reset(
            PEM_read_bio_X509(view_of(issuer->certificate_pem).get(), nullptr, nullptr, nullptr));
        issuer_key.reset(
            PEM_read_bio_PrivateKey(view_of(issuer->key_pem).get(), nullptr, nullptr, nullptr));
        if (!subject.alternatives.empty())
            extend(made.get(), NID_subject_alt_name, subject.alternatives);
        extend(made.get(), NID_ext_key_usage, subject.usage);
    }
    if (!issuer || subject.authority) {
        extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
    }
    const X509* signer = issuer ? issuer_certificate.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(signer));
    HF_CHECK(X509_sign(made.get(), issuer ? issuer_key.get() : key.get(), EVP_sha256()) > 0);
    const Bio certificate_pem(BIO_new(BIO_s_mem()));
    const Bio key_pem(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(certificate_pem.get(), made.get());
    PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(certificate_pem), text_of(key_pem)};
}

}  // namespace hf::http
