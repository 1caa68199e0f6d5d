#include "http/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <list>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/text.h"
#include "http/framing.h"
#include "http/reading.h"
#include "http/tls.h"
#include "http/transport.h"
#include "http/url.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Parser = beast::http::response_parser<beast::http::buffer_body>;
using Tcp = asio::ip::tcp;

constexpr std::size_t kHeaderBytesMax = 64u << 10;
constexpr std::size_t kPieceBytes = 64u << 10;
constexpr std::size_t kWriteBytes = 1u << 20;  // sent under one time-out
constexpr std::size_t kInterimAnswersMax = 8;  // 100 Continue, 103 Early Hints
constexpr std::size_t kKeptMax = 8;
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

struct Link {
    Link(std::string to, Transport made) : origin(std::move(to)), transport(std::move(made)) {}

    std::string origin;
    Transport transport;
    beast::flat_buffer buffer{kHeaderBytesMax + kPieceBytes};
    bool reusable = false;  // the last answer was read to its end, and the server goes on
};

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

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> candidates) {
    return std::find(candidates.begin(), candidates.end(), text) != candidates.end();
}

// One request as it goes to one address; a redirect makes another.
struct Hop {
    std::string method;
    Url url;
    Headers headers;
    bool has_body = false;

    std::string name() const {
        return fmt::format("{} {}{}", method, url.origin(),
                           url.target.substr(0, url.target.find('?')));
    }
};

Status check_headers(const Headers& headers) {
    for (const auto& [name, value] : headers.all()) {
        if (!is_header_name(name) || !is_header_value(value)) {
            return invalid_argument("header '{}' cannot be sent", name);
        }
        if (is_one_of(to_lower(name),
                      {"host", "content-length", "transfer-encoding", "connection"})) {
            return invalid_argument("header '{}' is set by the client itself", name);
        }
    }
    return {};
}

Result<Hop> first_hop(const ClientRequest& request) {
    if (!is_header_name(request.method)) {
        return invalid_argument("'{}' is not an HTTP method", request.method);
    }
    HF_TRY(check_headers(request.headers));
    const bool has_body = request.source || !request.body.empty() ||
                          is_one_of(request.method, {"POST", "PUT", "PATCH"});
    return Hop{request.method, HF_TRY(parse_url(request.url)), request.headers, has_body};
}

// The request that a redirect asks for; nullopt when the response is none, or one that would need
// a source again, and so is the answer.
Result<std::optional<Hop>> next_hop(const Hop& hop, const Response& response,
                                    const ClientRequest& request) {
    const std::optional<std::string_view> location = response.headers.get("Location");
    const int status = response.status;
    const bool keeps_method = status == 307 || status == 308;
    const bool redirects = keeps_method || (status >= 301 && status <= 303);
    if (!location || !redirects || (keeps_method && hop.has_body && request.source)) {
        return std::optional<Hop>();
    }
    Hop next = hop;
    next.url = HF_TRY(resolve(hop.url, *location).context("{}: redirect", hop.name()));
    if (hop.url.tls && !next.url.tls) {
        return failed_precondition("{}: refused to follow a redirect away from TLS, to {}",
                                   hop.name(), next.url.origin());
    }
    if (next.url.origin() != hop.url.origin()) {
        for (const char* secret : {"Authorization", "Cookie"}) next.headers.remove(secret);
    }
    const bool becomes_get =
        !keeps_method && hop.method != "HEAD" && (status == 303 || hop.method == "POST");
    if (becomes_get) {
        next.method = "GET";
        next.has_body = false;
        next.headers.remove("Content-Type");
    }
    return std::optional<Hop>(std::move(next));
}

std::string head_of(const Hop& hop, std::uint64_t body_bytes) {
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", hop.method, hop.url.target,
                                   hop.url.authority());
    for (const auto& [name, value] : hop.headers.all()) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!hop.headers.get("User-Agent")) text += "User-Agent: holdfast\r\n";
    if (hop.has_body) text += fmt::format("Content-Length: {}\r\n", body_bytes);
    return text + "\r\n";
}

bool must_be_tls(const ClientOptions& options) {
    return options.tls13_only || options.pinned_ca_sha256;
}

class BeastClient final : public Client {
public:
    explicit BeastClient(ClientOptions options) : options_(std::move(options)) {}

    // What is wrong with the options is said before the first request.
    Status prepare() {
        const bool particular =
            !options_.ca_pem.empty() || !options_.certificate_pem.empty() || must_be_tls(options_);
        if (particular) tls_ = HF_TRY(make_client_context(options_));
        return {};
    }

    Result<Response> send(const ClientRequest& request) override {
        pulse_ = request.pulse;
        stopped_ = {};
        Result<Response> response = follow(request);
        return stopped_.ok() ? std::move(response) : stopped_;
    }

private:
    Result<Response> follow(const ClientRequest& request) {
        Hop hop = HF_TRY(first_hop(request));
        for (std::size_t redirects = 0; redirects <= options_.redirects_max; ++redirects) {
            Response response = HF_TRY(exchange(hop, request));
            std::optional<Hop> next = HF_TRY(next_hop(hop, response, request));
            if (!next) return response;
            hop = std::move(*next);
        }
        return failed_precondition("{}: more than {} redirects", hop.name(),
                                   options_.redirects_max);
    }

