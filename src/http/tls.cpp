#include "http/tls.h"

#include <array>
#include <ctime>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace hf::http {
namespace {

namespace ssl = boost::asio::ssl;
using ErrorCode = boost::system::error_code;

// By preference; the second begins where HTTP/2 is not spoken.
constexpr unsigned char kAlpnProtocols[] = "\x02h2\x08http/1.1";
constexpr unsigned kAlpnSize = sizeof kAlpnProtocols - 1;
constexpr unsigned kAlpnHttp2Size = 3;

// A client that offers protocols, but none of ours, is told so by an alert (RFC 7301). The first
// `kSkipped` bytes of ours do not count.
template <unsigned kSkipped>
int select_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    unsigned char* at = nullptr;
    const int found = SSL_select_next_proto(&at, chosen_size, kAlpnProtocols + kSkipped,
                                            kAlpnSize - kSkipped, offered, offered_size);
    if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = at;
    return SSL_TLSEXT_ERR_OK;
}

Result<std::unique_ptr<ssl::context>> make_context(ssl::context::method method) {
    auto context = std::make_unique<ssl::context>(method);
    SSL_CTX* const handle = context->native_handle();
    SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
    SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // An idle connection keeps no buffers: 34 KB for each of what may be thousands of watches.
    SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

Status use_certificate(ssl::context& context, std::string_view certificate, std::string_view key) {
    ErrorCode error;
    context.use_certificate_chain(boost::asio::buffer(certificate), error);
    if (error) return invalid_argument("the certificate is not PEM: {}", error.message());
    // An empty password instead of OpenSSL's prompt on the terminal.
    context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return ""; },
                                  error);
    context.use_private_key(boost::asio::buffer(key), ssl::context::pem, error);
    if (error) {
        return invalid_argument("the private key is not PEM, or not the certificate's: {}",
                                error.message());
    }
    return {};
}

Status trust(ssl::context& context, std::string_view ca_pem) {
    ErrorCode error;
    context.add_certificate_authority(boost::asio::buffer(ca_pem), error);
    if (error) return invalid_argument("the trusted certificate is not PEM: {}", error.message());
    return {};
}

// A leaf's end is left to the handlers; an authority's is not.
int admit_expired(int verified, X509_STORE_CTX* context) {
    const bool leaf_ended = X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED &&
                            X509_STORE_CTX_get_error_depth(context) == 0;
    if (verified == 1 || !leaf_ended) return verified;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

Digest digest_of(const X509* certificate) {
    std::array<std::uint8_t, Digest::kSize> bytes{};
    unsigned size = 0;
    HF_CHECK(X509_digest(certificate, EVP_sha256(), bytes.data(), &size) == 1);
    return Digest(bytes);
}

// OpenSSL's own verification, with the pinned authority as the only one trusted. A leaf is never
// that: who holds its key holds no authority.
int verify_pinned(X509_STORE_CTX* context, void* pin) {
    const auto& wanted = *static_cast<const Digest*>(pin);
    X509* const leaf = X509_STORE_CTX_get0_cert(context);
    STACK_OF(X509)* const shown = X509_STORE_CTX_get0_untrusted(context);
    STACK_OF(X509)* const trusted = sk_X509_new_null();
    for (int at = 0; at < sk_X509_num(shown); ++at) {
        X509* const certificate = sk_X509_value(shown, at);
        if (certificate == leaf || X509_cmp(certificate, leaf) == 0) continue;
        if (X509_check_ca(certificate) != 1 || digest_of(certificate) != wanted) continue;
        sk_X509_push(trusted, certificate);
        break;
    }
    int verdict = 0;
    if (sk_X509_num(trusted) == 0) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    } else {
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
        verdict = X509_verify_cert(context);
    }
    sk_X509_free(trusted);
    return verdict > 0 ? 1 : 0;
}

std::string common_name_of(const X509* certificate) {
    const X509_NAME* subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
    unsigned char* utf8 = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return {};
    std::string name(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    return name;
}

std::string text_of(const ASN1_STRING* text) {
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<std::size_t>(ASN1_STRING_length(text)));
}

// From all lists of alternative names, although RFC 5280 allows but one: none goes unseen.
std::vector<std::string> uris_of(const X509* certificate) {
    std::vector<std::string> uris;
    int at = -1;
    while (auto* names = static_cast<GENERAL_NAMES*>(
               X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, &at))) {
        for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
            int kind = 0;
            const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
            if (kind == GEN_URI) uris.push_back(text_of(static_cast<const ASN1_STRING*>(value)));
        }
        GENERAL_NAMES_free(names);
    }
    ERR_clear_error();
    return uris;
}

// Of the key as PEM has it, from the bytes that the certificate has it in.
Digest key_digest(X509* certificate) {
    unsigned char* der = nullptr;
    const int der_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    BIO* const out = BIO_new(BIO_s_mem());
    HF_CHECK(der_size > 0 && PEM_write_bio(out, PEM_STRING_PUBLIC, "", der, der_size) > 0);
    OPENSSL_free(der);
    char* pem = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &pem));
    std::array<std::uint8_t, Digest::kSize> bytes{};
    HF_CHECK(EVP_Digest(pem, size, bytes.data(), nullptr, EVP_sha256(), nullptr) == 1);
    BIO_free(out);
    return Digest(bytes);
}

