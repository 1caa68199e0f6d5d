#include "http/dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include <boost/asio/co_spawn.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/text.h"
#include "http/framing.h"
#include "http/tls.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;

constexpr Duration kPulse = std::chrono::milliseconds(100);

// RFC 5482 and RFC 1122, section 4.2.3.6.
void watch_peer(Tcp::socket& socket, Duration patience) {
    const int milliseconds = static_cast<int>(patience / std::chrono::milliseconds(1));
    const int seconds = (milliseconds + 999) / 1000;
    const int on = 1;
    const int handle = socket.native_handle();
    // Where the kernel lacks one of these, only the read time-out notices.
    ::setsockopt(handle, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
    ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    ::setsockopt(handle, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

// Alerts by which a server refuses the certificate that it was shown, or the lack of one.
bool is_certificate_alert(const ErrorCode& error) {
    if (error.category() != asio::error::get_ssl_category()) return false;
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:  // signed by another than it says
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return true;
        default: return false;
    }
}

bool is_protocol_alert(const ErrorCode& error) {
    return error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(error.value())) ==
               SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
}

bool must_be_tls(const ClientOptions& options) {
    return options.tls13_only || options.pinned_ca_sha256;
}

}  // namespace

Status check_headers(const Headers& headers) {
    constexpr std::array<std::string_view, 4> kOwn{"host", "content-length", "transfer-encoding",
                                                   "connection"};
    for (const auto& [name, value] : headers.all()) {
        if (!is_header_name(name) || !is_header_value(value)) {
            return invalid_argument("header '{}' cannot be sent", name);
        }
        const std::string lower = to_lower(name);
        if (std::find(kOwn.begin(), kOwn.end(), lower) != kOwn.end()) {
            return invalid_argument("header '{}' is set by the client itself", name);
        }
    }
    return {};
}

Status failure(const ErrorCode& error, std::string_view doing) {
    if (error == beast::error::timeout) return deadline_exceeded("{}: timed out", doing);
    if (is_certificate_alert(error)) {
        return unauthenticated("{}: the server refuses our certificate: {}", doing,
                               error.message());
    }
    if (error == beast::http::error::end_of_stream ||
        error == beast::http::error::partial_message ||
        error == asio::ssl::error::stream_truncated) {
        return unavailable("{}: the server closed the connection early", doing);
    }
    return unavailable("{}: {}", doing, error.message());
}

Status Dialer::prepare() {
    const bool particular =
        !options_.ca_pem.empty() || !options_.certificate_pem.empty() || must_be_tls(options_);
    if (particular) tls_ = HF_TRY(make_client_context(options_, http2_));
    return {};
}

void Dialer::follow(std::function<Status()> pulse) {
    pulse_ = std::move(pulse);
    stopped_ = {};
}

Result<std::unique_ptr<Link>> Dialer::connect(const Url& url, const std::string& doing) {
    ErrorCode error;
    Tcp::resolver resolver(loop_);
    const Tcp::resolver::results_type addresses =
        resolver.resolve(url.host, fmt::format("{}", url.port), error);
    if (error) {
        return unavailable("{}: the name {} is unknown: {}", doing, url.host, error.message());
    }
    if (!url.tls && must_be_tls(options_)) {
        return invalid_argument("{}: this client speaks TLS only: want https://", doing);
    }
    if (url.tls && !tls_) tls_ = HF_TRY(make_client_context(options_, http2_));
    auto link = std::make_unique<Link>(
        url.origin(), Transport(Tcp::socket(loop_), url.tls ? tls_.get() : nullptr));
    Transport& transport = link->transport;
    transport.expires_after(options_.connect_timeout);
    error = wait(transport, transport.connect(addresses));
    if (error) return failure(error, doing);
    transport.socket().set_option(Tcp::no_delay(true), error);
    watch_peer(transport.socket(), options_.acknowledge_timeout);
    if (url.tls) HF_TRY(shake_hands(*link, url, doing));
    return link;
}

Status Dialer::shake_hands(Link& link, const Url& url, const std::string& doing) {
    SSL* const ssl = link.transport.ssl();
    if (options_.server_uri.empty()) HF_TRY(expect_host(ssl, url.host));
    link.transport.expires_after(options_.connect_timeout);
    const ErrorCode error =
        wait(link.transport, link.transport.handshake(asio::ssl::stream_base::client));
    const bool is_older = error ? is_protocol_alert(error) : !has_chosen_http2(ssl);
    if (http2_ && is_older) {
        return unavailable("{}: the server does not speak HTTP/2", doing);
    }
    if (!error) return check_server_uri(ssl, options_.server_uri).context("{}", doing);
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_ERR_APPLICATION_VERIFICATION) {
        return unauthenticated(
            "{}: the server shows no certificate of the authority that is expected ({}); it is "
            "another server, or its authority was made anew",
            doing, options_.pinned_ca_sha256.value_or(Digest()).to_string());
    }
    if (verdict != X509_V_OK) {
        return unauthenticated(
            "{}: the server's certificate is not to be trusted: {}; "
            "name the authority that issued it",
            doing, X509_verify_cert_error_string(verdict));
    }
    return failure(error, doing);
}

ErrorCode Dialer::wait(Transport& transport, asio::awaitable<ErrorCode> operation) {
    std::optional<ErrorCode> result;
    asio::co_spawn(loop_, std::move(operation),
                   [&result](const std::exception_ptr& thrown, const ErrorCode& error) {
                       if (thrown) std::rethrow_exception(thrown);
                       result = error;
                   });
    loop_.restart();
    while (pulse_ && stopped_.ok() && !result) {
        loop_.run_for(kPulse);
        if (result) break;
        stopped_ = pulse_();
        if (!stopped_.ok()) transport.cut();
    }
    loop_.run();
    return result.value_or(asio::error::operation_aborted);
}

}  // namespace hf::http
