#include "http/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <list>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/text.h"
#include "http/dialer.h"
#include "http/framing.h"
#include "http/reading.h"
#include "http/url.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Parser = beast::http::response_parser<beast::http::buffer_body>;

constexpr std::size_t kWriteBytes = 1u << 20;  // sent under one time-out
constexpr std::size_t kInterimAnswersMax = 8;  // 100 Continue, 103 Early Hints
constexpr std::size_t kKeptMax = 8;

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

Result<Hop> first_hop(const ClientRequest& request) {
    if (!is_header_name(request.method)) {
        return invalid_argument("'{}' is not an HTTP method", request.method);
    }
    HF_TRY(check_headers(request.headers));
    const bool has_body = request.source || !request.body.empty() ||
                          is_one_of(request.method, {"POST", "PUT", "PATCH"});
    Url url = HF_TRY(parse_url(request.url));
    return Hop{request.method, std::move(url), request.headers, has_body};
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

class BeastClient final : public Client {
public:
    explicit BeastClient(ClientOptions options) : options_(std::move(options)), dialer_(options_) {}

    // What is wrong with the options is said before the first request.
    Status prepare() { return dialer_.prepare(); }

    Result<Response> send(const ClientRequest& request) override {
        dialer_.follow(request.pulse);
        Result<Response> response = follow(request);
        return dialer_.stopped().ok() ? std::move(response) : dialer_.stopped();
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

    Result<Response> exchange(const Hop& hop, const ClientRequest& request) {
        std::unique_ptr<Link> link = take_kept(hop.url);
        const bool kept = link != nullptr;
        if (!link) link = HF_TRY(dialer_.connect(hop.url, hop.name()));
        bool answered = false;
        Result<Response> response = transact(*link, hop, request, answered);
        // The server may have closed the kept connection just now. Asking again is safe when the
        // method says so and nothing of the request is used up.
        const bool again = kept && !response.ok() && !answered && !request.source &&
                           response.status().code() == Code::kUnavailable &&
                           dialer_.stopped().ok() &&
                           is_one_of(hop.method, {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"});
        if (again) {
            link = HF_TRY(dialer_.connect(hop.url, hop.name()));
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
        return dialer_.wait(link.transport, link.transport.write(buffers));
    }

    // The Status of the source, or what stopped the sending.
    Result<ErrorCode> write_request(Link& link, const Hop& hop, const ClientRequest& request) {
        const bool pulled = hop.has_body && request.source;
        const std::uint64_t total = pulled ? request.source_bytes : request.body.size();
        Bytes first = to_bytes(head_of(hop, total));
        ByteView body = hop.has_body && !pulled ? ByteView(request.body) : ByteView();
        const std::size_t along = std::min(body.size(), kAnswerPieceBytes);
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
            parser.header_limit(kAnswerHeaderBytesMax);
            parser.body_limit(boost::none);  // what is collected is counted below
            parser.skip(hop.method == "HEAD");
            link.transport.expires_after(options_.read_timeout);
            const ErrorCode error =
                dialer_.wait(link.transport, read_header(link.transport, link.buffer, parser));
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
            const ErrorCode error = parse_some(link.buffer, parser);
            if (error != beast::http::error::need_more) return error;
        }
        return dialer_.wait(link.transport, read_some(link.transport, link.buffer, parser));
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
        std::array<std::uint8_t, kAnswerPieceBytes> piece;
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
    Dialer dialer_;
    std::list<std::unique_ptr<Link>> kept_;  // the one used last comes first
};

}  // namespace

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
    auto client = std::make_unique<BeastClient>(std::move(options));
    HF_TRY(client->prepare());
    return client;
}

}  // namespace hf::http