Instant end_of(const X509* certificate) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
    return Instant(std::chrono::seconds(timegm(&parts)));
}

}  // namespace

Result<std::unique_ptr<ssl::context>> make_server_context(const Tls& tls, bool http2) {
    std::unique_ptr<ssl::context> context = HF_TRY(make_context(ssl::context::tls_server));
    HF_TRY(use_certificate(*context, tls.certificate_pem, tls.key_pem));
    SSL_CTX* const handle = context->native_handle();
    SSL_CTX_set_alpn_select_cb(handle, http2 ? select_protocol<0> : select_protocol<kAlpnHttp2Size>,
                               nullptr);
    // No session is taken up again: tickets would tell anew what a certificate said that may have
    // been replaced since, and OpenSSL 3 reads the client's certificate twice more for each ticket
    // that it writes, which is a third of a handshake; nor would they outlive a restart.
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(handle, 0);
    if (tls.tls13_only) SSL_CTX_set_min_proto_version(handle, TLS1_3_VERSION);
    if (!tls.client_ca_pem.empty()) {
        HF_TRY(trust(*context, tls.client_ca_pem));
        // A chain ends at the first of them: one signature less to check for each connection.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(handle), X509_V_FLAG_PARTIAL_CHAIN);
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER,
                           tls.admit_expired_clients ? admit_expired : nullptr);
    }
    return context;
}

Result<std::unique_ptr<ssl::context>> make_client_context(const ClientOptions& options,
                                                          bool http2) {
    std::unique_ptr<ssl::context> context = HF_TRY(make_context(ssl::context::tls_client));
    SSL_CTX* const handle = context->native_handle();
    if (options.pinned_ca_sha256) {
        auto* pin = const_cast<Digest*>(&*options.pinned_ca_sha256);  // OpenSSL's void*; only read
        SSL_CTX_set_cert_verify_callback(handle, verify_pinned, pin);
    } else {
        ErrorCode ignored;  // a system without authorities trusts those of the options only
        if (options.server_uri.empty()) context->set_default_verify_paths(ignored);
        ERR_clear_error();
        if (!options.ca_pem.empty()) HF_TRY(trust(*context, options.ca_pem));
    }
    if (options.tls13_only) SSL_CTX_set_min_proto_version(handle, TLS1_3_VERSION);
    if (!options.certificate_pem.empty()) {
        HF_TRY(use_certificate(*context, options.certificate_pem, options.key_pem));
    }
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
    if (http2) {
        SSL_CTX_set_alpn_protos(handle, kAlpnProtocols, kAlpnHttp2Size);
    } else {
        SSL_CTX_set_alpn_protos(handle, kAlpnProtocols + kAlpnHttp2Size,
                                kAlpnSize - kAlpnHttp2Size);
    }
    return context;
}

bool has_chosen_http2(SSL* ssl) {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    return size == 2 && chosen[0] == 'h' && chosen[1] == '2';
}

void describe_peer(SSL* ssl, Request& request) {
    request.tls_version = SSL_get_version(ssl);
    X509* const certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate) return;
    request.client_name = common_name_of(certificate);
    request.client_uris = uris_of(certificate);
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    request.client_serial = to_hex(
        {ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
    request.client_key = key_digest(certificate);
    request.client_not_after = end_of(certificate);
    // Says CA:TRUE, or is one in another way, or may sign: X509_check_ca() alone misses an
    // authority whose key usage does not let it sign.
    request.client_is_authority = X509_check_ca(certificate) != 0 ||
                                  (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0 ||
                                  ((X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) != 0 &&
                                   (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0);
}

void copy_peer(const Request& from, Request& to) {
    to.tls_version = from.tls_version;
    to.client_name = from.client_name;
    to.client_uris = from.client_uris;
    to.client_serial = from.client_serial;
    to.client_key = from.client_key;
    to.client_not_after = from.client_not_after;
    to.client_is_authority = from.client_is_authority;
}

Status expect_host(SSL* ssl, const std::string& host) {
    ErrorCode not_an_address;
    boost::asio::ip::make_address(host, not_an_address);
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
    const bool named = not_an_address
                           ? SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
                                 X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1
                           : X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
    if (!named) return invalid_argument("no certificate can name the host '{}'", host);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return {};
}

Status check_server_uri(SSL* ssl, const std::string& uri) {
    if (uri.empty()) return {};
    const X509* const certificate = SSL_get0_peer_certificate(ssl);
    const std::vector<std::string> uris =
        certificate ? uris_of(certificate) : std::vector<std::string>();
    if (uris.size() == 1 && uris.front() == uri) return {};
    return unauthenticated("the server is {}, not {}",
                           uris.size() == 1 ? uris.front() : "nobody by one name", uri);
}

}  // namespace hf::http
