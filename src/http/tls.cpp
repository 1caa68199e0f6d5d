#include "http/tls.h"

#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace hf::http {
namespace {

namespace ssl = boost::asio::ssl;
using ErrorCode = boost::system::error_code;

constexpr unsigned char kAlpnProtocols[] = "\x08http/1.1";
constexpr unsigned kAlpnSize = sizeof kAlpnProtocols - 1;

// A client that offers protocols, but not this one, is told so by an alert (RFC 7301).
int select_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    unsigned char* at = nullptr;
    const int found =
        SSL_select_next_proto(&at, chosen_size, kAlpnProtocols, kAlpnSize, offered, offered_size);
    if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = at;
    return SSL_TLSEXT_ERR_OK;
}

Result<std::unique_ptr<ssl::context>> make_context(ssl::context::method method) {
    auto context = std::make_unique<ssl::context>(method);
    SSL_CTX* const handle = context->native_handle();
    SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
    SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
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

}  // namespace

Result<std::unique_ptr<ssl::context>> make_server_context(const Tls& tls) {
    std::unique_ptr<ssl::context> context = HF_TRY(make_context(ssl::context::tls_server));
    HF_TRY(use_certificate(*context, tls.certificate_pem, tls.key_pem));
    SSL_CTX* const handle = context->native_handle();
    SSL_CTX_set_alpn_select_cb(handle, select_protocol, nullptr);
    // Without a session context, OpenSSL refuses to resume sessions that had client certificates.
    constexpr unsigned char kSession[] = "holdfast";
    SSL_CTX_set_session_id_context(handle, kSession, sizeof kSession - 1);
    if (!tls.client_ca_pem.empty()) {
        HF_TRY(trust(*context, tls.client_ca_pem));
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
    }
    return context;
}

Result<std::unique_ptr<ssl::context>> make_client_context(const ClientOptions& options) {
    std::unique_ptr<ssl::context> context = HF_TRY(make_context(ssl::context::tls_client));
    ErrorCode ignored;  // a system without authorities trusts those of the options only
    context->set_default_verify_paths(ignored);
    ERR_clear_error();
    if (!options.ca_pem.empty()) HF_TRY(trust(*context, options.ca_pem));
    if (!options.certificate_pem.empty()) {
        HF_TRY(use_certificate(*context, options.certificate_pem, options.key_pem));
    }
    SSL_CTX* const handle = context->native_handle();
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_alpn_protos(handle, kAlpnProtocols, kAlpnSize);
    return context;
}

std::string peer_common_name(SSL* ssl) {
    X509* const certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate) return {};
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

}  // namespace hf::http