    // Runs the loop to the end of one operation on the transport.
    ErrorCode wait(Transport& transport, asio::awaitable<ErrorCode> operation) {
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

    Result<Response> exchange(const Hop& hop, const ClientRequest& request) {
        std::unique_ptr<Link> link = take_kept(hop.url);
        const bool kept = link != nullptr;
        if (!link) link = HF_TRY(connect(hop));
        bool answered = false;
        Result<Response> response = transact(*link, hop, request, answered);
        // The server may have closed the kept connection just now. Asking again is safe when the
        // method says so and nothing of the request is used up.
        const bool again = kept && !response.ok() && !answered && !request.source &&
                           response.status().code() == Code::kUnavailable && stopped_.ok() &&
                           is_one_of(hop.method, {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"});
        if (again) {
            link = HF_TRY(connect(hop));
            response = transact(*link, hop, request, answered);
        }
        if (response.ok() && link->reusable) keep(std::move(link));
        return response;
    }

    // A kept connection on which nothing has come since: what could come is its end.
    std::unique_ptr<Link> take_kept(const Url& url) {
        for (auto at = kept_.begin(); at != kept_.end(); ++at) {
            if ((*at)->origin != url.origin()) continue;
            std::unique_ptr<Link> link = std::move(*at);
            kept_.erase(at);
            char byte = 0;
            const auto peeked =
                ::recv(link->transport.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            // TLS sends session tickets when it likes.
            const bool quiet =
                peeked < 0 ? errno == EAGAIN || errno == EWOULDBLOCK : peeked > 0 && url.tls;
            if (quiet && link->buffer.size() == 0) return link;
            return nullptr;
        }
        return nullptr;
    }

    void keep(std::unique_ptr<Link> link) {
        kept_.push_front(std::move(link));
        if (kept_.size() > kKeptMax) kept_.pop_back();
    }

    Result<std::unique_ptr<Link>> connect(const Hop& hop) {
        const Url& url = hop.url;
        ErrorCode error;
        Tcp::resolver resolver(loop_);
        const Tcp::resolver::results_type addresses =
            resolver.resolve(url.host, fmt::format("{}", url.port), error);
        if (error) {
            return unavailable("{}: the name {} is unknown: {}", hop.name(), url.host,
                               error.message());
        }
        if (!url.tls && must_be_tls(options_)) {
            return invalid_argument("{}: this client speaks TLS only: want https://", hop.name());
        }
        if (url.tls && !tls_) tls_ = HF_TRY(make_client_context(options_));
        auto link = std::make_unique<Link>(
            url.origin(), Transport(Tcp::socket(loop_), url.tls ? tls_.get() : nullptr));
        Transport& transport = link->transport;
        transport.expires_after(options_.connect_timeout);
        error = wait(transport, transport.connect(addresses));
        if (error) return failure(error, hop.name());
        transport.socket().set_option(Tcp::no_delay(true), error);
        watch_peer(transport.socket(), options_.acknowledge_timeout);
        if (url.tls) HF_TRY(shake_hands(*link, hop));
        return link;
    }

    Status shake_hands(Link& link, const Hop& hop) {
        SSL* const ssl = link.transport.ssl();
        if (options_.server_uri.empty()) HF_TRY(expect_host(ssl, hop.url.host));
        link.transport.expires_after(options_.connect_timeout);
        const ErrorCode error =
            wait(link.transport, link.transport.handshake(asio::ssl::stream_base::client));
        if (!error) return check_server_uri(ssl, options_.server_uri).context("{}", hop.name());
        const long verdict = SSL_get_verify_result(ssl);
        if (verdict == X509_V_ERR_APPLICATION_VERIFICATION) {
            return unauthenticated(
                "{}: the server shows no certificate of the authority that is expected ({}); it is "
                "another server, or its authority was made anew",
                hop.name(), options_.pinned_ca_sha256.value_or(Digest()).to_string());
        }
        if (verdict != X509_V_OK) {
            return unauthenticated(
                "{}: the server's certificate is not to be trusted: {}; "
                "name the authority that issued it",
                hop.name(), X509_verify_cert_error_string(verdict));
        }
        return failure(error, hop.name());
    }

    Result<Response> transact(Link& link, const Hop& hop, const ClientRequest& request,
                              bool& answered) {
        link.reusable = false;
        if (request.sent) *request.sent = true;
        const ErrorCode unsent = HF_TRY(write_request(link, hop, request));
        // A server that refuses a request may answer before it has read it all.
        Result<Response> response = read_response(link, hop, request, answered);
        if (unsent && !response.ok() && !answered) return failure(unsent, hop.name());
        if (unsent) link.reusable = false;
        return response;
    }

    ErrorCode write(Link& link, ByteView bytes) {
        link.transport.expires_after(options_.read_timeout);
        std::array<asio::const_buffer, 1> buffers{asio::buffer(bytes.data(), bytes.size())};
        return wait(link.transport, link.transport.write(buffers));
    }

    // The Status of the source, or what stopped the sending.
    Result<ErrorCode> write_request(Link& link, const Hop& hop, const ClientRequest& request) {
        const bool pulled = hop.has_body && request.source;
        const std::uint64_t total = pulled ? request.source_bytes : request.body.size();
        Bytes first = to_bytes(head_of(hop, total));
        ByteView body = hop.has_body && !pulled ? ByteView(request.body) : ByteView();
        const std::size_t along = std::min(body.size(), kPieceBytes);
        first.insert(first.end(), body.begin(), body.begin() + static_cast<std::ptrdiff_t>(along));
        if (const ErrorCode error = write(link, first)) return error;
        for (body = body.subspan(along); !body.empty();) {
            const std::size_t size = std::min(body.size(), kWriteBytes);
            if (const ErrorCode error = write(link, body.first(size))) return error;
            body = body.subspan(size);
        }
        return pulled ? write_source(link, hop, request) : ErrorCode();
    }

    Result<ErrorCode> write_source(Link& link, const Hop& hop, const ClientRequest& request) {
        std::uint64_t left = request.source_bytes;
        while (left > 0) {
            const Bytes piece = HF_TRY(request.source());
            if (piece.empty() || piece.size() > left) {
                return invalid_argument("{}: the body has {} bytes than the {} announced",
                                        hop.name(), piece.empty() ? "fewer" : "more",
                                        request.source_bytes);
            }
            if (const ErrorCode error = write(link, piece)) return error;
            left -= piece.size();
        }
        return ErrorCode();
    }

    Result<Response> read_response(Link& link, const Hop& hop, const ClientRequest& request,
                                   bool& answered) {
        for (std::size_t interim = 0; interim <= kInterimAnswersMax; ++interim) {
            Parser parser;
            parser.header_limit(kHeaderBytesMax);
            parser.body_limit(boost::none);  // what is collected is counted below
            parser.skip(hop.method == "HEAD");
            link.transport.expires_after(options_.read_timeout);
            const ErrorCode error =
                wait(link.transport, read_header<false>(link.transport, link.buffer, parser));
            answered = answered || parser.got_some();
            if (error) return failure(error, hop.name());
            if (parser.get().result_int() < 200) continue;
            Response response;
            response.status = static_cast<int>(parser.get().result_int());
            for (const auto& entry : parser.get()) {
                response.headers.add(std::string(entry.name_string()), std::string(entry.value()));
            }
            HF_TRY(read_body(link, parser, request, response).context("{}", hop.name()));
            link.reusable = parser.keep_alive();
            return response;
        }
        return unavailable("{}: more than {} interim answers", hop.name(), kInterimAnswersMax);
    }

    ErrorCode read_part(Link& link, Parser& parser) {
        // Most parts have come along with others, and the loop is not needed for them.
        if (link.buffer.size() > 0) {
            const ErrorCode error = parse_some<false>(link.buffer, parser);
            if (error != beast::http::error::need_more) return error;
        }
        return wait(link.transport, read_some<false>(link.transport, link.buffer, parser));
    }

    Status read_body(Link& link, Parser& parser, const ClientRequest& request, Response& response) {
        const bool to_sink = request.sink && response.status < 300;
        const auto too_large = [&] {
            return resource_exhausted("the answer's body exceeds the limit of {} bytes",
                                      options_.body_bytes_max);
        };
        if (!to_sink && declared_length(response).value_or(0) > options_.body_bytes_max) {
            if (!parser.is_done()) return too_large();
        }
        std::array<std::uint8_t, kPieceBytes> piece;
        // Whoever has a sink judges the pace by it; of what is no success it sees nothing, and all
        // of that has one time-out.
        const bool at_once = request.sink && !to_sink;
        link.transport.expires_after(options_.read_timeout);
        while (!parser.is_done()) {
            if (!at_once) link.transport.expires_after(options_.read_timeout);
            auto& space = parser.get().body();
            space.data = piece.data();
            space.size = piece.size();
            const ErrorCode error = read_part(link, parser);
            if (error && error != beast::http::error::need_buffer) {
                return failure(error, "reading the answer");
            }
            const ByteView came(piece.data(), piece.size() - space.size);
            if (to_sink) {
                if (!came.empty()) HF_TRY(request.sink(came));
                continue;
            }
            if (response.body.size() + came.size() > options_.body_bytes_max) return too_large();
            response.body.insert(response.body.end(), came.begin(), came.end());
        }
        return {};
    }

    const ClientOptions options_;
    std::unique_ptr<asio::ssl::context> tls_;  // made when first needed
    asio::io_context loop_{1};
    std::function<Status()> pulse_;          // of the request under way
    Status stopped_;                         // what the pulse ended it with
    std::list<std::unique_ptr<Link>> kept_;  // the one used last comes first
};

}  // namespace

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
    auto client = std::make_unique<BeastClient>(std::move(options));
    HF_TRY(client->prepare());
    return client;
}

}  // namespace hf::http
